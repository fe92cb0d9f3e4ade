//! Dense layers, and scales that are folded into them: (x · s + t) W + b = x (s · W) + (t W + b), and
//! (x W + b) · s + t = x (W · s) + (b · s + t).

use super::unsupported;
use crate::ExchangeError;

/// A dense layer of a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layer {
    /// `[in, out]`, row-major.
    pub weight: Vec<f32>,
    /// `[out]`.
    pub bias: Vec<f32>,
}

/// x · scale + shift, for each value of an image or a layer's output.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Affine {
    /// One for all values; or one for each of equally long blocks of them, in turn.
    pub scale: Vec<f64>,
    /// As many as `scale`.
    pub shift: Vec<f64>,
    /// Values in a row that have the same scale and shift, where there are more than one.
    pub block: usize,
}

impl Layer {
    /// Returns the number of inputs.
    pub fn inputs(&self) -> usize {
        self.weight.len() / self.bias.len().max(1)
    }

    /// Takes over what happens to the inputs before.
    pub(super) fn fold_before(&mut self, affine: &Affine) -> Result<(), ExchangeError> {
        affine.check(self.inputs())?;
        let outputs = self.bias.len().max(1);
        let mut bias: Vec<f64> = self.bias.iter().map(|&b| b.into()).collect();
        for (input, row) in self.weight.chunks_mut(outputs).enumerate() {
            let (scale, shift) = affine.at(input);
            for (weight, bias) in row.iter_mut().zip(&mut bias) {
                *bias += shift * f64::from(*weight);
                *weight = (f64::from(*weight) * scale) as f32;
            }
        }
        self.bias = bias.into_iter().map(|b| b as f32).collect();
        Ok(())
    }

    /// Takes over what happens to the outputs after.
    pub(super) fn fold_after(&mut self, affine: &Affine) -> Result<(), ExchangeError> {
        let outputs = self.bias.len();
        affine.check(outputs)?;
        for row in self.weight.chunks_mut(outputs.max(1)) {
            for (output, weight) in row.iter_mut().enumerate() {
                *weight = (f64::from(*weight) * affine.at(output).0) as f32;
            }
        }
        for (output, bias) in self.bias.iter_mut().enumerate() {
            let (scale, shift) = affine.at(output);
            *bias = (f64::from(*bias) * scale + shift) as f32;
        }
        Ok(())
    }

    /// Returns a layer of two outputs for one of one: 0 and z, whose softmax is sigmoid(z).
    pub(super) fn in_two_classes(&self) -> Self {
        Self {
            weight: self.weight.iter().flat_map(|&w| [0.0, w]).collect(),
            bias: self.bias.iter().flat_map(|&b| [0.0, b]).collect(),
        }
    }
}

impl Affine {
    /// Returns the same for every value.
    pub fn of(scale: f64, shift: f64) -> Self {
        Self {
            scale: vec![scale],
            shift: vec![shift],
            block: 1,
        }
    }

    /// Returns batch normalisation, (x - mean) / √(variance + epsilon) · gamma + beta, an entry an output.
    /// Ioffe & Szegedy 2015, <https://arxiv.org/abs/1502.03167>
    pub fn batch_normalization(
        mean: &[f32],
        variance: &[f32],
        gamma: Option<&[f32]>,
        beta: Option<&[f32]>,
        epsilon: f64,
    ) -> Self {
        let at = |values: Option<&[f32]>, i: usize, without: f64| {
            let value = values.and_then(|values| values.get(i));
            value.map_or(without, |&value| value.into())
        };
        let (mut scale, mut shift) = (Vec::new(), Vec::new());
        for (i, (&mean, &variance)) in mean.iter().zip(variance).enumerate() {
            let factor = at(gamma, i, 1.0) / (f64::from(variance) + epsilon).sqrt();
            scale.push(factor);
            shift.push(at(beta, i, 0.0) - f64::from(mean) * factor);
        }
        Self {
            scale,
            shift,
            block: 1,
        }
    }

    /// Returns this and then `next`, where both are the same for every value.
    pub fn then(&self, next: &Self) -> Option<Self> {
        let (&[s], &[t], &[next_s], &[next_t]) = (
            &self.scale[..],
            &self.shift[..],
            &next.scale[..],
            &next.shift[..],
        ) else {
            return None;
        };
        Some(Self::of(s * next_s, t * next_s + next_t))
    }

    /// Returns scale and shift of value `index`.
    fn at(&self, index: usize) -> (f64, f64) {
        let index = index / self.block.max(1) % self.scale.len().max(1);
        let of = |values: &[f64]| values.get(index).copied().unwrap_or_default();
        (of(&self.scale), of(&self.shift))
    }

    fn check(&self, values: usize) -> Result<(), ExchangeError> {
        let (count, block) = (self.scale.len(), self.block.max(1));
        let fits = count == 1 || values.is_multiple_of(count.saturating_mul(block).max(1));
        if fits && count > 0 {
            return Ok(());
        }
        Err(unsupported(format!(
            "{count} scales for {values} values of a layer"
        )))
    }

    /// Returns the median of the factors, without their signs.
    pub(super) fn median_factor(&self) -> f64 {
        let mut factors: Vec<f64> = self.scale.iter().map(|scale| scale.abs()).collect();
        factors.sort_by(f64::total_cmp);
        factors.get(factors.len() / 2).copied().unwrap_or(1.0)
    }

    /// Returns whether nothing is changed, but for the rounding of 1/255.
    pub(super) fn is_nothing(&self) -> bool {
        let is_one = self.scale.iter().all(|scale| (scale - 1.0).abs() < 1e-6);
        is_one && self.shift.iter().all(|shift| shift.abs() < 1e-7)
    }
}
