//! The machine that a pickle is for: a stack of values, marks on it, and a memory.

use std::collections::HashMap;

use super::{Pickle, PickleError, Value};

/// Most values, marks and places on the stack of a pickle, of each; a state dict of 65 layers has 4,000. So two
/// bytes that make a value of fifty stay few.
const MOST_VALUES: usize = 100_000;

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

pub(super) struct Machine<'a> {
    rest: &'a [u8],
    pub(super) pickle: Pickle<'a>,
    /// Number of tensors so far.
    pub(super) tensors: usize,
    /// Places in the values.
    stack: Vec<usize>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, usize>,
}

const CUT_OFF: PickleError = PickleError::Damaged("cut off");
const STACK: PickleError = PickleError::Damaged("its stack is too short");
pub(super) const TYPES: PickleError =
    PickleError::Damaged("a value has another type than expected");
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

    pub(super) fn push(&mut self, value: Value<'a>) -> Result<(), PickleError> {
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

    pub(super) fn top(&self) -> Result<usize, PickleError> {
        self.stack.last().copied().ok_or(STACK)
    }

    pub(super) fn pop(&mut self) -> Result<usize, PickleError> {
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
    pub(super) fn line(&mut self) -> Result<&'a str, PickleError> {
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
