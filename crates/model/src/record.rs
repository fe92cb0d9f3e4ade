//! One saved model: weights and everything needed to use them, in one Burn pack (`.bpk`).
//!
//! The file is Burn's own container: tensors `layers.N.weight` `[in, out]` and `layers.N.bias`
//! `[out]`, readable by Burn's tools as they are. Its metadata map carries one more entry, the
//! JSON of [`Metadata`], so that inference needs no other file. A record that tells unknown pictures
//! has two more tensors, `unknown.mean` `[height * width]` and `unknown.patterns`
//! `[height * width, components]`.

use std::collections::BTreeMap;

#[cfg(feature = "burn")]
use burn::tensor::{Device, TensorData};
use kernels::Layer as LayerWeights;
use serde::Deserialize;

use crate::config::{ConfigError, MlpConfig};
pub use crate::metadata::{BURN_VERSION, FORMAT_VERSION, Metadata, PIXEL_DIVISOR, TestMetrics};
#[cfg(feature = "burn")]
use crate::mlp::{Mlp, floats};
use crate::pack::{self, Pack, PackError, one_line};
use crate::tensor::Tensor;
use crate::unknown::Unknown;

/// Key of the metadata entry in the pack.
const METADATA_KEY: &str = "classifier";
/// Names of the tensors [`Unknown::mean`] and [`Unknown::patterns`].
const MEAN: &str = "unknown.mean";
const PATTERNS: &str = "unknown.patterns";

/// A network with its metadata, to go on with in Burn. To have answers alone, a
/// [`Classifier`](crate::Classifier) is faster and needs no Burn.
#[cfg(feature = "burn")]
#[derive(Debug, Clone)]
pub struct Record {
    /// What the weights are and how to feed them.
    pub metadata: Metadata,
    /// The network, on the device the record was loaded to.
    pub model: Mlp,
}

/// A record that cannot be loaded, written or used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RecordError {
    /// The bytes are no Burn pack, or a damaged one.
    #[error("not a readable Burn pack: {0}")]
    Pack(#[from] PackError),
    /// The pack holds no classifier's metadata.
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
    /// The architecture in the metadata breaks a limit.
    #[error("the record describes no valid network: {0}")]
    Architecture(#[from] ConfigError),
    /// The number of class names is not the number of classes.
    #[error("the record names {names} classes for {classes} output neurons")]
    ClassNames {
        /// Class names in the file.
        names: usize,
        /// Output neurons of the network.
        classes: usize,
    },
    /// A class name could garble a terminal, or is missing.
    #[error("the record's class name {0:?} is empty, too long or has control characters")]
    ClassName(String),
    /// The pixels are scaled in a way this version does not know.
    #[error("the record's pixel divisor is {0}; this program scales bytes by {PIXEL_DIVISOR} only")]
    PixelDivisor(f32),
    /// Temperature, threshold or what belongs to them is out of range.
    #[error("the record's {0} has numbers that no training comes to")]
    Trust(&'static str),
    /// A tensor is missing.
    #[error("the record has no tensor `{0}`")]
    Missing(String),
    /// The file holds tensors the network does not have.
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
    /// A number beside the tensors is another one.
    #[error("number `{name}` is {found}, expected {expected}")]
    Number {
        /// Its name.
        name: String,
        /// The one in the file.
        found: String,
        /// The one it must be.
        expected: String,
    },
    /// A weight is NaN or infinite.
    #[error("tensor `{0}` holds a value that is not a finite number")]
    NotFinite(String),
    /// Pixels handed in do not fit the network.
    #[error("{found} pixels given, the network takes images of {height}x{width}")]
    Input {
        /// Bytes given.
        found: usize,
        /// Height in pixels.
        height: usize,
        /// Width in pixels.
        width: usize,
    },
    /// Reading a tensor back from its device failed.
    #[error("reading from the device failed: {0}")]
    Device(String),
}

#[cfg(feature = "burn")]
impl Record {
    /// Returns the record in `bytes`, its network on `device`.
    ///
    /// Version, names, shapes and values are all checked; nothing in the file is executed, and the
    /// memory taken is a small multiple of the file's own size.
    ///
    /// # Errors
    /// [`RecordError`] says what is wrong with the file.
    pub fn from_bytes(bytes: &[u8], device: &Device) -> Result<Self, RecordError> {
        let (metadata, weights) = read(bytes)?;
        let model = Mlp::from_weights(&metadata.architecture, weights, device)?;
        Ok(Self { metadata, model })
    }

    /// Returns the record as the bytes of a `.bpk` file. Equal weights and metadata give equal
    /// bytes.
    ///
    /// # Errors
    /// When a weight is not finite, or cannot be read back from its device.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RecordError> {
        let metadata = Metadata {
            format: FORMAT_VERSION,
            ..self.metadata.clone()
        };
        let mut tensors = tensors(&self.model.weights()?, self.model.config())?;
        if let Some(unknown) = &metadata.unknown {
            let shape = patterns_shape(&metadata.architecture, unknown);
            tensors.push(tensor(MEAN.into(), &shape[..1], &unknown.mean)?);
            tensors.push(tensor(PATTERNS.into(), &shape, &unknown.patterns)?);
        }
        let json =
            serde_json::to_string(&metadata).map_err(|e| RecordError::Metadata(e.to_string()))?;
        let entries = BTreeMap::from([(METADATA_KEY.to_string(), json)]);
        Ok(pack::write(&tensors, &entries)?)
    }

    /// Returns the probabilities of every class, one row of `classes` values for each image in
    /// `pixels`: grey bytes, row-major, light on dark, `[images, height, width]`. Calibrated where the
    /// record has a [`crate::Calibration`].
    ///
    /// # Errors
    /// When `pixels` is not a whole number of images, or the device fails.
    pub fn predict(&self, pixels: &[u8]) -> Result<Vec<Vec<f32>>, RecordError> {
        let mut rows = self.predict_raw(pixels)?;
        if let Some(calibration) = &self.metadata.calibration {
            let classes = self.metadata.architecture.classes;
            rows.iter_mut()
                .for_each(|row| calibration.apply(row, classes));
        }
        Ok(rows)
    }

    /// Returns the same as the network itself says it, not calibrated: Keras's `predict`.
    ///
    /// # Errors
    /// When `pixels` is not a whole number of images, or the device fails.
    pub fn predict_raw(&self, pixels: &[u8]) -> Result<Vec<Vec<f32>>, RecordError> {
        let [height, width] = self.metadata.architecture.input;
        let images = self.metadata.count_images(pixels)?;
        if images == 0 {
            return Ok(Vec::new());
        }
        let scaled: Vec<f32> = pixels
            .iter()
            .map(|&p| f32::from(p) / self.metadata.pixel_divisor)
            .collect();
        let device = self.model.device();
        let input = burn::tensor::Tensor::from_data(
            TensorData::new(scaled, [images, height, width]),
            &device,
        );
        let probabilities = floats(self.model.predict(input))?; // [images, classes]
        let classes = self.metadata.architecture.classes;
        Ok(probabilities.chunks(classes).map(<[f32]>::to_vec).collect())
    }
}

/// Returns `layers` of a network like `config`, which may be weights or an optimizer's memory, as a Burn
/// pack without metadata. Equal values give equal bytes.
///
/// # Errors
/// When a value is not finite.
pub fn layers_to_bytes(
    layers: &[LayerWeights],
    config: &MlpConfig,
) -> Result<Vec<u8>, RecordError> {
    Ok(pack::write(&tensors(layers, config)?, &BTreeMap::new())?)
}

/// Returns what [`layers_to_bytes`] was given. Names, shapes and values are all checked.
///
/// # Errors
/// [`RecordError`] says what is wrong with the bytes.
pub fn layers_from_bytes(
    bytes: &[u8],
    config: &MlpConfig,
) -> Result<Vec<LayerWeights>, RecordError> {
    let mut tensors = Tensors::of(pack::read(bytes)?);
    let layers = tensors.layers(config)?;
    tensors.finish()?;
    Ok(layers)
}

/// Returns what is in `bytes`, checked.
pub(crate) fn read(bytes: &[u8]) -> Result<(Metadata, Vec<LayerWeights>), RecordError> {
    let pack = pack::read(bytes)?;
    let mut metadata = read_metadata(&pack)?;
    let mut tensors = Tensors::of(pack);
    let weights = tensors.layers(&metadata.architecture)?;
    if let Some(unknown) = &mut metadata.unknown {
        let shape = patterns_shape(&metadata.architecture, unknown);
        unknown.mean = tensors.take(MEAN, &shape[..1])?;
        unknown.patterns = tensors.take(PATTERNS, &shape)?;
    }
    tensors.finish()?;
    Ok((metadata, weights))
}

fn read_metadata(pack: &Pack) -> Result<Metadata, RecordError> {
    /// The one field that every version has.
    #[derive(Deserialize)]
    struct Versioned {
        format: u32,
    }
    let bad = |e: serde_json::Error| RecordError::Metadata(one_line(&e.to_string()));
    let json = pack
        .metadata
        .get(METADATA_KEY)
        .ok_or(RecordError::NoMetadata)?;
    let Versioned { format: found } = serde_json::from_str(json).map_err(bad)?;
    if !(1..=FORMAT_VERSION).contains(&found) {
        return Err(RecordError::Version { found });
    }
    let metadata: Metadata = serde_json::from_str(json).map_err(bad)?;
    metadata.validate()?;
    Ok(metadata)
}

/// The tensors of a pack that have not been taken yet.
pub(crate) struct Tensors(Vec<Tensor>);

impl Tensors {
    pub(crate) fn of(pack: Pack) -> Self {
        Self(pack.tensors)
    }

    /// Takes the values of the tensor `name` out; checks shape and values.
    pub(crate) fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, RecordError> {
        let position = self.0.iter().position(|tensor| tensor.name == name);
        let position = position.ok_or_else(|| RecordError::Missing(name.into()))?;
        let tensor = self.0.remove(position);
        if tensor.shape != shape {
            return Err(RecordError::Shape {
                name: tensor.name,
                found: format!("F32 {:?}", tensor.shape),
                expected: format!("F32 {shape:?}"),
            });
        }
        check_finite(name, &tensor.values)?;
        Ok(tensor.values)
    }

    /// Takes every layer's tensors out.
    fn layers(&mut self, config: &MlpConfig) -> Result<Vec<LayerWeights>, RecordError> {
        let mut weights = Vec::new();
        for (i, [inputs, outputs]) in config.layer_shapes().into_iter().enumerate() {
            weights.push(LayerWeights {
                weight: self.take(&weight_name(i), &[inputs, outputs])?,
                bias: self.take(&bias_name(i), &[outputs])?,
            });
        }
        Ok(weights)
    }

    /// Checks that nothing is left.
    pub(crate) fn finish(self) -> Result<(), RecordError> {
        match self.0.into_iter().next() {
            Some(left) => Err(RecordError::Unexpected(one_line(&left.name))),
            None => Ok(()),
        }
    }
}

fn patterns_shape(architecture: &MlpConfig, unknown: &Unknown) -> [usize; 2] {
    let [height, width] = architecture.input;
    [height * width, unknown.components]
}

fn tensors(layers: &[LayerWeights], config: &MlpConfig) -> Result<Vec<Tensor>, RecordError> {
    let mut tensors = Vec::new();
    for (i, (layer, [inputs, outputs])) in layers.iter().zip(config.layer_shapes()).enumerate() {
        tensors.push(tensor(weight_name(i), &[inputs, outputs], &layer.weight)?);
        tensors.push(tensor(bias_name(i), &[outputs], &layer.bias)?);
    }
    Ok(tensors)
}

fn tensor(name: String, shape: &[usize], values: &[f32]) -> Result<Tensor, RecordError> {
    check_finite(&name, values)?;
    if values.len() != shape.iter().product::<usize>() {
        return Err(RecordError::Shape {
            found: format!("{} values", values.len()),
            expected: format!("F32 {shape:?}"),
            name,
        });
    }
    Ok(Tensor {
        name,
        shape: shape.to_vec(),
        values: values.to_vec(),
    })
}

fn check_finite(name: &str, values: &[f32]) -> Result<(), RecordError> {
    if values.iter().all(|value| value.is_finite()) {
        Ok(())
    } else {
        Err(RecordError::NotFinite(name.into()))
    }
}

fn weight_name(layer: usize) -> String {
    format!("layers.{layer}.weight")
}

fn bias_name(layer: usize) -> String {
    format!("layers.{layer}.bias")
}
