//! From named tensors to layers and back: which axis of a weight comes first, which layer is next.
//!
//! A name that is used with both orders of axes is settled by the shapes: the outputs of a layer are
//! its bias's, and the inputs of the next. The order of the layers comes from the numbers in their names, from
//! the order in the file, or from the shapes where they fit in one order only.

use model::Tensor;
use serde::{Deserialize, Serialize};

use crate::chain::{self, Layer, Step};
use crate::error::printable;
use crate::names::natural;
use crate::norms;
use crate::pairs::{self, Dense, Parts};
use crate::{About, ExchangeError, Network, Reading};

/// Most tensors looked at: a layer allowed has a weight and a bias, its batch normalisation has five.
const MAX_TENSORS: usize = 16 * (model::config::MAX_LAYERS + 1);
/// Most steps of the search for an order that the shapes allow.
const MOST_STEPS: usize = 100_000;

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
    let layer = name.strip_prefix("layers.");
    let layer = layer.and_then(|rest| rest.split('.').next());
    layer.map_or_else(|| name.into(), |layer| format!("layer {layer}"))
}

/// Returns the network that `tensors` make up. Their order counts as their order in the file.
///
/// # Errors
/// When a tensor belongs to no dense layer, the shapes do not fit, or fit in more ways than one.
pub(crate) fn network(
    tensors: Vec<Tensor>,
    reading: &Reading,
    about: About,
) -> Result<Network, ExchangeError> {
    let (steps, mut notes) = steps(tensors, reading.layout.or(about.layout))?;
    let mut network = chain::network(steps, reading.scale, about)?;
    notes.append(&mut network.notes);
    network.notes = notes;
    Ok(network)
}

/// Returns the steps that `tensors` make up, and what is to be said of them.
fn steps(
    tensors: Vec<Tensor>,
    told: Option<Layout>,
) -> Result<(Vec<Step>, Vec<String>), ExchangeError> {
    if tensors.len() > MAX_TENSORS {
        return Err(ExchangeError::Unsupported {
            what: format!(
                "the file has {} tensors, more than any network here",
                tensors.len()
            ),
            hint: "give the weights alone, without the optimizer state",
        });
    }
    let Parts {
        dense,
        norms,
        mut notes,
    } = pairs::pair(tensors)?;
    let (order, layout) = order(&dense, told, &mut notes)?;
    let mut dense: Vec<Option<Dense>> = dense.into_iter().map(Some).collect();
    let taken = order.into_iter().filter_map(|i| dense.get_mut(i)?.take());
    let layers = taken.map(|dense| (dense.name.clone(), dense.layer(layout)));
    let steps = norms::between(layers.collect(), norms, &mut notes)?;
    Ok((steps, notes))
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

    fn layer(self, layout: Layout) -> Layer {
        let [_, outputs] = self.sizes(layout).unwrap_or(self.shape);
        let [_, columns] = self.shape;
        Layer {
            weight: match layout {
                Layout::InOut => self.weight,
                Layout::OutIn => transpose(&self.weight, columns),
            },
            bias: self.bias.unwrap_or_else(|| vec![0.0; outputs]),
        }
    }
}

/// Returns the places of the layers from the first to the last, and what comes first in a weight's shape.
fn order(
    found: &[Dense],
    told: Option<Layout>,
    notes: &mut Vec<String>,
) -> Result<(Vec<usize>, Layout), ExchangeError> {
    let layouts = told.map_or(vec![Layout::InOut, Layout::OutIn], |told| vec![told]);
    let by_place: Vec<&Dense> = found.iter().collect();
    let mut by_name = by_place.clone();
    by_name.sort_by_cached_key(|dense| natural(&dense.name));
    let fitting = |order: &[&Dense]| -> Vec<Layout> {
        let fits = |layout: &Layout| chains(order, *layout);
        layouts.iter().copied().filter(fits).collect()
    };
    let order = match (fitting(&by_name).is_empty(), fitting(&by_place).is_empty()) {
        (false, false) if !same(&by_name, &by_place) => {
            return Err(ExchangeError::Order(names(&by_name), names(&by_place)));
        }
        (true, true) => {
            let (order, layout) = by_shape(&by_name, &layouts)?;
            notes.push(format!(
                "order of the layers by their shapes: {}",
                names(&order)
            ));
            return Ok((places(found, &order), layout));
        }
        (false, _) => by_name,
        (true, false) => by_place,
    };
    match fitting(&order)[..] {
        [layout] => Ok((places(found, &order), layout)),
        _ => Err(ExchangeError::Layout(shapes(&order))),
    }
}

/// Returns the one order in which the shapes make a chain.
fn by_shape<'a>(
    found: &[&'a Dense],
    layouts: &[Layout],
) -> Result<(Vec<&'a Dense>, Layout), ExchangeError> {
    let mut fitting = Vec::new();
    let mut left = MOST_STEPS;
    for &layout in layouts {
        let sizes: Option<Vec<[usize; 2]>> =
            found.iter().map(|dense| dense.sizes(layout)).collect();
        for order in sizes.iter().flat_map(|sizes| orders(sizes, &mut left)) {
            fitting.push((order, layout));
        }
    }
    match &fitting[..] {
        [] => Err(ExchangeError::Chain(shapes(found))),
        [(order, layout)] if left > 0 => {
            let order = order.iter().filter_map(|&i| found.get(i).copied());
            Ok((order.collect(), *layout))
        }
        _ => Err(ExchangeError::Unsupported {
            what: format!(
                "the order of the layers is not clear, their shapes fit in more than one: {}",
                shapes(found)
            ),
            hint: "number the layers in their names, first to last",
        }),
    }
}

/// Returns two of the orders at most in which layers with these inputs and outputs make a chain.
fn orders(sizes: &[[usize; 2]], left: &mut usize) -> Vec<Vec<usize>> {
    let mut found = Vec::new();
    let mut open: Vec<Vec<usize>> = (0..sizes.len()).map(|first| vec![first]).collect();
    while let Some(order) = open.pop() {
        *left = left.saturating_sub(1);
        if *left == 0 || found.len() == 2 {
            break;
        }
        if order.len() == sizes.len() {
            found.push(order);
            continue;
        }
        let last = order.last().and_then(|&i| sizes.get(i));
        for (next, [inputs, _]) in sizes.iter().enumerate() {
            if last.is_some_and(|[_, outputs]| outputs == inputs) && !order.contains(&next) {
                open.push([&order[..], &[next]].concat());
            }
        }
    }
    found
}

/// Returns whether the outputs of each layer are the inputs of the next.
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

/// Returns where in `found` the layers of `order` are.
fn places(found: &[Dense], order: &[&Dense]) -> Vec<usize> {
    let place = |dense: &&Dense| found.iter().position(|other| other.name == dense.name);
    order.iter().filter_map(place).collect()
}

/// Returns a matrix of rows of `columns` values with rows and columns exchanged.
pub(crate) fn transpose(values: &[f32], columns: usize) -> Vec<f32> {
    let columns = columns.clamp(1, values.len().max(1)); // of no values a file can claim any number
    let mut transposed = Vec::with_capacity(values.len());
    for column in 0..columns {
        transposed.extend(values.iter().skip(column).step_by(columns).copied());
    }
    transposed
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
