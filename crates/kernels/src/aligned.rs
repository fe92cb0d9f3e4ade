//! Values that begin at the start of a cache line.

use std::ops::{Deref, DerefMut};

/// A cache line, which is also the widest vector. A vector that is in two lines takes twice as long to read, and several
/// times as long to write.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// Values as in a `Vec`, of which the first is at the start of a cache line.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Aligned {
    lines: Vec<Line>,
    len: usize,
}

impl Aligned {
    /// Returns so many zeros.
    pub fn zeros(len: usize) -> Self {
        Self {
            lines: vec![Line([0.0; 16]); len.div_ceil(16)],
            len,
        }
    }
}

impl From<Vec<f32>> for Aligned {
    fn from(values: Vec<f32>) -> Self {
        let mut aligned = Self::zeros(values.len());
        aligned.copy_from_slice(&values);
        aligned
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: a line is sixteen values without anything between them, and `len` are no more than the lines have.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_their_own_and_aligned() {
        for len in [0, 1, 15, 16, 17, 1000] {
            let mut values = Aligned::zeros(len);
            assert_eq!(values.len(), len);
            assert!(values.iter().all(|&x| x == 0.0));
            for (i, value) in values.iter_mut().enumerate() {
                *value = i as f32;
            }
            let copy = values.clone();
            assert!(copy.iter().enumerate().all(|(i, &x)| x == i as f32));
            assert_eq!(copy.as_ptr().align_offset(64), 0);
        }
    }
}
