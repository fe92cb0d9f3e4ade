//! The messages of a file, taken apart as far as a chain of layers needs.

use std::collections::HashMap;

use super::FORMAT;
use super::field::{attribute, entry, graph, model, node, tensor, value};
use crate::ExchangeError;
use crate::beside::Beside;
use crate::error::printable;
use crate::number::{self, Number, Room};
use crate::protobuf::{Malformed, Value, fields};

/// Most nodes, constants, inputs and metadata entries of a file that are looked at, of each.
const MOST: usize = 1000;
/// Most inputs, outputs and attributes of a node, of each.
const MOST_OF_NODE: usize = 64;
/// Most axes of a tensor.
const MOST_AXES: usize = 16;

/// A file.
#[derive(Default)]
pub struct Model<'a> {
    /// Nodes in the order they run in.
    pub nodes: Vec<Node<'a>>,
    /// Messages of the constants, by name.
    pub constants: HashMap<&'a str, &'a [u8]>,
    /// Inputs that are no constants.
    pub inputs: Vec<Input<'a>>,
    /// Names of the outputs.
    pub outputs: Vec<&'a str>,
    /// Metadata.
    pub entries: Vec<(&'a str, &'a str)>,
}

/// What a graph is given.
#[derive(Clone)]
pub struct Input<'a> {
    pub name: &'a str,
    /// 0 where any size will do.
    pub shape: Vec<usize>,
    /// Whether it takes bytes.
    pub is_bytes: bool,
}

/// A node.
#[derive(Default)]
pub struct Node<'a> {
    pub operator: &'a str,
    pub inputs: Vec<&'a str>,
    pub outputs: Vec<&'a str>,
    attributes: Vec<&'a [u8]>,
}

/// A constant.
pub struct Constant {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

impl<'a> Model<'a> {
    /// Takes the file in `bytes` apart.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ExchangeError> {
        let mut found = Self::default();
        for field in fields(bytes) {
            match field.map_err(damaged)? {
                (model::GRAPH, Value::Bytes(graph)) => found.add_graph(graph)?,
                (model::METADATA_PROPS, Value::Bytes(entry)) => {
                    let [key, text] = texts(entry, [entry::KEY, entry::VALUE])?;
                    found.entries.push((key, text));
                }
                _ => {}
            }
            found.check_size()?;
        }
        let constants = &found.constants;
        found
            .inputs
            .retain(|input| !constants.contains_key(input.name)); // old files list them as well
        Ok(found)
    }

    fn add_graph(&mut self, bytes: &'a [u8]) -> Result<(), ExchangeError> {
        for field in fields(bytes) {
            match field.map_err(damaged)? {
                (graph::NODE, Value::Bytes(bytes)) => self.nodes.push(Node::parse(bytes)?),
                (graph::INITIALIZER, Value::Bytes(bytes)) => {
                    let [name] = texts(bytes, [tensor::NAME])?;
                    self.constants.insert(name, bytes);
                }
                (graph::INPUT, Value::Bytes(bytes)) => self.inputs.push(input(bytes)?),
                (graph::OUTPUT, Value::Bytes(bytes)) => {
                    let [name] = texts(bytes, [value::NAME])?;
                    self.outputs.push(name);
                }
                _ => {}
            }
            self.check_size()?;
        }
        Ok(())
    }

    /// A part of two bytes makes a value of a hundred here.
    fn check_size(&self) -> Result<(), ExchangeError> {
        let sizes = [
            self.nodes.len(),
            self.constants.len(),
            self.inputs.len(),
            self.outputs.len(),
            self.entries.len(),
        ];
        if sizes.iter().all(|&size| size <= MOST) {
            Ok(())
        } else {
            Err(ExchangeError::damaged(FORMAT, "it has too many parts"))
        }
    }
}

impl<'a> Node<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, ExchangeError> {
        let mut found = Self::default();
        for field in fields(bytes) {
            match field.map_err(damaged)? {
                (node::INPUT, Value::Bytes(name)) => found.inputs.push(text(name)?),
                (node::OUTPUT, Value::Bytes(name)) => found.outputs.push(text(name)?),
                (node::OP_TYPE, Value::Bytes(name)) => found.operator = text(name)?,
                (node::ATTRIBUTE, Value::Bytes(bytes)) => found.attributes.push(bytes),
                _ => {}
            }
            let most = [
                found.inputs.len(),
                found.outputs.len(),
                found.attributes.len(),
            ];
            if most.iter().any(|&most| most > MOST_OF_NODE) {
                return Err(ExchangeError::damaged(FORMAT, "a node has too many parts"));
            }
        }
        Ok(found)
    }

    /// Returns the whole number `name`, if the node has it.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, ExchangeError> {
        Ok(match self.attribute(name, attribute::I)? {
            Some(Value::Varint(number)) => Some(number.cast_signed()),
            _ => None,
        })
    }

    /// Returns the float `name`, if the node has it.
    pub fn float(&self, name: &str) -> Result<Option<f32>, ExchangeError> {
        Ok(match self.attribute(name, attribute::F)? {
            Some(Value::Fixed32(bytes)) => Some(f32::from_le_bytes(bytes)),
            _ => None,
        })
    }

    /// Returns the text or the tensor's message `name`, if the node has it.
    pub fn bytes(&self, name: &str) -> Result<Option<&'a [u8]>, ExchangeError> {
        for field in [attribute::S, attribute::T] {
            if let Some(Value::Bytes(bytes)) = self.attribute(name, field)? {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    fn attribute(&self, name: &str, wanted: u64) -> Result<Option<Value<'a>>, ExchangeError> {
        for attribute in &self.attributes {
            if texts(attribute, [attribute::NAME])? != [name] {
                continue;
            }
            for field in fields(attribute) {
                let (field, value) = field.map_err(damaged)?;
                if field == wanted {
                    return Ok(Some(value));
                }
            }
        }
        Ok(None)
    }
}

impl Constant {
    /// Returns the tensor in a message; its numbers may be in a file beside the graph's.
    pub fn parse(
        name: &str,
        bytes: &[u8],
        beside: &mut Beside,
        room: &mut Room,
    ) -> Result<Self, ExchangeError> {
        let name = printable(name);
        let (mut shape, mut number, mut data) = (Vec::new(), None, None);
        let (mut is_outside, mut entries) = (false, Vec::new());
        for field in fields(bytes) {
            match field.map_err(damaged)? {
                (tensor::DIMS, Value::Varint(size)) => shape.push(size as usize),
                (tensor::DIMS, Value::Bytes(packed)) => shape.extend(varints(packed)?),
                (tensor::DATA_TYPE, Value::Varint(kind)) => number = number_of(kind),
                // Packed floats and raw data are the same bytes.
                (
                    tensor::RAW_DATA | tensor::FLOAT_DATA | tensor::DOUBLE_DATA,
                    Value::Bytes(bytes),
                ) => {
                    data = Some(bytes);
                }
                (tensor::DATA_LOCATION, Value::Varint(1)) => is_outside = true,
                (tensor::EXTERNAL_DATA, Value::Bytes(bytes)) => {
                    entries.push(texts(bytes, [entry::KEY, entry::VALUE])?);
                }
                _ => {}
            }
            if shape.len() > MOST_AXES || entries.len() > MOST_OF_NODE {
                return Err(ExchangeError::damaged(
                    FORMAT,
                    "a tensor has too many parts",
                ));
            }
        }
        let not_fitting = || {
            let reason = format!("shape and size of `{name}` do not fit");
            ExchangeError::damaged(FORMAT, reason)
        };
        let Some(number) = number else {
            return Err(no_floats(&name));
        };
        let count =
            number::count(&shape, ::model::config::MAX_PARAMETERS).ok_or_else(not_fitting)?;
        let values = if is_outside {
            let [offset, length] = ["offset", "length"].map(|key| external(&entries, key));
            let length = length.and_then(|length| length.parse().ok());
            let size = (count * number.size()) as u64;
            if length.is_some_and(|length: u64| length != size) {
                return Err(not_fitting());
            }
            let offset = offset
                .map_or(Ok(0), str::parse)
                .map_err(|_| not_fitting())?;
            let file = external(&entries, "location").unwrap_or_default();
            let bytes = beside.read(&name, file, [offset, size], room)?;
            number.floats(&bytes)
        } else {
            let bytes = data.ok_or_else(|| no_floats(&name))?;
            if count * number.size() != bytes.len() {
                return Err(not_fitting());
            }
            number.floats(bytes)
        };
        room.take(count)?;
        Ok(Self { shape, values })
    }
}

fn no_floats(name: &str) -> ExchangeError {
    ExchangeError::Unsupported {
        what: format!("the constant `{name}` is not one of floats, or empty"),
        hint: "see docs/interop.md for the graphs that can be read",
    }
}

/// Returns what is said of the place of a tensor's numbers.
fn external<'a>(entries: &[[&'a str; 2]], wanted: &str) -> Option<&'a str> {
    let entry = entries.iter().find(|[key, _]| *key == wanted);
    entry.map(|[_, value]| *value)
}

fn number_of(kind: u64) -> Option<Number> {
    match kind {
        tensor::FLOAT => Some(Number::F32),
        tensor::FLOAT16 => Some(Number::F16),
        tensor::DOUBLE => Some(Number::F64),
        tensor::BFLOAT16 => Some(Number::Bf16),
        _ => None,
    }
}

/// Returns a graph's input.
fn input(bytes: &[u8]) -> Result<Input<'_>, ExchangeError> {
    let [name] = texts(bytes, [value::NAME])?;
    let kind = inner(inner(bytes, value::TYPE)?, value::TENSOR_TYPE)?;
    let mut is_bytes = false;
    for field in fields(kind) {
        if let (value::ELEM_TYPE, Value::Varint(number)) = field.map_err(damaged)? {
            is_bytes = number == tensor::UINT8;
        }
    }
    let mut shape = Vec::new();
    for field in fields(inner(kind, value::SHAPE)?).take(MOST_AXES) {
        if let (value::DIM, Value::Bytes(dim)) = field.map_err(damaged)? {
            let mut size = 0;
            for field in fields(dim) {
                if let (value::DIM_VALUE, Value::Varint(value)) = field.map_err(damaged)? {
                    size = value as usize;
                }
            }
            shape.push(size);
        }
    }
    Ok(Input {
        name,
        shape,
        is_bytes,
    })
}

/// Returns the last message that is the field `wanted`; an empty one if there is none.
fn inner(bytes: &[u8], wanted: u64) -> Result<&[u8], ExchangeError> {
    let mut inner: &[u8] = &[];
    for field in fields(bytes) {
        if let (field, Value::Bytes(bytes)) = field.map_err(damaged)?
            && field == wanted
        {
            inner = bytes;
        }
    }
    Ok(inner)
}

/// Returns the texts of some fields; those that are missing are empty.
fn texts<const N: usize>(bytes: &[u8], wanted: [u64; N]) -> Result<[&str; N], ExchangeError> {
    let mut found = [""; N];
    for field in fields(bytes) {
        if let (field, Value::Bytes(bytes)) = field.map_err(damaged)?
            && let Some((_, place)) = wanted.iter().zip(&mut found).find(|(w, _)| **w == field)
        {
            *place = text(bytes)?;
        }
    }
    Ok(found)
}

fn text(bytes: &[u8]) -> Result<&str, ExchangeError> {
    let text = std::str::from_utf8(bytes);
    text.map_err(|_| ExchangeError::damaged(FORMAT, "a name is not UTF-8"))
}

fn varints(mut packed: &[u8]) -> Result<Vec<usize>, ExchangeError> {
    let mut numbers = Vec::new();
    while !packed.is_empty() && numbers.len() <= MOST_AXES {
        let number = crate::protobuf::varint(&mut packed);
        numbers.push(number.ok_or_else(|| damaged(Malformed))? as usize);
    }
    Ok(numbers)
}

fn damaged(error: Malformed) -> ExchangeError {
    ExchangeError::damaged(FORMAT, error)
}
