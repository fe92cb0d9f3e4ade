//! Clipping of the gradient by its global norm, with Burn's tensors. (Burn's own clipping takes each tensor by
//! itself.) Nothing is read back from the device.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use model::Network;

/// Scales all `gradients` of `network` down by one factor, so that together they are not longer than `longest`.
pub fn clip(network: &Network, gradients: &mut GradientsParams, longest: f32) {
    let mut squares = Squares {
        gradients,
        sum: None,
    };
    network.visit(&mut squares);
    let Some(sum) = squares.sum else { return };
    let factor = (sum.sqrt().recip() * longest).clamp_max(1.0); // [1]
    network.visit(&mut Scale { gradients, factor });
}

/// Adds up the squares of all gradients.
struct Squares<'a> {
    gradients: &'a GradientsParams,
    /// `[1]`; `None` before the first.
    sum: Option<Tensor<1>>,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            let squares = gradient.square().sum();
            self.sum = Some(match self.sum.take() {
                Some(sum) => sum + squares,
                None => squares,
            });
        }
    }
}

/// Multiplies all gradients by a factor.
struct Scale<'a> {
    gradients: &'a mut GradientsParams,
    /// `[1]`
    factor: Tensor<1>,
}

impl ModuleVisitor for Scale<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            let scaled = gradient * self.factor.clone().unsqueeze();
            self.gradients.register(param.id, scaled);
        }
    }
}
