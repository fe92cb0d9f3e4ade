//! A saved run's network exported for another program, read back and compared.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use data::DataSet;
use exchange::{Format, Layout, Network};
use experiment::Backend;
use model::Record;

use crate::backend::Compute;
use crate::evaluation::{self, Predictions};
use crate::failure::Failure;
use crate::notice::{Notice, Notify};
use crate::run::find::{self, Saved};
use crate::run::write;
use crate::saved;

/// Test images that an exact export is compared on; one that rounds is compared on all.
const COMPARED: usize = 1000;

/// What to export, and how.
#[derive(Debug, Clone)]
pub struct Request {
    /// Folder, prefix of a name, record file, or `last`.
    pub run: String,
    /// The format to write.
    pub format: Format,
    /// Order of a weight's dimensions, and tensor names to match.
    pub layout: Layout,
    /// The file to write.
    pub out: PathBuf,
    /// Backend that the comparison computes on.
    pub backend: Backend,
    /// The folder of the test images; if `None`, where the run found them.
    pub data_dir: Option<PathBuf>,
}

/// An exported file.
#[derive(Debug, Clone)]
pub struct Exported {
    /// Size of the file, in bytes.
    pub bytes: usize,
    /// How its predictions compare with the run's; `None` if the test images were not found.
    pub comparison: Option<Comparison>,
}

/// How a file's predictions compare with the run's.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// Number of test images compared.
    pub images: usize,
    /// Number of them with the same label.
    pub same_labels: usize,
    /// Largest difference of a probability.
    pub largest_difference: f32,
    /// Accuracy of the run, 0 to 1.
    pub accuracy_of_run: f64,
    /// Accuracy of the file, 0 to 1.
    pub accuracy_of_file: f64,
}

/// Writes the file, reads it back, and returns its size and the comparison.
///
/// # Errors
/// When the run is not found, or the file cannot be written or does not hold the run's weights.
pub fn export(request: &Request, notify: Notify) -> Result<Exported, Failure> {
    refuse_impossible(request)?;
    let Request {
        format,
        layout,
        out,
        ..
    } = request;
    let compute = Compute::open(request.backend)?;
    let saved = find::load(&request.run)?;
    let data = data_at_hand(request, &saved, notify)?;

    let network = Network::of(saved.record.weights.clone(), &saved.record.metadata);
    let bytes = exchange::write(&network, *format, *layout)?;
    write::atomically(out, &bytes)?;

    let written = fs::read(out).map_err(|e| Failure::io("read", out, e))?;
    let (_, back) = exchange::read(&written, &exchange::Reading::default())?;
    if format.is_exact() && back.tensors != network.tensors {
        let message = format!("{} does not hold the run's weights", out.display());
        return Err(Failure::failed(message).hint("this is a bug in the program; please report it"));
    }
    let comparison = match data {
        Some(data) => {
            saved::count_use(&saved, notify);
            Some(compare(*format, &saved, back, &data, &compute)?)
        }
        None => None,
    };
    Ok(Exported {
        bytes: written.len(),
        comparison,
    })
}

fn refuse_impossible(request: &Request) -> Result<(), Failure> {
    if request.layout == Layout::OutIn && !request.format.has_layouts() {
        return Err(
            Failure::usage("ONNX, Keras and 8-bit weights have only one layout")
                .hint("leave --layout out, or choose safetensors, f16 or npz"),
        );
    }
    if request.format == Format::Keras && request.out.extension() != Some(OsStr::new("keras")) {
        return Err(
            Failure::usage("Keras opens only files whose name ends in .keras")
                .hint("give such a name: --out model.keras"),
        );
    }
    let folder = request.out.parent();
    let folder = folder.filter(|folder| *folder != Path::new("") && !folder.is_dir());
    match folder {
        None => Ok(()),
        Some(folder) => {
            let failure = Failure::usage(format!("there is no folder {}", folder.display()));
            Err(failure.hint("create it first, or give another file: --out PATH"))
        }
    }
}

/// Returns the run's data set; `None`, with a notice, if it is not found and no folder was given.
fn data_at_hand(
    request: &Request,
    saved: &Saved,
    notify: Notify,
) -> Result<Option<DataSet>, Failure> {
    match saved::data_set(saved, request.data_dir.clone(), notify) {
        Ok(data) => Ok(Some(data)),
        Err(failure) if request.data_dir.is_some() => Err(failure),
        Err(failure) => {
            notify(Notice::Warning(format!(
                "the file was not compared on test images: {}",
                failure.sentence()
            )));
            Ok(None)
        }
    }
}

fn compare(
    format: Format,
    saved: &Saved,
    back: Network,
    data: &DataSet,
    compute: &Compute,
) -> Result<Comparison, Failure> {
    let images = if format.is_exact() {
        data.test.take(COMPARED)
    } else {
        data.test.clone()
    };
    let run = evaluation::predict(&saved.record, &images, compute)?;
    let exported = Record {
        weights: back.tensors,
        ..saved.record.clone()
    };
    let file = evaluation::predict(&exported, &images, compute)?;
    let is_same = |i: &usize| run.top(*i).0 == file.top(*i).0;
    let differences = run.probabilities.iter().zip(&file.probabilities);
    let accuracy = |p: &Predictions| p.evaluate(&data.class_names).figures.accuracy();
    Ok(Comparison {
        images: images.len(),
        same_labels: (0..images.len()).filter(is_same).count(),
        largest_difference: differences.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max),
        accuracy_of_run: accuracy(&run),
        accuracy_of_file: accuracy(&file),
    })
}
