//! From a graph to layers: the graph must be one chain of dense layers and activations.

use std::collections::{HashMap, HashSet};

use model::{Activation, Output};

use super::FORMAT;
use super::field::tensor;
use super::message::{Constant, Model, Node};
use crate::chain::{self, Layer};
use crate::error::printable;
use crate::layout::transpose;
use crate::{About, ExchangeError, Network};

/// Returns the network of a file. Activations, and whether the outputs are sigmoid neurons, come from
/// the graph, the size of the images from the shape of its input, the rest from its metadata.
///
/// # Errors
/// [`ExchangeError`] says what is wrong with the file, or which node cannot run here.
pub fn read(bytes: &[u8]) -> Result<Network, ExchangeError> {
    let model = Model::parse(bytes)?;
    let [(input, shape)] = &model.inputs[..] else {
        let what = format!("the graph has {} inputs", model.inputs.len());
        return Err(unsupported(what));
    };
    let mut chain = Chain {
        constants: model.constants.clone(),
        shapes: HashSet::new(),
        at: input,
        layers: Vec::new(),
    };
    for node in &model.nodes {
        chain.take(node)?;
    }
    if !model.outputs.contains(&chain.at) {
        return Err(unsupported(
            "the graph's last value is not its output".into(),
        ));
    }
    let mut about = About::from_entries(model.entries.iter().copied())?;
    let (mut layers, mut activations) = (Vec::new(), Vec::new());
    for (layer, after) in chain.layers {
        layers.push(layer);
        activations.push(after);
    }
    let last = activations
        .pop()
        .ok_or_else(|| unsupported("the graph has no layer".into()))?;
    about.output = Some(output(&last)?);
    if let Some(activation) = activation(&activations)? {
        about.activation = Some(activation);
    }
    about.input = about.input.or(image(shape));
    Ok(chain::network(layers, about))
}

/// The type of 32-bit floats, as an attribute has it.
const FLOAT: i64 = tensor::FLOAT as i64;

/// A graph as far as it has been followed.
struct Chain<'a> {
    /// Messages of the constants, by name.
    constants: HashMap<&'a str, &'a [u8]>,
    /// Names of what is computed of shapes and constants alone: where a Reshape goes.
    shapes: HashSet<&'a str>,
    /// Name of the value the last node gave.
    at: &'a str,
    /// Each layer with the operators after it.
    layers: Vec<(Layer, Vec<&'a str>)>,
}

impl<'a> Chain<'a> {
    /// Follows one node.
    fn take(&mut self, node: &Node<'a>) -> Result<(), ExchangeError> {
        let refuse = |why: &str| Err(unsupported(format!("{} {why}", name(node))));
        let Some(&output) = node.outputs.first() else {
            return refuse("has no output");
        };
        if node.operator == "Constant" {
            if let Some(value) = node.bytes("value")? {
                self.constants.insert(output, value);
            }
            return Ok(());
        }
        let is_known =
            |name: &&str| self.constants.contains_key(name) || self.shapes.contains(name);
        if node.operator == "Shape" || node.inputs.iter().all(is_known) {
            self.shapes.insert(output);
            return Ok(());
        }
        if !node.inputs.contains(&self.at) {
            return refuse("does not take what the node before it gives: the graph is no chain");
        }
        match node.operator {
            // A batch of images is flattened row by row by each of these, if by any at all.
            "Flatten" if node.integer("axis")?.unwrap_or(1) != 1 => {
                return refuse("has another axis than 1");
            }
            "Flatten" | "Reshape" if self.layers.is_empty() => {}
            "Cast" if node.integer("to")? != Some(FLOAT) => {
                return refuse("makes other numbers than 32-bit floats");
            }
            "Cast" | "Identity" | "Dropout" => {}
            "Div" | "Mul" if self.layers.is_empty() => self.scaling(node)?,
            "Gemm" => self.gemm(node)?,
            "MatMul" => {
                let weight = self.constant(node, 1)?;
                self.layer(node, weight, false, None)?;
            }
            "Add" => self.bias(node)?,
            "Softmax" | "LogSoftmax" if !matches!(node.integer("axis")?, None | Some(1 | -1)) => {
                return refuse("has another axis than 1");
            }
            "Gelu" if !matches!(node.bytes("approximate")?, None | Some(b"none")) => {
                return refuse("is an approximation; the exact one runs here");
            }
            "Relu" | "Sigmoid" | "Tanh" | "Gelu" | "Neg" | "Softplus" | "Softmax"
            | "LogSoftmax" => match self.layers.last_mut() {
                Some((_, after)) => after.push(node.operator),
                None => return refuse("comes before the first layer"),
            },
            _ => return refuse("is none of the operators that run here"),
        }
        self.at = output;
        Ok(())
    }

    /// Dividing bytes by 255 is what happens to pixels here as well.
    fn scaling(&self, node: &Node<'a>) -> Result<(), ExchangeError> {
        let other = usize::from(node.inputs.first() == Some(&self.at));
        let values = self.constant(node, other)?.values;
        let divisor = match (node.operator, &values[..]) {
            ("Div", &[divisor]) if other == 1 => divisor,
            ("Mul", &[factor]) => 1.0 / factor,
            _ => 0.0,
        };
        match (divisor - model::record::PIXEL_DIVISOR).abs() < 1e-3 {
            true => Ok(()),
            false => Err(unsupported(format!(
                "{} is not a division by 255",
                name(node)
            ))),
        }
    }

    fn gemm(&mut self, node: &Node<'a>) -> Result<(), ExchangeError> {
        let is_one = |scale: Option<f32>| scale.is_none_or(|scale| scale == 1.0);
        let is_plain = is_one(node.float("alpha")?)
            && is_one(node.float("beta")?)
            && node.integer("transA")?.unwrap_or(0) == 0
            && node.inputs.first() == Some(&self.at);
        if !is_plain {
            return Err(unsupported(format!("{} is not x W + b", name(node))));
        }
        let weight = self.constant(node, 1)?;
        let bias = match node.inputs.get(2) {
            Some(name) if !name.is_empty() => Some(self.constant(node, 2)?.values),
            _ => None,
        };
        self.layer(
            node,
            weight,
            node.integer("transB")?.unwrap_or(0) != 0,
            bias,
        )
    }

    /// Adds a layer; `weight` is `[in, out]`, or `[out, in]` when it is `transposed`.
    fn layer(
        &mut self,
        node: &Node<'a>,
        weight: Constant,
        transposed: bool,
        bias: Option<Vec<f32>>,
    ) -> Result<(), ExchangeError> {
        let is_product = node.inputs.first() == Some(&self.at) && !weight.shape.contains(&0);
        let (&[rows, columns], true) = (&weight.shape[..], is_product) else {
            return Err(unsupported(format!("{} is no dense layer", name(node))));
        };
        let (inputs, outputs, weight) = match transposed {
            true => (columns, rows, transpose(&weight.values, columns)),
            false => (rows, columns, weight.values),
        };
        let before = self.layers.last().map(|(layer, _)| layer.bias.len());
        let bias = bias.unwrap_or_else(|| vec![0.0; outputs]);
        if bias.len() != outputs || outputs == 0 || before.is_some_and(|before| before != inputs) {
            return Err(ExchangeError::damaged(
                FORMAT,
                format!("the shapes of {} do not fit", name(node)),
            ));
        }
        // A constant may be used again and again.
        let before: usize = self
            .layers
            .iter()
            .map(|(layer, _)| layer.weight.len())
            .sum();
        if before + weight.len() > model::config::MAX_PARAMETERS {
            return Err(ExchangeError::TooLarge);
        }
        self.layers.push((Layer { weight, bias }, Vec::new()));
        Ok(())
    }

    /// Adds a constant to the last layer's bias.
    fn bias(&mut self, node: &Node<'a>) -> Result<(), ExchangeError> {
        let other = usize::from(node.inputs.first() == Some(&self.at));
        let constant = self.constant(node, other)?;
        match self.layers.last_mut() {
            Some((layer, after))
                if after.is_empty() && layer.bias.len() == constant.values.len() =>
            {
                for (bias, added) in layer.bias.iter_mut().zip(constant.values) {
                    *bias += added;
                }
                Ok(())
            }
            _ => Err(unsupported(format!(
                "{} is not the bias of a layer",
                name(node)
            ))),
        }
    }

    /// Returns the constant that is the node's input `index`.
    fn constant(&self, node: &Node<'a>, index: usize) -> Result<Constant, ExchangeError> {
        let input = node.inputs.get(index).copied().unwrap_or_default();
        match self.constants.get(input) {
            Some(message) => Constant::parse(input, message),
            None => Err(unsupported(format!("{} takes no constant", name(node)))),
        }
    }
}

/// Returns the one activation of the hidden layers, of which there may be none.
fn activation(hidden: &[Vec<&str>]) -> Result<Option<Activation>, ExchangeError> {
    let mut found = None;
    for after in hidden {
        let activation = match after[..] {
            ["Relu"] => Activation::Relu,
            ["Sigmoid"] => Activation::Sigmoid,
            ["Tanh"] => Activation::Tanh,
            ["Gelu"] => Activation::Gelu,
            [] => {
                return Err(unsupported(
                    "two layers follow each other without an activation".into(),
                ));
            }
            _ => {
                return Err(unsupported(format!(
                    "{} between two layers",
                    after.join(", ")
                )));
            }
        };
        if found
            .replace(activation)
            .is_some_and(|before| before != activation)
        {
            return Err(unsupported(
                "the hidden layers have different activations".into(),
            ));
        }
    }
    Ok(found)
}

/// Returns what the output neurons mean by the operators after the last layer. Without any they are
/// logits.
fn output(after: &[&str]) -> Result<Output, ExchangeError> {
    match after {
        [] | ["Softmax"] | ["LogSoftmax"] => Ok(Output::Softmax),
        ["Sigmoid"] | ["Neg", "Softplus", "Neg", "Softmax"] => Ok(Output::Sigmoid),
        _ => Err(unsupported(format!(
            "{} after the last layer",
            after.join(", ")
        ))),
    }
}

/// Returns height and width of the images in a batch of this shape: one channel, before or after them,
/// or none.
fn image(shape: &[usize]) -> Option<[usize; 2]> {
    match *shape {
        [_, height, width] | [_, 1, height, width] | [_, height, width, 1] => Some([height, width]),
        _ => None,
    }
    .filter(|sizes| !sizes.contains(&0))
}

fn name(node: &Node) -> String {
    let output = node.outputs.first().copied().unwrap_or_default();
    format!(
        "the node {} (`{}`)",
        printable(node.operator),
        printable(output)
    )
}

fn unsupported(what: String) -> ExchangeError {
    ExchangeError::Unsupported {
        what: format!("the ONNX graph cannot run here: {what}"),
        hint: "Flatten, then Gemm or MatMul + Add with Relu, Sigmoid or Tanh between, then Softmax; see \
               docs/interop.md",
    }
}
