//! Matrix products for a training step: tall or narrow, a few hundred on a side, on one thread.
//!
//! The output is computed in tiles that stay in registers while one row of `b` after the other passes
//! by. A library made for large matrices packs its operands first and reaches less than half of this at
//! these sizes.

/// Values of a vector; also the narrowest tile.
const LANES: usize = 16;

/// A row-major matrix in a slice, possibly read transposed.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Returns `values` as `[rows, columns]`, row-major.
    pub fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(
            values.len(),
            rows * columns,
            "a matrix of {rows} x {columns}"
        );
        Self {
            values,
            rows,
            columns,
            row_stride: columns,
            column_stride: 1,
        }
    }

    /// Returns the columns from `start` on, `count` of them.
    pub fn columns(self, start: usize, count: usize) -> Self {
        assert!(
            count > 0 && start + count <= self.columns,
            "columns of a matrix"
        );
        let values = &self.values[start * self.column_stride..];
        Self {
            values,
            columns: count,
            ..self
        }
    }

    /// Returns the rows from `start` on, `count` of them.
    pub fn rows(self, start: usize, count: usize) -> Self {
        self.transposed().columns(start, count).transposed()
    }

    /// Returns the transpose, without moving anything.
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// Returns the columns from `start` on, row-major, `width` of them, with zeros beyond the last.
    fn packed(self, start: usize, width: usize) -> Vec<f32> {
        let mut packed = vec![0.0; self.rows * width];
        let count = width.min(self.columns - start);
        for (row, packed) in packed.chunks_exact_mut(width).enumerate() {
            let first = row * self.row_stride + start * self.column_stride;
            for (column, value) in packed[..count].iter_mut().enumerate() {
                *value = self.values[first + column * self.column_stride];
            }
        }
        packed
    }
}

/// Computes `out = a b`, or `out += a b` with `add`; `out` is `[a.rows, b.columns]`, row-major.
///
/// Every sum runs over the inner dimension from first to last, so the bits depend on the processor's
/// instruction set alone.
pub fn product(out: &mut [f32], add: bool, a: Matrix, b: Matrix) {
    assert_eq!(a.columns, b.rows, "the inner dimension of a product");
    assert_eq!(out.len(), a.rows * b.columns, "the output of a product");
    if out.is_empty() {
        return;
    }
    let whole = b.columns - b.columns % LANES;
    if b.column_stride != 1 && b.columns > a.rows {
        return flipped(out, add, a, b);
    }
    if b.column_stride == 1 {
        panel(out, b.columns, add, a, b.values, b.row_stride, whole);
    } else if whole > 0 {
        panel(out, b.columns, add, a, &b.packed(0, whole), whole, whole);
    }
    if whole < b.columns {
        last_columns(out, add, a, b, whole);
    }
}

/// Computes the transpose of the output from the transposes of `a` and `b`: of a transposed weight and
/// a batch, this moves the batch and not the weight.
fn flipped(out: &mut [f32], add: bool, a: Matrix, b: Matrix) {
    let mut flipped = vec![0.0; out.len()];
    product(&mut flipped, false, b.transposed(), a.transposed());
    for (row, out) in out.chunks_exact_mut(b.columns).enumerate() {
        for (out, values) in out.iter_mut().zip(flipped.chunks_exact(a.rows)) {
            *out = if add { *out + values[row] } else { values[row] };
        }
    }
}

/// Computes the columns from `start` on, fewer than [`LANES`].
fn last_columns(out: &mut [f32], add: bool, a: Matrix, b: Matrix, start: usize) {
    let mut wide = vec![0.0; a.rows * LANES];
    panel(
        &mut wide,
        LANES,
        false,
        a,
        &b.packed(start, LANES),
        LANES,
        LANES,
    );
    for (out, wide) in out
        .chunks_exact_mut(b.columns)
        .zip(wide.chunks_exact(LANES))
    {
        for (out, wide) in out[start..].iter_mut().zip(wide) {
            *out = if add { *out + wide } else { *wide };
        }
    }
}

/// Computes the first `columns` columns of `out`, whose rows are `out_stride` apart. `b` is row-major
/// with rows `b_stride` apart. `columns` is a multiple of [`LANES`].
fn panel(
    out: &mut [f32],
    out_stride: usize,
    add: bool,
    a: Matrix,
    b: &[f32],
    b_stride: usize,
    columns: usize,
) {
    let inner = a.columns;
    if columns == 0 || a.rows == 0 {
        return;
    }
    // What the tiles below rely on.
    assert!(columns.is_multiple_of(LANES) && columns <= out_stride);
    assert!(out.len() >= (a.rows - 1) * out_stride + columns);
    assert!(inner == 0 || b.len() >= (inner - 1) * b_stride + columns);
    assert!(
        inner == 0 || a.values.len() > (a.rows - 1) * a.row_stride + (inner - 1) * a.column_stride
    );
    let panel = Panel {
        out: out.as_mut_ptr(),
        out_stride,
        add,
        a: a.values.as_ptr(),
        a_row_stride: a.row_stride,
        a_column_stride: a.column_stride,
        b: b.as_ptr(),
        b_stride,
        rows: a.rows,
        columns,
        inner,
    };
    // SAFETY: the pointers come from slices that are borrowed for this call, `out` mutably, so that it
    // overlaps neither `a` nor `b`. A tile touches `out` at rows below `rows` and columns below
    // `columns`, `a` at rows below `rows` and columns below `inner`, and `b` at rows below `inner` and
    // columns below `columns`; the assertions say that these lie within the slices. The instruction
    // sets are those the processor has.
    unsafe { panel.run() }
}

struct Panel {
    out: *mut f32,
    out_stride: usize,
    add: bool,
    a: *const f32,
    a_row_stride: usize,
    a_column_stride: usize,
    b: *const f32,
    b_stride: usize,
    rows: usize,
    columns: usize,
    inner: usize,
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
const PLAIN: [Strip; 1] = [strip(LANES, 4, plain::<4>, plain::<1>)];

const fn strip(columns: usize, rows: usize, tile: Tile, row: Tile) -> Strip {
    Strip {
        columns,
        rows,
        tile,
        row,
    }
}

impl Panel {
    /// Computes all tiles, with the widest vectors there are.
    ///
    /// # Safety
    /// As said where it is called.
    unsafe fn run(&self) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx512f") {
                let strips = if self.rows == 1 { &AVX512_ROW } else { &AVX512 };
                // SAFETY: the processor has these instructions.
                return unsafe { self.cover(strips) };
            }
            if has!("avx2") && has!("fma") {
                // SAFETY: as above.
                return unsafe { self.cover(&AVX2) };
            }
        }
        // SAFETY: as said where this function is called.
        unsafe { self.cover(&PLAIN) }
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
unsafe fn plain<const ROWS: usize>(panel: &Panel, row: usize, column: usize) {
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
                    *sum = match cfg!(target_arch = "aarch64") {
                        true => x.mul_add(*y, *sum),
                        false => x * y + *sum,
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

#[cfg(test)]
mod tests;
