//! How a training goes: the loop over epochs that Burn's `SupervisedTraining` runs, when it has diverged, and
//! the range test of learning rates.

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
