//! The part of Python's pickle that checkpoints are made of. Nothing is executed: a handful of the names a
//! pickle may call are known here, and each stands for a value; a call of any other is an object that is
//! passed over.
//!
//! Opcodes: <https://github.com/python/cpython/blob/main/Lib/pickletools.py>. How PyTorch uses them:
//! `torch/_utils.py`, `_rebuild_tensor_v2`, and `torch/serialization.py`, `persistent_id`.

mod calls;
mod machine;

use std::collections::HashMap;

use crate::error::printable;
use crate::number::Number;

use calls::Global;
pub use machine::read;

/// Longest name of a tensor or a storage, in bytes. Two bytes of a pickle can repeat it.
const MAX_NAME: usize = 256;

/// Why a pickle is not read.
#[derive(Debug, Clone, PartialEq)]
pub enum PickleError {
    /// It breaks the rules.
    Damaged(&'static str),
    /// It has an instruction that no checkpoint has.
    Refused(String),
}

/// How the numbers of a storage are stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stored {
    /// `None`: not as floats.
    pub number: Option<Number>,
    /// Bytes of one.
    pub size: usize,
}

/// A tensor: a view of a storage.
#[derive(Debug, Clone, PartialEq)]
pub struct View<'a> {
    /// The storage's name.
    pub storage: &'a str,
    /// How its numbers are stored.
    pub stored: Stored,
    /// Where the view begins, in numbers.
    pub offset: usize,
    /// Its shape.
    pub size: Vec<usize>,
    /// Numbers from one index to the next, an entry an axis.
    pub stride: Vec<usize>,
}

/// A value; containers hold places in [`Pickle::values`].
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// None, True, False, floats, bytes: whatever says nothing of weights.
    Nothing,
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(&'a str),
    /// A tuple, a list or a set.
    Sequence(Vec<usize>),
    /// Keys and values.
    Dict(Vec<(usize, usize)>),
    /// A tensor.
    Tensor(Box<View<'a>>),
    /// What a call came to that was not made, with the place of the state it was given: 0 for none.
    Object(usize),
    /// A name that can be called.
    Global(Global),
    /// A storage.
    Storage(&'a str, Stored),
}

/// A pickle, taken apart.
pub struct Pickle<'a> {
    /// All values; the first one is none of the pickle's.
    pub values: Vec<Value<'a>>,
    /// Place of the whole.
    pub top: usize,
    /// Names that were to be called and are not known, module and name.
    pub unknown: Vec<(&'a str, &'a str)>,
    /// How the numbers of each storage are stored.
    pub storages: HashMap<&'a str, Stored>,
}

impl<'a> Pickle<'a> {
    /// Returns the value at `place`.
    pub fn value(&self, place: usize) -> &Value<'a> {
        self.values.get(place).unwrap_or(&Value::Nothing)
    }

    /// Returns the text, or the whole number as one, at `place`.
    pub fn key(&self, place: usize) -> Option<String> {
        match self.value(place) {
            Value::Text(text) if text.len() <= MAX_NAME => Some((*text).into()),
            Value::Integer(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// Returns the first name that was to be called and is not known, for a message.
    pub fn first_call(&self) -> Option<String> {
        let (module, name) = self.unknown.first()?;
        Some(printable(format_args!("{module}.{name}")))
    }
}
