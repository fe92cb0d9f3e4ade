//! Trained networks, from and to the files of other programs.
//!
//! Reading order: [`Network`] (what every file is turned into) → `chain` (the kind of network there is, step by
//! step) → [`layout`] (named tensors → layers, and back), with `pairs` (which belong together), `norms` (batch
//! normalisation) and `names` → [`about`] (what a file says, and what is assumed), with `spelling` → one file a
//! format: [`safetensors`], [`npz`], [`torch`] with `state_dict`, [`onnx`], [`keras`], [`burn`]; [`quantize`]
//! (bytes for weights), `scale` (of pixels). Behind those: `number` (floats), [`archive`] (zip), `pickle`, `hdf5`,
//! [`protobuf`] and `beside` (a graph's second file).
//!
//! What a network consists of is known in three files as far as exports and their way back go: `chain`, [`layout`]
//! and `onnx/operators`; other programs' files ask `pairs` and [`keras`] as well.
//!
//! Everything here is bytes in, layers out, or the other way round. Nothing in a file is executed. Nothing outside
//! of it is opened, but for the numbers of an ONNX graph that are in a second file in its folder. No Burn is needed.
//!
//! # Memory
//!
//! Reading takes at most 8 bytes for each byte of the file, and 32 MiB; of an archive each byte counts that is in
//! it, unpacked, which may be 16 times its size, and 1 MiB. A network of more than
//! [`MAX_PARAMETERS`](model::config::MAX_PARAMETERS) values, and a file of more than [`MAX_BYTES`], is not read. So
//! it is never more than 8 times the largest network allowed. `tests/memory.rs` measures it.

#![forbid(unsafe_code)]

mod error;
mod hdf5;
pub mod keras;
pub mod about;
mod spelling;
pub mod archive;
mod beside;
pub mod burn;
mod chain;
pub mod layout;
mod names;
mod norms;
mod pairs;
pub mod npz;
pub mod onnx;
pub mod quantize;
pub mod safetensors;
mod scale;
pub mod torch;
mod number;
mod pickle;
mod state_dict;
pub mod protobuf;

use std::path::Path;

use model::{Metadata, Tensor};
use serde::{Deserialize, Serialize};

pub use about::About;
pub use error::ExchangeError;
pub use layout::Layout;
pub use scale::{NoScale, Scale};

/// Largest file read, and most bytes taken out of a compressed one: the largest network allowed, with
/// room for metadata.
pub const MAX_BYTES: u64 = 4 * model::config::MAX_PARAMETERS as u64 + (64 << 20);

/// First bytes of an HDF5 file.
const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n";

/// A network between two files.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// The weights under this program's names, in the order of [`model::Architecture::tensors`].
    pub tensors: Vec<Tensor>,
    /// What is known besides.
    pub about: About,
    /// What was left out of the file, folded or taken for granted, in plain words, each to be said to whoever
    /// imports it.
    pub notes: Vec<String>,
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
    /// Keras 3's `.keras`, for `keras.models.load_model`.
    Keras,
}

impl Format {
    /// Every format with its name on the command line.
    pub const ALL: [(&'static str, Self); 6] = [
        ("safetensors", Self::Safetensors),
        ("onnx", Self::Onnx),
        ("npz", Self::Npz),
        ("f16", Self::F16),
        ("int8", Self::Int8),
        ("keras", Self::Keras),
    ];

    /// Returns whether a weight may have either order of axes, and either program's names.
    pub fn has_layouts(self) -> bool {
        matches!(self, Self::Safetensors | Self::Npz | Self::F16)
    }

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
    /// A Keras model, in a zip or in HDF5.
    Keras,
    /// A pack of another Burn program.
    Burn,
}

impl Network {
    /// Returns the network of a record, which has these weights.
    pub fn of(tensors: Vec<Tensor>, metadata: &Metadata) -> Self {
        Self {
            tensors,
            about: About::of(metadata),
            notes: Vec::new(),
        }
    }

    /// Notes that `names` in the file were passed over.
    fn leave_out(&mut self, names: Vec<String>) {
        self.notes.extend(left_out(&names));
    }
}

/// Returns the bytes of `network` as a file of `format`, with weights and names in `layout` where the
/// format leaves the choice. Equal networks give equal bytes.
///
/// # Errors
/// When a weight does not fit the format, or the network has convolutions.
pub fn write(network: &Network, format: Format, layout: Layout) -> Result<Vec<u8>, ExchangeError> {
    if network.tensors.iter().any(|tensor| tensor.shape.len() > 2) {
        return Err(ExchangeError::Unsupported {
            what: "the network has convolutions, which are not exported yet".into(),
            hint: "the record itself, model.bpk, is what `model::Classifier` and other Burn programs read",
        });
    }
    match format {
        Format::Safetensors => safetensors::write(network, layout),
        Format::F16 => safetensors::write_f16(network, layout),
        Format::Int8 => safetensors::write_int8(network),
        Format::Npz => Ok(npz::write(network, layout)),
        Format::Onnx => Ok(onnx::write(network)),
        Format::Keras => keras::write(network),
    }
}

/// What is said of a file before it is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reading<'a> {
    /// What comes first in a weight's shape, where the shapes leave it open.
    pub layout: Option<Layout>,
    /// What the network was trained on, which is then folded into its first layer. Otherwise what the file says,
    /// or pixels from 0 to 1.
    pub scale: Option<Scale>,
    /// The folder of the file. A graph may have its numbers in a second file there, or below.
    pub folder: Option<&'a Path>,
}

/// Returns what is in the bytes of a file, and what kind of file it is, which its content tells.
///
/// # Errors
/// [`ExchangeError`] says what is wrong with the file.
pub fn read(bytes: &[u8], reading: &Reading) -> Result<(Kind, Network), ExchangeError> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(ExchangeError::TooLarge);
    }
    let kind = kind(bytes)?;
    let network = match kind {
        Kind::Safetensors => safetensors::read(bytes, reading),
        Kind::Onnx => onnx::read(bytes, reading),
        Kind::Npz => npz::read(bytes, reading),
        Kind::Torch => torch::read(bytes, reading),
        Kind::Keras if bytes.starts_with(HDF5) => keras::read_hdf5(bytes, reading),
        Kind::Keras => keras::read_zip(bytes, reading),
        Kind::Burn => burn::read(bytes, reading),
    }?;
    let is_finite = |tensor: &&Tensor| tensor.values.iter().all(|value| value.is_finite());
    if let Some(tensor) = network.tensors.iter().find(|tensor| !is_finite(tensor)) {
        return Err(ExchangeError::NotFinite(layout::place(&tensor.name)));
    }
    Ok((kind, network))
}

/// Returns the words that `names` in a file were passed over, if there are any.
fn left_out(names: &[String]) -> Option<String> {
    const MOST: usize = 8;
    let shown: Vec<String> = names
        .iter()
        .take(MOST)
        .map(|name| format!("`{}`", error::printable(name)))
        .collect();
    let rest = names.len().saturating_sub(MOST);
    let rest = if rest > 0 {
        format!(" and {rest} more")
    } else {
        String::new()
    };
    (!names.is_empty()).then(|| {
        format!(
            "left out {}{rest}, which the network does not need",
            shown.join(", ")
        )
    })
}

/// Returns what `bytes` are by how they begin; of a zip, by what it has.
fn kind(bytes: &[u8]) -> Result<Kind, ExchangeError> {
    const PACK: &[u8] = b"NRUB";
    let unknown = |what| Err(ExchangeError::Unknown(what));
    match bytes {
        [] => unknown("an empty file"),
        [b'P', b'K', 3 | 5, 4 | 6, ..] => {
            let archive = archive::Archive::open(bytes, "zip")?;
            let has = |end: &str| archive.names().any(|name| name.ends_with(end));
            match () {
                () if has("data.pkl") => Ok(Kind::Torch),
                () if has(".npy") => Ok(Kind::Npz),
                () if has(keras::WEIGHTS) => Ok(Kind::Keras),
                () => unknown("a zip without weights"),
            }
        }
        _ if bytes.starts_with(PACK) => Ok(Kind::Burn),
        _ if bytes.starts_with(HDF5) => Ok(Kind::Keras),
        _ if bytes.starts_with(b"\x93NUMPY") => unknown("a single NumPy array"),
        // A length of eight bytes, then JSON. The length may begin like a pickle.
        [_, _, _, _, _, 0, 0, 0, b'{', ..] => Ok(Kind::Safetensors),
        _ if bytes.starts_with(torch::OLD) => Ok(Kind::Torch),
        [0x80, 2..=5, ..] => unknown("a pickle, but none that PyTorch wrote"),
        // The first field of a ModelProto: ir_version, a number.
        [8, ..] => Ok(Kind::Onnx),
        _ => unknown("no file of a known format"),
    }
}
