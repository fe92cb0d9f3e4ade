//! How this program learns, in Burn's terms: a training step, an optimizer, a learning rate, and
//! the loop over epochs that Burn's `SupervisedTraining` runs.

pub mod classifier;
pub mod history;
pub mod state;
pub mod epochs;
mod checkpoint;
pub mod divergence;
pub mod optimizer;
pub mod schedule;
pub mod range_test;
mod silent;
pub mod totals;
pub mod fused;
pub mod best;
pub mod capture;

pub use classifier::Classifier;
pub use epochs::{EpochMetrics, Epochs, Observer};
pub use fused::Fused;
pub use silent::Silent;
pub use totals::{Score, Totals};
