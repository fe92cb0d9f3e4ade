//! The same training with Burn's operations.

use burn::module::{Module, Param, ParamId};
use burn::nn::Linear;
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, AdamWConfig, GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use kernels::{Activation, Extras, Layer, Loss, Mask, Optimizer};

use crate::case::{BATCH, CLASSES, Case, IMAGES, INPUTS, Kind, rate};

#[derive(Module, Debug)]
struct Reference {
    layers: Vec<Linear>,
}

/// What Burn's training came to.
pub struct Trained {
    pub layers: Vec<Layer>,
    /// Sum of the weighted losses of all images.
    pub loss: f64,
    /// The last step's, clipped.
    pub gradients: Vec<Layer>,
    /// The moving average of the weights, where one is asked for.
    pub averages: Option<Vec<Layer>>,
}

/// Trains `steps` steps, going round the images.
pub fn burn(case: &Case, kind: &Kind, steps: usize) -> Trained {
    let device = Device::flex().autodiff();
    let mut model = Reference::new(&case.layers, &device);
    let mut optimizer = burns_optimizer(kind.optimizer);
    let mut trained = Trained {
        layers: Vec::new(),
        loss: 0.0,
        gradients: Vec::new(),
        averages: None,
    };
    for step in 0..steps {
        let images: Vec<usize> = (0..BATCH).map(|i| (BATCH * step + i) % IMAGES).collect();
        let labels: Vec<i32> = images.iter().map(|&i| case.labels[i].into()).collect();
        let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [BATCH]), &device);
        let logits = model.forward(case.images(&images, &device), kind, step);
        let losses = losses(logits, labels, kind);
        trained.loss += losses.clone().into_data().iter::<f64>().sum::<f64>();

        let gradients = losses.mean().backward();
        let mut gradients = GradientsParams::from_grads(gradients, &model);
        if let Some(longest) = kind.extras.clip_norm {
            model.clip(&mut gradients, longest);
        }
        trained.gradients = model.gather(&|id| values(gradients.get::<2>(id)), &|id| {
            values(gradients.get::<1>(id))
        });
        model = optimizer.step(rate(step), model, gradients);
        trained.layers = model.values();
        if let Some(memory) = kind.extras.average {
            let before = trained.averages.take().unwrap_or(trained.layers.clone());
            trained.averages = Some(moved(before, &trained.layers, memory));
        }
    }
    trained
}

impl Case {
    fn images(&self, images: &[usize], device: &Device) -> Tensor<2> {
        let pixels = images
            .iter()
            .flat_map(|&i| &self.pixels[i * INPUTS..][..INPUTS]);
        let pixels: Vec<f32> = pixels.map(|&p| f32::from(p) / 255.0).collect();
        Tensor::from_data(TensorData::new(pixels, [images.len(), INPUTS]), device)
    }
}

impl Reference {
    fn new(layers: &[Layer], device: &Device) -> Self {
        let linear = |layer: &Layer| {
            let outputs = layer.bias.len();
            let shape = [layer.weight.len() / outputs, outputs];
            let weight = TensorData::new(layer.weight.clone(), shape);
            let bias = TensorData::new(layer.bias.clone(), [outputs]);
            Linear {
                weight: Param::from_data(weight, device),
                bias: Some(Param::from_data(bias, device)),
            }
        };
        Self {
            layers: layers.iter().map(linear).collect(),
        }
    }

    /// Returns the logits `[batch, classes]`, in training.
    fn forward(&self, mut x: Tensor<2>, kind: &Kind, step: usize) -> Tensor<2> {
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(x);
            if i + 1 == self.layers.len() {
                break;
            }
            x = match kind.activation {
                Activation::Relu => activation::relu(x),
                Activation::Sigmoid => activation::sigmoid(x),
                Activation::Tanh => activation::tanh(x),
                Activation::Gelu => activation::gelu(x),
            };
            if kind.extras.dropout.share > 0.0 {
                let [images, width] = x.dims();
                let mask = Mask::new(kind.extras.dropout, step as u64 + 1, i);
                let mask = TensorData::new(mask.factors(images, width), [images, width]);
                x = x.clone() * Tensor::from_data(mask, &x.device());
            }
        }
        x
    }

    /// Scales all gradients down until together they are not longer than `longest`.
    fn clip(&self, gradients: &mut GradientsParams, longest: f32) {
        let squares = |gradient: Tensor<1>| gradient.square().sum().into_scalar::<f32>();
        let mut sum = 0.0;
        for layer in &self.layers {
            let (weight, bias) = (layer.weight.id, layer.bias.as_ref().unwrap().id);
            sum += squares(gradients.get::<2>(weight).unwrap().flatten(0, 1));
            sum += squares(gradients.get::<1>(bias).unwrap());
        }
        let factor = (longest / sum.sqrt()).min(1.0);
        for layer in &self.layers {
            let (weight, bias) = (layer.weight.id, layer.bias.as_ref().unwrap().id);
            let of_weight = gradients.remove::<2>(weight).unwrap();
            gradients.register(weight, of_weight * factor);
            let of_bias = gradients.remove::<1>(bias).unwrap();
            gradients.register(bias, of_bias * factor);
        }
    }

    fn values(&self) -> Vec<Layer> {
        let layer = |layer: &Linear| Layer {
            weight: values(Some(layer.weight.val())),
            bias: values(layer.bias.as_ref().map(|bias| bias.val())),
        };
        self.layers.iter().map(layer).collect()
    }

    fn gather(
        &self,
        weight: &dyn Fn(ParamId) -> Vec<f32>,
        bias: &dyn Fn(ParamId) -> Vec<f32>,
    ) -> Vec<Layer> {
        let layer = |layer: &Linear| Layer {
            weight: weight(layer.weight.id),
            bias: bias(layer.bias.as_ref().unwrap().id),
        };
        self.layers.iter().map(layer).collect()
    }
}

fn values<const D: usize>(tensor: Option<Tensor<D>>) -> Vec<f32> {
    tensor.unwrap().into_data().iter().collect()
}

/// Returns the weighted loss of every image.
fn losses(logits: Tensor<2>, labels: Tensor<1, Int>, kind: &Kind) -> Tensor<1> {
    let Extras {
        label_smoothing,
        class_weights,
        ..
    } = &kind.extras;
    let device = logits.device();
    let ideal = labels.clone().one_hot::<2>(CLASSES).float() * (1.0 - label_smoothing)
        + *label_smoothing / CLASSES as f32;
    let losses = match kind.loss {
        Loss::CrossEntropy => (activation::log_softmax(logits, 1) * ideal)
            .sum_dim(1)
            .neg(),
        Loss::Quadratic => (activation::sigmoid(logits) - ideal).square().sum_dim(1),
    };
    let losses = losses.reshape([BATCH]);
    if class_weights.is_empty() {
        return losses;
    }
    let weights = TensorData::new(class_weights.clone(), [CLASSES]);
    losses * Tensor::<1>::from_data(weights, &device).gather(0, labels)
}

/// Returns `averages`, moved towards `layers`.
fn moved(mut averages: Vec<Layer>, layers: &[Layer], memory: f32) -> Vec<Layer> {
    let step = |averages: &mut [f32], values: &[f32]| {
        for (average, value) in averages.iter_mut().zip(values) {
            *average = memory * *average + (1.0 - memory) * value;
        }
    };
    for (average, layer) in averages.iter_mut().zip(layers) {
        step(&mut average.weight, &layer.weight);
        step(&mut average.bias, &layer.bias);
    }
    averages
}

fn burns_optimizer(optimizer: Optimizer) -> ModuleOptimizer {
    let l2 = |penalty: f32| (penalty > 0.0).then(|| WeightDecayConfig::new(penalty));
    match optimizer {
        Optimizer::Adam(adam) if adam.decoupled_decay > 0.0 => AdamWConfig::new()
            .with_epsilon(adam.epsilon)
            .with_weight_decay(adam.decoupled_decay)
            .init(),
        Optimizer::Adam(adam) => AdamConfig::new()
            .with_epsilon(adam.epsilon)
            .with_weight_decay(l2(adam.l2))
            .init(),
        Optimizer::Sgd(sgd) => SgdConfig::new()
            .with_momentum((sgd.momentum > 0.0).then(|| {
                MomentumConfig::new()
                    .with_momentum(sgd.momentum.into())
                    .with_dampening(0.0)
                    .with_nesterov(sgd.nesterov)
            }))
            .with_weight_decay(l2(sgd.l2))
            .init(),
    }
}
