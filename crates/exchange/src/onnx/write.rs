//! A graph as a file.

use model::{Activation, Tensor};

use super::field::{attribute, entry, graph, model as model_field, node, opset, tensor, value};
use super::operators;
use crate::protobuf::Message;
use crate::{About, Network, number};

/// Version of the file format, and of the operators: the lowest that have what is used, so that old
/// programs can read it. Gelu came with 20.
const VERSIONS: [u64; 2] = [8, 13];
const VERSIONS_WITH_GELU: [u64; 2] = [9, 20];

const PIXELS: &str = "pixels";
const PROBABILITIES: &str = "probabilities";

/// Returns the file of `network`.
pub fn write(network: &Network) -> Vec<u8> {
    let about = About {
        layout: None, // Gemm says it for each layer
        ..network.about.clone()
    };
    let [ir, operators] = match about.activation {
        Some(Activation::Gelu) => VERSIONS_WITH_GELU,
        _ => VERSIONS,
    };
    let mut model = Message::default()
        .number(model_field::IR_VERSION, ir)
        .bytes(model_field::PRODUCER_NAME, env!("CARGO_PKG_NAME"))
        .bytes(model_field::PRODUCER_VERSION, env!("CARGO_PKG_VERSION"))
        .bytes(model_field::GRAPH, graph_of(network))
        .bytes(
            model_field::OPSET_IMPORT,
            Message::default().number(opset::VERSION, operators),
        );
    for (key, text) in about.to_entries() {
        let entry = Message::default()
            .bytes(entry::KEY, key)
            .bytes(entry::VALUE, text);
        model = model.bytes(model_field::METADATA_PROPS, entry);
    }
    model.0
}

fn graph_of(network: &Network) -> Message {
    let mut nodes = Nodes {
        graph: Message::default().bytes(graph::NAME, "classifier"),
        at: PIXELS.into(),
        count: 0,
    };
    operators::write(network, &mut nodes);
    nodes.end();
    let widths = crate::chain::widths(&network.tensors);
    let (first, classes) = (widths.first().copied(), widths.last().copied());
    let input = match network.about.input {
        Some([height, width]) => vec![height, width],
        None => first.into_iter().collect(),
    };
    let classes: Vec<usize> = classes.into_iter().collect();
    nodes
        .graph
        .bytes(graph::INPUT, value_info(PIXELS, &input))
        .bytes(graph::OUTPUT, value_info(PROBABILITIES, &classes))
}

/// A graph in which each node takes what the one before it gave.
pub(super) struct Nodes {
    graph: Message,
    /// Name of the value the last node gave.
    at: String,
    /// Number of nodes.
    count: usize,
}

impl Nodes {
    /// Adds a node with constants behind its value, and whole numbers as attributes.
    pub(super) fn add(&mut self, operator: &str, constants: &[&str], attributes: &[(&str, u64)]) {
        let output = format!("{}_{}", operator.to_lowercase(), self.count);
        self.add_to(operator, constants, attributes, output);
    }

    /// Adds the softmax, whose output is the graph's.
    fn end(&mut self) {
        self.add_to("Softmax", &[], &[("axis", 1)], PROBABILITIES.into());
    }

    fn add_to(
        &mut self,
        operator: &str,
        constants: &[&str],
        attributes: &[(&str, u64)],
        output: String,
    ) {
        self.count += 1;
        let mut message = Message::default().bytes(node::INPUT, &self.at);
        for constant in constants {
            message = message.bytes(node::INPUT, constant);
        }
        message = message
            .bytes(node::OUTPUT, &output)
            .bytes(node::NAME, format!("{output}_node"))
            .bytes(node::OP_TYPE, operator);
        for &(name, number) in attributes {
            let attribute = Message::default()
                .bytes(attribute::NAME, name)
                .number(attribute::I, number)
                .number(attribute::TYPE, attribute::INT);
            message = message.bytes(node::ATTRIBUTE, attribute);
        }
        self.graph = std::mem::take(&mut self.graph).bytes(graph::NODE, message);
        self.at = output;
    }

    /// Adds constants of the graph.
    pub(super) fn constants(&mut self, tensors: &[Tensor]) {
        for tensor in tensors {
            let constant = float_tensor(tensor);
            self.graph = std::mem::take(&mut self.graph).bytes(graph::INITIALIZER, constant);
        }
    }
}

fn float_tensor(constant: &Tensor) -> Message {
    let dims = constant
        .shape
        .iter()
        .fold(Message::default(), |message, &size| {
            message.number(tensor::DIMS, size as u64)
        });
    dims.number(tensor::DATA_TYPE, tensor::FLOAT)
        .bytes(tensor::NAME, &constant.name)
        .bytes(tensor::RAW_DATA, number::bytes(&constant.values))
}

/// Returns a float tensor's name and shape: any number of images, then `sizes`.
fn value_info(name: &str, sizes: &[usize]) -> Message {
    let batch = Message::default().bytes(value::DIM_PARAM, "batch");
    let mut shape = Message::default().bytes(value::DIM, batch);
    for &size in sizes {
        let dim = Message::default().number(value::DIM_VALUE, size as u64);
        shape = shape.bytes(value::DIM, dim);
    }
    let tensor_type = Message::default()
        .number(value::ELEM_TYPE, tensor::FLOAT)
        .bytes(value::SHAPE, shape);
    let kind = Message::default().bytes(value::TENSOR_TYPE, tensor_type);
    Message::default()
        .bytes(value::NAME, name)
        .bytes(value::TYPE, kind)
}
