//! The loop over epochs that Burn's `SupervisedTraining` runs, divergence, and the learning-rate range test.

mod watch;
pub mod epochs;
mod steps;
mod dashboard;
pub mod divergence;
pub mod range_test;
mod silent;

pub use dashboard::dashboard;
pub use epochs::Epochs;
pub use silent::Silent;
pub use watch::{Event, Observer, Watch};
