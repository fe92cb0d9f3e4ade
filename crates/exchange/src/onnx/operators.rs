//! What each operator means, in both directions: nodes of a graph → steps of a network, and back.

use model::{Activation, Output};

use super::field::tensor;
use super::message::{Constant, Node};
use super::read::{Graph, name, unsupported};
use super::value::{Form, Operand, Value};
use super::write::Nodes;
use crate::chain::{Affine, Layer, Step};
use crate::layout::transpose;
use crate::{ExchangeError, Network};

/// The type of 32-bit floats, as an attribute has it.
const FLOAT: i64 = tensor::FLOAT as i64;
/// What is added to a variance where a node does not say it.
const EPSILON: f32 = 1e-5;

/// Activations with their operators.
const ACTIVATIONS: [(Activation, &str); 4] = [
    (Activation::Relu, "Relu"),
    (Activation::Sigmoid, "Sigmoid"),
    (Activation::Tanh, "Tanh"),
    (Activation::Gelu, "Gelu"),
];

/// Adds the nodes of `network` to a graph.
pub(super) fn write(network: &Network, nodes: &mut Nodes) {
    nodes.add("Flatten", &[], &[("axis", 1)]);
    let activation = network.about.activation.unwrap_or(Activation::Relu);
    let operator = ACTIVATIONS.iter().find(|(known, _)| *known == activation);
    let (layers, _) = network.tensors.as_chunks::<2>();
    for (i, layer) in layers.iter().enumerate() {
        if let (1.., Some((_, operator))) = (i, operator) {
            nodes.add(operator, &[], &[]);
        }
        let [weight, bias] = layer;
        nodes.constants(layer);
        nodes.add("Gemm", &[&weight.name, &bias.name], &[]);
    }
    if network.about.output == Some(Output::Sigmoid) {
        // Sigmoid neurons over their sum: softmax of log sigmoid(x) = -softplus(-x), which stays exact
        // when all of them are near 0.
        for operator in ["Neg", "Softplus", "Neg"] {
            nodes.add(operator, &[], &[]);
        }
    }
}

/// Returns what a node makes of `values`, the names of those of its inputs that are no constants.
pub(super) fn apply<'a>(
    graph: &mut Graph<'_, 'a>,
    node: &Node<'a>,
    values: &[&'a str],
) -> Result<Value, ExchangeError> {
    let refuse = |why: &str| Err(unsupported(format!("{} {why}", name(node))));
    let (first, second) = match values {
        [first] => (*first, None),
        [first, second] => (*first, Some(*second)),
        _ => return refuse("takes more than two values"),
    };
    let Some(value) = graph.value(first) else {
        return refuse("takes nothing");
    };
    if let Some(other) = second.and_then(|second| graph.value(second)) {
        return join(node, &value, &other);
    }
    let is_one = value.shape == [1];
    let is_image = graph
        .steps
        .iter()
        .all(|step| !matches!(step, Step::Dense(_)));
    match node.operator {
        // A batch of images is flattened row by row by each of these, if by any at all.
        "Flatten" if node.integer("axis")?.unwrap_or(1) != 1 => refuse("has another axis than 1"),
        "Flatten" => Ok(flat(value)),
        "Reshape" | "Squeeze" | "Unsqueeze" if is_image || is_one => Ok(flat(value)),
        "Transpose" if is_image && value.shape.iter().filter(|size| **size != 1).count() < 2 => {
            Ok(flat(value))
        }
        "Cast" if node.integer("to")? != Some(FLOAT) => {
            refuse("makes other numbers than 32-bit floats")
        }
        "Cast" | "Identity" | "Dropout" | "ZipMap" => Ok(value),
        "Add" | "Sub" | "Mul" | "Div" => scale(graph, node, value),
        "Neg" => times(graph, node, value, Operand::of(-1.0)),
        "BatchNormalization" => normalize(graph, node, value),
        "Gemm" => gemm(graph, node, value),
        "MatMul" => {
            let weight = graph.constant(node, 1)?;
            dense(graph, node, value, weight, None)
        }
        "Erf" => form(value.form.erf(), node, &value),
        "Softplus" => form(value.form.softplus(), node, &value),
        "Softmax" | "LogSoftmax" => softmax(graph, node, value),
        "Gelu" if !matches!(node.bytes("approximate")?, None | Some(b"none")) => {
            refuse("is an approximation; the exact one runs here")
        }
        operator => match ACTIVATIONS.iter().find(|(_, known)| *known == operator) {
            Some(_) if is_image => refuse("comes before the first layer"),
            Some((activation, _)) => {
                graph.settle(&value, || name(node))?;
                step(graph, Step::Activation(Some(*activation)), value.shape)
            }
            None => refuse("is none of the operators that run here"),
        },
    }
}

/// Adds a step to the graph's and returns what it gives.
fn step(graph: &mut Graph, step: Step, shape: Vec<usize>) -> Result<Value, ExchangeError> {
    graph.steps.push(step);
    Ok(Value {
        steps: graph.steps.len(),
        form: Form::plain(),
        shape,
    })
}

/// Returns a value as rows.
fn flat(value: Value) -> Value {
    let count = value
        .shape
        .iter()
        .fold(1, |count: usize, &size| count.saturating_mul(size));
    Value {
        shape: vec![count],
        ..value
    }
}

/// Returns a value of another form, if there is one.
fn form(form: Option<Form>, node: &Node, value: &Value) -> Result<Value, ExchangeError> {
    match form {
        Some(form) => Ok(Value {
            form,
            ..value.clone()
        }),
        None => Err(unsupported(format!(
            "{} is of no activation that runs here",
            name(node)
        ))),
    }
}

/// Two values: a product, which activations are spelled out with, or the probabilities of two classes, 1 - p and p.
fn join(node: &Node, value: &Value, other: &Value) -> Result<Value, ExchangeError> {
    let is_same = value.steps == other.steps;
    match node.operator {
        "Mul" if is_same => form(value.form.product(&other.form), node, value),
        "Concat" if is_same && other.shape == [1] && value.form.is_rest_of(&other.form) => {
            Ok(other.clone())
        }
        _ => {
            let what = format!("{} joins two values: the graph is no chain", name(node));
            Err(unsupported(what))
        }
    }
}

/// A value and a constant, added or multiplied.
fn scale<'a>(
    graph: &mut Graph<'_, 'a>,
    node: &Node<'a>,
    value: Value,
) -> Result<Value, ExchangeError> {
    let is_first = node
        .inputs
        .first()
        .is_some_and(|input| graph.value(input).is_some());
    let constant = graph.constant(node, usize::from(is_first))?;
    let Some(operand) = Operand::new(&constant, &value.shape) else {
        let what = format!(
            "the constant of {} has another shape than its values",
            name(node)
        );
        return Err(unsupported(what));
    };
    match (node.operator, is_first) {
        ("Add", _) => plus(graph, node, value, operand),
        ("Sub", true) => plus(graph, node, value, operand.negative()),
        ("Sub", false) => {
            let negative = times(graph, node, value, Operand::of(-1.0))?;
            plus(graph, node, negative, operand)
        }
        ("Mul", _) => times(graph, node, value, operand),
        ("Div", true) => times(graph, node, value, operand.inverse()),
        _ => Err(unsupported(format!("{} divides by a value", name(node)))),
    }
}

fn plus(graph: &mut Graph, node: &Node, value: Value, by: Operand) -> Result<Value, ExchangeError> {
    match &value.form {
        Form::Scaled(_) => affine(graph, node, value, by.added()),
        other => form(other.clone().plus(by), node, &value),
    }
}

fn times(
    graph: &mut Graph,
    node: &Node,
    value: Value,
    by: Operand,
) -> Result<Value, ExchangeError> {
    match &value.form {
        Form::Scaled(_) => affine(graph, node, value, by.times()),
        other => form(other.clone().times(by), node, &value),
    }
}

/// Scales and shifts a value: in one with what it was before, or as a step of its own.
fn affine(
    graph: &mut Graph,
    node: &Node,
    value: Value,
    by: Affine,
) -> Result<Value, ExchangeError> {
    if let Form::Scaled(before) = &value.form
        && let Some(both) = before.then(&by)
    {
        return form(Some(Form::Scaled(both)), node, &value);
    }
    graph.settle(&value, || name(node))?;
    step(graph, Step::Affine(by), value.shape)
}

fn normalize<'a>(
    graph: &mut Graph<'_, 'a>,
    node: &Node<'a>,
    value: Value,
) -> Result<Value, ExchangeError> {
    if node.integer("training_mode")?.unwrap_or(0) != 0 {
        return Err(unsupported(format!("{} is in training mode", name(node))));
    }
    let [gamma, beta, mean, variance] = [1, 2, 3, 4].map(|i| graph.constant(node, i));
    let (gamma, beta, mean, variance) = (gamma?, beta?, mean?, variance?);
    let epsilon = node.float("epsilon")?.unwrap_or(EPSILON).into();
    let mut by = Affine::batch_normalization(
        &mean.values,
        &variance.values,
        Some(&gamma.values),
        Some(&beta.values),
        epsilon,
    );
    // Channels come first.
    by.block = value
        .shape
        .iter()
        .skip(1)
        .fold(1, |block: usize, &size| block.saturating_mul(size));
    graph.settle(&value, || name(node))?;
    step(graph, Step::Affine(by), value.shape)
}

fn gemm<'a>(
    graph: &mut Graph<'_, 'a>,
    node: &Node<'a>,
    value: Value,
) -> Result<Value, ExchangeError> {
    if node.integer("transA")?.unwrap_or(0) != 0 {
        return Err(unsupported(format!("{} turns its images over", name(node))));
    }
    let mut weight = graph.constant(node, 1)?;
    if node.integer("transB")?.unwrap_or(0) != 0 {
        weight = weight.transposed();
    }
    multiply_all(&mut weight.values, node.float("alpha")?);
    let mut bias = match node.inputs.get(2) {
        Some(name) if !name.is_empty() => Some(graph.constant(node, 2)?.values),
        _ => None,
    };
    if let Some(bias) = &mut bias {
        multiply_all(bias, node.float("beta")?);
    }
    dense(graph, node, value, weight, bias)
}

fn multiply_all(values: &mut [f32], factor: Option<f32>) {
    if let Some(factor) = factor {
        for value in values {
            *value *= factor;
        }
    }
}

/// Adds a layer; `weight` is `[in, out]`.
fn dense<'a>(
    graph: &mut Graph<'_, 'a>,
    node: &Node<'a>,
    value: Value,
    weight: Constant,
    bias: Option<Vec<f32>>,
) -> Result<Value, ExchangeError> {
    let takes_value = node
        .inputs
        .first()
        .is_some_and(|input| graph.value(input).is_some());
    let (&[inputs, outputs], true) = (&weight.shape[..], takes_value) else {
        return Err(unsupported(format!("{} is no dense layer", name(node))));
    };
    let bias = match bias {
        Some(bias) if bias.len() == 1 => vec![bias.first().copied().unwrap_or(0.0); outputs],
        Some(bias) => bias,
        None => vec![0.0; outputs],
    };
    if bias.len() != outputs || outputs == 0 || inputs == 0 {
        return Err(ExchangeError::damaged(
            super::FORMAT,
            format!("the shapes of {} do not fit", name(node)),
        ));
    }
    graph.settle(&value, || name(node))?;
    let weight = weight.values;
    step(graph, Step::Dense(Layer { weight, bias }), vec![outputs])
}

fn softmax(graph: &mut Graph, node: &Node, value: Value) -> Result<Value, ExchangeError> {
    if !matches!(node.integer("axis")?, None | Some(1 | -1)) {
        return Err(unsupported(format!(
            "{} has another axis than 1",
            name(node)
        )));
    }
    if value.form.is_log_sigmoid() && value.steps == graph.steps.len() {
        return step(graph, Step::Output(Output::Sigmoid), value.shape);
    }
    graph.settle(&value, || name(node))?;
    step(graph, Step::Output(Output::Softmax), value.shape)
}

impl Constant {
    /// Returns a matrix with rows and columns exchanged; anything else as it is.
    pub(super) fn transposed(self) -> Self {
        match self.shape[..] {
            [rows, columns] => Self {
                shape: vec![columns, rows],
                values: transpose(&self.values, columns),
            },
            _ => self,
        }
    }
}
