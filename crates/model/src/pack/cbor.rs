//! CBOR (RFC 8949), only what the metadata of a pack uses: unsigned and negative integers, text, arrays
//! and maps of a known length.

use super::{MAX_ENTRIES, PackError};

/// Major types: <https://www.rfc-editor.org/rfc/rfc8949#section-3.1>.
const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;

/// Reads items from the front of a slice.
pub(super) struct Decoder<'a>(&'a [u8]);

impl<'a> Decoder<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Returns the number of pairs of the map that begins here.
    pub(super) fn map(&mut self) -> Result<usize, PackError> {
        self.count(MAP, "a map was expected")
    }

    /// Returns the number of items of the array that begins here.
    pub(super) fn array(&mut self) -> Result<usize, PackError> {
        self.count(ARRAY, "an array was expected")
    }

    pub(super) fn text(&mut self) -> Result<&'a str, PackError> {
        let length = self.expect(TEXT, "text was expected")?;
        let split = usize::try_from(length)
            .ok()
            .and_then(|length| self.0.split_at_checked(length));
        let (text, rest) = split.ok_or(ENDED)?;
        self.0 = rest;
        str::from_utf8(text).map_err(|_| PackError::Metadata("text is not UTF-8"))
    }

    pub(super) fn unsigned(&mut self) -> Result<u64, PackError> {
        self.expect(UNSIGNED, "an unsigned integer was expected")
    }

    pub(super) fn signed(&mut self) -> Result<i64, PackError> {
        let (major, argument) = self.head()?;
        match (major, i64::try_from(argument)) {
            (UNSIGNED, Ok(value)) => Ok(value),
            (NEGATIVE, Ok(value)) => Ok(-1 - value),
            (UNSIGNED | NEGATIVE, Err(_)) => Err(PackError::Metadata("an integer is too large")),
            _ => Err(PackError::Metadata("an integer was expected")),
        }
    }

    /// Checks that nothing is left.
    pub(super) fn finish(self) -> Result<(), PackError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(PackError::Metadata("more bytes than it needs"))
        }
    }

    fn count(&mut self, major: u8, expected: &'static str) -> Result<usize, PackError> {
        let count = usize::try_from(self.expect(major, expected)?);
        let fits = count.ok().filter(|&count| count <= MAX_ENTRIES);
        fits.ok_or(PackError::Metadata("too many entries"))
    }

    fn expect(&mut self, major: u8, expected: &'static str) -> Result<u64, PackError> {
        let (found, argument) = self.head()?;
        if found == major {
            Ok(argument)
        } else {
            Err(PackError::Metadata(expected))
        }
    }

    /// Reads the head of an item: its major type and its argument, which is a value or a length.
    fn head(&mut self) -> Result<(u8, u64), PackError> {
        let [first] = self.take()?;
        let argument = match first & 0x1f {
            small @ 0..=23 => u64::from(small),
            24 => u8::from_be_bytes(self.take()?).into(),
            25 => u16::from_be_bytes(self.take()?).into(),
            26 => u32::from_be_bytes(self.take()?).into(),
            27 => u64::from_be_bytes(self.take()?),
            _ => return Err(PackError::Metadata("a length is missing")),
        };
        Ok((first >> 5, argument))
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], PackError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(ENDED)?;
        self.0 = rest;
        Ok(*taken)
    }
}

const ENDED: PackError = PackError::Metadata("it ends too early");

/// Appends items to bytes, each in its shortest form, as Burn does.
#[derive(Default)]
pub(super) struct Encoder(pub(super) Vec<u8>);

impl Encoder {
    /// Begins a map of `pairs` keys, each followed by its value.
    pub(super) fn map(&mut self, pairs: usize) {
        self.head(MAP, pairs as u64);
    }

    /// Writes an array of unsigned integers.
    pub(super) fn array(&mut self, items: &[usize]) {
        self.head(ARRAY, items.len() as u64);
        for &item in items {
            self.head(UNSIGNED, item as u64);
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        self.head(TEXT, text.len() as u64);
        self.0.extend(text.as_bytes());
    }

    fn head(&mut self, major: u8, argument: u64) {
        let bytes = argument.to_be_bytes();
        // The code of the argument's size, and how many of its bytes follow.
        let (code, follow) = match argument {
            0..=23 => (argument as u8, 0),
            24..=0xff => (24, 1),
            0x100..=0xffff => (25, 2),
            0x1_0000..=0xffff_ffff => (26, 4),
            _ => (27, 8),
        };
        self.0.push(major << 5 | code);
        self.0.extend(bytes.iter().skip(bytes.len() - follow));
    }
}
