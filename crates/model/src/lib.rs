//! The classifier, from a batch of images to probabilities, and the file it is saved in.
//!
//! Reading order: [`config`] (what a network looks like) → [`mlp`] (the network) → [`loss`] (what
//! training minimises) → [`record`] (weights and metadata, in and out) →
//! [`classifier`] (answers on the CPU).
//!
//! This crate knows no data set and no trainer; it reads no files and prints nothing. A record
//! goes in as bytes and comes out as bytes, so it works wherever the bytes come from.

#![forbid(unsafe_code)]

pub mod config;
pub mod loss;
pub mod mlp;
pub mod record;
pub mod classifier;

pub use classifier::Classifier;
pub use config::{Activation, ConfigError, Init, MlpConfig, Output};
pub use loss::Loss;
pub use mlp::{LayerWeights, Mlp};
pub use record::{Metadata, Record, RecordError, TestMetrics};

/// Compiles the Rust in the repository's README.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
