//! Names, calls and references to storages: where a pickle would execute something.

use super::machine::{Machine, TYPES};
use super::{MAX_NAME, PickleError, Stored, Value, View};
use crate::number::Number;

/// Most tensors.
const MOST_TENSORS: usize = 10_000;
/// Most axes of a tensor.
const MOST_AXES: usize = 8;

/// A name that a pickle may call.
#[derive(Debug, Clone, Copy)]
pub enum Global {
    Dict,
    RebuildTensor,
    RebuildParameter,
    StorageType(Stored),
    /// Any other.
    Unknown,
}

impl<'a> Machine<'a> {
    /// Runs an instruction of these.
    pub(super) fn call(&mut self, opcode: u8) -> Result<(), PickleError> {
        let value = match opcode {
            b'c' => {
                // GLOBAL
                let (module, name) = (self.line()?, self.line()?);
                self.global(module, name)
            }
            0x93 => {
                // STACK_GLOBAL
                let (name, module) = (self.pop()?, self.pop()?);
                self.global(self.text_at(module)?, self.text_at(name)?)
            }
            b'Q' => {
                // BINPERSID
                let id = self.pop()?;
                self.storage(id)?
            }
            b'b' => {
                // BUILD
                let (state, object) = (self.pop()?, self.top()?);
                if let Some(Value::Object(place)) = self.pickle.values.get_mut(object) {
                    *place = state;
                }
                return Ok(());
            }
            _ => {
                // REDUCE, NEWOBJ, NEWOBJ_EX
                if opcode == 0x92 {
                    self.pop()?;
                }
                let (arguments, function) = (self.pop()?, self.pop()?);
                self.reduce(function, arguments)?
            }
        };
        self.push(value)
    }

    /// Returns the value a name stands for.
    fn global(&mut self, module: &'a str, name: &'a str) -> Value<'a> {
        let global = global(module, name);
        if matches!(global, Global::Unknown) {
            self.pickle.unknown.push((module, name));
        }
        Value::Global(global)
    }

    /// Returns what a call stands for.
    fn reduce(&mut self, function: usize, arguments: usize) -> Result<Value<'a>, PickleError> {
        let Value::Global(function) = *self.pickle.value(function) else {
            return Ok(Value::Object(0)); // something that was called itself
        };
        let arguments = match self.pickle.value(arguments) {
            Value::Sequence(places) => &places[..],
            _ => return Err(TYPES),
        };
        match (function, arguments) {
            (Global::Dict, _) => Ok(Value::Dict(Vec::new())),
            // The tensor, requires_grad, hooks.
            (Global::RebuildParameter, [tensor, ..]) => {
                let Value::Tensor(view) = self.pickle.value(*tensor).clone() else {
                    return Err(TYPES);
                };
                self.tensor(*view)
            }
            (Global::RebuildTensor, [storage, offset, size, stride, ..]) => {
                let &Value::Storage(storage, stored) = self.pickle.value(*storage) else {
                    return Err(TYPES);
                };
                let view = View {
                    storage,
                    stored,
                    offset: self.size(*offset)?,
                    size: self.sizes(*size)?,
                    stride: self.sizes(*stride)?,
                };
                self.tensor(view)
            }
            (Global::Unknown, _) => Ok(Value::Object(0)),
            _ => Err(TYPES),
        }
    }

    fn tensor(&mut self, view: View<'a>) -> Result<Value<'a>, PickleError> {
        self.tensors += 1;
        if self.tensors > MOST_TENSORS {
            return Err(PickleError::Damaged("it has too many tensors"));
        }
        Ok(Value::Tensor(Box::new(view)))
    }

    /// Returns the storage that `("storage", type, name, place, length)` names.
    fn storage(&mut self, id: usize) -> Result<Value<'a>, PickleError> {
        let Value::Sequence(parts) = self.pickle.value(id) else {
            return Err(TYPES);
        };
        let &[kind, stored, name, ..] = &parts[..] else {
            return Err(TYPES);
        };
        let name = self.text_at(name)?;
        match (self.text_at(kind)?, self.pickle.value(stored)) {
            ("storage", &Value::Global(Global::StorageType(stored))) if name.len() <= MAX_NAME => {
                self.pickle.storages.insert(name, stored);
                Ok(Value::Storage(name, stored))
            }
            ("storage", Value::Global(Global::StorageType(_))) => {
                Err(PickleError::Damaged("a name is too long"))
            }
            _ => Err(TYPES),
        }
    }

    fn text_at(&self, place: usize) -> Result<&'a str, PickleError> {
        match *self.pickle.value(place) {
            Value::Text(text) => Ok(text),
            _ => Err(TYPES),
        }
    }

    fn size(&self, place: usize) -> Result<usize, PickleError> {
        match *self.pickle.value(place) {
            Value::Integer(number) => usize::try_from(number).map_err(|_| TYPES),
            _ => Err(TYPES),
        }
    }

    fn sizes(&self, place: usize) -> Result<Vec<usize>, PickleError> {
        let Value::Sequence(places) = self.pickle.value(place) else {
            return Err(TYPES);
        };
        let places = places.iter().take(MOST_AXES);
        places.map(|&place| self.size(place)).collect()
    }
}

/// Returns what is known of a name.
fn global(module: &str, name: &str) -> Global {
    let stored = |number, size| Global::StorageType(Stored { number, size });
    match (module, name) {
        ("collections", "OrderedDict" | "defaultdict") => Global::Dict,
        ("torch._utils", "_rebuild_tensor_v2") => Global::RebuildTensor,
        ("torch._utils", "_rebuild_parameter") => Global::RebuildParameter,
        ("torch", "FloatStorage") => stored(Some(Number::F32), 4),
        ("torch", "DoubleStorage") => stored(Some(Number::F64), 8),
        ("torch", "HalfStorage") => stored(Some(Number::F16), 2),
        ("torch", "BFloat16Storage") => stored(Some(Number::Bf16), 2),
        ("torch", "LongStorage" | "ComplexFloatStorage") => stored(None, 8),
        ("torch", "IntStorage" | "QInt32Storage") => stored(None, 4),
        ("torch", "ShortStorage") => stored(None, 2),
        ("torch", "ComplexDoubleStorage") => stored(None, 16),
        ("torch", storage) if storage.ends_with("Storage") => stored(None, 1),
        _ => Global::Unknown,
    }
}
