//! The loop over epochs that Burn's `SupervisedTraining` runs, divergence, and the learning-rate range test.

mod job;
pub mod epochs;
mod dashboard;
pub mod divergence;
pub mod range_test;
mod silent;

pub use dashboard::dashboard;
pub use epochs::{Epochs, Event, Observer, Watch};
pub use job::{Images, Job};
pub use silent::Silent;
