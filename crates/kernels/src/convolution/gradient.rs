//! The gradient of a convolution's weights: the sums of some weights by some channels stay in registers while one
//! pixel after the other passes by.

#[cfg(target_arch = "x86_64")]
use super::vectors::{Avx2, Avx512};
use super::vectors::{LANES, Portable, Vector};
use crate::instructions::{Instructions, Set};

/// The gradient of a convolution's weights, in pointers. Distances are in values.
pub struct Job {
    /// The first value under the kernel at the first pixel, and how far rows and pixels are apart.
    pub x: *const f32,
    pub x_row: usize,
    pub x_pixel: usize,
    /// The gradient of the first output, and how far rows and pixels are apart.
    pub delta: *const f32,
    pub delta_row: usize,
    pub delta_pixel: usize,
    pub height: usize,
    pub width: usize,
    /// For every value under the kernel, `lanes` sums, which are added to.
    pub out: *mut f32,
    pub lanes: usize,
    /// Values under a row of the kernel.
    pub per_row: usize,
}

/// Computes a tile: it is given how far the first value under the kernel is from that of the job, which one it is,
/// and the first channel.
pub type Tile = unsafe fn(&Job, usize, usize, usize);

/// A tile: vectors of channels, rows of the kernel, consecutive values of each.
pub struct Size {
    pub vectors: usize,
    pub rows: usize,
    pub values: usize,
    pub tile: Tile,
}

macro_rules! sizes {
    ($set:ident: $([$vectors:literal $rows:literal $values:literal])*) => {
        &[$(Size {
            vectors: $vectors,
            rows: $rows,
            values: $values,
            tile: $set::<$vectors, $rows, $values>,
        }),*]
    };
}

/// Tiles of whole kernels, then those of one row, the largest first. The last of each number of vectors is one
/// value.
#[cfg(target_arch = "x86_64")]
const AVX512: &[Size] = sizes!(avx512:
    [2 3 3] [1 3 3] [1 3 9] [1 5 5]
    [2 1 12] [2 1 9] [2 1 5] [2 1 3] [2 1 1]
    [1 1 24] [1 1 15] [1 1 9] [1 1 5] [1 1 2] [1 1 1]);
#[cfg(target_arch = "x86_64")]
const AVX2: &[Size] = sizes!(avx2: [1 1 6] [1 1 3] [1 1 1]);
const PORTABLE: &[Size] = sizes!(portable: [1 1 3] [1 1 1]);

/// Returns the tiles of a set of instructions.
pub fn sizes(instructions: Instructions) -> &'static [Size] {
    match instructions.set() {
        #[cfg(target_arch = "x86_64")]
        Set::Avx512 => AVX512,
        #[cfg(target_arch = "x86_64")]
        Set::Avx2 => AVX2,
        Set::Portable => PORTABLE,
    }
}

macro_rules! compile {
    ($($(#[$attribute:meta])* fn $name:ident<$vector:ident>;)*) => {$(
        $(#[$attribute])*
        unsafe fn $name<const VECTORS: usize, const ROWS: usize, const VALUES: usize>(
            job: &Job,
            start: usize,
            first: usize,
            lane: usize,
        ) {
            // SAFETY: the caller has what `tile` asks for; the processor has these instructions.
            unsafe { tile::<$vector, VECTORS, ROWS, VALUES>(job, start, first, lane) }
        }
    )*};
}

compile! {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    fn avx512<Avx512>;
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn avx2<Avx2>;
    fn portable<Portable>;
}

/// # Safety
/// The tile lies within the job, whose pointers lead to all that belongs to it.
#[inline(always)]
unsafe fn tile<V: Vector, const VECTORS: usize, const ROWS: usize, const VALUES: usize>(
    job: &Job,
    start: usize,
    first: usize,
    lane: usize,
) {
    // SAFETY: as asked for.
    unsafe {
        let out = |row: usize, value: usize, v: usize| {
            let weight = first + row * job.per_row + value;
            job.out.add(weight * job.lanes + lane + v * LANES)
        };
        let mut sums = [[[V::zero(); VECTORS]; VALUES]; ROWS];
        for (r, sums) in sums.iter_mut().enumerate() {
            for (i, sums) in sums.iter_mut().enumerate() {
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = V::load(out(r, i, v));
                }
            }
        }
        let (x_row, x_pixel, delta_pixel) = (job.x_row, job.x_pixel, job.delta_pixel);
        for y in 0..job.height {
            let mut x = job.x.add(y * x_row + start);
            let mut delta = job.delta.add(y * job.delta_row + lane);
            for _ in 0..job.width {
                let mut d = [V::zero(); VECTORS];
                for (v, d) in d.iter_mut().enumerate() {
                    *d = V::load(delta.add(v * LANES));
                }
                for (r, sums) in sums.iter_mut().enumerate() {
                    for (i, sums) in sums.iter_mut().enumerate() {
                        let value = V::splat(*x.add(r * x_row + i));
                        for (sum, d) in sums.iter_mut().zip(d) {
                            *sum = sum.multiply_add(value, d);
                        }
                    }
                }
                // The last may leave what there is: such a pointer is never read.
                x = x.wrapping_add(x_pixel);
                delta = delta.wrapping_add(delta_pixel);
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (i, sums) in sums.iter().enumerate() {
                for (v, sum) in sums.iter().enumerate() {
                    sum.store(out(r, i, v));
                }
            }
        }
    }
}
