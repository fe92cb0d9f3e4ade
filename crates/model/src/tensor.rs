//! The form in which weights travel between networks, records, checkpoints and other programs' files.

use crate::record::RecordError;

/// A tensor of `f32` values with its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Its name, unique among the tensors beside it: `layers.0.weight`.
    pub name: String,
    /// Its dimensions; a single number has none.
    pub shape: Vec<usize>,
    /// Its values, row-major. The product of `shape` is their number.
    pub values: Vec<f32>,
}

/// Name and shape of a network's tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Its name.
    pub name: String,
    /// Its dimensions.
    pub shape: Vec<usize>,
}

impl Shape {
    /// Returns the tensor of this name and shape with these `values`, row-major.
    pub fn filled(&self, values: Vec<f32>) -> Tensor {
        Tensor {
            name: self.name.clone(),
            shape: self.shape.clone(),
            values,
        }
    }

    /// Checks that `tensor` has this name and shape, and only finite values.
    ///
    /// # Errors
    /// When it does not.
    pub fn check(&self, tensor: &Tensor) -> Result<(), RecordError> {
        let Self { name, shape } = self;
        if tensor.name != *name {
            return Err(RecordError::Missing(name.clone()));
        }
        let count = shape.iter().product::<usize>();
        let found = match (tensor.shape == *shape, tensor.values.len() == count) {
            (false, _) => Some(format!("F32 {:?}", tensor.shape)),
            (true, false) => Some(format!("{} values", tensor.values.len())),
            (true, true) => None,
        };
        if let Some(found) = found {
            return Err(RecordError::Shape {
                name: name.clone(),
                found,
                expected: format!("F32 {shape:?}"),
            });
        }
        if tensor.values.iter().all(|value| value.is_finite()) {
            Ok(())
        } else {
            Err(RecordError::NotFinite(name.clone()))
        }
    }
}

/// Returns tensors, a weight and a bias in turn, as layers for the kernels.
pub(crate) fn to_layers(tensors: Vec<Tensor>) -> Vec<kernels::Layer> {
    let mut values = tensors.into_iter().map(|tensor| tensor.values);
    let next = || {
        let (weight, bias) = values.next().zip(values.next())?;
        Some(kernels::Layer { weight, bias })
    };
    std::iter::from_fn(next).collect()
}

/// Returns `layers` as tensors of these `shapes`, the inverse of [`to_layers`].
pub(crate) fn named(shapes: Vec<Shape>, layers: Vec<kernels::Layer>) -> Vec<Tensor> {
    let values = layers.into_iter().flat_map(|l| [l.weight, l.bias]);
    let named = shapes.into_iter().zip(values);
    named.map(|(shape, values)| shape.filled(values)).collect()
}
