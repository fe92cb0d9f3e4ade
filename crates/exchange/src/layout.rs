//! From named tensors to layers: whose names they are, which axis comes first, which layer is next.
//!
//! | writer | weight | bias |
//! | --- | --- | --- |
//! | this program | `layers.N.weight` `[in, out]` | `layers.N.bias` |
//! | PyTorch | `....weight` `[out, in]` | `....bias` |
//! | Keras | `.../kernel` `[in, out]` | `.../bias` |
//! | Keras, in HDF5 | `.../vars/0` `[in, out]` | `.../vars/1` |
//! | `np.savez(file, *model.get_weights())` | `arr_0`, `arr_2`, ... | `arr_1`, `arr_3`, ... |
//!
//! A name that is used with both orders of axes is settled by the shapes: the outputs of a layer are
//! its bias's, and the inputs of the next.

use model::Tensor;
use serde::{Deserialize, Serialize};

use crate::chain::{self, Layer};
use crate::error::printable;
use crate::{About, ExchangeError, Network};

/// Most tensors looked at: a weight and a bias for each layer allowed, and some room.
const MAX_TENSORS: usize = 4 * (model::config::MAX_LAYERS + 1);

/// What comes first in the shape of a weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// `[in, out]`, as Keras and this program store it.
    InOut,
    /// `[out, in]`, as PyTorch stores it.
    OutIn,
}

impl Layout {
    /// Both, with their names in files and on the command line.
    pub const ALL: [(&'static str, Self); 2] = [("in-out", Self::InOut), ("out-in", Self::OutIn)];

    /// Returns this program's tensors as this layout has them, in their order: under their own names, or under
    /// those of PyTorch's `Sequential(Flatten(), Linear(...), ReLU(), Linear(...), ...)` with their weights
    /// transposed.
    pub(crate) fn named(self, tensors: &[Tensor]) -> Vec<Tensor> {
        match self {
            Self::InOut => tensors.to_vec(),
            Self::OutIn => tensors.iter().enumerate().map(in_pytorch).collect(),
        }
    }
}

/// Returns tensor `index` of this program, a weight and a bias for each layer, as PyTorch has it.
fn in_pytorch((index, tensor): (usize, &Tensor)) -> Tensor {
    let what = tensor.name.rsplit('.').next().unwrap_or_default();
    Tensor {
        name: format!("{}.{what}", index / 2 * 2 + 1),
        shape: tensor.shape.iter().rev().copied().collect(),
        values: match tensor.shape[..] {
            [_, outputs] => transpose(&tensor.values, outputs),
            _ => tensor.values.clone(),
        },
    }
}

/// Returns where in the network this program's tensor `name` is, for a message: `layer 1`.
pub(crate) fn place(name: &str) -> String {
    let layer = name
        .strip_prefix("layers.")
        .and_then(|rest| rest.split('.').next());
    layer.map_or_else(|| name.into(), |layer| format!("layer {layer}"))
}

/// Returns the network that `tensors` make up, `told` or not what comes first in a weight's shape. The order of
/// `tensors` counts as their order in the file.
///
/// # Errors
/// When a tensor belongs to no dense layer, the shapes do not fit, or fit in more ways than one.
pub(crate) fn network(
    tensors: Vec<Tensor>,
    told: Option<Layout>,
    about: About,
) -> Result<Network, ExchangeError> {
    let layers = layers(tensors, told.or(about.layout))?;
    Ok(chain::network(layers, about))
}

/// Returns the layers that `tensors` make up, `told` or not what comes first in a weight's shape. The
/// order of `tensors` counts as their order in the file.
///
/// # Errors
/// When a tensor belongs to no dense layer, the shapes do not fit, or fit in more ways than one.
fn layers(tensors: Vec<Tensor>, told: Option<Layout>) -> Result<Vec<Layer>, ExchangeError> {
    if tensors.len() > MAX_TENSORS {
        return Err(ExchangeError::Unsupported {
            what: format!(
                "the file has {} tensors, more than any network here",
                tensors.len()
            ),
            hint: "give the weights alone, without the optimizer state",
        });
    }
    let found = dense(tensors)?;
    let mut by_name: Vec<&Dense> = found.iter().collect();
    by_name.sort_by_cached_key(|dense| natural(&dense.name));
    let by_place: Vec<&Dense> = found.iter().collect();
    let layouts = told.map_or(vec![Layout::InOut, Layout::OutIn], |told| vec![told]);
    let fitting = |order: &[&Dense]| -> Vec<Layout> {
        let fits = |layout: &Layout| chains(order, *layout);
        layouts.iter().copied().filter(fits).collect()
    };
    let order = match (fitting(&by_name).is_empty(), fitting(&by_place).is_empty()) {
        (false, false) if !same(&by_name, &by_place) => {
            return Err(ExchangeError::Order(names(&by_name), names(&by_place)));
        }
        (false, _) => by_name,
        (true, _) => by_place,
    };
    match fitting(&order)[..] {
        [] => Err(ExchangeError::Chain(shapes(&order))),
        [layout] => Ok(order.iter().map(|dense| dense.layer(layout)).collect()),
        _ => Err(ExchangeError::Layout(shapes(&order))),
    }
}

/// A weight with its bias, if it has one.
struct Dense {
    name: String,
    shape: [usize; 2],
    weight: Vec<f32>,
    bias: Option<Vec<f32>>,
    /// Known from the name.
    layout: Option<Layout>,
}

impl Dense {
    /// Returns the numbers of inputs and outputs, if `layout` is possible.
    fn sizes(&self, layout: Layout) -> Option<[usize; 2]> {
        let [first, second] = self.shape;
        let [inputs, outputs] = match layout {
            Layout::InOut => [first, second],
            Layout::OutIn => [second, first],
        };
        let bias_fits = self.bias.as_ref().is_none_or(|bias| bias.len() == outputs);
        let name_fits = self.layout.is_none_or(|known| known == layout);
        (bias_fits && name_fits && inputs > 0 && outputs > 0).then_some([inputs, outputs])
    }

    fn layer(&self, layout: Layout) -> Layer {
        let [_, outputs] = self.sizes(layout).unwrap_or(self.shape);
        Layer {
            weight: match layout {
                Layout::InOut => self.weight.clone(),
                Layout::OutIn => transpose(&self.weight, self.shape[1]),
            },
            bias: self.bias.clone().unwrap_or_else(|| vec![0.0; outputs]),
        }
    }
}

/// What a tensor is by its name.
struct Role {
    layer: String,
    /// Known from the name.
    layout: Option<Layout>,
}

/// Pairs weights with biases, in the order of the weights.
fn dense(tensors: Vec<Tensor>) -> Result<Vec<Dense>, ExchangeError> {
    let mut found: Vec<Dense> = Vec::new();
    let mut biases: Vec<(String, Tensor)> = Vec::new();
    for tensor in tensors {
        let Some(role) = role(&tensor.name, tensor.shape.len()) else {
            return Err(no_layer(&tensor));
        };
        let is_new = found.iter().all(|dense| dense.name != role.layer);
        match tensor.shape[..] {
            [first, second] if is_new => found.push(Dense {
                name: role.layer,
                shape: [first, second],
                weight: tensor.values,
                bias: None,
                layout: role.layout,
            }),
            [_] => biases.push((role.layer, tensor)),
            _ => return Err(no_layer(&tensor)),
        }
    }
    for (layer, tensor) in biases {
        match found.iter_mut().find(|dense| dense.name == layer) {
            Some(dense) if dense.bias.is_none() => dense.bias = Some(tensor.values),
            _ => return Err(no_layer(&tensor)),
        }
    }
    match found.is_empty() {
        true => Err(ExchangeError::Chain("there is none".into())),
        false => Ok(found),
    }
}

/// Returns what a tensor of so many axes is, by its name; `None` when that is nothing of a dense layer.
fn role(name: &str, axes: usize) -> Option<Role> {
    let plain = name.strip_suffix(":0").unwrap_or(name); // TensorFlow numbers a variable's outputs
    let (layer, last) = plain.rsplit_once(['.', '/']).unwrap_or(("", plain));
    let (layer, allowed, layout): (String, &[usize], _) = match last {
        "weight" => (layer.into(), &[2], None),
        "kernel" => (layer.into(), &[2], Some(Layout::InOut)),
        "bias" => (layer.into(), &[1], None),
        "0" | "1" => {
            let layer = layer.strip_suffix("/vars")?;
            let axes: &[usize] = if last == "0" { &[2] } else { &[1] };
            (layer.into(), axes, Some(Layout::InOut))
        }
        _ => {
            // A list of arrays: each weight with the bias after it.
            let number: usize = last.strip_prefix("arr_")?.parse().ok()?;
            (format!("arr_{}", number - number % 2), &[1, 2], None)
        }
    };
    allowed.contains(&axes).then_some(Role { layer, layout })
}

fn no_layer(tensor: &Tensor) -> ExchangeError {
    ExchangeError::Tensor {
        name: printable(&tensor.name),
        shape: tensor.shape.clone(),
    }
}

/// Returns whether each layer's outputs are the next one's inputs.
fn chains(order: &[&Dense], layout: Layout) -> bool {
    let mut width = None;
    order.iter().all(|dense| match dense.sizes(layout) {
        Some([inputs, outputs]) => width.replace(outputs).is_none_or(|width| width == inputs),
        None => false,
    })
}

/// Returns whether two orders are one.
fn same(one: &[&Dense], other: &[&Dense]) -> bool {
    one.iter().zip(other).all(|(a, b)| a.name == b.name)
}

/// Returns `name` cut where numbers begin and end, so that `layer 10` follows `layer 9`.
pub(crate) fn natural(name: &str) -> Vec<(u64, String)> {
    let mut parts: Vec<(bool, String)> = Vec::new();
    for letter in name.chars() {
        let is_digit = letter.is_ascii_digit();
        match parts.last_mut() {
            Some((digits, part)) if *digits == is_digit => part.push(letter),
            _ => parts.push((is_digit, letter.into())),
        }
    }
    let key = |(is_number, part): (bool, String)| match part.parse() {
        Ok(number) if is_number => (number, String::new()),
        _ => (u64::MAX, part),
    };
    parts.into_iter().map(key).collect()
}

/// Returns a matrix of rows of `columns` values with rows and columns exchanged.
pub(crate) fn transpose(values: &[f32], columns: usize) -> Vec<f32> {
    let columns = columns.clamp(1, values.len().max(1)); // of no values a file can claim any number
    (0..columns)
        .flat_map(|column| values.iter().skip(column).step_by(columns).copied())
        .collect()
}

fn names(order: &[&Dense]) -> String {
    let names: Vec<String> = order.iter().map(|dense| printable(&dense.name)).collect();
    names.join(", ")
}

fn shapes(order: &[&Dense]) -> String {
    let shape = |dense: &&Dense| {
        let bias = match &dense.bias {
            Some(bias) => format!(" + {}", bias.len()),
            None => String::new(),
        };
        let [first, second] = dense.shape;
        format!("{} {first}x{second}{bias}", printable(&dense.name))
    };
    order.iter().map(shape).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
