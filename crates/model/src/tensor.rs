//! The form in which weights travel between networks, records, checkpoints and other programs' files.

/// A tensor of `f32` values with its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Its name, unlike that of any other tensor beside it: `layers.0.weight`.
    pub name: String,
    /// Its dimensions; a single number has none.
    pub shape: Vec<usize>,
    /// Its values, row-major. The product of `shape` is their number.
    pub values: Vec<f32>,
}
