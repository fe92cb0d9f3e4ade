//! The tutorial's experiment, which comes with the program.

use crate::{ConfigError, Experiment, Source, load};

/// The tutorial's config in the project's folder, which takes precedence over the built-in copy.
pub const DEFAULT_CONFIG: &str = "configs/fashion-mnist.toml";

/// Returns the built-in copy of [`DEFAULT_CONFIG`].
pub fn built_in() -> Source {
    Source {
        label: "built-in fashion-mnist.toml".into(),
        text: include_str!("../../../configs/fashion-mnist.toml").into(),
    }
}

/// Returns the tutorial's experiment.
///
/// # Errors
/// Never: the file is built in.
pub fn tutorial() -> Result<Experiment, ConfigError> {
    load(built_in(), &[])
}
