//! The wire format of Protocol Buffers, without copies:
//! <https://protobuf.dev/programming-guides/encoding/>.
//!
//! A decoder like prost's builds a value for every message, which makes two bytes of a file a hundred of
//! memory; here a message stays the bytes it is, and its fields are walked over.

/// A field's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Whole numbers, truth values, enums.
    Varint(u64),
    /// `fixed32`, `float`.
    Fixed32([u8; 4]),
    /// `fixed64`, `double`.
    Fixed64([u8; 8]),
    /// Texts, bytes, messages, packed numbers.
    Bytes(&'a [u8]),
}

/// The bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Malformed;

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("cut off, or not a message")
    }
}

/// Returns the fields of a message, number and value, in their order. After an error nothing follows.
pub fn fields(message: &[u8]) -> impl Iterator<Item = Result<(u64, Value<'_>), Malformed>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = field(&mut rest);
        if field.is_none() {
            rest = &[];
        }
        Some(field.ok_or(Malformed))
    })
}

fn field<'a>(rest: &mut &'a [u8]) -> Option<(u64, Value<'a>)> {
    let key = varint(rest)?;
    let value = match key & 7 {
        0 => Value::Varint(varint(rest)?),
        1 => Value::Fixed64(*take(rest)?),
        2 => {
            let length = usize::try_from(varint(rest)?).ok()?;
            let (bytes, after) = rest.split_at_checked(length)?;
            *rest = after;
            Value::Bytes(bytes)
        }
        5 => Value::Fixed32(*take(rest)?),
        _ => return None, // groups, which nobody writes
    };
    Some((key >> 3, value))
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(bytes)
}

/// Takes a number of seven bits a byte, lowest first.
pub fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let [byte] = *take(rest)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// A message that is being written.
#[derive(Debug, Clone, Default)]
pub struct Message(pub Vec<u8>);

impl Message {
    /// Adds a whole number.
    pub fn number(mut self, field: u64, value: u64) -> Self {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    /// Adds a `double`.
    pub fn double(mut self, field: u64, value: f64) -> Self {
        self.varint(field << 3 | 1);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// Adds a `float`.
    pub fn float(mut self, field: u64, value: f32) -> Self {
        self.varint(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// Adds a text, bytes or a message.
    pub fn bytes(mut self, field: u64, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

impl AsRef<[u8]> for Message {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the format's own description.
    #[test]
    fn the_examples_of_the_specification() {
        let message = Message::default().number(1, 150).bytes(2, "testing");
        assert_eq!(message.0, *b"\x08\x96\x01\x12\x07testing");
        let read: Vec<_> = fields(&message.0).collect();
        let expect = [
            Ok((1, Value::Varint(150))),
            Ok((2, Value::Bytes(b"testing"))),
        ];
        assert_eq!(read, expect);
    }

    #[test]
    fn what_is_cut_off_is_an_error_and_the_end() {
        for message in [
            &b"\x08"[..],
            b"\x08\xff",
            b"\x12\x07test",
            b"\x0d123",
            b"\x0b",
            b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        ] {
            assert_eq!(
                fields(message).collect::<Vec<_>>(),
                [Err(Malformed)],
                "{message:?}"
            );
        }
    }
}
