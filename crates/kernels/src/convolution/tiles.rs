//! The tiles of a convolution, for each set of instructions: the sums of some pixels by some channels stay in
//! registers while one input value after the other passes by.

use super::pool::Route;
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
    pub routes: *mut Route,
    pub routes_row: usize,
}

/// Computes the tile whose first row, column and channel are given.
pub type Tile = unsafe fn(&Job, usize, usize, usize);

/// Finds the tile of a size, compiled for pixels that are one value apart and for others.
macro_rules! choose {
    ($job:expr, $tile:ident, $constant:literal, $size:expr,
     $([$rows:literal $pooled:literal: $($columns:literal)*])*) => {
        match ($size.rows, $size.columns, $size.pooled, $job.x_pixel) {
            $($(
                ($rows, $columns, $pooled, 1) => $tile::<$rows, $columns, $constant, 1, $pooled>,
                ($rows, $columns, $pooled, _) => $tile::<$rows, $columns, $constant, 0, $pooled>,
            )*)*
            _ => unreachable!("no tile of {:?}", $size),
        }
    };
}

/// What is constant in a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub rows: usize,
    pub columns: usize,
    /// Vectors of channels.
    pub vectors: usize,
    /// Whether each output is the largest of two by two sums.
    pub pooled: bool,
}

/// The largest tiles of a job: their sums, the weights in use and an input value fit in the registers.
pub struct Limits {
    /// Vectors of channels.
    pub vectors: usize,
    /// Columns of a tile of two rows.
    pub columns: usize,
}

impl Job {
    /// Returns how large tiles may be, given whether each output is the largest of two by two sums.
    pub fn limits(&self, instructions: Instructions, pooled: bool) -> Limits {
        let limits = |vectors, columns| Limits { vectors, columns };
        match (instructions.set(), pooled) {
            #[cfg(target_arch = "x86_64")]
            (Set::Avx512, true) if self.lanes >= 2 * LANES => limits(2, 6),
            // The addresses of pixels of one channel need no registers.
            #[cfg(target_arch = "x86_64")]
            (Set::Avx512, true) => limits(1, if self.x_pixel == 1 { 10 } else { 6 }),
            #[cfg(target_arch = "x86_64")]
            (Set::Avx512, false) => limits(if self.lanes >= 2 * LANES { 2 } else { 1 }, 7),
            (_, pooled) => limits(1, if pooled { 2 } else { 3 }),
        }
    }

    /// Returns the tile of a size within the limits.
    pub fn tile(&self, instructions: Instructions, size: Size) -> Tile {
        match instructions.set() {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 if size.vectors == 1 && self.kernel == 3 => {
                choose!(self, avx512_shared, 3, size,
                [1 false: 1 2 3 4 5 6 7] [2 false: 1 2 3 4 5 6 7] [2 true: 2 4 6 8 10])
            }
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 if size.vectors == 1 && self.kernel == 5 => {
                choose!(self, avx512_shared, 5, size,
                [1 false: 1 2 3 4 5 6 7] [2 false: 1 2 3 4 5 6 7] [2 true: 2 4 6 8 10])
            }
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 if size.vectors == 1 => choose!(self, avx512, 1, size,
                [1 false: 1 2 3 4 5 6 7] [2 false: 1 2 3 4 5 6 7] [2 true: 2 4 6 8 10]),
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => choose!(self, avx512, 2, size,
                [1 false: 1 2 3 4 5 6 7] [2 false: 1 2 3 4 5 6 7] [2 true: 2 4 6]),
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => {
                choose!(self, avx2, 1, size, [1 false: 1 2 3] [2 false: 1 2 3] [2 true: 2])
            }
            Set::Portable => {
                choose!(self, portable, 1, size, [1 false: 1 2 3] [2 false: 1 2 3] [2 true: 2])
            }
        }
    }
}

macro_rules! compile {
    ($($(#[$attribute:meta])* fn $name:ident = $sums:ident<$vector:ident>;)*) => {$(
        $(#[$attribute])*
        unsafe fn $name<
            const ROWS: usize,
            const COLUMNS: usize,
            const CONSTANT: usize,
            const PIXEL: usize,
            const POOLED: bool,
        >(
            job: &Job,
            row: usize,
            column: usize,
            lane: usize,
        ) {
            // SAFETY: the caller has what the functions ask for; the processor has these instructions.
            unsafe {
                let sums = $sums::<$vector, ROWS, COLUMNS, CONSTANT, PIXEL>(job, row, column, lane);
                if POOLED {
                    store_largest(job, &sums, row, column, lane);
                } else {
                    store(job, &sums, row, column, lane);
                }
            }
        }
    )*};
}

compile! {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    fn avx512 = sums<Avx512>;
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    fn avx512_shared = shared_sums<Avx512>;
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn avx2 = sums<Avx2>;
    fn portable = sums<Portable>;
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

/// Computes the same for one vector of channels and a kernel of so many columns: every input value is loaded once for
/// all of them. There are as many weights as values to load otherwise.
///
/// # Safety
/// As for [`sums`].
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn shared_sums<
    V: Vector,
    const ROWS: usize,
    const COLUMNS: usize,
    const KERNEL: usize,
    const PIXEL: usize,
>(
    job: &Job,
    row: usize,
    column: usize,
    lane: usize,
) -> [[[V; 1]; COLUMNS]; ROWS] {
    // SAFETY: as asked for.
    unsafe {
        let bias = if job.bias.is_null() {
            V::zero()
        } else {
            V::load(job.bias.add(lane))
        };
        let mut sums = [[[bias]; COLUMNS]; ROWS];
        let pixel = if PIXEL == 0 { job.x_pixel } else { PIXEL };
        let inputs = job.runs * job.run / KERNEL;
        let (x_row, step) = (job.x_row, inputs * job.lanes);
        let mut x = job.x.add(row * x_row + column * pixel);
        let mut weights = job.weights.add(lane);
        for _ in 0..KERNEL {
            let mut values = x;
            for _ in 0..inputs {
                let mut w = [V::zero(); KERNEL];
                for (k, w) in w.iter_mut().enumerate() {
                    *w = V::load(weights.add(k * step));
                }
                for (r, sums) in sums.iter_mut().enumerate() {
                    for from in 0..COLUMNS + KERNEL - 1 {
                        let value = V::splat(*values.add(r * x_row + from * pixel));
                        for (k, w) in w.into_iter().enumerate() {
                            if from >= k && from - k < COLUMNS {
                                let sum = &mut sums[from - k][0];
                                *sum = sum.multiply_add(value, w);
                            }
                        }
                    }
                }
                // The last may leave what there is: such a pointer is never read.
                values = values.wrapping_add(1);
                weights = weights.wrapping_add(job.lanes);
            }
            x = x.wrapping_add(x_row);
            weights = weights.wrapping_add((KERNEL - 1) * step);
        }
        sums
    }
}

/// Writes the sums of a tile.
///
/// # Safety
/// As for [`sums`].
#[inline(always)]
unsafe fn store<V: Vector, const ROWS: usize, const COLUMNS: usize, const VECTORS: usize>(
    job: &Job,
    sums: &[[[V; VECTORS]; COLUMNS]; ROWS],
    row: usize,
    column: usize,
    lane: usize,
) {
    // SAFETY: as asked for.
    unsafe {
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

/// Writes the largest of two by two sums of a tile, and the routes to them.
///
/// # Safety
/// As for [`sums`]; rows are two, columns even.
#[inline(always)]
unsafe fn store_largest<
    V: Vector,
    const ROWS: usize,
    const COLUMNS: usize,
    const VECTORS: usize,
>(
    job: &Job,
    sums: &[[[V; VECTORS]; COLUMNS]; ROWS],
    row: usize,
    column: usize,
    lane: usize,
) {
    // SAFETY: as asked for.
    unsafe {
        let (row, column) = (row / 2, column / 2);
        let out = job
            .out
            .add(row * job.out_row + column * job.out_pixel + lane);
        let groups = job.lanes / LANES;
        let routes = job
            .routes
            .add(row * job.routes_row + column * groups + lane / LANES);
        let [top, bottom] = [&sums[0], &sums[ROWS - 1]];
        for c in 0..COLUMNS / 2 {
            for v in 0..VECTORS {
                let (largest, second) = top[2 * c][v].larger(top[2 * c + 1][v]);
                let (largest, third) = largest.larger(bottom[2 * c][v]);
                let (largest, fourth) = largest.larger(bottom[2 * c + 1][v]);
                let (largest, above_0) = largest.relu();
                largest.store(out.add(c * job.out_pixel + v * LANES));
                routes
                    .add(c * groups + v)
                    .write([second, third, fourth, above_0]);
            }
        }
    }
}
