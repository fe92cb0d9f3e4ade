//! The part of Python's pickle that a PyTorch state dict is made of. Nothing is executed: of the names
//! a pickle may call, four are known here, and each stands for a value.
//!
//! Opcodes: <https://github.com/python/cpython/blob/main/Lib/pickletools.py>. How PyTorch uses them:
//! `torch/_utils.py`, `_rebuild_tensor_v2`, and `torch/serialization.py`, `persistent_id`.

use std::collections::HashMap;

use crate::error::printable;
use crate::number::Number;

/// Most bytes of a pickle; a state dict of 65 layers has 12,000.
pub const MAX_PICKLE: usize = 1 << 20;
/// Longest name of a tensor or a storage, in bytes. Two bytes of a pickle can repeat it.
const MAX_NAME: usize = 256;

/// Why a pickle is not read.
#[derive(Debug, Clone, PartialEq)]
pub enum PickleError {
    /// It breaks the rules.
    Damaged(&'static str),
    /// It calls something that is no part of a state dict.
    Refused(String),
}

/// A tensor: a view of a storage, which is a file of the archive.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// The storage's name.
    pub storage: String,
    /// How its numbers are stored; `None`: not as floats.
    pub number: Option<Number>,
    /// Where the view begins, in numbers.
    pub offset: usize,
    /// Its shape.
    pub size: Vec<usize>,
    /// Numbers from one index to the next, an entry an axis.
    pub stride: Vec<usize>,
}

/// A value; containers hold places in [`Machine::values`].
#[derive(Debug, Clone)]
enum Value {
    Nothing,
    Integer(i64),
    Text(String),
    Tuple(Vec<usize>),
    Dict(Vec<(usize, usize)>),
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    StorageType(Option<Number>),
    Storage(String, Option<Number>),
    Tensor(View),
    /// Something that is no tensor and is not looked into.
    Other,
}

/// Returns the tensors of the dictionary in `bytes` with their names, in their order. Of a dictionary
/// with a `state_dict` in it, those of that one.
pub fn tensors(bytes: &[u8]) -> Result<Vec<(String, View)>, PickleError> {
    if bytes.len() > MAX_PICKLE {
        return Err(PickleError::Damaged("the pickle is too long"));
    }
    let mut machine = Machine {
        rest: bytes,
        values: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    let top = machine.run()?;
    machine.tensors(top)
}

struct Machine<'a> {
    rest: &'a [u8],
    values: Vec<Value>,
    /// Places in `values`.
    stack: Vec<usize>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, usize>,
}

const CUT_OFF: PickleError = PickleError::Damaged("cut off");
const STACK: PickleError = PickleError::Damaged("its stack is too short");
const TYPES: PickleError = PickleError::Damaged("a value has another type than expected");

impl Machine<'_> {
    /// Runs to the end and returns the place of the result.
    fn run(&mut self) -> Result<usize, PickleError> {
        loop {
            let [opcode] = self.take()?;
            match opcode {
                b'.' => return self.pop(),                 // STOP
                0x80 => self.skip::<1>()?,                 // PROTO
                0x95 => self.skip::<8>()?,                 // FRAME
                b'(' => self.marks.push(self.stack.len()), // MARK
                b'0' => self.drop_top()?,                  // POP
                b'q' | b'h' | b'r' | b'j' | 0x94 => self.memory(opcode)?,
                b'}' | b'u' | b's' | b'b' => self.dictionary(opcode)?,
                b')' | b't' | 0x85..=0x87 | b']' | b'e' | b'a' | b'l' => self.sequence(opcode)?,
                b'c' | 0x93 | b'R' | b'Q' => self.call(opcode)?,
                _ => {
                    let value = self.literal(opcode)?;
                    self.push(value);
                }
            }
        }
    }

    /// None, True, False, integers, floats and texts.
    fn literal(&mut self, opcode: u8) -> Result<Value, PickleError> {
        Ok(match opcode {
            b'N' | 0x88 | 0x89 => Value::Nothing, // NONE, NEWTRUE, NEWFALSE
            b'K' => Value::Integer(u8::from_le_bytes(self.take()?).into()), // BININT1
            b'M' => Value::Integer(u16::from_le_bytes(self.take()?).into()), // BININT2
            b'J' => Value::Integer(i32::from_le_bytes(self.take()?).into()), // BININT
            0x8a => {
                // LONG1
                let [length] = self.take()?;
                let mut number = [0; 8];
                let bytes = self.bytes(length.into())?;
                number
                    .get_mut(..bytes.len())
                    .ok_or(TYPES)?
                    .copy_from_slice(bytes);
                Value::Integer(i64::from_le_bytes(number))
            }
            b'G' => self.take::<8>().map(|_| Value::Other)?, // BINFLOAT: no weight is one
            0x8c => {
                // SHORT_BINUNICODE
                let [length] = self.take()?;
                self.text(length.into())?
            }
            b'X' => {
                // BINUNICODE
                let length = u32::from_le_bytes(self.take()?);
                self.text(length as usize)?
            }
            _ => {
                let what = format!("the pickle's instruction 0x{opcode:02x}");
                return Err(PickleError::Refused(what));
            }
        })
    }

    /// PUT and GET. A value that is got is the same value, not a copy.
    fn memory(&mut self, opcode: u8) -> Result<(), PickleError> {
        let key = match opcode {
            b'q' | b'h' => u8::from_le_bytes(self.take()?).into(), // BINPUT, BINGET
            b'r' | b'j' => u32::from_le_bytes(self.take()?),       // LONG_BINPUT, LONG_BINGET
            _ => self.memo.len() as u32,                           // MEMOIZE
        };
        if matches!(opcode, b'h' | b'j') {
            let place = self.memo.get(&key).copied();
            self.stack
                .push(place.ok_or(PickleError::Damaged("a value is used before it is there"))?);
        } else {
            let top = *self.stack.last().ok_or(STACK)?;
            self.memo.insert(key, top);
        }
        Ok(())
    }

    fn dictionary(&mut self, opcode: u8) -> Result<(), PickleError> {
        match opcode {
            b'}' => self.push(Value::Dict(Vec::new())), // EMPTY_DICT
            // BUILD: attributes of an OrderedDict, which say nothing of weights.
            b'b' => self.drop_top()?,
            _ => {
                let items = match opcode {
                    b'u' => self.marked()?, // SETITEMS
                    _ => self.last(2)?,     // SETITEM
                };
                let dict = *self.stack.last().ok_or(STACK)?;
                let Some(Value::Dict(entries)) = self.values.get_mut(dict) else {
                    return Err(TYPES);
                };
                let (pairs, odd) = items.as_chunks::<2>();
                if !odd.is_empty() {
                    return Err(PickleError::Damaged("a key has no value"));
                }
                entries.extend(pairs.iter().map(|&[key, value]| (key, value)));
            }
        }
        Ok(())
    }

    fn sequence(&mut self, opcode: u8) -> Result<(), PickleError> {
        let items = match opcode {
            b')' => Vec::new(),                                    // EMPTY_TUPLE
            b't' => self.marked()?,                                // TUPLE
            0x85..=0x87 => self.last(usize::from(opcode - 0x84))?, // TUPLE1 to TUPLE3
            // Lists are read over: an optimizer has them.
            b']' => {
                self.push(Value::Other); // EMPTY_LIST
                return Ok(());
            }
            b'l' => {
                self.marked()?; // LIST
                self.push(Value::Other);
                return Ok(());
            }
            b'e' => return self.marked().map(drop), // APPENDS
            _ => return self.drop_top(),            // APPEND
        };
        self.push(Value::Tuple(items));
        Ok(())
    }

    /// Names, calls and references to storages: where a pickle would execute something.
    fn call(&mut self, opcode: u8) -> Result<(), PickleError> {
        let value = match opcode {
            b'c' => {
                // GLOBAL
                let (module, name) = (self.line()?, self.line()?);
                global(&module, &name)?
            }
            0x93 => {
                // STACK_GLOBAL
                let (name, module) = (self.pop()?, self.pop()?);
                global(self.text_at(module)?, self.text_at(name)?)?
            }
            b'Q' => {
                // BINPERSID
                let id = self.pop()?;
                self.storage(id)?
            }
            _ => {
                // REDUCE
                let (arguments, function) = (self.pop()?, self.pop()?);
                self.reduce(function, arguments)?
            }
        };
        self.push(value);
        Ok(())
    }

    /// Returns what a call stands for.
    fn reduce(&self, function: usize, arguments: usize) -> Result<Value, PickleError> {
        let arguments = self.tuple(arguments)?;
        match (self.value(function)?, arguments) {
            (Value::OrderedDict, []) => Ok(Value::Dict(Vec::new())),
            // The tensor, requires_grad, hooks.
            (Value::RebuildParameter, [tensor, ..]) => match self.value(*tensor)? {
                Value::Tensor(view) => Ok(Value::Tensor(view.clone())),
                _ => Err(TYPES),
            },
            (Value::RebuildTensor, [storage, offset, size, stride, ..]) => {
                let Value::Storage(storage, number) = self.value(*storage)? else {
                    return Err(TYPES);
                };
                Ok(Value::Tensor(View {
                    storage: storage.clone(),
                    number: *number,
                    offset: self.size(*offset)?,
                    size: self.sizes(*size)?,
                    stride: self.sizes(*stride)?,
                }))
            }
            _ => Err(TYPES),
        }
    }

    /// Returns the storage that `("storage", type, name, place, length)` names.
    fn storage(&self, id: usize) -> Result<Value, PickleError> {
        let &[kind, number, name, ..] = self.tuple(id)? else {
            return Err(TYPES);
        };
        match (self.text_at(kind)?, self.value(number)?) {
            ("storage", Value::StorageType(number)) => {
                Ok(Value::Storage(self.name_at(name)?, *number))
            }
            _ => Err(TYPES),
        }
    }

    /// Returns the tensors of the dictionary at `top`, or of the state dict in it.
    fn tensors(&self, top: usize) -> Result<Vec<(String, View)>, PickleError> {
        let entries = match self.value(top)? {
            Value::Dict(entries) => entries,
            _ => {
                return Err(PickleError::Refused(
                    "something else than a dictionary".into(),
                ));
            }
        };
        let inner = entries.iter().find(|(key, value)| {
            let is_name = |text| matches!(text, "state_dict" | "model_state_dict" | "model");
            self.text_at(*key).is_ok_and(is_name)
                && matches!(self.value(*value), Ok(Value::Dict(_)))
        });
        let entries = match inner.map(|(_, value)| self.value(*value)) {
            Some(Ok(Value::Dict(inner))) => inner,
            _ => entries,
        };
        let mut tensors = Vec::new();
        for &(key, value) in entries {
            if let Value::Tensor(view) = self.value(value)? {
                tensors.push((self.name_at(key)?, view.clone()));
            }
        }
        Ok(tensors)
    }

    fn value(&self, place: usize) -> Result<&Value, PickleError> {
        self.values.get(place).ok_or(STACK)
    }

    fn text_at(&self, place: usize) -> Result<&str, PickleError> {
        match self.value(place)? {
            Value::Text(text) => Ok(text),
            _ => Err(TYPES),
        }
    }

    /// Returns the name at `place`.
    fn name_at(&self, place: usize) -> Result<String, PickleError> {
        match self.text_at(place)? {
            name if name.len() <= MAX_NAME => Ok(name.to_string()),
            _ => Err(PickleError::Damaged("a name is too long")),
        }
    }

    fn tuple(&self, place: usize) -> Result<&[usize], PickleError> {
        match self.value(place)? {
            Value::Tuple(places) => Ok(places),
            _ => Err(TYPES),
        }
    }

    fn size(&self, place: usize) -> Result<usize, PickleError> {
        match self.value(place)? {
            Value::Integer(number) => usize::try_from(*number).map_err(|_| TYPES),
            _ => Err(TYPES),
        }
    }

    fn sizes(&self, place: usize) -> Result<Vec<usize>, PickleError> {
        let places = self.tuple(place)?.iter();
        places.take(8).map(|&place| self.size(place)).collect()
    }

    fn push(&mut self, value: Value) {
        self.stack.push(self.values.len());
        self.values.push(value);
    }

    fn pop(&mut self) -> Result<usize, PickleError> {
        self.stack.pop().ok_or(STACK)
    }

    fn drop_top(&mut self) -> Result<(), PickleError> {
        self.pop()?;
        Ok(())
    }

    /// Takes the last `count` places off the stack.
    fn last(&mut self, count: usize) -> Result<Vec<usize>, PickleError> {
        let height = self.stack.len().checked_sub(count).ok_or(STACK)?;
        Ok(self.stack.split_off(height))
    }

    /// Takes the places above the last mark off the stack.
    fn marked(&mut self) -> Result<Vec<usize>, PickleError> {
        let mark = self.marks.pop().ok_or(STACK)?;
        let count = self.stack.len().checked_sub(mark).ok_or(STACK)?;
        self.last(count)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(CUT_OFF)?;
        self.rest = rest;
        Ok(*bytes)
    }

    fn skip<const N: usize>(&mut self) -> Result<(), PickleError> {
        self.take::<N>()?;
        Ok(())
    }

    fn bytes(&mut self, length: usize) -> Result<&[u8], PickleError> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(CUT_OFF)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn text(&mut self, length: usize) -> Result<Value, PickleError> {
        let text = std::str::from_utf8(self.bytes(length)?);
        let text = text.map_err(|_| PickleError::Damaged("a text is not UTF-8"))?;
        Ok(Value::Text(text.into()))
    }

    /// Takes a line, without its end.
    fn line(&mut self) -> Result<String, PickleError> {
        let end = self
            .rest
            .iter()
            .position(|&byte| byte == b'\n')
            .ok_or(CUT_OFF)?;
        let line = String::from_utf8_lossy(self.bytes(end)?).into_owned();
        let [_] = self.take()?;
        Ok(line)
    }
}

/// Returns the value a name stands for, if it is one of the four kinds that a state dict has.
fn global(module: &str, name: &str) -> Result<Value, PickleError> {
    Ok(match (module, name) {
        ("collections", "OrderedDict") => Value::OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2") => Value::RebuildTensor,
        ("torch._utils", "_rebuild_parameter") => Value::RebuildParameter,
        ("torch", "FloatStorage") => Value::StorageType(Some(Number::F32)),
        ("torch", "DoubleStorage") => Value::StorageType(Some(Number::F64)),
        ("torch", "HalfStorage") => Value::StorageType(Some(Number::F16)),
        ("torch", "BFloat16Storage") => Value::StorageType(Some(Number::Bf16)),
        ("torch", storage) if storage.ends_with("Storage") => Value::StorageType(None),
        _ => {
            let name = printable(format_args!("{module}.{name}"));
            return Err(PickleError::Refused(format!("a call of `{name}`")));
        }
    })
}
