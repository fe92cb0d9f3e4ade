//! The program as a person uses it: the real binary, in empty folders, on the real images.
//!
//! [`program`] runs it and looks at all it says, [`transcript`] compares that with what was
//! accepted, and [`fixtures`] has the images and the one trained run that many tests share. The tests of
//! `src/X.rs` are in `X.rs` here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has found something, and says where"
)]

mod browser;
mod fixtures;
#[allow(dead_code, reason = "the example `trust` uses the rest")]
mod foreign;
#[path = "../../../data/tests/mutations/mod.rs"]
mod mutations;
mod program;
mod transcript;

mod circles;

mod cli;
mod configs;
#[cfg(all(feature = "wgpu", feature = "ndarray"))]
mod backend;
mod datasets;
mod audit;
mod training;
mod engine;
mod run;
mod resume;
mod sweep;
mod trust;
mod inference;
mod explain;
mod tutorial;
mod drawing;
mod report;
mod import;
mod commands;
mod failure;
