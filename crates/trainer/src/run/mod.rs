//! The folder a run leaves behind: making it, filling it, finding it again.
//!
//! ```text
//! artifacts/<experiment>/<time>-<id>/
//!   config.toml       the resolved experiment, enough to repeat the run
//!   manifest.json     versions, backend, seed, hashes, status, durations, results
//!   metrics.jsonl     one line an epoch; `events.out.tfevents.*` the same for TensorBoard, if asked for
//!   model.bpk         the record: all that inference needs
//!   predictions.csv   every test image: true label, predicted label, probabilities
//!   gallery.png       the first 40 test images
//!   report.html       what `trainer report` makes of it
//!   checkpoints/      what `trainer resume` continues from
//!   lock              held by the process that writes the run
//! ```

pub mod epoch;
pub mod history;
pub mod best;
pub mod state;
pub mod checkpoint;
pub mod log;
pub mod find;
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
