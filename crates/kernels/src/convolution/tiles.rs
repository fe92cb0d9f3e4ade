//! The tiles of a convolution, for each set of instructions: the sums of some pixels by some channels stay in
//! registers while one input value after the other passes by.

#[cfg(target_arch = "x86_64")]
use super::vectors::{Avx2, Avx512};
use super::vectors::{LANES, Portable, Vector};
use crate::instructions::{Instructions, Set};

/// A convolution of pointers. Distances are in values.
pub struct Job {
    /// The first value under the kernel at the first pixel, and how far rows and pixels are apart.
    pub x: *const f32,
    pub x_row: usize,
    pub x_pixel: usize,
    /// Rows of the kernel. Each is so many runs of consecutive values, a pixel apart.
    pub kernel: usize,
    pub runs: usize,
    pub run: usize,
    /// For every value under the kernel, `lanes` weights.
    pub weights: *const f32,
    pub lanes: usize,
    /// `[lanes]`, or null for none.
    pub bias: *const f32,
    /// The first output, and how far rows and pixels are apart.
    pub out: *mut f32,
    pub out_row: usize,
    pub out_pixel: usize,
    /// Whether negative outputs become 0.
    pub relu: bool,
    /// The outputs are the largest of two by two sums each, and here is which: see [`super::pool`]. A row of it has
    /// so many.
    pub routes: *mut u64,
    pub routes_row: usize,
}

/// Computes the tile whose first row, column and channel are given.
pub type Tile = unsafe fn(&Job, usize, usize, usize);

/// The largest tiles of a set of instructions.
pub struct Limits {
    /// Vectors of channels.
    pub vectors: usize,
    /// Columns of a tile of two rows.
    pub columns: usize,
    /// The same where each output is the largest of two by two sums.
    pub pooled: usize,
}

/// Returns how large tiles may be: their sums, a vector of weights and an input value fit in the registers. Where
/// pixels have one channel, their addresses need no registers.
pub fn limits(instructions: Instructions, lanes: usize, x_pixel: usize) -> Limits {
    match instructions.set() {
        #[cfg(target_arch = "x86_64")]
        Set::Avx512 if lanes < 2 * LANES => Limits {
            vectors: 1,
            columns: 7,
            pooled: if x_pixel == 1 { 14 } else { 6 },
        },
        #[cfg(target_arch = "x86_64")]
        Set::Avx512 => Limits {
            vectors: 2,
            columns: 7,
            pooled: 6,
        },
        _ => Limits {
            vectors: 1,
            columns: 3,
            pooled: 2,
        },
    }
}

/// The tiles of one set of instructions, by what is constant in them.
macro_rules! choose {
    ($plain:ident, $size:expr, $pixel:expr, $([$rows:literal $vectors:literal: $($columns:literal)*])*) => {
        match ($size, $pixel) {
            $($(
                ([$rows, $columns, $vectors], 1) => $plain::<$rows, $columns, $vectors, 1>,
                ([$rows, $columns, $vectors], _) => $plain::<$rows, $columns, $vectors, 0>,
            )*)*
            _ => unreachable!("no tile of {:?}", $size),
        }
    };
}

/// Returns the tile of so many rows, columns and vectors of channels.
pub fn plain(instructions: Instructions, size: [usize; 3], x_pixel: usize) -> Tile {
    match instructions.set() {
        #[cfg(target_arch = "x86_64")]
        Set::Avx512 => choose!(avx512, size, x_pixel,
            [1 1: 1 2 3 4 5 6 7] [2 1: 1 2 3 4 5 6 7] [1 2: 1 2 3 4 5 6 7] [2 2: 1 2 3 4 5 6 7]),
        #[cfg(target_arch = "x86_64")]
        Set::Avx2 => choose!(avx2, size, x_pixel, [1 1: 1 2 3] [2 1: 1 2 3]),
        Set::Portable => choose!(portable, size, x_pixel, [1 1: 1 2 3] [2 1: 1 2 3]),
    }
}

/// Returns the tile of two rows and so many columns and vectors, whose outputs are the largest of two by two sums.
pub fn pooled(instructions: Instructions, size: [usize; 3], x_pixel: usize) -> Tile {
    match instructions.set() {
        #[cfg(target_arch = "x86_64")]
        Set::Avx512 => choose!(avx512_pooled, size, x_pixel, [2 1: 2 4 6 8 10 12 14] [2 2: 2 4 6]),
        #[cfg(target_arch = "x86_64")]
        Set::Avx2 => choose!(avx2_pooled, size, x_pixel, [2 1: 2]),
        Set::Portable => choose!(portable_pooled, size, x_pixel, [2 1: 2]),
    }
}

macro_rules! compile {
    ($($(#[$attribute:meta])* fn $name:ident = $generic:ident<$vector:ident>;)*) => {$(
        $(#[$attribute])*
        unsafe fn $name<const ROWS: usize, const COLUMNS: usize, const VECTORS: usize, const PIXEL: usize>(
            job: &Job,
            row: usize,
            column: usize,
            lane: usize,
        ) {
            // SAFETY: the caller has what the generic function asks for; the processor has these instructions.
            unsafe { $generic::<$vector, ROWS, COLUMNS, VECTORS, PIXEL>(job, row, column, lane) }
        }
    )*};
}

compile! {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    fn avx512 = plain_tile<Avx512>;
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn avx2 = plain_tile<Avx2>;
    fn portable = plain_tile<Portable>;
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    fn avx512_pooled = pooled_tile<Avx512>;
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn avx2_pooled = pooled_tile<Avx2>;
    fn portable_pooled = pooled_tile<Portable>;
}

/// Computes the sums of a tile: `[row][column][vector]`. `PIXEL` is how far pixels are apart, or 0: as the job says.
///
/// # Safety
/// The tile lies within the job, whose pointers lead to all that belongs to it.
#[inline(always)]
unsafe fn sums<
    V: Vector,
    const ROWS: usize,
    const COLUMNS: usize,
    const VECTORS: usize,
    const PIXEL: usize,
>(
    job: &Job,
    row: usize,
    column: usize,
    lane: usize,
) -> [[[V; VECTORS]; COLUMNS]; ROWS] {
    // SAFETY: as asked for.
    unsafe {
        let mut first = [V::zero(); VECTORS];
        if !job.bias.is_null() {
            for (v, first) in first.iter_mut().enumerate() {
                *first = V::load(job.bias.add(lane + v * LANES));
            }
        }
        let mut sums = [[first; COLUMNS]; ROWS];
        let pixel = if PIXEL == 0 { job.x_pixel } else { PIXEL };
        let (x_row, lanes) = (job.x_row, job.lanes);
        let start = job.x.add(row * x_row + column * pixel);
        let mut weights = job.weights.add(lane);
        for down in 0..job.kernel {
            for along in 0..job.runs {
                let mut x = start.add(down * x_row + along * pixel);
                for _ in 0..job.run {
                    let mut w = [V::zero(); VECTORS];
                    for (v, w) in w.iter_mut().enumerate() {
                        *w = V::load(weights.add(v * LANES));
                    }
                    for (r, sums) in sums.iter_mut().enumerate() {
                        for (c, sums) in sums.iter_mut().enumerate() {
                            let value = V::splat(*x.add(r * x_row + c * pixel));
                            for (sum, w) in sums.iter_mut().zip(w) {
                                *sum = sum.multiply_add(value, w);
                            }
                        }
                    }
                    // The last may leave what there is: such a pointer is never read.
                    x = x.wrapping_add(1);
                    weights = weights.wrapping_add(lanes);
                }
            }
        }
        sums
    }
}

/// # Safety
/// As for [`sums`].
#[inline(always)]
unsafe fn plain_tile<
    V: Vector,
    const ROWS: usize,
    const COLUMNS: usize,
    const VECTORS: usize,
    const PIXEL: usize,
>(
    job: &Job,
    row: usize,
    column: usize,
    lane: usize,
) {
    // SAFETY: as asked for.
    unsafe {
        let sums = sums::<V, ROWS, COLUMNS, VECTORS, PIXEL>(job, row, column, lane);
        for (r, sums) in sums.iter().enumerate() {
            let out = job.out.add((row + r) * job.out_row + lane);
            for (c, sums) in sums.iter().enumerate() {
                for (v, &sum) in sums.iter().enumerate() {
                    let sum = if job.relu { sum.relu().0 } else { sum };
                    sum.store(out.add((column + c) * job.out_pixel + v * LANES));
                }
            }
        }
    }
}

/// # Safety
/// As for [`sums`]; rows are two, columns even.
#[inline(always)]
unsafe fn pooled_tile<
    V: Vector,
    const ROWS: usize,
    const COLUMNS: usize,
    const VECTORS: usize,
    const PIXEL: usize,
>(
    job: &Job,
    row: usize,
    column: usize,
    lane: usize,
) {
    // SAFETY: as asked for.
    unsafe {
        let sums = sums::<V, ROWS, COLUMNS, VECTORS, PIXEL>(job, row, column, lane);
        let (row, column) = (row / 2, column / 2);
        let out = job
            .out
            .add(row * job.out_row + column * job.out_pixel + lane);
        let groups = job.lanes / LANES;
        let routes = job
            .routes
            .add(row * job.routes_row + column * groups + lane / LANES);
        for c in 0..COLUMNS / 2 {
            for v in 0..VECTORS {
                let [top, bottom] = [&sums[0], &sums[1]];
                let window = [
                    top[2 * c][v],
                    top[2 * c + 1][v],
                    bottom[2 * c][v],
                    bottom[2 * c + 1][v],
                ];
                let (largest, route) = largest(window);
                largest.store(out.add(c * job.out_pixel + v * LANES));
                routes.add(c * groups + v).write(route);
            }
        }
    }
}

/// Returns max(0, x) of the largest of four, and which it is, for each lane: bit `16 i + lane` is set where it is the
/// `i`-th and above 0.
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
unsafe fn largest<V: Vector>(window: [V; 4]) -> (V, u64) {
    // SAFETY: as asked for.
    unsafe {
        let (largest, second) = window[0].larger(window[1]);
        let (largest, third) = largest.larger(window[2]);
        let (largest, fourth) = largest.larger(window[3]);
        let (largest, alive) = largest.relu();
        let masks = [
            alive & !(second | third | fourth),
            alive & second & !(third | fourth),
            alive & third & !fourth,
            alive & fourth,
        ];
        let join = |route, &mask: &u16| route << 16 | u64::from(mask);
        (largest, masks.iter().rev().fold(0, join))
    }
}
