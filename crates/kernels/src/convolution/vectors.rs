//! Sixteen values at a time, for each set of instructions: what the tiles of a convolution are written in.

/// Values of a [`Vector`].
pub const LANES: usize = 16;

/// Sixteen values in registers. A mask has a bit for each, the lowest for the first.
///
/// # Safety
/// Every function asks for a processor that has the instructions, and for pointers to what they read or write.
pub trait Vector: Copy {
    unsafe fn zero() -> Self;
    /// Returns `value` sixteen times.
    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn add(self, other: Self) -> Self;
    /// Returns `self + x y`.
    unsafe fn multiply_add(self, x: Self, y: Self) -> Self;
    /// Returns the larger values, and where those of `other` are; of equal ones they are those of `self`. A value of
    /// `other` that is no number is larger.
    unsafe fn larger(self, other: Self) -> (Self, u16);
    /// Returns max(0, x), where what is no number stays, and where it is above 0.
    unsafe fn relu(self) -> (Self, u16);
    /// Returns the values where the mask has a bit, and 0 elsewhere.
    unsafe fn keep(self, mask: u16) -> Self;
    /// Returns the bits of the last of `values` whose mask, from the second on, has a bit; or of the first.
    unsafe fn choose(masks: [u16; 4], values: [u32; 4]) -> Self;
    /// Returns where the values are not 0.
    unsafe fn not_zero(self) -> u16;
    /// Writes the values where the mask has a bit one after the other, and something else up to sixteen.
    unsafe fn compress(self, mask: u16, to: *mut f32);
    /// Returns the columns of these rows.
    #[inline(always)]
    unsafe fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        let (mut from, mut to) = ([[0f32; LANES]; LANES], [[0f32; LANES]; LANES]);
        // SAFETY: each row has room for a vector.
        unsafe {
            for (row, from) in rows.into_iter().zip(&mut from) {
                row.store(from.as_mut_ptr());
            }
            for (i, row) in to.iter_mut().enumerate() {
                for (value, from) in row.iter_mut().zip(&from) {
                    *value = from[i];
                }
            }
            to.map(|row| Self::load(row.as_ptr()))
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86;

/// What any processor has: the compiler makes vectors of it.
#[derive(Clone, Copy)]
pub struct Portable([f32; LANES]);

// SAFETY (of every block): as the trait asks for.
impl Vector for Portable {
    #[inline(always)]
    unsafe fn zero() -> Self {
        Self([0.0; LANES])
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; LANES])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { from.cast::<[f32; LANES]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { to.cast::<[f32; LANES]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn add(mut self, other: Self) -> Self {
        for (sum, x) in self.0.iter_mut().zip(other.0) {
            *sum += x;
        }
        self
    }

    /// 64-bit ARM always has fused multiply-add.
    #[inline(always)]
    unsafe fn multiply_add(mut self, x: Self, y: Self) -> Self {
        for (sum, (x, y)) in self.0.iter_mut().zip(x.0.into_iter().zip(y.0)) {
            *sum = if cfg!(target_arch = "aarch64") {
                x.mul_add(y, *sum)
            } else {
                x * y + *sum
            };
        }
        self
    }

    #[inline(always)]
    unsafe fn larger(mut self, other: Self) -> (Self, u16) {
        let mut mask = 0;
        for (i, (x, other)) in self.0.iter_mut().zip(other.0).enumerate() {
            if other > *x || other.is_nan() || x.is_nan() {
                *x = other;
                mask |= 1 << i;
            }
        }
        (self, mask)
    }

    #[inline(always)]
    unsafe fn relu(mut self) -> (Self, u16) {
        let mut alive = 0;
        for (i, x) in self.0.iter_mut().enumerate() {
            alive |= u16::from(*x > 0.0) << i;
            *x = if *x < 0.0 { 0.0 } else { *x };
        }
        (self, alive)
    }

    #[inline(always)]
    unsafe fn keep(mut self, mask: u16) -> Self {
        for (i, x) in self.0.iter_mut().enumerate() {
            *x = if mask >> i & 1 == 1 { *x } else { 0.0 };
        }
        self
    }

    #[inline(always)]
    unsafe fn choose(masks: [u16; 4], values: [u32; 4]) -> Self {
        let mut chosen = [values[0]; LANES];
        for (mask, value) in masks.into_iter().zip(&values[1..]) {
            for (i, chosen) in chosen.iter_mut().enumerate() {
                *chosen = if mask >> i & 1 == 1 { *value } else { *chosen };
            }
        }
        Self(chosen.map(f32::from_bits))
    }

    #[inline(always)]
    unsafe fn not_zero(self) -> u16 {
        let mut mask = 0;
        for (i, x) in self.0.into_iter().enumerate() {
            mask |= u16::from(x != 0.0) << i;
        }
        mask
    }

    #[inline(always)]
    unsafe fn compress(self, mask: u16, to: *mut f32) {
        unsafe { compress(&self.0, mask, to) }
    }
}

/// # Safety
/// There is room for sixteen values.
#[inline(always)]
unsafe fn compress(from: &[f32; LANES], mask: u16, to: *mut f32) {
    let mut end = 0;
    for (i, value) in from.iter().enumerate() {
        // SAFETY: `end` is below sixteen.
        unsafe { to.add(end).write(*value) }
        end += usize::from(mask >> i & 1);
    }
}
