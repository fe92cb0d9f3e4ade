//! One array of NumPy: its header, and its numbers from front to back.
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>

use std::io::Read;

/// The longest header that is read; NumPy's have some hundred bytes.
const LONGEST: usize = 1 << 16;

/// Makes a number of its bytes; the flag says whether the highest is the first.
type Decoder = fn(&[u8], bool) -> f64;

/// What an array's header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// NumPy's letter: `u`, `i`, `f` or `b`.
    kind: char,
    /// Bytes of a number.
    size: usize,
    is_big_endian: bool,
    pub shape: Vec<usize>,
    /// Numbers in all.
    pub count: usize,
    /// Bytes of the header itself.
    length: usize,
}

impl Header {
    /// Reads the header.
    pub fn read(source: &mut impl Read) -> Result<Self, String> {
        let mut start = [0; 8];
        read(source, &mut start)?;
        let [0x93, b'N', b'U', b'M', b'P', b'Y', version, _] = start else {
            return Err("is no array of NumPy".into());
        };
        let mut length = [0; 4];
        let words = if version == 1 { 2 } else { 4 };
        read(source, length.get_mut(..words).unwrap_or_default())?;
        let long = u32::from_le_bytes(length) as usize;
        if long > LONGEST {
            return Err(format!("has a header of {long} bytes"));
        }
        let mut text = vec![0; long];
        read(source, &mut text)?;
        let text = String::from_utf8_lossy(&text);
        Self::parse(&text, start.len() + words + long)
            .ok_or_else(|| "has a header that cannot be understood".into())
    }

    /// Reads Python's dict.
    fn parse(text: &str, length: usize) -> Option<Self> {
        let value = |key: &str| {
            let behind = text.split_once(&format!("'{key}'"))?.1;
            Some(behind.trim_start().strip_prefix(':')?.trim_start())
        };
        let dtype = value("descr")?.strip_prefix('\'')?.split_once('\'')?.0;
        let (order, kind) = dtype.split_at_checked(1)?;
        let (kind, size) = kind.split_at_checked(1)?;
        let is_c = value("fortran_order")?.starts_with("False");
        let shape = value("shape")?.strip_prefix('(')?.split_once(')')?.0;
        let sides = shape
            .split(',')
            .map(str::trim)
            .filter(|side| !side.is_empty());
        let shape: Vec<usize> = sides.map(|side| side.parse().ok()).collect::<Option<_>>()?;
        let count = shape
            .iter()
            .try_fold(1_usize, |all, &side| all.checked_mul(side))?;
        // A line of numbers is the same in both orders.
        let is_line = shape.iter().filter(|side| **side != 1).count() <= 1;
        (is_c || is_line).then_some(())?;
        Some(Self {
            kind: kind.chars().next()?,
            size: size.parse().ok()?,
            is_big_endian: order == ">",
            shape,
            count,
            length,
        })
    }

    /// Returns the bytes of the whole array, header and all.
    pub fn bytes(&self) -> Option<u64> {
        let numbers = self.count.checked_mul(self.size)?;
        u64::try_from(numbers.checked_add(self.length)?).ok()
    }

    /// Returns whether the numbers are bytes, which need no scale.
    pub fn are_bytes(&self) -> bool {
        (self.kind, self.size) == ('u', 1)
    }

    /// Gives `take` every number, in the order of the array, from a source that is behind the header. Nothing may
    /// follow.
    pub fn numbers(
        &self,
        source: &mut impl Read,
        mut take: impl FnMut(f64) -> Result<(), String>,
    ) -> Result<(), String> {
        let number = self.decoder()?;
        let mut buffer = vec![0; self.size << 13];
        let mut left = self.count;
        while left > 0 {
            let now = left.min(1 << 13);
            let bytes = buffer.get_mut(..now * self.size).unwrap_or_default();
            read(source, bytes)?;
            for bytes in bytes.chunks_exact(self.size) {
                take(number(bytes, self.is_big_endian))?;
            }
            left -= now;
        }
        match source.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err("goes on behind its numbers".into()),
            Err(error) => Err(format!("is damaged: {error}")),
        }
    }

    /// Returns what makes a number of its bytes.
    fn decoder(&self) -> Result<Decoder, String> {
        Ok(match (self.kind, self.size) {
            ('u' | 'b', 1) => |bytes, _| f64::from(bytes.first().copied().unwrap_or(0)),
            ('u', 2 | 4 | 8) => |bytes, is_big| unsigned(bytes, is_big) as f64,
            ('i', 1 | 2 | 4 | 8) => |bytes, is_big| {
                let unused = 64 - 8 * bytes.len() as u32;
                ((unsigned(bytes, is_big) << unused).cast_signed() >> unused) as f64
            },
            ('f', 4) => |bytes, is_big| f64::from(f32::from_bits(unsigned(bytes, is_big) as u32)),
            ('f', 8) => |bytes, is_big| f64::from_bits(unsigned(bytes, is_big)),
            (kind, size) => {
                let kind = kind.escape_debug();
                return Err(format!(
                    "has numbers of the type {kind}{size}: save them as uint8"
                ));
            }
        })
    }
}

fn unsigned(bytes: &[u8], is_big_endian: bool) -> u64 {
    let join = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
    if is_big_endian {
        bytes.iter().fold(0, join)
    } else {
        bytes.iter().rev().fold(0, join)
    }
}

fn read(source: &mut impl Read, bytes: &mut [u8]) -> Result<(), String> {
    source
        .read_exact(bytes)
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => "is cut off".into(),
            _ => format!("is damaged: {error}"),
        })
}
