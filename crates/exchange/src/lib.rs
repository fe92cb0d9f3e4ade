//! Trained networks, from and to the files of other programs.
//!
//! Reading order: [`Network`] (what every file is turned into) → [`layout`] (names and shapes →
//! layers) → [`about`] (what a file says, and what is assumed) → one file a format:
//! [`safetensors`], [`npz`], [`torch`], [`onnx`]; [`quantize`] (bytes for weights). Behind those:
//! `number` (floats), [`archive`] (zip), `pickle` and [`protobuf`].
//!
//! Everything here is bytes in, layers out, or the other way round. Nothing in a file is executed,
//! nothing outside of it is opened, and no more memory is taken than a small multiple of its size. No
//! Burn is needed.

#![forbid(unsafe_code)]

pub mod about;
pub mod archive;
pub mod layout;
pub mod npz;
pub mod onnx;
pub mod quantize;
pub mod safetensors;
pub mod torch;
mod number;
mod pickle;
pub mod protobuf;

use model::{Metadata, Tensor, mlp};
use serde::{Deserialize, Serialize};

pub use about::About;
pub use layout::Layout;

/// Largest file read, and most bytes taken out of a compressed one: the largest network allowed, with
/// room for metadata.
pub const MAX_BYTES: u64 = 4 * model::config::MAX_PARAMETERS as u64 + (64 << 20);

/// A network between two files.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// The weights under this program's names, in the order of [`model::Architecture::tensors`].
    pub tensors: Vec<Tensor>,
    /// What is known besides.
    pub about: About,
}

/// A dense layer of a file.
#[derive(Debug, Clone, PartialEq)]
struct Layer {
    /// `[in, out]`, row-major.
    weight: Vec<f32>,
    /// `[out]`.
    bias: Vec<f32>,
}

/// What a network can be exported to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// safetensors, 32-bit floats.
    Safetensors,
    /// ONNX, for onnxruntime and others.
    Onnx,
    /// NumPy's archive of arrays.
    Npz,
    /// safetensors, 16-bit floats: half the size.
    F16,
    /// safetensors, weights in 8 bits: a quarter of the size.
    Int8,
}

impl Format {
    /// Every format with its name on the command line.
    pub const ALL: [(&'static str, Self); 5] = [
        ("safetensors", Self::Safetensors),
        ("onnx", Self::Onnx),
        ("npz", Self::Npz),
        ("f16", Self::F16),
        ("int8", Self::Int8),
    ];

    /// Returns whether every weight comes back as it was.
    pub fn is_exact(self) -> bool {
        !matches!(self, Self::F16 | Self::Int8)
    }
}

/// What a file turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Hugging Face's tensors.
    Safetensors,
    /// A graph.
    Onnx,
    /// NumPy's arrays.
    Npz,
    /// A PyTorch state dict.
    Torch,
}

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
    fn damaged(format: &'static str, reason: impl std::fmt::Display) -> Self {
        let reason = quoting(reason);
        Self::Damaged { format, reason }
    }

    /// Returns what a person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unknown(_) => {
                "give a .safetensors, .onnx, .npz or PyTorch .pt file; docs/interop.md has a way for \
                 .keras and .h5"
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

/// Returns another program's or crate's words on a file, which may quote anything from it: shortened, on
/// one line, without control characters.
fn quoting(reason: impl std::fmt::Display) -> String {
    const LONGEST: usize = 300; // characters
    let visible = |c: char| {
        if c.is_control() {
            c.escape_default().to_string()
        } else {
            c.to_string()
        }
    };
    let reason = reason.to_string();
    reason.chars().take(LONGEST).map(visible).collect()
}

impl Network {
    /// Returns the network of a record, which has these weights.
    pub fn of(tensors: Vec<Tensor>, metadata: &Metadata) -> Self {
        Self {
            tensors,
            about: About::of(metadata),
        }
    }

    /// Returns the network of dense layers, first to last.
    fn of_layers(layers: Vec<Layer>, about: About) -> Self {
        let inputs = layers.first().map(Layer::inputs);
        let outputs = layers.iter().map(|layer| layer.bias.len());
        let widths: Vec<usize> = inputs.into_iter().chain(outputs).collect();
        let values = layers
            .into_iter()
            .flat_map(|layer| [layer.weight, layer.bias]);
        let shapes = mlp::shapes(&widths).into_iter();
        Self {
            tensors: shapes
                .zip(values)
                .map(|(shape, values)| shape.filled(values))
                .collect(),
            about,
        }
    }

    /// Returns the dense layers, first to last.
    fn layers(&self) -> Vec<Layer> {
        let pairs = self.tensors.as_chunks::<2>().0.iter();
        let layer = |[weight, bias]: &[Tensor; 2]| Layer {
            weight: weight.values.clone(),
            bias: bias.values.clone(),
        };
        pairs.map(layer).collect()
    }

    /// Returns the widths from the inputs to the classes, `[layers + 1]`.
    pub fn widths(&self) -> Vec<usize> {
        let weights = self.tensors.iter().filter(|tensor| tensor.shape.len() == 2);
        let inputs = weights
            .clone()
            .take(1)
            .filter_map(|weight| weight.shape.first());
        inputs
            .chain(weights.filter_map(|weight| weight.shape.last()))
            .copied()
            .collect()
    }
}

impl Layer {
    /// Returns the number of inputs.
    fn inputs(&self) -> usize {
        self.weight.len() / self.bias.len().max(1)
    }
}

/// Returns the bytes of `network` as a file of `format`, with weights and names in `layout` where the
/// format leaves the choice. Equal networks give equal bytes.
///
/// # Errors
/// When a weight does not fit the format.
pub fn write(network: &Network, format: Format, layout: Layout) -> Result<Vec<u8>, ExchangeError> {
    match format {
        Format::Safetensors => safetensors::write(network, layout),
        Format::F16 => safetensors::write_f16(network, layout),
        Format::Int8 => safetensors::write_int8(network),
        Format::Npz => Ok(npz::write(network, layout)),
        Format::Onnx => Ok(onnx::write(network)),
    }
}

/// Returns what is in the bytes of a file, and what kind of file it is, which its content tells. `told`
/// settles what is first in a weight's shape.
///
/// # Errors
/// [`ExchangeError`] says what is wrong with the file.
pub fn read(bytes: &[u8], told: Option<Layout>) -> Result<(Kind, Network), ExchangeError> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(ExchangeError::TooLarge);
    }
    let kind = kind(bytes)?;
    let network = match kind {
        Kind::Safetensors => safetensors::read(bytes, told),
        Kind::Onnx => onnx::read(bytes),
        Kind::Npz => npz::read(bytes, told),
        Kind::Torch => torch::read(bytes, told),
    }?;
    for (i, layer) in network.tensors.chunks(2).enumerate() {
        let mut values = layer.iter().flat_map(|tensor| &tensor.values);
        if !values.all(|value| value.is_finite()) {
            return Err(ExchangeError::NotFinite(format!("layer {i}")));
        }
    }
    Ok((kind, network))
}

/// Returns what `bytes` are by how they begin; of a zip, by what it has.
fn kind(bytes: &[u8]) -> Result<Kind, ExchangeError> {
    const RECORD: &[u8] = b"NRUB";
    const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n";
    let unknown = |what| Err(ExchangeError::Unknown(what));
    match bytes {
        [] => unknown("an empty file"),
        [b'P', b'K', 3 | 5, 4 | 6, ..] => {
            let archive = archive::Archive::open(bytes, "zip")?;
            let has = |end: &str| archive.names().any(|name| name.ends_with(end));
            match () {
                () if has("data.pkl") => Ok(Kind::Torch),
                () if has(".npy") => Ok(Kind::Npz),
                () if has("model.weights.h5") => unknown("a Keras .keras file"),
                () => unknown("a zip without weights"),
            }
        }
        _ if bytes.starts_with(RECORD) => {
            unknown("a .bpk record, which the other commands take as it is")
        }
        _ if bytes.starts_with(HDF5) => unknown("an HDF5 file"),
        _ if bytes.starts_with(b"\x93NUMPY") => unknown("a single NumPy array"),
        // A length of eight bytes, then JSON. The length may begin like a pickle.
        [_, _, _, _, _, 0, 0, 0, b'{', ..] => Ok(Kind::Safetensors),
        [0x80, 2..=5, ..] => unknown("a pickle (PyTorch before 1.6 wrote such .pt files)"),
        // The first field of a ModelProto: ir_version, a number.
        [8, ..] => Ok(Kind::Onnx),
        _ => unknown("no file of a known format"),
    }
}
