//! The config: one TOML file is one complete experiment.
//!
//! Reading order: [`Experiment`] (what the program works with) → `resolve` (every key with its
//! default and range, and the checks between keys) → [`load`](fn@load) (file and `--set` in,
//! experiment out). Behind those: `document` (text → values that remember where they were set),
//! `keys` (which keys exist), `table` (one typed key), `syntax` (TOML's errors in plain words) and
//! [`ConfigError`] (how a mistake is shown).
//!
//! An [`Experiment`] that [`load`](fn@load) returns is valid: nothing behind it checks again, except
//! [`Experiment::check_data`], once the number of images is known.

mod diagnostic;
mod document;
mod experiment;
mod keys;
mod load;
mod resolve;
mod syntax;
mod table;

pub use diagnostic::{ConfigError, Place};
pub use experiment::{
    Backend, Data, Decay, EarlyStopping, Experiment, Metric, Model, Optimizer, Schedule, Training,
};
pub use load::{MAX_BYTES, Source, load};
pub use resolve::FASHION_MNIST;
