//! Floats of any width and byte order, as `f32`.

use half::{bf16, f16};

use crate::ExchangeError;

/// How a number is stored, lowest byte first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    F16,
    Bf16,
    F32,
    F64,
}

impl Number {
    /// Returns the bytes of one number.
    pub fn size(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// Returns the numbers in `bytes`; what is left over at the end is left out.
    pub fn floats(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::F16 => each(bytes, |b| f16::from_le_bytes(b).to_f32()),
            Self::Bf16 => each(bytes, |b| bf16::from_le_bytes(b).to_f32()),
            Self::F32 => each(bytes, f32::from_le_bytes),
            Self::F64 => each(bytes, |b| f64::from_le_bytes(b) as f32),
        }
    }

    /// Returns the numbers in `bytes` that are stored highest byte first.
    pub fn floats_of_big_endian(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::F16 => each(bytes, |b| f16::from_be_bytes(b).to_f32()),
            Self::Bf16 => each(bytes, |b| bf16::from_be_bytes(b).to_f32()),
            Self::F32 => each(bytes, f32::from_be_bytes),
            Self::F64 => each(bytes, |b| f64::from_be_bytes(b) as f32),
        }
    }
}

fn each<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    let (numbers, _) = bytes.as_chunks::<N>();
    numbers.iter().map(|&bytes| number(bytes)).collect()
}

/// Returns the bytes of `values`, four a number.
pub fn bytes(values: &[f32]) -> Vec<u8> {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes());
    bytes.collect()
}

/// Returns the number of values of a `shape`, if it is no more than `most`.
pub fn count(shape: &[usize], most: usize) -> Option<usize> {
    let mut count = 1usize;
    for &size in shape {
        count = count.checked_mul(size)?;
    }
    Some(count).filter(|&count| count <= most)
}

/// How many values may still be taken out of a file: one for each of its bytes, and no more than the largest
/// network has. So a file that names the same bytes again and again does not grow.
pub struct Room(usize);

impl Room {
    /// Returns the room of a file with so many bytes in it.
    pub fn of(bytes: u64) -> Self {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        Self(bytes.min(model::config::MAX_PARAMETERS))
    }

    /// Makes room for as many bytes more.
    pub fn grow(&mut self, bytes: u64) {
        *self = Self::of(bytes.saturating_add(self.0 as u64));
    }

    /// Takes room for `count` values.
    pub fn take(&mut self, count: usize) -> Result<(), ExchangeError> {
        self.0 = self.0.checked_sub(count).ok_or(ExchangeError::TooLarge)?;
        Ok(())
    }
}
