//! The tiles of a product, for each set of instructions.

use crate::instructions::{Instructions, Set};

/// Values of a vector; also the narrowest tile.
pub const LANES: usize = 16;

/// A product of pointers: `out = a b`, or `out += a b` with `add`.
pub struct Panel {
    pub out: *mut f32,
    pub out_stride: usize,
    pub add: bool,
    pub a: *const f32,
    pub a_row_stride: usize,
    pub a_column_stride: usize,
    pub b: *const f32,
    pub b_stride: usize,
    pub rows: usize,
    pub columns: usize,
    pub inner: usize,
}

/// Computes a tile of a panel, whose first row and column are given.
type Tile = unsafe fn(&Panel, usize, usize);

/// A strip of a panel's columns: how many they are, how many rows a tile of it has, and the tiles of that
/// many rows and of one.
struct Strip {
    columns: usize,
    rows: usize,
    tile: Tile,
    row: Tile,
}

/// 16 registers of 16 sums each.
#[cfg(target_arch = "x86_64")]
const AVX512: [Strip; 2] = [
    strip(2 * LANES, 8, avx512::<8, 2>, avx512::<1, 2>),
    strip(LANES, 8, avx512::<8, 1>, avx512::<1, 1>),
];

/// A single row has too few sums to hide the latency of an addition: it takes more columns.
#[cfg(target_arch = "x86_64")]
const AVX512_ROW: [Strip; 2] = [
    strip(8 * LANES, 1, avx512::<1, 8>, avx512::<1, 8>),
    strip(LANES, 1, avx512::<1, 1>, avx512::<1, 1>),
];

/// 8 registers of 8 sums each.
#[cfg(target_arch = "x86_64")]
const AVX2: [Strip; 1] = [strip(LANES, 4, avx2::<4, 2>, avx2::<1, 2>)];

/// What any processor has.
const PORTABLE: [Strip; 1] = [strip(LANES, 4, portable::<4>, portable::<1>)];

const fn strip(columns: usize, rows: usize, tile: Tile, row: Tile) -> Strip {
    Strip {
        columns,
        rows,
        tile,
        row,
    }
}

impl Panel {
    /// Computes all tiles.
    ///
    /// # Safety
    /// No size is 0, and the three matrices lie within what the pointers may reach, `out` apart from the
    /// others.
    pub unsafe fn run(&self, instructions: Instructions) {
        let strips: &[Strip] = match instructions.set() {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 if self.rows == 1 => &AVX512_ROW,
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => &AVX512,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => &AVX2,
            Set::Portable => &PORTABLE,
        };
        // SAFETY: as asked for; the processor has these instructions.
        unsafe { self.cover(strips) }
    }

    /// Covers the panel with tiles of `strips`, the widest first; the last one has [`LANES`] columns.
    ///
    /// # Safety
    /// As for `run`, and the processor has the instructions of the tiles.
    unsafe fn cover(&self, strips: &[Strip]) {
        let mut column = 0;
        for strip in strips {
            while self.columns - column >= strip.columns {
                let mut row = 0;
                // SAFETY: `columns` is a multiple of LANES; no tile goes beyond the last row or column.
                unsafe {
                    while row + strip.rows <= self.rows {
                        (strip.tile)(self, row, column);
                        row += strip.rows;
                    }
                    while row < self.rows {
                        (strip.row)(self, row, column);
                        row += 1;
                    }
                }
                column += strip.columns;
            }
        }
    }
}

/// A tile of `ROWS` rows and `VECTORS` vectors of 16 columns. Written with intrinsics: left to itself,
/// the compiler keeps the sums in registers or on the stack, as other code in the crate happens to be.
///
/// # Safety
/// As for [`Panel::run`]; the tile lies within the panel.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn avx512<const ROWS: usize, const VECTORS: usize>(
    panel: &Panel,
    row: usize,
    column: usize,
) {
    use std::arch::x86_64::{
        _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
    };
    // SAFETY: as for `run`.
    unsafe {
        let out = panel.out.add(row * panel.out_stride + column);
        let mut a = panel.a.add(row * panel.a_row_stride);
        let mut b = panel.b.add(column);
        let mut sums = [[_mm512_setzero_ps(); VECTORS]; ROWS];
        if panel.add {
            for (r, sums) in sums.iter_mut().enumerate() {
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = _mm512_loadu_ps(out.add(r * panel.out_stride + v * 16));
                }
            }
        }
        for _ in 0..panel.inner {
            let mut y = [_mm512_setzero_ps(); VECTORS];
            for (v, y) in y.iter_mut().enumerate() {
                *y = _mm512_loadu_ps(b.add(v * 16));
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let x = _mm512_set1_ps(*a.add(r * panel.a_row_stride));
                for (sum, y) in sums.iter_mut().zip(y) {
                    *sum = _mm512_fmadd_ps(x, y, *sum);
                }
            }
            // The last step may leave the slices: such a pointer is never read.
            a = a.wrapping_add(panel.a_column_stride);
            b = b.wrapping_add(panel.b_stride);
        }
        for (r, sums) in sums.iter().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                _mm512_storeu_ps(out.add(r * panel.out_stride + v * 16), *sum);
            }
        }
    }
}

/// The same with vectors of 8 columns.
///
/// # Safety
/// As above.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<const ROWS: usize, const VECTORS: usize>(panel: &Panel, row: usize, column: usize) {
    use std::arch::x86_64::{
        _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps,
    };
    // SAFETY: as for `run`.
    unsafe {
        let out = panel.out.add(row * panel.out_stride + column);
        let mut a = panel.a.add(row * panel.a_row_stride);
        let mut b = panel.b.add(column);
        let mut sums = [[_mm256_setzero_ps(); VECTORS]; ROWS];
        if panel.add {
            for (r, sums) in sums.iter_mut().enumerate() {
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = _mm256_loadu_ps(out.add(r * panel.out_stride + v * 8));
                }
            }
        }
        for _ in 0..panel.inner {
            let mut y = [_mm256_setzero_ps(); VECTORS];
            for (v, y) in y.iter_mut().enumerate() {
                *y = _mm256_loadu_ps(b.add(v * 8));
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let x = _mm256_set1_ps(*a.add(r * panel.a_row_stride));
                for (sum, y) in sums.iter_mut().zip(y) {
                    *sum = _mm256_fmadd_ps(x, y, *sum);
                }
            }
            a = a.wrapping_add(panel.a_column_stride);
            b = b.wrapping_add(panel.b_stride);
        }
        for (r, sums) in sums.iter().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                _mm256_storeu_ps(out.add(r * panel.out_stride + v * 8), *sum);
            }
        }
    }
}

/// The same for any processor: a vector is what the compiler makes of 16 columns. 64-bit ARM always has
/// fused multiply-add.
///
/// # Safety
/// As above.
unsafe fn portable<const ROWS: usize>(panel: &Panel, row: usize, column: usize) {
    // SAFETY: as for `run`.
    unsafe {
        let out = panel.out.add(row * panel.out_stride + column);
        let a = panel.a.add(row * panel.a_row_stride);
        let b = panel.b.add(column);
        let mut sums = [[0f32; LANES]; ROWS];
        if panel.add {
            for (r, sums) in sums.iter_mut().enumerate() {
                let out = out.add(r * panel.out_stride);
                *sums = out.cast::<[f32; LANES]>().read_unaligned();
            }
        }
        for k in 0..panel.inner {
            let y = b.add(k * panel.b_stride);
            let y = y.cast::<[f32; LANES]>().read_unaligned();
            for (r, sums) in sums.iter_mut().enumerate() {
                let x = *a.add(r * panel.a_row_stride + k * panel.a_column_stride);
                for (sum, y) in sums.iter_mut().zip(&y) {
                    *sum = if cfg!(target_arch = "aarch64") {
                        x.mul_add(*y, *sum)
                    } else {
                        x * y + *sum
                    };
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            let out = out.add(r * panel.out_stride);
            out.cast::<[f32; LANES]>().write_unaligned(*sums);
        }
    }
}
