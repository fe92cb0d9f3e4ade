//! Matrix products for a training step: tall or narrow, a few hundred on a side, on one thread.
//!
//! The output is computed in tiles that stay in registers while one row of `b` after the other passes
//! by. A library made for large matrices packs its operands first and reaches less than half of this at
//! these sizes.

mod tiles;

use crate::aligned::Aligned;
use crate::instructions::Instructions;
use tiles::{LANES, Panel};

/// A row-major matrix in a slice, possibly read transposed. Every element lies within the slice.
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
            area(rows, columns),
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
            count > 0 && start < self.columns && count <= self.columns - start,
            "columns of a matrix"
        );
        // A matrix without rows has no first element to begin at.
        let first = (start * self.column_stride).min(self.values.len());
        let values = &self.values[first..];
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

    /// Returns the number of columns.
    pub fn width(self) -> usize {
        self.columns
    }

    /// Writes the elements to `out`, row-major.
    pub fn copy_to(self, out: &mut [f32]) {
        if self.columns == 0 {
            return;
        }
        for (row, out) in out.chunks_exact_mut(self.columns).enumerate() {
            let values = &self.values[row * self.row_stride..];
            for (out, value) in out
                .iter_mut()
                .zip(values.iter().step_by(self.column_stride))
            {
                *out = *value;
            }
        }
    }

    /// Returns the columns from `start` on, row-major, `width` of them, with zeros beyond the last.
    fn packed(self, start: usize, width: usize) -> Aligned {
        let mut packed = Aligned::zeros(area(self.rows, width));
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

/// Returns `rows * columns`.
///
/// # Panics
/// When memory cannot have so many values: a product that wraps around would say that a small slice is a
/// large matrix.
pub fn area(rows: usize, columns: usize) -> usize {
    let area = rows.checked_mul(columns);
    area.unwrap_or_else(|| panic!("{rows} x {columns} values are more than memory can have"))
}

/// Computes `out = a b`, or `out += a b` with `add`; `out` is `[a.rows, b.columns]`, row-major.
///
/// Every sum runs over the inner dimension from first to last, so the bits depend on `instructions`
/// alone.
pub fn product(instructions: Instructions, out: &mut [f32], add: bool, a: Matrix, b: Matrix) {
    assert_eq!(a.columns, b.rows, "the inner dimension of a product");
    assert_eq!(
        out.len(),
        area(a.rows, b.columns),
        "the output of a product"
    );
    if out.is_empty() {
        return;
    }
    if a.columns == 0 {
        // No terms: the sums are 0, and `a` and `b` have no element that a pointer could be to.
        if !add {
            out.fill(0.0);
        }
        return;
    }
    let whole = b.columns - b.columns % LANES;
    if b.column_stride != 1 && b.columns > a.rows {
        return flipped(instructions, out, add, a, b);
    }
    if b.column_stride == 1 {
        panel(
            instructions,
            (out, b.columns),
            add,
            a,
            (b.values, b.row_stride),
            whole,
        );
    } else if whole > 0 {
        let packed = b.packed(0, whole);
        panel(
            instructions,
            (out, b.columns),
            add,
            a,
            (&packed, whole),
            whole,
        );
    }
    if whole < b.columns {
        last_columns(instructions, out, add, a, b, whole);
    }
}

/// Computes the transpose of the output from the transposes of `a` and `b`: of a transposed weight and
/// a batch, this moves the batch and not the weight.
fn flipped(instructions: Instructions, out: &mut [f32], add: bool, a: Matrix, b: Matrix) {
    let mut flipped = vec![0.0; out.len()];
    product(
        instructions,
        &mut flipped,
        false,
        b.transposed(),
        a.transposed(),
    );
    for (row, out) in out.chunks_exact_mut(b.columns).enumerate() {
        for (out, values) in out.iter_mut().zip(flipped.chunks_exact(a.rows)) {
            *out = if add { *out + values[row] } else { values[row] };
        }
    }
}

/// Computes the columns from `start` on, fewer than [`LANES`].
fn last_columns(
    instructions: Instructions,
    out: &mut [f32],
    add: bool,
    a: Matrix,
    b: Matrix,
    start: usize,
) {
    let mut wide = Aligned::zeros(area(a.rows, LANES));
    let packed = b.packed(start, LANES);
    panel(
        instructions,
        (&mut wide, LANES),
        false,
        a,
        (&packed, LANES),
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

/// Computes the first `columns` columns of `out`, a multiple of [`LANES`]. `out` and `b` are row-major, each
/// given with how far its rows are apart.
fn panel(
    instructions: Instructions,
    (out, out_stride): (&mut [f32], usize),
    add: bool,
    a: Matrix,
    (b, b_stride): (&[f32], usize),
    columns: usize,
) {
    if columns == 0 {
        return;
    }
    // What the tiles rely on.
    let inner = a.columns;
    assert!(a.rows > 0 && inner > 0 && columns.is_multiple_of(LANES) && columns <= out_stride);
    assert!(out.len() >= extent([a.rows, columns], [out_stride, 1]));
    assert!(b.len() >= extent([inner, columns], [b_stride, 1]));
    assert!(a.values.len() >= extent([a.rows, inner], [a.row_stride, a.column_stride]));
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
    // columns below `columns`; none of the three is 0, and the assertions say that these lie within the
    // slices.
    unsafe { panel.run(instructions) }
}

/// Returns how many values lie between the first and the last element of a matrix, both included, which has
/// at least one row and column.
fn extent([rows, columns]: [usize; 2], [row_stride, column_stride]: [usize; 2]) -> usize {
    let (down, along) = (area(rows - 1, row_stride), area(columns - 1, column_stride));
    down.checked_add(along)
        .and_then(|last| last.checked_add(1))
        .unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
