//! Experiment → run → answers.
//!
//! Reading order: `experiment` (a crate of its own) → [`configs`], [`datasets`] (which experiment, which data) →
//! [`backend`] (where it computes) → [`session`] (a training from beginning to end) → [`training`]
//! (config in, run out) → [`engine`] (who computes) →
//! [`learner`] (the loop over epochs) → [`results`] (what a training comes to) → [`evaluation`] (exact metrics) →
//! [`trust`] (calibration, unknown pictures) → [`inference`] (a saved record on new pictures) →
//! [`run`] (the folder a run leaves) → [`sweep`] (many runs, one question) → [`drawing`] (pictures) →
//! [`report`] (pages). What else a command does is in a file of its name: [`resume`], [`repeat`], [`export`],
//! [`import`], [`comparison`]. [`commands`] is what a person types; it alone prints, and it alone knows clap,
//! with [`cli`]. The rest tells what it does through [`notice`].

#![forbid(unsafe_code)]
#![recursion_limit = "256"] // wgpu's types are deep, tracel-ai/burn#2754

pub mod backend;
pub mod cli;
pub mod commands;
pub mod comparison;
pub mod configs;
pub mod datasets;
pub mod drawing;
pub mod engine;
pub mod evaluation;
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
pub mod saved;
pub mod session;
pub mod sweep;
pub mod training;
pub mod trust;
