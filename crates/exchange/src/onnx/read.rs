//! From a graph to steps: what leads to one of its outputs must be one chain.

use std::collections::{HashMap, HashSet};

use super::message::{Constant, Input, Model, Node};
use super::operators;
use super::value::{Form, Value};
use crate::beside::Beside;
use crate::chain::{self, Step};
use crate::error::printable;
use crate::number::Room;
use crate::{About, ExchangeError, Network, Reading};

/// Most outputs of a graph that are followed.
const MOST_OUTPUTS: usize = 8;

/// Returns the network of a file. Activations, and whether the outputs are sigmoid neurons, come from
/// the graph, the size of the images from the shape of its input, the rest from its metadata. Of several outputs
/// the one with most layers before it counts.
///
/// # Errors
/// [`ExchangeError`] says what is wrong with the file, or which node cannot run here.
pub fn read(bytes: &[u8], reading: &Reading) -> Result<Network, ExchangeError> {
    let model = Model::parse(bytes)?;
    let [input] = &model.inputs[..] else {
        let what = format!("the graph has {} inputs", model.inputs.len());
        return Err(unsupported(what));
    };
    let (mut about, notes) = About::from_entries(model.entries.iter().copied());
    about.input = about.input.or(image(&input.shape));
    about.layout = None;
    if input.is_bytes {
        about.pixel_divisor = about.pixel_divisor.or(Some(1.0));
    }
    let mut best: Option<(&str, Network)> = None;
    let mut refused = None;
    for &output in model.outputs.iter().take(MOST_OUTPUTS) {
        let steps = Graph::new(&model, input, bytes.len(), reading).steps_to(output);
        let network = steps.and_then(|steps| chain::network(steps, reading.scale, about.clone()));
        let layers = |network: &Network| network.tensors.len();
        match network {
            Ok(network)
                if best
                    .as_ref()
                    .is_none_or(|(_, b)| layers(b) < layers(&network)) =>
            {
                best = Some((output, network));
            }
            Ok(_) => {}
            Err(error) => refused = Some(error),
        }
    }
    let Some((output, mut network)) = best else {
        let none = || unsupported("the graph has no output".into());
        return Err(refused.unwrap_or_else(none));
    };
    let others = model.outputs.iter().filter(|other| **other != output);
    network.leave_out(others.map(|other| format!("output {other}")).collect());
    network.notes.extend(notes);
    Ok(network)
}

/// A constant of a graph.
#[derive(Clone, Copy)]
enum Known<'a> {
    Message(&'a [u8]),
    Number(f32),
    /// Rows and columns of another one exchanged.
    Transposed(&'a str),
    Same(&'a str),
}

/// A graph as far as it has been followed.
pub(super) struct Graph<'m, 'a> {
    model: &'m Model<'a>,
    constants: HashMap<&'a str, Known<'a>>,
    /// Names of what is computed of shapes and constants alone: where a Reshape goes.
    shapes: HashSet<&'a str>,
    values: HashMap<&'a str, Value>,
    pub(super) steps: Vec<Step>,
    beside: Beside<'m>,
    room: Room,
}

impl<'m, 'a> Graph<'m, 'a> {
    fn new(model: &'m Model<'a>, input: &Input<'a>, bytes: usize, reading: &'m Reading) -> Self {
        let constants = model.constants.iter();
        let image = Value {
            steps: 0,
            form: Form::plain(),
            shape: input.shape.get(1..).unwrap_or_default().to_vec(),
        };
        Self {
            model,
            constants: constants
                .map(|(name, message)| (*name, Known::Message(message)))
                .collect(),
            shapes: HashSet::new(),
            values: HashMap::from([(input.name, image)]),
            steps: Vec::new(),
            beside: Beside::of(reading.folder),
            room: Room::of(bytes as u64),
        }
    }

    /// Returns the steps from the input to `output`.
    fn steps_to(mut self, output: &'a str) -> Result<Vec<Step>, ExchangeError> {
        let mut needed = HashSet::from([output]);
        let mut leading = Vec::new();
        for node in self.model.nodes.iter().rev() {
            if node.outputs.iter().any(|output| needed.contains(output)) {
                needed.extend(&node.inputs);
                leading.push(node);
            }
        }
        for node in leading.into_iter().rev() {
            self.follow(node)?;
        }
        let Some(last) = self.values.remove(output) else {
            return Err(unsupported(format!(
                "nothing leads from its input to its output `{}`",
                printable(output)
            )));
        };
        self.settle(&last, || format!("the output `{}`", printable(output)))?;
        Ok(self.steps)
    }

    /// Follows one node.
    fn follow(&mut self, node: &Node<'a>) -> Result<(), ExchangeError> {
        let Some(&output) = node.outputs.first() else {
            return Err(unsupported(format!("{} has no output", name(node))));
        };
        let inputs = node.inputs.iter().filter(|input| !input.is_empty());
        let values: Vec<&str> = inputs
            .copied()
            .filter(|input| self.values.contains_key(input))
            .collect();
        if values.is_empty() || node.operator == "Shape" {
            return self.follow_constant(node, output);
        }
        let value = operators::apply(self, node, &values)?;
        self.values.insert(output, value);
        Ok(())
    }

    /// Follows a node that takes nothing of the images.
    fn follow_constant(&mut self, node: &Node<'a>, output: &'a str) -> Result<(), ExchangeError> {
        let first = node.inputs.first().copied().unwrap_or_default();
        let is_constant = self.constants.contains_key(first);
        let known = match node.operator {
            "Constant" => match (node.bytes("value")?, node.float("value_float")?) {
                (Some(message), _) => Known::Message(message),
                (None, Some(number)) => Known::Number(number),
                (None, None) => return Ok(()),
            },
            "Identity" | "Cast" if is_constant => Known::Same(first),
            "Transpose" if is_constant => Known::Transposed(first),
            _ => {
                self.shapes.insert(output);
                return Ok(());
            }
        };
        self.constants.insert(output, known);
        Ok(())
    }

    /// Returns the value that the name stands for.
    pub(super) fn value(&self, name: &str) -> Option<Value> {
        self.values.get(name).cloned()
    }

    /// Returns the constant that is the node's input `index`.
    pub(super) fn constant(
        &mut self,
        node: &Node<'a>,
        index: usize,
    ) -> Result<Constant, ExchangeError> {
        let mut input = node.inputs.get(index).copied().unwrap_or_default();
        let mut is_transposed = false;
        for _ in 0..self.constants.len() {
            match self.constants.get(input).copied() {
                Some(Known::Message(message)) => {
                    let constant =
                        Constant::parse(input, message, &mut self.beside, &mut self.room)?;
                    return Ok(if is_transposed {
                        constant.transposed()
                    } else {
                        constant
                    });
                }
                Some(Known::Number(number)) => {
                    return Ok(Constant {
                        shape: Vec::new(),
                        values: vec![number],
                    });
                }
                Some(Known::Transposed(other)) => (input, is_transposed) = (other, !is_transposed),
                Some(Known::Same(other)) => input = other,
                None => break,
            }
        }
        Err(unsupported(format!("{} takes no constant", name(node))))
    }

    /// Makes a step of what is computed since the last one.
    pub(super) fn settle(
        &mut self,
        value: &Value,
        what: impl Fn() -> String,
    ) -> Result<(), ExchangeError> {
        if value.steps != self.steps.len() {
            return Err(unsupported(format!(
                "{} does not take what the node before it gives: the graph is no chain",
                what()
            )));
        }
        match &value.form {
            form if *form == Form::plain() => {}
            Form::Scaled(affine) => self.steps.push(Step::Affine(affine.clone())),
            form if form.is_gelu() => {
                self.steps
                    .push(Step::Activation(Some(model::Activation::Gelu)));
            }
            _ => {
                return Err(unsupported(format!(
                    "{} takes a function that is not known",
                    what()
                )));
            }
        }
        Ok(())
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

pub(super) fn name(node: &Node) -> String {
    let output = node.outputs.first().copied().unwrap_or_default();
    format!(
        "the node {} (`{}`)",
        printable(node.operator),
        printable(output)
    )
}

pub(super) fn unsupported(what: String) -> ExchangeError {
    ExchangeError::Unsupported {
        what: format!("the ONNX graph cannot run here: {what}"),
        hint: "Flatten, then Gemm or MatMul + Add with Relu, Sigmoid, Tanh or Gelu between, then Softmax; see \
               docs/interop.md",
    }
}
