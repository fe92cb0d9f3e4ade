//! Why a file cannot be imported, or a network not exported.

use std::fmt::Display;

use crate::MAX_BYTES;

/// Why a file cannot be imported, or a network not exported.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ExchangeError {
    /// The bytes are of none of the formats.
    #[error("this is {0}")]
    Unknown(&'static str),
    /// The bytes break the rules of their format.
    #[error("not a readable {format} file: {reason}")]
    Damaged {
        /// What the bytes claim to be.
        format: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The file would need more memory than any network.
    #[error("the file holds more than {MAX_BYTES} bytes, more than any network here")]
    TooLarge,
    /// The file is whole, but is no network that can be run here.
    #[error("{what}")]
    Unsupported {
        /// What it has, and where.
        what: String,
        /// What to do instead.
        hint: &'static str,
    },
    /// A tensor is there that belongs to no dense layer.
    #[error("tensor `{name}` {shape:?} is no weight and no bias of a dense layer")]
    Tensor {
        /// Its name in the file.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// The shapes do not make a chain.
    #[error("the layers do not follow each other: {0}")]
    Chain(String),
    /// Every layer is square, or the only one has no bias.
    #[error("the weights {0} may be [in, out] as well as [out, in]")]
    Layout(String),
    /// Names and places say different things about the order of the layers.
    #[error("the order of the layers is not clear: {0} by their names, {1} by their places")]
    Order(String, String),
    /// A weight is NaN or infinite.
    #[error("tensor `{0}` holds a value that is not a finite number")]
    NotFinite(String),
    /// The metadata is there, and wrong.
    #[error("the file's `{key}` cannot be used: {reason}")]
    About {
        /// Which entry.
        key: &'static str,
        /// What is wrong.
        reason: String,
    },
}

impl ExchangeError {
    /// Returns the error of bytes that break the rules of `format`.
    pub(crate) fn damaged(format: &'static str, reason: impl Display) -> Self {
        let reason = printable(reason);
        Self::Damaged { format, reason }
    }

    /// Returns what a person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unknown(_) => {
                "give a .safetensors, .onnx, .npz, PyTorch .pt, Keras .keras or .h5, or Burn .bpk file; see \
                 docs/interop.md"
            }
            Self::Damaged { .. } | Self::NotFinite(_) => {
                "export it again with the program it comes from"
            }
            Self::TooLarge => "give the weights alone, without the optimizer state",
            Self::Unsupported { hint, .. } => hint,
            Self::Tensor { .. } => {
                "Flatten, dense layers and one activation is all that runs here; see docs/interop.md"
            }
            Self::Chain(_) => {
                "number the layers in their names, first to last; with --layout, try the other one"
            }
            Self::Layout(_) => {
                "say which: --layout in-out (Keras, this program) or --layout out-in (PyTorch)"
            }
            Self::Order(..) => "number the layers in their names, first to last",
            Self::About { .. } => "correct the entry, or remove it and say it with an option",
        }
    }
}

/// Returns a text that may quote anything from a file as it can be shown: shortened, on one line, without
/// characters that are invisible or move the cursor.
pub(crate) fn printable(text: impl Display) -> String {
    const LONGEST: usize = 200; // characters
    data::excerpt(&text.to_string(), LONGEST)
}
