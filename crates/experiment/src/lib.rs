//! TOML and overrides in, a checked experiment out: one TOML file is one complete experiment.
//!
//! Reading order: [`Experiment`] (the result) → `reference` (every key with its type, default and range) →
//! `resolve` (reading the keys) → `validate` (checks across keys) → [`load`](fn@load) (file and `--set` in,
//! experiment out) → [`tutorial`](fn@tutorial) (the built-in experiment) → [`schema`](fn@schema) (the reference,
//! for editors). Behind those: `document` and `overrides` (text → values with their positions), `keys` (which
//! keys exist), `table` and `wrong_value` (one typed key), `syntax` (TOML's errors in plain words) and
//! [`ConfigError`] (how a mistake is shown).
//!
//! A sweep is read by `sweep` (settings, seeds, checks) from its `axes` (the values of each key).
//!
//! An [`Experiment`] that [`load`](fn@load) returns is valid and is not checked again, except by
//! [`Experiment::check_data`], once the number of images is known.
//!
//! Nothing here prints, reads arguments or needs Burn.

#![forbid(unsafe_code)]

mod experiment;
mod backend;
mod metric;
mod reference;
mod resolve;
mod validate;
mod sweep;
mod axes;
mod load;
mod tutorial;
mod schema;
mod document;
mod overrides;
mod keys;
mod table;
mod wrong_value;
mod syntax;
mod diagnostic;

pub use backend::{Backend, EngineChoice};
pub use data::Augmentation;
pub use diagnostic::{ConfigError, Place};
pub use experiment::{
    Checkpoint, ClassWeights, Data, Decay, EarlyStopping, Evaluation, Every, Experiment, Log,
    Model, NetworkKind, Optimizer, Schedule, Training,
};
pub use load::{MAX_BYTES, Source, load};
pub use metric::{Counts, Definition, Figures, METRICS, Metric, Sums};
pub use reference::MAX_EPOCHS;
pub use schema::schema;
pub use sweep::{MAX_TRAININGS, Setting, Sweep, epochs_in_round, load_sweep, rounds};
pub use tutorial::{DEFAULT_CONFIG, built_in, tutorial};
