//! How a network wants its pixels.

use std::str::FromStr;

use crate::chain::Affine;

/// What a network was trained on: (pixel − mean) / deviation, of pixels from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    mean: f64,
    deviation: f64,
}

/// A text that is no scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected 0..1, 0..255, -1..1, or a mean and a deviation of pixels from 0 to 1: 0.2860,0.3530"
)]
pub struct NoScale;

impl Scale {
    /// Scales that networks are trained on, with their names. The last two are mean and deviation of MNIST's
    /// training images, from PyTorch's example (<https://github.com/pytorch/examples/blob/main/mnist/main.py>),
    /// and of Fashion-MNIST's.
    pub const USUAL: [(&'static str, Self); 5] = [
        ("0..1", Self::new(0.0, 1.0)),
        ("0..255", Self::new(0.0, 1.0 / 255.0)),
        ("-1..1", Self::new(0.5, 0.5)),
        ("0.1307,0.3081", Self::new(0.1307, 0.3081)),
        ("0.2860,0.3530", Self::new(0.2860, 0.3530)),
    ];
    /// Pixels as bytes, 0 to 255.
    pub(crate) const BYTES: Self = Self::new(0.0, 1.0 / 255.0);

    const fn new(mean: f64, deviation: f64) -> Self {
        Self { mean, deviation }
    }

    /// Returns the scale of bytes that are divided by `divisor`; `None` where it is no divisor.
    pub(crate) fn of_divisor(divisor: f32) -> Option<Self> {
        let is_divisor = divisor.is_finite() && divisor > 0.0;
        let scale = Self::new(0.0, f64::from(divisor) / 255.0);
        is_divisor.then_some(scale)
    }

    /// Returns the step that makes what the network was trained on of pixels from 0 to 1.
    pub(crate) fn step(self) -> Affine {
        Affine::of(self.deviation.recip(), -self.mean / self.deviation)
    }
}

impl FromStr for Scale {
    type Err = NoScale;

    /// Reads one of the names of [`Scale::USUAL`], or a mean and a deviation with a comma between them.
    fn from_str(text: &str) -> Result<Self, NoScale> {
        if let Some((_, scale)) = Self::USUAL.iter().find(|(name, _)| *name == text) {
            return Ok(*scale);
        }
        let (mean, deviation) = text.split_once(',').ok_or(NoScale)?;
        let number = |text: &str| text.trim().parse::<f64>().map_err(|_| NoScale);
        let (mean, deviation) = (number(mean)?, number(deviation)?);
        let is_scale = mean.abs() <= 1e6 && (1e-6..=1e6).contains(&deviation);
        is_scale
            .then_some(Self::new(mean, deviation))
            .ok_or(NoScale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_can_say() {
        for (text, expect) in [
            ("-1..1", Ok(Scale::new(0.5, 0.5))),
            ("0.5, 0.25", Ok(Scale::new(0.5, 0.25))),
            ("0.5,0", Err(NoScale)),
            ("NaN,1", Err(NoScale)),
            ("255", Err(NoScale)),
        ] {
            assert_eq!(text.parse(), expect, "{text}");
        }
        let step = Scale::new(0.5, 0.25).step();
        assert_eq!((step.scale, step.shift), (vec![4.0], vec![-2.0]));
    }
}
