//! The run folder: creating, writing, finding and reading it.
//!
//! ```text
//! artifacts/<experiment>/<time>-<id>/
//!   config.toml       the resolved experiment, enough to repeat the run
//!   manifest.json     versions, backend, seed, hashes, status, durations, results
//!   metrics.jsonl     one line per epoch; `events.out.tfevents.*` the same for TensorBoard, if requested
//!   model.bpk         the record: all that inference needs
//!   predictions.csv   every test image: true label, predicted label, probabilities
//!   gallery.png       the first 40 test images
//!   report.html       the page written by `trainer report`
//!   checkpoints/      what `trainer resume` starts from
//!   lock              held by the process that writes to the folder
//! ```

pub mod epoch;
pub mod history;
pub mod best;
pub mod state;
pub mod checkpoint;
pub mod log;
pub mod find;
mod order;
pub mod list;
pub mod query;
pub mod verify;
#[cfg(feature = "mlflow")]
pub mod mlflow;
pub mod folder;
pub mod lock;
pub mod manifest;
pub mod tensorboard;
pub mod read;
pub mod remove;
pub mod write;

pub use folder::RunFolder;
pub use manifest::{Manifest, Status};
