//! Products against the plain triple loop, in every shape and layout.

use super::*;

/// The plain triple loop, in f64.
fn reference(out: &mut [f32], add: bool, a: Matrix, b: Matrix) {
    for row in 0..a.rows {
        for column in 0..b.columns {
            let sum: f64 = (0..a.columns)
                .map(|k| {
                    let x = a.values[row * a.row_stride + k * a.column_stride];
                    let y = b.values[k * b.row_stride + column * b.column_stride];
                    f64::from(x) * f64::from(y)
                })
                .sum();
            let out = &mut out[row * b.columns + column];
            *out = if add { *out + sum as f32 } else { sum as f32 };
        }
    }
}

fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count)
        .map(|i| ((i * 7919 + seed * 104_729) % 1009) as f32 / 1009.0 - 0.5)
        .collect()
}

#[test]
fn products_of_every_shape_and_layout() {
    for rows in [1, 3, 8, 13, 32] {
        for columns in [1, 10, 16, 17, 32, 48, 65, 130] {
            for inner in [0, 1, 2, 31, 77] {
                let (x, y) = (numbers(rows * inner, 1), numbers(inner * columns, 2));
                let (x, y) = (&x[..], &y[..]);
                let a = [
                    Matrix::new(x, rows, inner),
                    Matrix::new(x, inner, rows).transposed(),
                ];
                let b = [
                    Matrix::new(y, inner, columns),
                    Matrix::new(y, columns, inner).transposed(),
                ];
                for (i, j, add) in [(0, 0, false), (0, 1, true), (1, 0, true), (1, 1, false)] {
                    let (a, b) = (a[i], b[j]);
                    let mut ours = numbers(rows * columns, 3);
                    let mut theirs = ours.clone();
                    product(&mut ours, add, a, b);
                    reference(&mut theirs, add, a, b);
                    for (ours, theirs) in ours.iter().zip(&theirs) {
                        assert!((ours - theirs).abs() < 1e-5, "{rows} {columns} {inner}");
                    }
                }
            }
        }
    }
}

#[test]
fn parts_of_matrices() {
    let x = numbers(6 * 40, 1);
    let y = numbers(40 * 20, 2);
    let (a, b) = (Matrix::new(&x, 6, 40), Matrix::new(&y, 40, 20));
    let mut whole = vec![0.0; 6 * 20];
    product(&mut whole, false, a, b);
    let mut parts = vec![0.0; 6 * 20];
    product(&mut parts, false, a.columns(0, 16), b.rows(0, 16));
    product(&mut parts, true, a.columns(16, 24), b.rows(16, 24));
    for (whole, parts) in whole.iter().zip(&parts) {
        assert!((whole - parts).abs() < 1e-5);
    }
}

#[test]
fn all_instruction_sets_agree() {
    for rows in [1, 13] {
        let (x, y) = (numbers(rows * 50, 1), numbers(50 * 176, 2));
        let run = |strips: &[Strip]| {
            let mut out = numbers(rows * 176, 3);
            let panel = Panel {
                out: out.as_mut_ptr(),
                out_stride: 176,
                add: true,
                a: x.as_ptr(),
                a_row_stride: 50,
                a_column_stride: 1,
                b: y.as_ptr(),
                b_stride: 176,
                rows,
                columns: 176,
                inner: 50,
            };
            // SAFETY: the sizes are those of the vectors above.
            unsafe { panel.cover(strips) };
            out
        };
        let plain = run(&PLAIN);
        let check = |fast: Vec<f32>| {
            for (fast, plain) in fast.iter().zip(&plain) {
                assert!((fast - plain).abs() < 1e-5);
            }
        };
        let mut whole = numbers(rows * 176, 3);
        let (a, b) = (Matrix::new(&x, rows, 50), Matrix::new(&y, 50, 176));
        product(&mut whole, true, a, b);
        check(whole);
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                check(run(&AVX2));
            }
            if is_x86_feature_detected!("avx512f") {
                check(run(&AVX512));
            }
            if is_x86_feature_detected!("avx512f") && rows == 1 {
                check(run(&AVX512_ROW));
            }
        }
    }
}
