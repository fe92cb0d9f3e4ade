//! The classifier, from a batch of images to answers, and the file it is saved in.
//!
//! A saved record is all that answers need:
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
//! Reading order: [`config`] (what networks are described by) → [`mlp`] (one kind of network) → [`network`]
//! (every kind, under one name) → `loss` (what training minimises, on tensors) → [`tensor`] and [`pack`]
//! (named tensors, and Burn's file format for them) → [`record`] (weights and metadata, in and out) →
//! `optimizer_state` (checked) → [`calibration`] (honest probabilities) → [`unknown`] (none of
//! these) → [`classifier`] (answers on the CPU) → [`answer`] → [`queue`] (many callers).
//!
//! This crate knows no data set and no trainer; it reads no files, asks no clock and prints nothing. A
//! record goes in as bytes and comes out as bytes, so it works wherever the bytes come from.
//!
//! Answers need no Burn: without default features, `Network`, `loss`, `optimizer_state`, first weights and
//! `Unknown::fit` are left out, and the crate builds in seconds, for WebAssembly too.

#![forbid(unsafe_code)]

pub mod config;
#[cfg(feature = "burn")]
mod init;
pub mod mlp;
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
pub use config::{Activation, ConfigError, Init, Loss, Output};
#[cfg(feature = "burn")]
pub use mlp::Mlp;
pub use mlp::MlpConfig;
#[cfg(feature = "burn")]
pub use network::Network;
pub use network::{Architecture, Forward, LayerSummary};
pub use queue::{Pending, Queue, QueueError};
pub use record::{Metadata, Record, RecordError, TestMetrics};
pub use tensor::{Shape, Tensor};
pub use unknown::Unknown;

/// Compiles the Rust in the repository's README.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
