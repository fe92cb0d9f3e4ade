//! The classifier, from a batch of images to predictions, and its file format.
//!
//! A saved record is all that inference needs:
//!
//! ```rust,no_run
//! let classifier = model::Classifier::from_bytes(&std::fs::read("model.bpk")?)?;
//! let picture = std::fs::read("picture.gray")?; // 28 x 28 grey bytes, light on dark
//! let answer = classifier.answer(&picture)?;
//! for &(class, probability) in answer.top.iter().take(3) {
//!     println!("{} {probability:.3}", classifier.metadata().class_names[class]);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Reading order: [`config`] (descriptions of networks) → [`mlp`], [`cnn`] (two kinds of network) → [`network`]
//! (every kind as one type) → `loss` (the losses, on tensors) → [`tensor`] and [`pack`]
//! (named tensors, and Burn's file format for them) → [`record`] (weights and metadata, in and out) →
//! `optimizer_state` (checked) → [`calibration`] (calibrated probabilities) → [`unknown`] (unknown
//! pictures) → [`classifier`] (inference on the CPU) → [`answer`] → [`queue`] (many callers).
//!
//! This crate does not depend on a data set or a trainer; it reads no files or clocks and prints nothing.
//! Records are read from and written to bytes, wherever the bytes come from.
//!
//! Inference does not need Burn: without default features, `Network`, `loss`, `optimizer_state`, initial weights
//! and `Unknown::fit` are left out, and the crate builds in seconds, also for WebAssembly.

#![forbid(unsafe_code)]

pub mod config;
#[cfg(feature = "burn")]
mod init;
pub mod mlp;
pub mod cnn;
pub mod network;
#[cfg(feature = "burn")]
pub mod loss;
pub mod tensor;
pub mod pack;
mod metadata;
pub mod record;
#[cfg(feature = "burn")]
pub mod optimizer_state;
pub mod calibration;
pub mod unknown;
pub mod classifier;
pub mod answer;
pub mod queue;

pub use answer::Answer;
pub use calibration::{Calibration, Reliability};
pub use classifier::Classifier;
pub use cnn::CnnConfig;
pub use config::{Activation, ConfigError, Init, Loss, Output};
#[cfg(feature = "burn")]
pub use mlp::Mlp;
pub use mlp::MlpConfig;
#[cfg(feature = "burn")]
pub use network::Network;
pub use network::{Architecture, FirstLayer, Forward, LayerSummary};
pub use queue::{Pending, Queue, QueueError};
pub use record::{Metadata, Record, RecordError, TestMetrics};
pub use tensor::{Shape, Tensor};
pub use unknown::Unknown;

/// Compiles the Rust in the repository's README.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
