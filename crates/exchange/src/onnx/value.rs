//! What a graph computes between two steps of a network, as far as it is known what that comes to: exporters
//! spell an activation or a scale out in small nodes.

use std::f64::consts::SQRT_2;

use crate::chain::Affine;

use super::message::Constant;

/// What a value is of x, the result of the last step.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// x · scale + shift.
    Scaled(Affine),
    /// scale · erf(factor · x) + shift.
    Erf { factor: f64, scale: f64, shift: f64 },
    /// scale · ln(1 + e^(factor · x)).
    Softplus { factor: f64, scale: f64 },
    /// scale · x · Φ(x).
    Gelu { scale: f64 },
}

/// A value of a graph.
#[derive(Debug, Clone)]
pub struct Value {
    /// Number of the steps before.
    pub steps: usize,
    pub form: Form,
    /// Its shape without the images; 0 where it is not known.
    pub shape: Vec<usize>,
}

/// What the numbers of a constant do to those of a value.
pub struct Operand {
    values: Vec<f64>,
    block: usize,
}

impl Operand {
    /// Returns how `constant` fits values of `shape`, from the last axis to the first: one number for all, or one
    /// for each index of neighbouring axes.
    pub fn new(constant: &Constant, shape: &[usize]) -> Option<Self> {
        let values: Vec<f64> = constant.values.iter().map(|&value| value.into()).collect();
        if values.len() == 1 {
            return Some(Self { values, block: 1 });
        }
        let sizes = constant.shape.iter().rev().zip(shape.iter().rev());
        let (mut block, mut count) = (1usize, 1usize);
        let mut is_over = false;
        for (&size, &whole) in sizes {
            match size {
                1 if count == 1 => block = block.checked_mul(whole)?,
                1 => is_over = true,
                _ if size == whole && !is_over => count = count.checked_mul(size)?,
                _ => return None,
            }
        }
        let beyond = constant.shape.iter().rev().skip(shape.len());
        let is_whole = count == values.len() && beyond.into_iter().all(|&size| size == 1);
        (is_whole && block > 0).then_some(Self { values, block })
    }

    /// Returns the same for all values.
    pub fn of(value: f64) -> Self {
        let values = vec![value];
        Self { values, block: 1 }
    }

    /// Returns the one number for all.
    fn single(&self) -> Option<f64> {
        match self.values[..] {
            [value] => Some(value),
            _ => None,
        }
    }

    fn affine(self, scale: impl Fn(f64) -> f64, shift: impl Fn(f64) -> f64) -> Affine {
        Affine {
            scale: self.values.iter().map(|&value| scale(value)).collect(),
            shift: self.values.iter().map(|&value| shift(value)).collect(),
            block: self.block,
        }
    }

    /// Returns the step of adding it.
    pub fn added(self) -> Affine {
        self.affine(|_| 1.0, |value| value)
    }

    /// Returns the step of multiplying by it.
    pub fn times(self) -> Affine {
        self.affine(|value| value, |_| 0.0)
    }

    /// Returns one over it.
    pub fn inverse(mut self) -> Self {
        for value in &mut self.values {
            *value = value.recip();
        }
        self
    }

    /// Returns it with the other sign.
    pub fn negative(mut self) -> Self {
        for value in &mut self.values {
            *value = -*value;
        }
        self
    }
}

impl Form {
    /// Returns x itself.
    pub fn plain() -> Self {
        Self::Scaled(Affine::of(1.0, 0.0))
    }

    /// Returns the factor, if it is x times one.
    fn factor(&self) -> Option<f64> {
        match self {
            Self::Scaled(affine) => match (&affine.scale[..], &affine.shift[..]) {
                (&[scale], &[0.0]) => Some(scale),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns this plus `operand`.
    pub fn plus(self, operand: Operand) -> Option<Self> {
        match self {
            Self::Erf {
                factor,
                scale,
                shift,
            } => Some(Self::Erf {
                factor,
                scale,
                shift: shift + operand.single()?,
            }),
            _ => None,
        }
    }

    /// Returns this times `operand`.
    pub fn times(self, operand: Operand) -> Option<Self> {
        let by = operand.single()?;
        match self {
            Self::Erf {
                factor,
                scale,
                shift,
            } => Some(Self::Erf {
                factor,
                scale: scale * by,
                shift: shift * by,
            }),
            Self::Softplus { factor, scale } => Some(Self::Softplus {
                factor,
                scale: scale * by,
            }),
            Self::Gelu { scale } => Some(Self::Gelu { scale: scale * by }),
            Self::Scaled(_) => None,
        }
    }

    /// Returns the error function of this.
    pub fn erf(&self) -> Option<Self> {
        Some(Self::Erf {
            factor: self.factor()?,
            scale: 1.0,
            shift: 0.0,
        })
    }

    /// Returns ln(1 + e^x) of this.
    pub fn softplus(&self) -> Option<Self> {
        Some(Self::Softplus {
            factor: self.factor()?,
            scale: 1.0,
        })
    }

    /// Returns the product of two: x / 2 · (1 + erf(x / √2)) is GELU.
    pub fn product(&self, other: &Self) -> Option<Self> {
        let (by, erf) = match (self.factor(), other.factor()) {
            (Some(by), None) => (by, other),
            (None, Some(by)) => (by, self),
            _ => return None,
        };
        match *erf {
            Self::Erf {
                factor,
                scale,
                shift,
            } if is_close(factor * SQRT_2, 1.0) && is_close(scale, shift) => Some(Self::Gelu {
                scale: 2.0 * by * scale,
            }),
            _ => None,
        }
    }

    /// Returns whether this is 1 - x, and `other` is x.
    pub fn is_rest_of(&self, other: &Self) -> bool {
        *self == Self::Scaled(Affine::of(-1.0, 1.0)) && *other == Self::plain()
    }

    /// Returns whether this is GELU.
    pub fn is_gelu(&self) -> bool {
        matches!(*self, Self::Gelu { scale } if is_close(scale, 1.0))
    }

    /// Returns whether this is ln(sigmoid(x)) = -ln(1 + e^-x).
    pub fn is_log_sigmoid(&self) -> bool {
        matches!(*self, Self::Softplus { factor, scale } if is_close(factor, -1.0) && is_close(scale, -1.0))
    }
}

/// The numbers of graphs are floats of 32 bits.
fn is_close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-5
}
