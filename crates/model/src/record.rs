//! One saved model: weights and everything needed to use them, in one Burn pack (`.bpk`).
//!
//! The file is Burn's own container with the network's tensors under their names (for a multilayer perceptron
//! `layers.N.weight` `[in, out]` and `layers.N.bias` `[out]`), readable by Burn's tools. Its metadata map has one
//! more entry, the JSON of [`Metadata`], so that inference needs no other file. A record that detects unknown
//! pictures has two more tensors, `unknown.mean` `[pixels]` and `unknown.patterns` `[pixels, components]`.

use std::collections::BTreeMap;

#[cfg(feature = "burn")]
use burn::tensor::Device;
use serde_json::{Value, json};

use crate::config::ConfigError;
pub use crate::metadata::{BURN_VERSION, FORMAT_VERSION, Metadata, PIXEL_DIVISOR, TestMetrics};
use crate::network::Architecture;
#[cfg(feature = "burn")]
use crate::network::Network;
use crate::pack::{self, Pack, PackError, excerpt};
use crate::tensor::{Shape, Tensor};
use crate::unknown::Unknown;

/// Key of the metadata entry in the pack.
const METADATA_KEY: &str = "classifier";
/// Names of the tensors [`Unknown::mean`] and [`Unknown::patterns`].
const MEAN: &str = "unknown.mean";
const PATTERNS: &str = "unknown.patterns";

/// A network with its metadata. For inference, load the same bytes as a [`Classifier`](crate::Classifier).
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The description of the network and its input.
    pub metadata: Metadata,
    /// The weights, in the order of [`Architecture::tensors`].
    pub weights: Vec<Tensor>,
}

/// A record that cannot be loaded, written or used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RecordError {
    /// The bytes are not a Burn pack, or a damaged one.
    #[error("not a readable Burn pack: {0}")]
    Pack(#[from] PackError),
    /// The pack has no metadata of a classifier.
    #[error(
        "the Burn pack has no `{METADATA_KEY}` metadata, so it is not a record of this program"
    )]
    NoMetadata,
    /// The metadata is not what this version writes.
    #[error("the record's metadata cannot be read: {0}")]
    Metadata(String),
    /// The file comes from another, probably newer, version.
    #[error("the record has format version {found}; this program reads 1 to {FORMAT_VERSION}")]
    Version {
        /// Version in the file.
        found: u32,
    },
    /// The architecture in the metadata exceeds a limit.
    #[error("the record does not describe a valid network: {0}")]
    Architecture(#[from] ConfigError),
    /// The number of class names is not the number of classes.
    #[error("the record names {names} classes for {classes} output neurons")]
    ClassNames {
        /// Class names in the file.
        names: usize,
        /// Output neurons of the network.
        classes: usize,
    },
    /// A class name is missing, too long or has control characters.
    #[error("the record's class name {0:?} is empty, too long or has control characters")]
    ClassName(String),
    /// The pixels are scaled in a way this version does not know.
    #[error("the record's pixel divisor is {0}; this program scales bytes by {PIXEL_DIVISOR} only")]
    PixelDivisor(f32),
    /// A number of the calibration or the threshold is out of range.
    #[error("the record's {0} has values that no training produces")]
    Trust(&'static str),
    /// A tensor is missing.
    #[error("the record has no tensor `{0}`")]
    Missing(String),
    /// The file has tensors the network does not have.
    #[error("the record has a tensor `{0}` that the network does not have")]
    Unexpected(String),
    /// A tensor has another shape or type than the architecture says.
    #[error("tensor `{name}` is {found}, expected {expected}")]
    Shape {
        /// Tensor name.
        name: String,
        /// Type and shape in the file.
        found: String,
        /// Type and shape of the network's tensor.
        expected: String,
    },
    /// A number beside the tensors has another value.
    #[error("number `{name}` is {found}, expected {expected}")]
    Number {
        /// Its name.
        name: String,
        /// The value in the file.
        found: String,
        /// The value it must have.
        expected: String,
    },
    /// A weight is NaN or infinite.
    #[error("tensor `{0}` holds a value that is not a finite number")]
    NotFinite(String),
    /// The given pixels do not fit the network.
    #[error("{found} pixels given, but the network expects images of {height}x{width}")]
    Input {
        /// Bytes given.
        found: usize,
        /// Height in pixels.
        height: usize,
        /// Width in pixels.
        width: usize,
    },
    /// The network has no form in Burn's operations.
    #[error("convolutional networks run on the CPU's own kernels only, not on Burn's operations")]
    NotInBurn,
    /// Reading a tensor back from its device failed.
    #[error("reading from the device failed: {0}")]
    Device(String),
}

impl Record {
    /// Returns the record in `bytes`.
    ///
    /// Version, names, shapes and values are all checked; nothing in the file is executed, and the
    /// memory used is a small multiple of the file's size.
    ///
    /// # Errors
    /// [`RecordError`] says what is wrong with the file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let pack = pack::read(bytes)?;
        let mut metadata = read_metadata(&pack)?;
        let mut tensors = Tensors::of(pack);
        let weights = tensors.take_all(&metadata.architecture)?;
        if let Some(unknown) = &mut metadata.unknown {
            let [mean, patterns] = unknown_shapes(&metadata.architecture, unknown);
            unknown.mean = tensors.take(&mean.name, &mean.shape)?;
            unknown.patterns = tensors.take(&patterns.name, &patterns.shape)?;
        }
        tensors.finish()?;
        Ok(Self { metadata, weights })
    }

    /// Returns the record as the bytes of a `.bpk` file. Equal weights and metadata give equal
    /// bytes.
    ///
    /// # Errors
    /// When a weight is not finite, or the weights do not fit the architecture.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RecordError> {
        let metadata = Metadata {
            format: FORMAT_VERSION,
            ..self.metadata.clone()
        };
        metadata.architecture.check(&self.weights)?;
        let mut tensors = self.weights.clone();
        if let Some(unknown) = &metadata.unknown {
            let shapes = unknown_shapes(&metadata.architecture, unknown);
            let values = [&unknown.mean, &unknown.patterns];
            for (shape, values) in shapes.into_iter().zip(values) {
                let tensor = shape.filled(values.clone());
                shape.check(&tensor)?;
                tensors.push(tensor);
            }
        }
        let json =
            serde_json::to_string(&metadata).map_err(|e| RecordError::Metadata(e.to_string()))?;
        let entries = BTreeMap::from([(METADATA_KEY.to_string(), json)]);
        Ok(pack::write(&tensors, &entries)?)
    }

    /// Returns the network in Burn, on `device`, to train it further or to run it there.
    ///
    /// # Errors
    /// When the weights do not fit the architecture.
    #[cfg(feature = "burn")]
    pub fn network(&self, device: &Device) -> Result<Network, RecordError> {
        Network::new(&self.metadata.architecture, self.weights.clone(), device)
    }
}

/// Returns `tensors`, weights or an optimizer's moments, as a Burn pack without metadata.
/// Equal tensors give equal bytes.
///
/// # Errors
/// When a value is not finite.
pub fn tensors_to_bytes(tensors: &[Tensor]) -> Result<Vec<u8>, RecordError> {
    for tensor in tensors {
        check_finite(&tensor.name, &tensor.values)?;
    }
    Ok(pack::write(tensors, &BTreeMap::new())?)
}

/// Returns the tensors of a network of this `architecture` from the bytes of [`tensors_to_bytes`]. Names,
/// shapes and values are all checked.
///
/// # Errors
/// [`RecordError`] says what is wrong with the bytes.
pub fn tensors_from_bytes(
    bytes: &[u8],
    architecture: &Architecture,
) -> Result<Vec<Tensor>, RecordError> {
    let mut tensors = Tensors::of(pack::read(bytes)?);
    let taken = tensors.take_all(architecture)?;
    tensors.finish()?;
    Ok(taken)
}

fn read_metadata(pack: &Pack) -> Result<Metadata, RecordError> {
    let bad = |e: serde_json::Error| RecordError::Metadata(excerpt(&e.to_string()));
    let json = pack
        .metadata
        .get(METADATA_KEY)
        .ok_or(RecordError::NoMetadata)?;
    let mut value: Value = serde_json::from_str(json).map_err(bad)?;
    let format = value.get("format").and_then(Value::as_u64);
    let format = format.ok_or_else(|| RecordError::Metadata("it has no format".into()))?;
    match u32::try_from(format) {
        Ok(1..=2) => upgrade(&mut value),
        Ok(FORMAT_VERSION) => {}
        found => {
            let found = found.unwrap_or(u32::MAX);
            return Err(RecordError::Version { found });
        }
    }
    let metadata: Metadata = serde_json::from_value(value).map_err(bad)?;
    metadata.validate()?;
    Ok(metadata)
}

/// Upgrades metadata of format 1 or 2 to format 3: there was only one kind of network, on grey images.
fn upgrade(metadata: &mut Value) {
    if let Some(architecture) = metadata
        .get_mut("architecture")
        .and_then(Value::as_object_mut)
    {
        architecture.insert("kind".into(), json!("mlp"));
        if let Some(Value::Array(input)) = architecture.get_mut("input") {
            input.insert(0, json!(1));
        }
    }
}

/// The tensors of a pack that have not been removed yet.
pub(crate) struct Tensors(Vec<Tensor>);

impl Tensors {
    pub(crate) fn of(pack: Pack) -> Self {
        Self(pack.tensors)
    }

    /// Removes the tensor `name` and returns its values after checking shape and values.
    pub(crate) fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, RecordError> {
        let position = self.0.iter().position(|tensor| tensor.name == name);
        let position = position.ok_or_else(|| RecordError::Missing(name.into()))?;
        let tensor = self.0.remove(position);
        let expected = Shape {
            name: name.into(),
            shape: shape.to_vec(),
        };
        expected.check(&tensor)?;
        Ok(tensor.values)
    }

    /// Removes and returns every tensor of a network, in order.
    fn take_all(&mut self, architecture: &Architecture) -> Result<Vec<Tensor>, RecordError> {
        let shapes = architecture.tensors().into_iter();
        shapes
            .map(|shape| Ok(shape.filled(self.take(&shape.name, &shape.shape)?)))
            .collect()
    }

    /// Checks that nothing is left.
    pub(crate) fn finish(self) -> Result<(), RecordError> {
        match self.0.into_iter().next() {
            Some(left) => Err(RecordError::Unexpected(excerpt(&left.name))),
            None => Ok(()),
        }
    }
}

/// Returns names and shapes of the tensors for detecting unknown pictures.
fn unknown_shapes(architecture: &Architecture, unknown: &Unknown) -> [Shape; 2] {
    let shape = |name: &str, shape: Vec<usize>| Shape {
        name: name.into(),
        shape,
    };
    let pixels = architecture.pixels();
    [
        shape(MEAN, vec![pixels]),
        shape(PATTERNS, vec![pixels, unknown.components]),
    ]
}

fn check_finite(name: &str, values: &[f32]) -> Result<(), RecordError> {
    if values.iter().all(|value| value.is_finite()) {
        Ok(())
    } else {
        Err(RecordError::NotFinite(name.into()))
    }
}
