//! `predictions.csv`: a run's predictions for every test image, as a table.

use std::fmt::{self, Write};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use model::config::MAX_CLASSES;

use crate::evaluation::{Predictions, class_name, top};
use crate::failure::{Failure, shown};
use crate::format::{cell, text_of};
use crate::run::folder::PREDICTIONS;
use crate::run::read::{self, MAX_RESULT};

/// Columns before the probabilities: number, true class, predicted class.
const FIXED: usize = 3;

/// `predictions.csv`, read back.
#[derive(Debug, Clone)]
pub struct Table {
    /// Name of every class, in label order.
    pub class_names: Vec<String>,
    /// The probabilities and true labels; no losses, as the table does not have them.
    pub predictions: Predictions,
}

/// Returns the predictions of the run in `folder`.
///
/// # Errors
/// When there are none, or the table is too large or damaged; the error names the line.
pub fn read(folder: &Path) -> Result<Table, Failure> {
    let path = folder.join(PREDICTIONS);
    let hint = "only a finished run has it; resume one that is not: trainer resume RUN";
    let because = |e: csv::Error| Failure::failed(unreadable(&path)).because(e).hint(hint);
    let damaged =
        |what: String| Failure::failed(format!("{}: {what}", unreadable(&path))).hint(hint);
    let file = read::open(&path, File::options().read(true)).map_err(|e| because(e.into()))?;
    let mut csv = csv::Reader::from_reader(file.take(MAX_RESULT));
    let header = csv.headers().map_err(because)?;
    let names = header.iter().skip(FIXED).map(text_of);
    let class_names: Vec<String> = names.map(String::from).collect();
    if !(2..=MAX_CLASSES).contains(&class_names.len()) {
        let columns = header.len();
        return Err(damaged(format!(
            "{columns} columns do not fit 2 to 256 classes"
        )));
    }
    let mut predictions = Predictions {
        classes: class_names.len(),
        probabilities: Vec::new(),
        losses: Vec::new(),
        labels: Vec::new(),
    };
    for row in csv.records() {
        let row = row.map_err(because)?; // a line of another length is an error
        let line = row.position().map_or(0, csv::Position::line);
        let label = class_names
            .iter()
            .position(|name| Some(name.as_str()) == row.get(1).map(text_of));
        let label = label.and_then(|label| u8::try_from(label).ok());
        let label = label.ok_or_else(|| damaged(format!("line {line} names no class")))?;
        predictions.labels.push(label);
        for field in row.iter().skip(FIXED) {
            // Rounding may put a softmax slightly above 1.
            let value = field.parse().ok();
            let value = value.filter(|p: &f32| (0.0..1.001).contains(p));
            let value = value
                .ok_or_else(|| damaged(format!("line {line}: {field:?} is not a probability")))?;
            predictions.probabilities.push(value.min(1.0));
        }
    }
    Ok(Table {
        class_names,
        predictions,
    })
}

/// Returns the table as CSV, one line per test image: its number, true and predicted class, and the raw
/// probability of every class, on which accuracy and loss are based.
///
/// # Errors
/// When a class has no name.
pub fn to_csv(predictions: &Predictions, class_names: &[String]) -> Result<Vec<u8>, Failure> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let fixed = ["index", "true", "predicted"].map(String::from);
    let names: Vec<String> = class_names.iter().map(|name| cell(name)).collect();
    csv.write_record(fixed.iter().chain(&names))
        .map_err(Failure::caused_by)?;
    let rows = predictions.labels.iter().zip(predictions.rows());
    let mut text = String::new(); // one for all fields
    for (i, (&label, row)) in rows.enumerate() {
        let mut field = |value: &dyn fmt::Display| {
            text.clear();
            let _ = write!(text, "{value}"); // a String takes everything
            csv.write_field(&text).map_err(Failure::caused_by)
        };
        field(&i)?;
        field(&class_name(&names, label.into())?)?;
        field(&class_name(&names, top(row).0)?)?;
        row.iter().try_for_each(|probability| field(probability))?;
        csv.write_record(None::<&[u8]>)
            .map_err(Failure::caused_by)?;
    }
    csv.into_inner()
        .map_err(|error| Failure::caused_by(error.into_error()))
}

fn unreadable(path: &Path) -> String {
    format!("cannot read {}", shown(path))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Table, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(PREDICTIONS), text).unwrap();
        read(folder.path()).map_err(|failure| failure.sentence())
    }

    #[test]
    fn a_table_comes_back() {
        let text = "index,true,predicted,\"a, b\",c\n0,c,\"a, b\",0.75,0.25\n1,\"a, b\",c,0,1\n";
        let Table {
            class_names,
            predictions,
        } = read_text(text).unwrap();
        assert_eq!(class_names, ["a, b", "c"]);
        assert_eq!(predictions.labels, [1, 0]);
        assert_eq!(predictions.probabilities, [0.75, 0.25, 0.0, 1.0]);
        assert_eq!((predictions.classes, predictions.top(0)), (2, (0, 0.75)));
    }

    #[test]
    fn a_damaged_table_is_refused_with_its_line() {
        let head = "index,true,predicted,a,b\n0,a,a,1,0\n";
        for (text, problem) in [
            (String::new(), "0 columns do not fit"),
            ("index,true,predicted,a\n".into(), "4 columns do not fit"),
            (format!("{head}1,x,a,1,0\n"), "line 3 names no class"),
            (format!("{head}1,a,a,1\n"), "line: 3"),
            (
                format!("{head}1,a,a,1,NaN\n"),
                "line 3: \"NaN\" is not a probability",
            ),
            (
                format!("{head}1,a,a,1,-1\n"),
                "line 3: \"-1\" is not a probability",
            ),
        ] {
            let message = read_text(&text).unwrap_err();
            assert!(message.contains(problem), "{message}");
        }
    }
}
