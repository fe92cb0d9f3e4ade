//! safetensors: a JSON header and little-endian numbers, <https://github.com/huggingface/safetensors>.
//!
//! An 8-bit weight `NAME` `[in, out]` has its scales in `NAME_scale` `[out]`, see
//! [`quantize`](crate::quantize).

use std::collections::HashMap;

use half::f16;
use model::Tensor;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::error::printable;
use crate::layout::{self, Layout};
use crate::names::natural;
use crate::number::{self, Number, Room};
use crate::quantize::{Quantized, dequantize, quantize};
use crate::{About, ExchangeError, Network, Reading, about};

/// What errors call the format.
const FORMAT: &str = "safetensors";
/// Ending of the name of an 8-bit weight's scales.
const SCALE: &str = "_scale";

/// Longest header read, in bytes; one of a network here has some thousand. In memory it is ten times as long.
const MAX_HEADER: u64 = 1 << 20;

/// A tensor that is to be written: name, type, shape, bytes.
type Stored = (String, Dtype, Vec<usize>, Vec<u8>);

/// Returns the network in a file. The order of its layers comes from their names.
///
/// # Errors
/// [`ExchangeError`] says what is wrong with the file.
pub fn read(bytes: &[u8], reading: &Reading) -> Result<Network, ExchangeError> {
    let damaged = |e| ExchangeError::damaged(FORMAT, e);
    let length = bytes
        .first_chunk()
        .map_or(0, |length| u64::from_le_bytes(*length));
    if length > MAX_HEADER {
        return Err(ExchangeError::damaged(FORMAT, "its header is too long"));
    }
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let entries = header.metadata().iter().flatten();
    let entries = entries.map(|(key, text)| (key.as_str(), text.as_str()));
    let (about, mut notes) = About::from_entries(entries);
    let mut views: Vec<(&str, TensorView)> = file.iter().collect();
    views.sort_by_cached_key(|(name, _)| (natural(name), name.to_string()));
    let is_scale = |(name, _): &(&str, _)| name.ends_with(SCALE);
    let (scales, views): (Vec<_>, Vec<_>) = views.into_iter().partition(is_scale);
    let scales: HashMap<&str, TensorView> = scales.into_iter().collect();
    let mut tensors = Vec::new();
    let mut used = 0;
    let mut room = Room::of(bytes.len() as u64);
    for (name, view) in views {
        room.take(
            view.shape()
                .iter()
                .fold(1, |count: usize, &size| count.saturating_mul(size)),
        )?;
        let scale = scales.get(format!("{name}{SCALE}").as_str());
        used += usize::from(scale.is_some());
        tensors.push(Tensor {
            values: values(name, &view, scale)?,
            name: name.into(),
            shape: view.shape().to_vec(),
        });
    }
    if used < scales.len() {
        let reason = format!("a tensor ends in `{SCALE}` and belongs to none");
        return Err(ExchangeError::damaged(FORMAT, reason));
    }
    let mut network = layout::network(tensors, reading, about)?;
    network.notes.append(&mut notes);
    Ok(network)
}

fn values(
    name: &str,
    view: &TensorView,
    scale: Option<&TensorView>,
) -> Result<Vec<f32>, ExchangeError> {
    let number = match (view.dtype(), scale) {
        (Dtype::F16, None) => Number::F16,
        (Dtype::BF16, None) => Number::Bf16,
        (Dtype::F32, None) => Number::F32,
        (Dtype::F64, None) => Number::F64,
        (Dtype::I8, Some(scale)) if scale.dtype() == Dtype::F32 => {
            if view.shape().len() != 2 || view.shape().get(1..) != Some(scale.shape()) {
                let name = printable(name);
                let reason = format!("`{name}{SCALE}` does not fit its weight");
                return Err(ExchangeError::damaged(FORMAT, reason));
            }
            let weight: Vec<i8> = view.data().iter().map(|&byte| byte as i8).collect();
            return Ok(dequantize(&weight, &Number::F32.floats(scale.data())));
        }
        (dtype, _) => {
            let name = printable(name);
            return Err(ExchangeError::Unsupported {
                what: format!("tensor `{name}` has numbers of the type {dtype}"),
                hint: "floats of 16, 32 or 64 bits can be read, and what `trainer export` writes",
            });
        }
    };
    Ok(number.floats(view.data()))
}

/// Returns the file of `network` with 32-bit floats.
///
/// # Errors
/// When the network is not whole.
pub fn write(network: &Network, layout: Layout) -> Result<Vec<u8>, ExchangeError> {
    let stored = named(network, layout, |values| {
        (Dtype::F32, number::bytes(values))
    });
    serialize(stored, network, layout)
}

/// Returns the file of `network` with 16-bit floats.
///
/// # Errors
/// When a weight is too large for 16 bits (65,504).
pub fn write_f16(network: &Network, layout: Layout) -> Result<Vec<u8>, ExchangeError> {
    let largest = f16::MAX.to_f32();
    for tensor in &network.tensors {
        let mut values = tensor.values.iter();
        if let Some(value) = values.find(|value| f16::from_f32(**value).is_infinite()) {
            let place = layout::place(&tensor.name);
            return Err(ExchangeError::Unsupported {
                what: format!("{place} has {value}; 16-bit floats end at {largest}"),
                hint: "export it as safetensors, with 32 bits",
            });
        }
    }
    let half = |values: &[f32]| {
        let bytes = values.iter().flat_map(|&v| f16::from_f32(v).to_le_bytes());
        (Dtype::F16, bytes.collect())
    };
    serialize(named(network, layout, half), network, layout)
}

/// Returns the file of `network` with 8-bit weights `[in, out]`, their scales, and 32-bit biases.
///
/// # Errors
/// When the network is not whole.
pub fn write_int8(network: &Network) -> Result<Vec<u8>, ExchangeError> {
    let layout = Layout::InOut;
    let mut stored: Vec<Stored> = Vec::new();
    for tensor in layout.named(&network.tensors) {
        let outputs = match tensor.shape[..] {
            [_, .., outputs] => outputs,
            _ => {
                let bytes = number::bytes(&tensor.values);
                stored.push((tensor.name, Dtype::F32, tensor.shape, bytes));
                continue;
            }
        };
        let Quantized { weight, scale } = quantize(&tensor.values, outputs);
        let bytes = weight.iter().map(|w| w.cast_unsigned()).collect();
        let name = format!("{}{SCALE}", tensor.name);
        stored.push((name, Dtype::F32, vec![outputs], number::bytes(&scale)));
        stored.push((tensor.name, Dtype::I8, tensor.shape, bytes));
    }
    serialize(stored, network, layout)
}

/// Returns every tensor under its name, with its numbers as `encode` stores them.
fn named(
    network: &Network,
    layout: Layout,
    encode: impl Fn(&[f32]) -> (Dtype, Vec<u8>),
) -> Vec<Stored> {
    let stored = |tensor: Tensor| {
        let (dtype, bytes) = encode(&tensor.values);
        (tensor.name, dtype, tensor.shape, bytes)
    };
    let tensors = layout.named(&network.tensors).into_iter();
    tensors.map(stored).collect()
}

/// One entry of metadata, not many: the crate writes them in an order of chance.
fn serialize(
    stored: Vec<Stored>,
    network: &Network,
    layout: Layout,
) -> Result<Vec<u8>, ExchangeError> {
    let failed = |e| ExchangeError::damaged(FORMAT, e);
    let about = About {
        layout: Some(layout),
        ..network.about.clone()
    };
    let entries = HashMap::from([(about::KEY.to_string(), about.to_json())]);
    let mut views = Vec::new();
    for (name, dtype, shape, bytes) in &stored {
        let view = TensorView::new(*dtype, shape.clone(), bytes).map_err(failed)?;
        views.push((name, view));
    }
    safetensors::serialize(views, Some(entries)).map_err(failed)
}
