//! Many settings, each with several seeds: which is best, and is the difference more than chance?
//!
//! A training of a sweep is an ordinary run that does not use the test images, in its own process on its own
//! core. The runs' folders are the only state: whatever stops a sweep, the same command resumes it.
//!
//! ```text
//! artifacts/<name>/
//!   sweep.json             settings, progress, results
//!   settings/003.toml      one setting as an experiment
//!   003-seed42/            one training, an ordinary run
//!   report.html            the page written by `trainer report`
//! ```
//!
//! Reading order: [`experiment::Sweep`] (the settings) → [`folder`] (the progress) → [`rounds`] (the missing
//! trainings) → `crew`, `process` (several trainings at a time) → [`outcome`] (scores, ranks, significance) →
//! [`conclusions`] (the results as text).

pub mod folder;
pub mod rounds;
mod crew;
mod process;
pub mod outcome;
pub mod statistics;
pub mod conclusions;

pub use folder::{SweepFolder, SweepState};
pub use outcome::Outcome;
