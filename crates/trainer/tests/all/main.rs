//! The program as a person uses it: the real binary, in empty folders, on the real images.
//!
//! [`program`] runs it and looks at all it says, [`transcript`] compares that with what was
//! accepted, and [`fixtures`] has the images and the one trained run that many tests share.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has found something, and says where"
)]

mod browser;
mod fixtures;
#[path = "../../../data/tests/mutations/mod.rs"]
mod mutations;
mod program;
mod transcript;

mod training;

mod foreign;

mod trust;

mod experiments;

mod endings;

mod resume;

mod golden;

mod damage;

mod folders;

mod runs;

mod sweep;

mod sweep_errors;

mod sweep_stops;

mod config;

mod config_errors;

mod engine;

mod summary;

mod learner;

#[cfg(all(feature = "wgpu", feature = "ndarray"))]
mod backends;

mod predict;

mod gallery;

mod report;

mod exchange;

mod interop;

mod import;

mod cli;

mod errors;

mod wrong;

mod pipes;

mod terminal;
