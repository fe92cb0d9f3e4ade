//! Thrift's compact protocol, in which Parquet writes its footer and the headers of its pages:
//! <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>.
//!
//! A struct stays the bytes it is, and its fields are walked over: nothing is allocated on a file's word.

/// The deepest nesting that is walked over. Parquet's own structs are five deep.
const DEPTH: usize = 16;

/// The bytes are cut off, or no struct.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Malformed;

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    True,
    False,
    Byte,
    /// `i16`, `i32` and `i64` are written alike.
    Integer,
    Double,
    Bytes,
    /// Lists and sets.
    List,
    Map,
    Struct,
}

impl Kind {
    fn of(code: u8) -> Result<Self, Malformed> {
        Ok(match code {
            1 => Self::True,
            2 => Self::False,
            3 => Self::Byte,
            4..=6 => Self::Integer,
            7 => Self::Double,
            8 => Self::Bytes,
            9 | 10 => Self::List,
            11 => Self::Map,
            12 => Self::Struct,
            _ => return Err(Malformed),
        })
    }
}

/// What is left to read of a file's structs.
pub struct Thrift<'a> {
    pub rest: &'a [u8],
}

impl<'a> Thrift<'a> {
    /// Walks over a struct: `field` is given the number and the kind of each field, reads its value and returns
    /// true, or leaves it alone and returns false.
    pub fn fields(
        &mut self,
        mut field: impl FnMut(&mut Self, i64, Kind) -> Result<bool, Malformed>,
    ) -> Result<(), Malformed> {
        let mut number = 0i64;
        while let Some((found, kind)) = self.field(number)? {
            number = found;
            if !field(self, number, kind)? {
                self.skip(kind, DEPTH)?;
            }
        }
        Ok(())
    }

    /// Returns the number and kind of the field behind the one with the number `last`; `None` at the end.
    fn field(&mut self, last: i64) -> Result<Option<(i64, Kind)>, Malformed> {
        let header = self.byte()?;
        if header == 0 {
            return Ok(None);
        }
        let number = match header >> 4 {
            0 => self.integer()?,
            more => last.checked_add(i64::from(more)).ok_or(Malformed)?,
        };
        Ok(Some((number, Kind::of(header & 15)?)))
    }

    /// Walks over a list of structs or texts; `each` reads one of them.
    pub fn list(
        &mut self,
        mut each: impl FnMut(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let (count, _) = self.list_header()?;
        (0..count).try_for_each(|_| each(self))
    }

    /// Returns how many values a list has, of which each takes a byte at least, and their kind.
    fn list_header(&mut self) -> Result<(u64, Kind), Malformed> {
        let header = self.byte()?;
        let count = match header >> 4 {
            15 => self.varint()?,
            few => u64::from(few),
        };
        if count > self.rest.len() as u64 {
            return Err(Malformed);
        }
        // An empty list may be of no kind.
        let kind = if count == 0 {
            Kind::Byte
        } else {
            Kind::of(header & 15)?
        };
        Ok((count, kind))
    }

    /// Returns a whole number.
    pub fn integer(&mut self) -> Result<i64, Malformed> {
        let zigzag = self.varint()?;
        Ok((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
    }

    /// Returns a whole number that is no less than 0.
    pub fn count(&mut self) -> Result<u64, Malformed> {
        u64::try_from(self.integer()?).map_err(|_| Malformed)
    }

    /// Returns bytes, as of a text.
    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// Returns a text; what is no UTF-8 in it is replaced.
    pub fn text(&mut self) -> Result<String, Malformed> {
        Ok(String::from_utf8_lossy(self.bytes()?).into_owned())
    }

    fn skip(&mut self, kind: Kind, depth: usize) -> Result<(), Malformed> {
        let depth = depth.checked_sub(1).ok_or(Malformed)?;
        match kind {
            Kind::True | Kind::False => {}
            Kind::Byte => drop(self.byte()?),
            Kind::Integer => drop(self.varint()?),
            Kind::Double => {
                self.rest = self.rest.get(8..).ok_or(Malformed)?;
            }
            Kind::Bytes => drop(self.bytes()?),
            Kind::Struct => {
                while let Some((_, kind)) = self.field(0)? {
                    self.skip(kind, depth)?;
                }
            }
            Kind::List => {
                let (count, kind) = self.list_header()?;
                (0..count).try_for_each(|_| self.skip_value(kind, depth))?;
            }
            Kind::Map => {
                let count = self.varint()?;
                if count > 0 {
                    let kinds = self.byte()?;
                    let (key, value) = (Kind::of(kinds >> 4)?, Kind::of(kinds & 15)?);
                    for _ in 0..count {
                        self.skip_value(key, depth)?;
                        self.skip_value(value, depth)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Skips a value of a list or map, where a truth value takes a byte of its own.
    fn skip_value(&mut self, kind: Kind, depth: usize) -> Result<(), Malformed> {
        match kind {
            Kind::True | Kind::False => self.skip(Kind::Byte, depth),
            kind => self.skip(kind, depth),
        }
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        let (byte, rest) = self.rest.split_first().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*byte)
    }

    /// Returns a number of seven bits a byte, lowest first.
    fn varint(&mut self) -> Result<u64, Malformed> {
        varint(&mut self.rest).ok_or(Malformed)
    }
}

/// Takes a number of seven bits a byte, lowest first.
pub fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}
