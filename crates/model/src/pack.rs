//! Burn's pack format (`.bpk`): the part of it that records, checkpoints and optimizer states use.
//!
//! ```text
//! header     10 bytes: the characters NRUB, version (u16), size of the metadata (u32)
//! metadata   CBOR: { "tensors":  { name: { "dtype": "F32", "shape": [..], "data_offsets": [start, end],
//!                                          "param_id": number } },
//!                    "metadata": { key: text },
//!                    "scalars":  { name: { "UInt" or "Int": number } } }
//! padding    to a multiple of 256 bytes
//! data       the values of each tensor, from a multiple of 256 bytes on; offsets count from here
//! ```
//!
//! Everything but CBOR is little-endian. `param_id`, `metadata` and `scalars` may be missing.
//!
//! Burn's own crate for the format, `burn-pack`, pulls in a hundred others and does not start in a browser
//! without generated JavaScript. This module needs none of that; `tests/pack.rs` checks that both read the same
//! values and write the same bytes.

mod cbor;

use std::collections::BTreeMap;

use cbor::{Decoder, Encoder};

use crate::tensor::Tensor;

/// 0x4255524e, "BURN", in little-endian order.
const MAGIC: [u8; 4] = *b"NRUB";
const VERSION: u16 = 1;
const HEADER: usize = 10;
/// Each tensor begins at a multiple of this, in bytes.
const ALIGNMENT: usize = 256;
/// Bytes of an `f32`.
const VALUE: usize = 4;

/// Maximum size of the metadata, in bytes: `burn-pack`'s limit.
const MAX_METADATA: usize = 100 << 20;
/// Maximum number of entries of a map, so that many small ones do not take a large multiple of the file's size in
/// memory: `burn-pack`'s limit for tensors.
const MAX_ENTRIES: usize = 100_000;
/// Maximum number of dimensions of a tensor, for the same reason.
const MAX_RANK: usize = 8;

/// The content of a pack.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pack {
    /// The tensors, in the order of their names.
    pub tensors: Vec<Tensor>,
    /// Burn's parameter ids, by tensor name, for tensors that have one.
    pub parameters: BTreeMap<String, u64>,
    /// Texts beside the tensors.
    pub metadata: BTreeMap<String, String>,
    /// Numbers beside the tensors.
    pub scalars: BTreeMap<String, Scalar>,
}

/// A number beside the tensors. The format also has floating-point numbers and booleans, which none of these
/// optimizers stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    /// A signed integer.
    Int(i64),
    /// An unsigned integer.
    UInt(u64),
}

impl Scalar {
    /// Returns the number, unless it is negative.
    pub fn unsigned(self) -> Option<u64> {
        match self {
            Self::Int(value) => u64::try_from(value).ok(),
            Self::UInt(value) => Some(value),
        }
    }
}

/// Bytes that are not a pack, or tensors that cannot be written as one. The texts are `burn-pack`'s if it has
/// the same error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// The bytes end within the header or the metadata.
    #[error("Invalid header: insufficient bytes")]
    Header,
    /// The bytes do not begin with a pack's magic number.
    #[error("Invalid magic number")]
    Magic,
    /// The pack has another version of the format.
    #[error("Unsupported version")]
    Version,
    /// The metadata is not what Burn writes.
    #[error("Metadata deserialization error: {0}")]
    Metadata(&'static str),
    /// The metadata and the data do not fit each other.
    #[error("Validation error: {0}")]
    Validation(String),
}

/// Returns the content of a pack.
///
/// Every length and offset is checked before it is used, and nothing is accepted that Burn does not write: no
/// duplicate names, no tensors that share bytes, no unused bytes. The memory used is therefore a small multiple
/// of the length of `bytes`.
///
/// # Errors
/// [`PackError`] says what is wrong with the bytes.
pub fn read(bytes: &[u8]) -> Result<Pack, PackError> {
    let metadata = metadata(bytes)?;
    let data_start = (HEADER + metadata.len()).next_multiple_of(ALIGNMENT);
    let described = Described::read(metadata)?;
    check_ranges(&described.tensors, data_start, bytes.len())?;
    let data = bytes.get(data_start..).unwrap_or_default();
    let mut pack = Pack {
        metadata: described.metadata,
        scalars: described.scalars,
        ..Pack::default()
    };
    for (name, descriptor) in described.tensors {
        if let Some(parameter) = descriptor.parameter {
            pack.parameters.insert(name.clone(), parameter);
        }
        let values = data
            .get(descriptor.start..descriptor.end)
            .unwrap_or_default();
        pack.tensors.push(Tensor {
            name,
            shape: descriptor.shape,
            values: values
                .as_chunks::<VALUE>()
                .0
                .iter()
                .map(|&value| f32::from_le_bytes(value))
                .collect(),
        });
    }
    Ok(pack)
}

/// Returns `tensors` and `metadata` as the bytes of a pack. Equal input gives equal bytes, the same as those of
/// `burn-pack`.
///
/// # Errors
/// When two tensors have the same name, the number of a tensor's values does not match its shape, or there is
/// more than can be read back.
pub fn write(
    tensors: &[Tensor],
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<u8>, PackError> {
    let mut descriptors = BTreeMap::new();
    let mut end = 0usize;
    for tensor in tensors {
        let name = &tensor.name;
        if count(&tensor.shape) != Some(tensor.values.len()) {
            let (values, shape) = (tensor.values.len(), &tensor.shape);
            return Err(invalid(
                name,
                format!("has {values} values for the shape {shape:?}"),
            ));
        }
        let start = end.next_multiple_of(ALIGNMENT);
        end = start + tensor.values.len() * VALUE;
        let shape = tensor.shape.clone();
        let descriptor = Descriptor {
            shape,
            start,
            end,
            parameter: None,
        };
        if descriptors.insert(name.clone(), descriptor).is_some() {
            return Err(invalid(name, "appears twice"));
        }
    }
    let described = describe(&descriptors, metadata);
    if described.len() > MAX_METADATA || tensors.len().max(metadata.len()) > MAX_ENTRIES {
        return Err(PackError::Validation("too much metadata".into()));
    }
    let data_start = (HEADER + described.len()).next_multiple_of(ALIGNMENT);
    let mut bytes = Vec::with_capacity(data_start + end);
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend((described.len() as u32).to_le_bytes());
    bytes.extend(described);
    bytes.resize(data_start, 0);
    for tensor in tensors {
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
        bytes.extend(tensor.values.iter().flat_map(|value| value.to_le_bytes()));
    }
    Ok(bytes)
}

/// A tensor's entry in the metadata.
struct Descriptor {
    shape: Vec<usize>,
    /// The range of its bytes, from the start of the data.
    start: usize,
    end: usize,
    parameter: Option<u64>,
}

/// The metadata of a pack.
struct Described {
    tensors: BTreeMap<String, Descriptor>,
    metadata: BTreeMap<String, String>,
    scalars: BTreeMap<String, Scalar>,
}

/// Checks the header and returns the metadata's bytes.
fn metadata(bytes: &[u8]) -> Result<&[u8], PackError> {
    let (header, rest) = bytes
        .split_first_chunk::<HEADER>()
        .ok_or(PackError::Header)?;
    let [magic @ .., v0, v1, s0, s1, s2, s3] = *header;
    if magic != MAGIC {
        return Err(PackError::Magic);
    }
    if u16::from_le_bytes([v0, v1]) != VERSION {
        return Err(PackError::Version);
    }
    let size = u32::from_le_bytes([s0, s1, s2, s3]) as usize;
    if size > MAX_METADATA {
        return Err(PackError::Validation(format!(
            "Metadata size {size} exceeds maximum allowed size of {MAX_METADATA} bytes"
        )));
    }
    rest.get(..size).ok_or(PackError::Header)
}

impl Described {
    fn read(bytes: &[u8]) -> Result<Self, PackError> {
        let mut decoder = Decoder::new(bytes);
        let (mut tensors, mut metadata, mut scalars) = (None, None, None);
        for _ in 0..decoder.map()? {
            match decoder.text()? {
                "tensors" => set(&mut tensors, map(&mut decoder, descriptor)?)?,
                "metadata" => set(&mut metadata, map(&mut decoder, text)?)?,
                "scalars" => set(&mut scalars, map(&mut decoder, scalar)?)?,
                _ => return Err(PackError::Metadata("an unknown field")),
            }
        }
        decoder.finish()?;
        Ok(Self {
            tensors: tensors.ok_or(PackError::Metadata("missing field `tensors`"))?,
            metadata: metadata.unwrap_or_default(),
            scalars: scalars.unwrap_or_default(),
        })
    }
}

/// Returns the map that begins here; `value` reads the value of each of its keys.
fn map<T>(
    decoder: &mut Decoder,
    value: fn(&mut Decoder) -> Result<T, PackError>,
) -> Result<BTreeMap<String, T>, PackError> {
    let mut map = BTreeMap::new();
    for _ in 0..decoder.map()? {
        let key = text(decoder)?;
        if map.insert(key, value(decoder)?).is_some() {
            return Err(PackError::Metadata("a name appears twice"));
        }
    }
    Ok(map)
}

fn text(decoder: &mut Decoder) -> Result<String, PackError> {
    decoder.text().map(str::to_owned)
}

fn descriptor(decoder: &mut Decoder) -> Result<Descriptor, PackError> {
    let (mut dtype, mut shape, mut range, mut parameter) = (None, None, None, None);
    for _ in 0..decoder.map()? {
        match decoder.text()? {
            "dtype" => set(&mut dtype, decoder.text()?)?,
            "shape" => set(&mut shape, sizes(decoder)?)?,
            "data_offsets" => set(&mut range, sizes(decoder)?)?,
            "param_id" => set(&mut parameter, decoder.unsigned()?)?,
            _ => return Err(PackError::Metadata("an unknown field of a tensor")),
        }
    }
    if dtype != Some("F32") {
        return Err(PackError::Metadata("a tensor has another type than F32"));
    }
    let (Some(shape), Some([start, end])) = (shape, range.as_deref()) else {
        return Err(PackError::Metadata("a tensor without shape or offsets"));
    };
    Ok(Descriptor {
        shape,
        start: *start,
        end: *end,
        parameter,
    })
}

fn scalar(decoder: &mut Decoder) -> Result<Scalar, PackError> {
    match (decoder.map()?, decoder.text()?) {
        (1, "Int") => Ok(Scalar::Int(decoder.signed()?)),
        (1, "UInt") => Ok(Scalar::UInt(decoder.unsigned()?)),
        _ => Err(PackError::Metadata("a number that is not an integer")),
    }
}

/// Returns the array that begins here, of at most [`MAX_RANK`] sizes.
fn sizes(decoder: &mut Decoder) -> Result<Vec<usize>, PackError> {
    let length = decoder.array()?;
    if length > MAX_RANK {
        return Err(PackError::Metadata("too many dimensions"));
    }
    let too_large = |_| PackError::Metadata("a size is too large");
    (0..length)
        .map(|_| usize::try_from(decoder.unsigned()?).map_err(too_large))
        .collect()
}

/// Sets a field that may occur only once.
fn set<T>(field: &mut Option<T>, value: T) -> Result<(), PackError> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(PackError::Metadata("a field appears twice")),
    }
}

/// Checks that every tensor has its own bytes, as many as its shape needs, and that the file has exactly these.
fn check_ranges(
    tensors: &BTreeMap<String, Descriptor>,
    data_start: usize,
    available: usize,
) -> Result<(), PackError> {
    for (
        name,
        Descriptor {
            shape, start, end, ..
        },
    ) in tensors
    {
        let needed = count(shape).and_then(|count| count.checked_mul(VALUE));
        if needed.is_none() || end.checked_sub(*start) != needed {
            let problem = format!("has the bytes {start} to {end} for the shape {shape:?}");
            return Err(invalid(name, problem));
        }
    }
    let mut in_order: Vec<_> = tensors.iter().collect();
    in_order.sort_by_key(|(_, descriptor)| (descriptor.start, descriptor.end));
    let mut last_end = 0;
    for (name, descriptor) in in_order {
        if descriptor.start < last_end {
            return Err(invalid(name, "shares bytes with another one"));
        }
        last_end = descriptor.end;
    }
    let expected = data_start.saturating_add(last_end);
    if !tensors.is_empty() && available < expected {
        return Err(PackError::Validation(format!(
            "File truncated: expected at least {expected} bytes, got {available} bytes"
        )));
    }
    if available > expected {
        return Err(PackError::Validation(format!(
            "{available} bytes, {expected} expected"
        )));
    }
    Ok(())
}

/// Returns the number of values of a tensor; `None` if there are too many dimensions or values.
fn count(shape: &[usize]) -> Option<usize> {
    let product = |total: usize, &size: &usize| total.checked_mul(size);
    (shape.len() <= MAX_RANK).then(|| shape.iter().try_fold(1, product))?
}

/// Returns the CBOR of a pack's metadata.
fn describe(
    tensors: &BTreeMap<String, Descriptor>,
    metadata: &BTreeMap<String, String>,
) -> Vec<u8> {
    let mut encoder = Encoder::default();
    encoder.map(1 + usize::from(!metadata.is_empty()));
    encoder.text("tensors");
    encoder.map(tensors.len());
    for (name, descriptor) in tensors {
        encoder.text(name);
        encoder.map(3);
        encoder.text("dtype");
        encoder.text("F32");
        encoder.text("shape");
        encoder.array(&descriptor.shape);
        encoder.text("data_offsets");
        encoder.array(&[descriptor.start, descriptor.end]);
    }
    if !metadata.is_empty() {
        encoder.text("metadata");
        encoder.map(metadata.len());
        for (key, text) in metadata {
            encoder.text(key);
            encoder.text(text);
        }
    }
    encoder.0
}

fn invalid(tensor: &str, problem: impl std::fmt::Display) -> PackError {
    PackError::Validation(format!("tensor '{}' {problem}", excerpt(tensor)))
}

/// Returns the beginning of a text out of a file, for a message; what cannot be seen is escaped, by std alone, since this
/// crate is also built for browsers and must stay small.
pub(crate) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 300; // characters
    let beginning: String = text.chars().take(LONGEST).collect();
    beginning.escape_debug().to_string()
}
