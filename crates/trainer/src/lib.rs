//! Experiment → run → answers.
//!
//! Reading order: `experiment` (a crate of its own) → [`backend`] (where it computes) → [`training`]
//! (config in, run out) → [`engine`] (who computes) →
//! [`learner`] (the loop over epochs) → [`results`] (what a training comes to) → [`evaluation`] (exact metrics) →
//! [`trust`] (calibration, unknown pictures) → [`inference`] (a saved record on new pictures) →
//! [`run`] (the folder a run leaves) → [`sweep`] (many runs, one question) → [`drawing`] (pictures) →
//! [`report`] (pages). [`commands`] is what a person types; it alone prints.

#![forbid(unsafe_code)]
#![recursion_limit = "256"] // wgpu's types are deep, tracel-ai/burn#2754

pub mod backend;
pub mod cli;
pub mod commands;
pub mod drawing;
pub mod engine;
pub mod evaluation;
pub mod failure;
pub mod inference;
pub mod learner;
pub mod report;
pub mod results;
pub mod run;
pub mod sweep;
pub mod training;
pub mod trust;
