//! Products against the plain triple loop: every shape, layout and set of instructions, to the bit. The
//! numbers are whole and small, so that no order of the sums rounds.

use super::*;

/// Rows, columns and inner dimensions around the edges of the tiles: 1, 4 and 8 rows; 16, 32 and 128 columns.
const ROWS: [usize; 11] = [0, 1, 2, 3, 4, 5, 7, 8, 9, 13, 32];
const COLUMNS: [usize; 13] = [0, 1, 10, 15, 16, 17, 31, 32, 33, 48, 65, 130, 161];
const INNER: [usize; 5] = [0, 1, 2, 5, 33];

/// The same for Miri, which takes a second for a few thousand sums.
const FEW: ([usize; 4], [usize; 4], [usize; 3]) = ([0, 1, 4, 5], [0, 1, 17, 33], [0, 1, 3]);

/// How much wider than the operand the matrix is that it is a part of, and where in it it begins.
const MARGIN: usize = 3;
const START: usize = 2;

/// A matrix of whole numbers from -8 to 8, kept for as long as its parts are in use.
struct Numbers {
    values: Vec<f32>,
    shape: [usize; 2],
    transposed: bool,
    part: bool,
}

impl Numbers {
    /// Returns a matrix of that shape: stored as it is or transposed, alone or as a part of a larger one.
    fn new(shape: [usize; 2], transposed: bool, part: bool, seed: usize) -> Self {
        let margin = if part { MARGIN } else { 0 };
        let count = (shape[0] + margin) * (shape[1] + margin);
        Self {
            values: numbers(count, seed),
            shape,
            transposed,
            part,
        }
    }

    fn matrix(&self) -> Matrix<'_> {
        let [mut rows, mut columns] = self.shape;
        if self.transposed {
            (rows, columns) = (columns, rows);
        }
        let matrix = if self.part {
            let whole = Matrix::new(&self.values, rows + MARGIN, columns + MARGIN);
            whole.rows(START, rows).columns(START, columns)
        } else {
            Matrix::new(&self.values, rows, columns)
        };
        if self.transposed {
            matrix.transposed()
        } else {
            matrix
        }
    }

    /// Returns the element at a row and column, found without [`Matrix`].
    fn at(&self, row: usize, column: usize) -> f32 {
        let (mut row, mut column, mut width) = (row, column, self.shape[1]);
        if self.transposed {
            (row, column, width) = (column, row, self.shape[0]);
        }
        if self.part {
            (row, column, width) = (row + START, column + START, width + MARGIN);
        }
        self.values[row * width + column]
    }
}

fn numbers(count: usize, seed: usize) -> Vec<f32> {
    let number = |i: usize| ((i * 7919 + seed * 104_729) % 1009 % 17) as f32 - 8.0;
    (0..count).map(number).collect()
}

/// The plain triple loop.
fn reference(out: &mut [f32], add: bool, a: &Numbers, b: &Numbers) {
    let ([rows, inner], columns) = (a.shape, b.shape[1]);
    for row in 0..rows {
        for column in 0..columns {
            let sum: f32 = (0..inner).map(|k| a.at(row, k) * b.at(k, column)).sum();
            let out = &mut out[row * columns + column];
            *out = if add { *out + sum } else { sum };
        }
    }
}

fn check(instructions: Instructions, [rows, columns, inner]: [usize; 3]) {
    // A part of a matrix has at least one row and column.
    let parts = rows > 0 && columns > 0 && inner > 0;
    // Five is no multiple of any bit: Miri sees each of them set and not set.
    for layout in (0..32).step_by(if cfg!(miri) { 5 } else { 1 }) {
        let is = |bit: usize| layout >> bit & 1 == 1;
        if (is(2) || is(3)) && !parts {
            continue;
        }
        let a = Numbers::new([rows, inner], is(0), is(2), 1);
        let b = Numbers::new([inner, columns], is(1), is(3), 2);
        let mut ours = numbers(rows * columns, 3);
        let mut theirs = ours.clone();
        product(instructions, &mut ours, is(4), a.matrix(), b.matrix());
        reference(&mut theirs, is(4), &a, &b);
        assert_eq!(
            ours, theirs,
            "{instructions}: {rows} x {inner} by {inner} x {columns}, layout {layout:05b}"
        );
    }
}

#[test]
fn every_set_of_instructions_multiplies_every_shape_and_layout() {
    let (rows, columns, inner) = if cfg!(miri) {
        (&FEW.0[..], &FEW.1[..], &FEW.2[..])
    } else {
        (&ROWS[..], &COLUMNS[..], &INNER[..])
    };
    for instructions in Instructions::all() {
        for &rows in rows {
            for &columns in columns {
                for &inner in inner {
                    check(instructions, [rows, columns, inner]);
                }
            }
        }
    }
}

/// Fractions: the vectors of 8 and 16 fuse a product with its sum, the portable ones do not.
#[test]
fn sums_that_round_are_close() {
    let thirds =
        |count, seed| -> Vec<f32> { numbers(count, seed).iter().map(|x| x / 3.0).collect() };
    let (x, y) = (thirds(13 * 77, 1), thirds(77 * 65, 2));
    let (a, b) = (Matrix::new(&x, 13, 77), Matrix::new(&y, 77, 65));
    for instructions in Instructions::all() {
        let mut out = vec![0.0; 13 * 65];
        product(instructions, &mut out, false, a, b);
        for (i, out) in out.iter().enumerate() {
            let (row, column) = (i / 65, i % 65);
            let term = |k: usize| f64::from(x[row * 77 + k]) * f64::from(y[k * 65 + column]);
            let exact: f64 = (0..77).map(term).sum();
            assert!(
                (f64::from(*out) - exact).abs() < 1e-4,
                "{instructions}: {out} {exact}"
            );
        }
    }
}

/// Shapes whose product wraps around to the length of the slice, and parts beyond the end.
#[test]
fn shapes_that_lie_are_refused() {
    let half = 1usize << (usize::BITS / 2);
    let values = [0.0; 6];
    let lies: [&dyn Fn() -> usize; 7] = [
        &|| Matrix::new(&[], half, half).rows,
        &|| Matrix::new(&values, half, half).rows,
        &|| Matrix::new(&values, 2, 4).rows,
        &|| Matrix::new(&values, 2, 3).columns(2, 2).rows,
        &|| Matrix::new(&values, 2, 3).columns(1, usize::MAX).rows,
        &|| Matrix::new(&values, 2, 3).rows(3, 1).rows,
        &|| Matrix::new(&values, 2, 3).columns(1, 0).rows,
    ];
    for (i, lie) in lies.iter().enumerate() {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(lie));
        assert!(caught.is_err(), "lie {i}");
    }
}

#[test]
fn operands_that_do_not_fit_are_refused() {
    let values = numbers(12, 1);
    let (a, b) = (Matrix::new(&values, 3, 4), Matrix::new(&values, 4, 3));
    let fits = |out: usize, a: Matrix, b: Matrix| {
        let mut out = vec![0.0; out];
        let multiply = || product(Instructions::widest(), &mut out, false, a, b);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(multiply)).is_ok()
    };
    assert!(fits(9, a, b) && fits(16, b, a));
    assert!(!fits(9, a, a) && !fits(8, a, b) && !fits(10, a, b));
}
