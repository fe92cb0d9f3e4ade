//! Every layer kind and both losses against central finite differences.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that panics has found something, and says where"
)]

use burn::module::Module;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use model::{Activation, Architecture, Init, Loss, MlpConfig, Network};

const STEP: f64 = 1e-4;

/// Returns a 3x2-pixel, 2-hidden-layer network in f64 (Torch's initialisation, so that the biases
/// are not at zero, where ReLU has its kink).
fn network(activation: Activation, loss: Loss, device: &Device) -> Network {
    let config = MlpConfig {
        hidden: vec![5, 4],
        activation,
        output: loss.output(),
        init: Init::Torch,
        ..MlpConfig::tutorial([1, 3, 2], 3)
    };
    let mut as_f64 = Nudge {
        at: 0,
        index: 0,
        delta: 0.0,
        seen: 0,
    };
    let architecture = Architecture::Mlp(config);
    let weights = architecture.init(11).unwrap();
    let network = Network::new(&architecture, weights, device).unwrap();
    network.map(&mut as_f64)
}

fn batch(device: &Device) -> (Tensor<4>, Tensor<1, Int>) {
    let pixels: Vec<f64> = (0..4 * 6)
        .map(|i| f64::from((i * 7 + 3) % 13) / 13.0)
        .collect();
    let images = Tensor::from_data(TensorData::new(pixels, [4, 1, 3, 2]), (device, DType::F64));
    (images, Tensor::from_data([0, 2, 1, 2], device))
}

fn mean_loss(model: &Network, loss: Loss, device: &Device) -> Tensor<1> {
    let (images, labels) = batch(device);
    loss.per_sample(model.forward(images), labels, 0.0).mean()
}

/// Rebuilds every parameter in f64, with `delta` added to value `index` of the parameter numbered
/// `at` in visiting order.
struct Nudge {
    at: usize,
    index: usize,
    delta: f64,
    seen: usize,
}

impl burn::module::ModuleMapper for Nudge {
    fn map_float<const D: usize>(
        &mut self,
        param: burn::module::Param<Tensor<D>>,
    ) -> burn::module::Param<Tensor<D>> {
        let here = self.seen == self.at;
        self.seen += 1;
        param.map(|tensor| {
            let (device, shape) = (tensor.device(), tensor.dims());
            let mut values: Vec<f64> = tensor.into_data().iter().collect();
            if here {
                values[self.index] += self.delta;
            }
            let data = TensorData::new(values, shape);
            let tensor = Tensor::from_data(data, (&device, DType::F64));
            if device.is_autodiff() {
                tensor.require_grad()
            } else {
                tensor
            }
        })
    }
}

/// Collects every parameter's gradient in visiting order.
struct Gradients<'a> {
    grads: &'a burn::tensor::Gradients,
    all: Vec<Vec<f64>>,
}

impl burn::module::ModuleVisitor for Gradients<'_> {
    fn visit_float<const D: usize>(&mut self, param: &burn::module::Param<Tensor<D>>) {
        let grad = param.val().grad(self.grads).unwrap();
        self.all.push(grad.into_data().iter().collect());
    }
}

#[test]
fn gradients_equal_finite_differences() {
    let plain = Device::flex();
    let device = plain.clone().autodiff();
    let activations = [
        Activation::Relu,
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Gelu,
    ];
    for activation in activations {
        for loss in [Loss::CrossEntropy, Loss::Quadratic] {
            let model = network(activation, loss, &device);
            let grads = mean_loss(&model, loss, &device).backward();
            let mut analytic = Gradients {
                grads: &grads,
                all: Vec::new(),
            };
            model.visit(&mut analytic);
            assert_eq!(analytic.all.len(), 6, "weights and biases of three layers");

            let model = network(activation, loss, &plain);
            for (at, grad) in analytic.all.iter().enumerate() {
                for (index, analytic) in grad.iter().enumerate() {
                    let at_delta = |delta| {
                        let mut nudge = Nudge {
                            at,
                            index,
                            delta,
                            seen: 0,
                        };
                        let nudged = model.clone().map(&mut nudge);
                        mean_loss(&nudged, loss, &plain).into_scalar::<f64>()
                    };
                    let numeric = (at_delta(STEP) - at_delta(-STEP)) / (2.0 * STEP);
                    assert!(
                        (numeric - analytic).abs() < 1e-7 + 1e-6 * analytic.abs(),
                        "{activation:?} {loss:?} parameter {at}[{index}]: {numeric} vs {analytic}"
                    );
                }
            }
        }
    }
}
