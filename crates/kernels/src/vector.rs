//! Sums and products of slices.

use crate::instructions::for_each_set;

/// 1/255 in two parts: the first has 16 bits, so that its product with a byte is exact, and the second
/// what is left.
const UNIT: f32 = f32::from_bits((1.0f32 / 255.0).to_bits() & 0xffff_ff00);
const UNIT_REST: f32 = (1.0 / 255.0 - UNIT as f64) as f32;

for_each_set! {
    /// Writes `bytes / 255` to `out`, rounded as the division is (a test has all 256). Divisions are slow.
    pub fn scale(out: &mut [f32], bytes: &[u8]) {
        for (out, &byte) in out.iter_mut().zip(bytes) {
            let byte = f32::from(byte);
            *out = byte * UNIT + byte * UNIT_REST;
        }
    }

    /// Sums the rows of `x` `[rows, out.len()]` into `out`.
    pub fn sum_rows(out: &mut [f32], x: &[f32]) {
        out.fill(0.0);
        for row in x.chunks_exact(out.len()) {
            for (out, x) in out.iter_mut().zip(row) {
                *out += x;
            }
        }
    }

    /// Adds `x` to `out`.
    pub fn add(out: &mut [f32], x: &[f32]) {
        for (out, x) in out.iter_mut().zip(x) {
            *out += x;
        }
    }

    /// Multiplies `out` by `x`, value by value.
    pub fn multiply(out: &mut [f32], x: &[f32]) {
        for (out, x) in out.iter_mut().zip(x) {
            *out *= x;
        }
    }

    /// Multiplies `out` by `factor`.
    pub fn multiply_all(out: &mut [f32], factor: f32) {
        for out in out {
            *out *= factor;
        }
    }

    /// Adds the squares of `x` to `sums`, each lane every sixteenth: in this order on every processor.
    pub fn add_squares(sums: &mut [f64; 16], x: &[f32]) {
        let (chunks, rest) = x.as_chunks::<16>();
        for chunk in chunks {
            for (sum, &x) in sums.iter_mut().zip(chunk) {
                *sum += f64::from(x) * f64::from(x);
            }
        }
        for (sum, &x) in sums.iter_mut().zip(rest) {
            *sum += f64::from(x) * f64::from(x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Instructions;

    #[test]
    fn scaled_bytes_are_the_quotients() {
        let bytes: Vec<u8> = (0..=255).collect();
        for instructions in Instructions::all() {
            let mut scaled = [0.0; 256];
            scale(instructions, &mut scaled, &bytes);
            for (byte, scaled) in bytes.iter().zip(scaled) {
                assert_eq!(scaled, f32::from(*byte) / 255.0, "{instructions} {byte}");
            }
        }
    }

    /// Whole numbers, so that no order of the sums rounds.
    #[test]
    fn sums_and_products_of_every_length() {
        for instructions in Instructions::all() {
            for length in [0, 1, 7, 8, 15, 16, 17, 33, 100] {
                let x: Vec<f32> = (0..length).map(|i| (i * 7 % 11) as f32 - 5.0).collect();
                let y: Vec<f32> = (0..length).map(|i| (i * 5 % 13) as f32 - 6.0).collect();
                let zip = |f: fn(f32, f32) -> f32| -> Vec<f32> {
                    x.iter().zip(&y).map(|(x, y)| f(*x, *y)).collect()
                };
                let mut out = x.clone();
                add(instructions, &mut out, &y);
                assert_eq!(out, zip(|x, y| x + y), "{instructions} {length}");
                let mut out = x.clone();
                multiply(instructions, &mut out, &y);
                assert_eq!(out, zip(|x, y| x * y), "{instructions} {length}");
                let mut out = x.clone();
                multiply_all(instructions, &mut out, 3.0);
                assert_eq!(out, zip(|x, _| 3.0 * x), "{instructions} {length}");
                let mut sums = [1.0; 16];
                add_squares(instructions, &mut sums, &x);
                let squares: f64 = x.iter().map(|x| f64::from(x * x)).sum();
                assert_eq!(
                    sums.iter().sum::<f64>(),
                    16.0 + squares,
                    "{instructions} {length}"
                );
                if length > 0 {
                    let mut out = vec![9.0; length];
                    sum_rows(instructions, &mut out, &[&x[..], &y, &x].concat());
                    assert_eq!(out, zip(|x, y| x + y + x), "{instructions} {length}");
                }
            }
        }
    }
}
