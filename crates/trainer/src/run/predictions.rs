//! What a run said about every test image, read back from its table.

use std::path::Path;

use super::folder::PREDICTIONS;
use super::read::MAX_RESULT;
use crate::evaluation::Predictions;
use crate::failure::Failure;

/// Columns before the probabilities: number, true class, predicted class.
const FIXED: usize = 3;
/// Most classes: labels are bytes.
const MAX_CLASSES: usize = 256;

/// `predictions.csv`, read back.
#[derive(Debug, Clone)]
pub struct Table {
    /// Name of every class, in label order.
    pub class_names: Vec<String>,
    /// The probabilities and true labels. Losses are not in the table: there are none.
    pub predictions: Predictions,
}

/// Returns the predictions of the run in `folder`.
///
/// # Errors
/// When there are none, the table is too large, or it is damaged: the line is named.
pub fn read(folder: &Path) -> Result<Table, Failure> {
    let path = folder.join(PREDICTIONS);
    let failed = |e: &dyn std::fmt::Display| {
        Failure::failed(format!("cannot read {}: {e}", path.display()))
            .hint("a finished run has it; go on with one that is not: trainer resume RUN")
    };
    let size = std::fs::metadata(&path).map_err(|e| failed(&e))?.len();
    if size > MAX_RESULT {
        return Err(failed(&"it is too large"));
    }
    let mut csv = csv::Reader::from_path(&path).map_err(|e| failed(&e))?;
    let header = csv.headers().map_err(|e| failed(&e))?;
    let class_names: Vec<String> = header.iter().skip(FIXED).map(String::from).collect();
    if !(2..=MAX_CLASSES).contains(&class_names.len()) {
        let columns = header.len();
        return Err(failed(&format!(
            "{columns} columns are not those of 2 to 256 classes"
        )));
    }
    let mut predictions = Predictions {
        classes: class_names.len(),
        probabilities: Vec::new(),
        losses: Vec::new(),
        labels: Vec::new(),
    };
    for row in csv.records() {
        let row = row.map_err(|e| failed(&e))?; // a line of another length is one
        let line = row.position().map_or(0, csv::Position::line);
        let label = class_names
            .iter()
            .position(|name| Some(name.as_str()) == row.get(1));
        let label = label.and_then(|label| u8::try_from(label).ok());
        let label = label.ok_or_else(|| failed(&format!("line {line} names no class")))?;
        predictions.labels.push(label);
        for field in row.iter().skip(FIXED) {
            // A softmax may come out a rounding above 1.
            let value = field.parse().ok();
            let value = value.filter(|p: &f32| (0.0..1.001).contains(p));
            let value = value
                .ok_or_else(|| failed(&format!("line {line}: {field:?} is no probability")))?;
            predictions.probabilities.push(value.min(1.0));
        }
    }
    Ok(Table {
        class_names,
        predictions,
    })
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
            (String::new(), "0 columns are not those"),
            ("index,true,predicted,a\n".into(), "4 columns are not those"),
            (format!("{head}1,x,a,1,0\n"), "line 3 names no class"),
            (format!("{head}1,a,a,1\n"), "line: 3"),
            (
                format!("{head}1,a,a,1,NaN\n"),
                "line 3: \"NaN\" is no probability",
            ),
            (
                format!("{head}1,a,a,1,-1\n"),
                "line 3: \"-1\" is no probability",
            ),
        ] {
            let message = read_text(&text).unwrap_err();
            assert!(message.contains(problem), "{message}");
        }
    }
}
