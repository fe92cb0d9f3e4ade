//! Experiment → run → answers.
//!
//! Reading order: `experiment` (a crate of its own) → [`configs`], [`datasets`] (which experiment, which data) →
//! [`backend`] (the device) → [`session`] (a training from beginning to end) → [`training`] (config in, run out) →
//! [`engine`] (the kernel or Burn) → [`learner`] (the loop over epochs) → [`results`] (the results of a training) →
//! [`evaluation`] (exact metrics) → [`trust`] (calibration, unknown pictures) → [`inference`] (a saved record on
//! new pictures) → [`run`] (the run folder) → [`sweep`] (many runs that answer one question) → [`drawing`]
//! (pictures) → [`explain`] (what a network does, and what a run's figures say) → [`report`] (pages). The work of other
//! commands is in files of their names: [`resume`], [`repeat`], [`export`], [`import`], [`comparison`], [`audit`],
//! [`samples`]. [`commands`] is the command line; only it prints, and only it and [`cli`] use clap. The rest reports
//! progress through [`notice`].

#![forbid(unsafe_code)]
#![recursion_limit = "256"] // wgpu's types are deep, tracel-ai/burn#2754

pub mod audit;
pub mod backend;
pub mod cli;
pub mod commands;
pub mod comparison;
pub mod configs;
pub mod datasets;
pub mod drawing;
pub mod engine;
pub mod evaluation;
pub mod explain;
pub mod export;
pub mod failure;
pub mod format;
pub mod import;
pub mod inference;
pub mod learner;
pub mod notice;
pub mod predictions;
pub mod repeat;
pub mod report;
pub mod results;
pub mod resume;
pub mod run;
pub mod samples;
pub mod saved;
pub mod session;
pub mod sweep;
pub mod training;
pub mod trust;
