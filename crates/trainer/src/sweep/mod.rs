//! Many settings, each with many seeds: which is the best, and is it more than chance?
//!
//! A training of a sweep is an ordinary run that does not look at the test images, in a process and on a
//! core of its own. What stands in the runs' folders is all the state there is: whatever stops a sweep, the
//! same command continues it.
//!
//! ```text
//! artifacts/<name>/
//!   sweep.json             what is trained, how it stands, what it came to
//!   settings/003.toml      one setting as an experiment
//!   003-seed42/            one training, a run like any other
//!   report.html            what `trainer report` makes of it
//! ```
//!
//! Reading order: [`experiment::Sweep`] (what is trained) → [`folder`] (where it stands) →
//! [`rounds`] (what is missing) → `crew`, `process` (some trainings at a time) → [`outcome`] (scores, ranks,
//! chance) → [`conclusions`] (the same for a person).

pub mod folder;
pub mod rounds;
mod crew;
mod process;
pub mod outcome;
pub mod statistics;
pub mod multiple;
pub mod conclusions;

pub use folder::{SweepFolder, SweepState};
pub use outcome::Outcome;
