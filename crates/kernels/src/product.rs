//! Matrix products for a training step: tall or narrow, a few hundred on a side, on one thread.
//!
//! The output is computed in tiles that stay in registers while one row of `b` after the other passes
//! by. The compiler turns the loops over [`LANES`] into vector instructions; a library made for large
//! matrices packs its operands first and reaches less than half of this at these sizes.

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

impl Panel {
    /// Computes all tiles, with the widest vectors there are.
    ///
    /// # Safety
    /// As said where it is called.
    unsafe fn run(&self) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx512f") && has!("avx512vl") && has!("avx512bw") && has!("fma") {
                // SAFETY: the processor has these instructions.
                return unsafe { self.avx512() };
            }
            if has!("avx2") && has!("fma") {
                // SAFETY: as above.
                return unsafe { self.avx2() };
            }
        }
        // SAFETY: as said where this function is called. 64-bit ARM always has fused multiply-add.
        unsafe { self.tiles::<4, 1, { cfg!(target_arch = "aarch64") }>() }
    }

    /// 16 registers of 16 sums each.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512vl,avx512bw,fma")]
    unsafe fn avx512(&self) {
        // SAFETY: as for `run`.
        unsafe { self.tiles::<8, 2, true>() }
    }

    /// 8 registers of 8 sums each.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn avx2(&self) {
        // SAFETY: as for `run`.
        unsafe { self.tiles::<4, 1, true>() }
    }

    #[inline(always)]
    unsafe fn tiles<const ROWS: usize, const VECTORS: usize, const FUSED: bool>(&self) {
        let mut column = 0;
        while column < self.columns {
            // SAFETY: as for `run`; `columns` is a multiple of LANES.
            unsafe {
                // A single row has too few sums to hide the latency of an addition: it takes more columns.
                if self.rows == 1 && self.columns - column >= 4 * LANES {
                    self.strip::<1, 4, FUSED>(column);
                    column += 4 * LANES;
                } else if self.columns - column >= VECTORS * LANES {
                    self.strip::<ROWS, VECTORS, FUSED>(column);
                    column += VECTORS * LANES;
                } else {
                    self.strip::<ROWS, 1, FUSED>(column);
                    column += LANES;
                }
            }
        }
    }

    /// Computes all rows of some columns.
    #[inline(always)]
    unsafe fn strip<const ROWS: usize, const VECTORS: usize, const FUSED: bool>(
        &self,
        column: usize,
    ) {
        let mut row = 0;
        // SAFETY: as for `run`; no tile goes beyond the last row.
        unsafe {
            while row + ROWS <= self.rows {
                self.tile::<ROWS, VECTORS, FUSED>(row, column);
                row += ROWS;
            }
            while row < self.rows {
                self.tile::<1, VECTORS, FUSED>(row, column);
                row += 1;
            }
        }
    }

    #[inline(always)]
    unsafe fn tile<const ROWS: usize, const VECTORS: usize, const FUSED: bool>(
        &self,
        row: usize,
        column: usize,
    ) {
        // SAFETY: as for `run`.
        unsafe {
            let out = self.out.add(row * self.out_stride + column);
            let a = self.a.add(row * self.a_row_stride);
            let b = self.b.add(column);
            let mut sums = [[[0f32; LANES]; VECTORS]; ROWS];
            if self.add {
                for (r, sums) in sums.iter_mut().enumerate() {
                    *sums = out
                        .add(r * self.out_stride)
                        .cast::<[[f32; LANES]; VECTORS]>()
                        .read_unaligned();
                }
            }
            for k in 0..self.inner {
                let y = b
                    .add(k * self.b_stride)
                    .cast::<[[f32; LANES]; VECTORS]>()
                    .read_unaligned();
                for (r, sums) in sums.iter_mut().enumerate() {
                    let x = *a.add(r * self.a_row_stride + k * self.a_column_stride);
                    for (sums, y) in sums.iter_mut().zip(&y) {
                        for (sum, y) in sums.iter_mut().zip(y) {
                            *sum = if FUSED {
                                x.mul_add(*y, *sum)
                            } else {
                                x * y + *sum
                            };
                        }
                    }
                }
            }
            for (r, sums) in sums.iter().enumerate() {
                out.add(r * self.out_stride)
                    .cast::<[[f32; LANES]; VECTORS]>()
                    .write_unaligned(*sums);
            }
        }
    }
}

#[cfg(test)]
mod tests;
