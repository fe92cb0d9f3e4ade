//! The part of Python's pickle that checkpoints are made of. Nothing is executed: a handful of the names a
//! pickle may call are known here, and each stands for a value; a call of any other is an object that is
//! passed over.
//!
//! Opcodes: <https://github.com/python/cpython/blob/main/Lib/pickletools.py>. How PyTorch uses them:
//! `torch/_utils.py`, `_rebuild_tensor_v2`, and `torch/serialization.py`, `persistent_id`.

use std::collections::HashMap;

use crate::error::printable;
use crate::number::Number;

/// Most values, marks and places on the stack of a pickle, of each; a state dict of 65 layers has 4,000. So two
/// bytes that make a value of fifty stay few.
const MOST_VALUES: usize = 100_000;
/// Most tensors.
const MOST_TENSORS: usize = 10_000;
/// Longest name of a tensor or a storage, in bytes. Two bytes of a pickle can repeat it.
const MAX_NAME: usize = 256;
/// Most axes of a tensor.
const MOST_AXES: usize = 8;

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

/// Takes the pickle at the beginning of `bytes` apart, and off it.
pub fn read<'a>(bytes: &mut &'a [u8]) -> Result<Pickle<'a>, PickleError> {
    let mut machine = Machine {
        rest: bytes,
        pickle: Pickle {
            values: vec![Value::Nothing],
            top: 0,
            unknown: Vec::new(),
            storages: HashMap::new(),
        },
        tensors: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    machine.run()?;
    *bytes = machine.rest;
    Ok(machine.pickle)
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

struct Machine<'a> {
    rest: &'a [u8],
    pickle: Pickle<'a>,
    /// Number of tensors so far.
    tensors: usize,
    /// Places in the values.
    stack: Vec<usize>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, usize>,
}

const CUT_OFF: PickleError = PickleError::Damaged("cut off");
const STACK: PickleError = PickleError::Damaged("its stack is too short");
const TYPES: PickleError = PickleError::Damaged("a value has another type than expected");
const TOO_MANY: PickleError = PickleError::Damaged("it has too many values");

impl<'a> Machine<'a> {
    /// Runs to the end.
    fn run(&mut self) -> Result<(), PickleError> {
        loop {
            let [opcode] = self.take()?;
            match opcode {
                b'.' => break,                         // STOP
                0x80 => self.skip(1)?,                 // PROTO
                0x95 => self.skip(8)?,                 // FRAME
                b'(' => self.mark()?,                  // MARK
                b'0' => drop(self.pop()?),             // POP
                b'1' => drop(self.marked()?),          // POP_MARK
                b'2' => self.push_place(self.top()?)?, // DUP
                b'q' | b'h' | b'r' | b'j' | 0x94 => self.memory(opcode)?,
                b'}' | b'u' | b's' | b'd' => self.dictionary(opcode)?,
                b')' | b't' | 0x85..=0x87 | b']' | b'e' | b'a' | b'l' | 0x8f..=0x91 => {
                    self.sequence(opcode)?;
                }
                b'c' | 0x93 | b'R' | b'Q' | b'b' | 0x81 | 0x92 => self.call(opcode)?,
                _ => {
                    let value = self.literal(opcode)?;
                    self.push(value)?;
                }
            }
            if self.stack.len().max(self.marks.len()).max(self.memo.len()) > MOST_VALUES {
                return Err(TOO_MANY);
            }
        }
        self.pickle.top = self.pop()?;
        Ok(())
    }

    /// None, True, False, integers, floats, texts and bytes.
    fn literal(&mut self, opcode: u8) -> Result<Value<'a>, PickleError> {
        let length = match opcode {
            b'N' | 0x88 | 0x89 => return Ok(Value::Nothing), // NONE, NEWTRUE, NEWFALSE
            b'K' => return Ok(Value::Integer(u8::from_le_bytes(self.take()?).into())), // BININT1
            b'M' => return Ok(Value::Integer(u16::from_le_bytes(self.take()?).into())), // BININT2
            b'J' => return Ok(Value::Integer(i32::from_le_bytes(self.take()?).into())), // BININT
            b'G' => 8,                                       // BINFLOAT
            0x8a | 0x8c | b'C' | b'U' => u8::from_le_bytes(self.take()?).into(), // LONG1 and short texts
            0x8b | b'X' | b'B' | b'T' => u32::from_le_bytes(self.take()?).into(), // LONG4, longer ones
            0x8d | 0x8e | 0x96 => u64::from_le_bytes(self.take()?), // BINUNICODE8, BINBYTES8, BYTEARRAY8
            _ => {
                let what = format!("the pickle's instruction 0x{opcode:02x}");
                return Err(PickleError::Refused(what));
            }
        };
        let bytes = self.bytes(usize::try_from(length).map_err(|_| CUT_OFF)?)?;
        match opcode {
            0x8a => Ok(integer(bytes)),
            0x8c | b'X' | 0x8d => {
                let text = std::str::from_utf8(bytes);
                text.map(Value::Text)
                    .map_err(|_| PickleError::Damaged("a text is not UTF-8"))
            }
            _ => Ok(Value::Nothing),
        }
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
            let place = place.ok_or(PickleError::Damaged("a value is used before it is there"))?;
            return self.push_place(place);
        }
        let top = self.top()?;
        self.memo.insert(key, top);
        Ok(())
    }

    fn dictionary(&mut self, opcode: u8) -> Result<(), PickleError> {
        let items = match opcode {
            b'}' => Vec::new(),            // EMPTY_DICT
            b'u' | b'd' => self.marked()?, // SETITEMS, DICT
            _ => self.last(2)?,            // SETITEM
        };
        let (pairs, odd) = items.as_chunks::<2>();
        if !odd.is_empty() {
            return Err(PickleError::Damaged("a key has no value"));
        }
        let pairs = pairs.iter().map(|&[key, value]| (key, value));
        if matches!(opcode, b'}' | b'd') {
            return self.push(Value::Dict(pairs.collect()));
        }
        let dict = self.top()?;
        match self.pickle.values.get_mut(dict) {
            Some(Value::Dict(entries)) => entries.extend(pairs),
            Some(Value::Object(_)) => {} // of a kind that is not known
            _ => return Err(TYPES),
        }
        Ok(())
    }

    fn sequence(&mut self, opcode: u8) -> Result<(), PickleError> {
        let items = match opcode {
            b')' | b']' | 0x8f => Vec::new(), // EMPTY_TUPLE, EMPTY_LIST, EMPTY_SET
            b't' | b'l' | 0x91 => self.marked()?, // TUPLE, LIST, FROZENSET
            0x85..=0x87 => self.last(usize::from(opcode - 0x84))?, // TUPLE1 to TUPLE3
            _ => {
                let items = match opcode {
                    b'a' => self.last(1)?, // APPEND
                    _ => self.marked()?,   // APPENDS, ADDITEMS
                };
                let list = self.top()?;
                match self.pickle.values.get_mut(list) {
                    Some(Value::Sequence(places)) => places.extend(items),
                    Some(Value::Object(_)) => {}
                    _ => return Err(TYPES),
                }
                return Ok(());
            }
        };
        self.push(Value::Sequence(items))
    }

    /// Names, calls and references to storages: where a pickle would execute something.
    fn call(&mut self, opcode: u8) -> Result<(), PickleError> {
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

    fn push(&mut self, value: Value<'a>) -> Result<(), PickleError> {
        let place = self.pickle.values.len();
        if place > MOST_VALUES {
            return Err(TOO_MANY);
        }
        self.pickle.values.push(value);
        self.push_place(place)
    }

    fn push_place(&mut self, place: usize) -> Result<(), PickleError> {
        self.stack.push(place);
        Ok(())
    }

    fn mark(&mut self) -> Result<(), PickleError> {
        self.marks.push(self.stack.len());
        Ok(())
    }

    fn top(&self) -> Result<usize, PickleError> {
        self.stack.last().copied().ok_or(STACK)
    }

    fn pop(&mut self) -> Result<usize, PickleError> {
        self.stack.pop().ok_or(STACK)
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

    fn skip(&mut self, length: usize) -> Result<(), PickleError> {
        self.bytes(length).map(drop)
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], PickleError> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(CUT_OFF)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// Takes a line, without its end.
    fn line(&mut self) -> Result<&'a str, PickleError> {
        let end = self.rest.iter().position(|&byte| byte == b'\n');
        let line = self.bytes(end.ok_or(CUT_OFF)?)?;
        let [_] = self.take()?;
        std::str::from_utf8(line).map_err(|_| PickleError::Damaged("a name is not UTF-8"))
    }
}

/// Returns a number of up to eight bytes, lowest first; longer ones say nothing of weights.
fn integer(bytes: &[u8]) -> Value<'static> {
    let sign = bytes
        .last()
        .map_or(0, |byte| if *byte < 0x80 { 0 } else { 0xff });
    let mut number = [sign; 8];
    match number.get_mut(..bytes.len()) {
        Some(place) => place.copy_from_slice(bytes),
        None => return Value::Nothing,
    }
    Value::Integer(i64::from_le_bytes(number))
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
