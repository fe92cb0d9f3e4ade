//! Weights in 8 bits: each output neuron's weights are whole numbers from -127 to 127 times its scale.
//!
//! Symmetric quantisation per output, as in Jacob et al. 2018 (<https://arxiv.org/abs/1712.05877>,
//! section 2.1) with the zero point at 0. The largest weight of a neuron becomes ±127, so that a weight is
//! off by half a scale at most. Biases stay floats.

/// Largest whole number used; -128 is not, so that the range is symmetric.
const LIMIT: f32 = 127.0;

/// A layer's weights in 8 bits.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantized {
    /// `[in, out]`, row-major.
    pub weight: Vec<i8>,
    /// What an output's whole numbers are multiplied by, `[out]`; 0 where all its weights are 0.
    pub scale: Vec<f32>,
}

/// Returns weights `[.., outputs]` in 8 bits.
pub(crate) fn quantize(weight: &[f32], outputs: usize) -> Quantized {
    let outputs = outputs.max(1);
    let mut largest = vec![0f32; outputs];
    for row in weight.chunks(outputs) {
        for (largest, weight) in largest.iter_mut().zip(row) {
            *largest = largest.max(weight.abs());
        }
    }
    let scale: Vec<f32> = largest.iter().map(|largest| largest / LIMIT).collect();
    let whole = |(weight, &scale): (&f32, &f32)| {
        if scale > 0.0 {
            (weight / scale).round().clamp(-LIMIT, LIMIT) as i8
        } else {
            0
        }
    };
    let rows = weight.chunks(outputs);
    let weight = rows.flat_map(|row| row.iter().zip(&scale).map(whole));
    Quantized {
        weight: weight.collect(),
        scale: scale.clone(),
    }
}

/// Returns the weights `[in, out]` that whole numbers stand for.
pub fn dequantize(weight: &[i8], scale: &[f32]) -> Vec<f32> {
    let mut weights = Vec::with_capacity(weight.len());
    for row in weight.chunks(scale.len().max(1)) {
        weights.extend(row.iter().zip(scale).map(|(&w, &s)| f32::from(w) * s));
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_is_off_by_half_a_scale_at_most() {
        // [3 inputs, 2 outputs]; the second output has weights of another size
        let before = [0.5, 2e-4, -1.0, -1e-4, 0.333, 0.0];
        let Quantized { weight, scale } = quantize(&before, 2);
        assert_eq!(weight, [64, 127, -127, -64, 42, 0]);
        assert_eq!(scale, [1.0 / 127.0, 2e-4 / 127.0]);
        let back = dequantize(&weight, &scale);
        for (i, (back, weight)) in back.iter().zip(&before).enumerate() {
            assert!(
                (back - weight).abs() <= scale[i % 2] / 2.0 * 1.0001,
                "weight {i}"
            );
        }
    }

    #[test]
    fn an_output_without_weights_stays_at_nothing() {
        let before = [0.0, 1.0, 0.0, f32::MIN_POSITIVE / 512.0];
        let Quantized { weight, scale } = quantize(&before, 2);
        assert_eq!((weight, scale[0]), (vec![0, 127, 0, 0], 0.0));
    }
}
