//! An epoch on the CPU as one kernel.
//!
//! A step of a small network takes about 0.1 ms of arithmetic; made of tensor operations it takes six
//! times that. Where the crate `kernels` knows the experiment, the epochs run there, on the same
//! batches, with the same formulas; everything else (validation, test, records) is Burn's.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use burn::data::dataloader::Progress;
use burn::tensor::{Device, Tensor, TensorData};
use burn::train::{ClassificationOutput, TrainingItem};
use data::{ImageDataset, permutation};
use experiment::{Backend, Experiment, Optimizer};
use kernels::{Batches, Network};
use model::{Activation, LayerWeights, Loss, Mlp, MlpConfig, RecordError, record};

use super::schedule::LearningRate;
use super::state::{FIRST_MOMENTS, Parts, SECOND_MOMENTS, WEIGHTS};
use crate::backend::{self, Compute};

/// A network in training, outside Burn's tensors.
pub struct Fused {
    network: RefCell<Network>,
    config: MlpConfig,
    images: ImageDataset,
    batch_size: usize,
    seed: u64,
    learning_rate: LearningRate,
    /// An epoch and the order of its images.
    order: RefCell<(usize, Rc<[u32]>)>,
}

impl Fused {
    /// Returns `mlp` ready to be trained on `images`, or `None` when Burn's operations must do it: on
    /// another backend than flex, with dropout or GELU.
    ///
    /// # Errors
    /// When the weights cannot be read from the device.
    pub fn of(
        experiment: &Experiment,
        compute: &Compute,
        mlp: &Mlp,
        images: &ImageDataset,
        learning_rate: &LearningRate,
    ) -> Result<Option<Self>, RecordError> {
        let activation = match experiment.model.activation {
            Activation::Relu => kernels::Activation::Relu,
            Activation::Sigmoid => kernels::Activation::Sigmoid,
            Activation::Tanh => kernels::Activation::Tanh,
            Activation::Gelu => return Ok(None),
        };
        if compute.backend != Backend::Flex || experiment.model.dropout > 0.0 {
            return Ok(None);
        }
        let loss = match experiment.training.loss {
            Loss::CrossEntropy => kernels::Loss::CrossEntropy,
            Loss::Quadratic => kernels::Loss::Quadratic,
        };
        let optimizer = optimizer(&experiment.optimizer);
        let layers = mlp.weights()?;
        Ok(Some(Self {
            network: RefCell::new(Network::new(&layers, activation, loss, optimizer)),
            config: mlp.config().clone(),
            images: images.clone(),
            batch_size: experiment.training.batch_size,
            seed: experiment.seed,
            learning_rate: learning_rate.clone(),
            order: RefCell::default(),
        }))
    }

    /// Trains `steps` of `epoch` (counted from 1, the steps from 0) on the batches that
    /// [`data::Loader`] would give. `before` are the sums of the epoch's steps before these. `watch` is
    /// told the sums after every step and says whether to go on; one more step may follow. Returns the
    /// sums.
    pub fn train(
        &self,
        epoch: usize,
        steps: Range<usize>,
        before: kernels::Score,
        watch: &mut dyn FnMut(kernels::Score) -> bool,
    ) -> kernels::Score {
        let order = self.order(epoch);
        let of_step = |step: usize| (step * self.batch_size).min(order.len());
        let first = epoch.saturating_sub(1) * self.steps() + steps.start;
        let (images, learning_rate) = (&self.images, &self.learning_rate);
        let batches = Batches {
            pixels: &|i| images.image(i as usize),
            label: &|i| images.label(i as usize),
            order: order
                .get(of_step(steps.start)..of_step(steps.end))
                .unwrap_or_default(),
            batch_size: self.batch_size,
            before,
        };
        let rate = |step| learning_rate.at(first + step);
        self.network
            .borrow_mut()
            .train(&batches, backend::threads(), &rate, watch)
    }

    /// Returns the steps of an epoch.
    pub fn steps(&self) -> usize {
        self.images.len().div_ceil(self.batch_size)
    }

    /// Returns the images of `epoch` in their order. The last one asked for is kept.
    fn order(&self, epoch: usize) -> Rc<[u32]> {
        let mut kept = self.order.borrow_mut();
        if kept.0 != epoch {
            let stream = epoch.saturating_sub(1) as u64;
            *kept = (
                epoch,
                permutation(self.seed, stream, self.images.len()).into(),
            );
        }
        kept.1.clone()
    }

    /// Returns the images of an epoch.
    pub fn images(&self) -> usize {
        self.images.len()
    }

    /// Returns what happened between two sums of `epoch` in the form that Burn's metrics take: rows
    /// whose larger logit is at the label where the answer was right, and the mean loss in every row.
    pub fn progress(
        &self,
        epoch: usize,
        before: kernels::Score,
        after: kernels::Score,
        device: &Device,
    ) -> TrainingItem<ClassificationOutput> {
        let images = after.images - before.images;
        let right = after.correct - before.correct;
        let labels: Vec<i32> = (0..images).map(|i| i32::from(i >= right)).collect();
        let losses = vec![((after.loss - before.loss) / images as f64) as f32; images];
        let output = ClassificationOutput::new(
            Tensor::from_data(TensorData::new(losses, [images]), device),
            Tensor::<2>::from_data([[1.0, 0.0]], device).repeat_dim(0, images),
            Tensor::from_data(TensorData::new(labels, [images]), device),
        );
        let progress = Progress::new(after.images, self.images.len(), Some("items".to_string()));
        let step = after.images.div_ceil(self.batch_size);
        let rate = self
            .learning_rate
            .at((epoch * self.steps()).saturating_sub(1));
        TrainingItem::new(output, progress, Some(step), Some(rate.into()))
    }

    /// Returns the parts of a checkpoint: weights, and the optimizer's memory.
    ///
    /// # Errors
    /// When a value is not finite.
    pub fn parts(&self) -> Result<Parts, RecordError> {
        let network = self.network.borrow();
        let bytes = |layers: Vec<LayerWeights>| record::layers_to_bytes(&layers, &self.config);
        Ok(Parts::from([
            (WEIGHTS, bytes(network.layers())?),
            (FIRST_MOMENTS, bytes(network.first_moments())?),
            (SECOND_MOMENTS, bytes(network.second_moments())?),
        ]))
    }

    /// Puts the optimizer's memory after `steps` steps back from a checkpoint's parts. (The weights are
    /// those [`Fused::of`] was given.)
    ///
    /// # Errors
    /// When a part is missing or damaged.
    pub fn restore(&self, parts: &Parts, steps: u64) -> Result<(), RecordError> {
        let layers = |name: &str| {
            let bytes = parts.get(name).map_or(&[][..], Vec::as_slice);
            record::layers_from_bytes(bytes, &self.config)
        };
        let (first, second) = (layers(FIRST_MOMENTS)?, layers(SECOND_MOMENTS)?);
        self.network.borrow_mut().restore(&first, &second, steps);
        Ok(())
    }

    /// Returns the network as it is now, on `device`.
    ///
    /// # Errors
    /// Does not fail: the layers have the shapes they came with.
    pub fn mlp(&self, device: &Device) -> Result<Mlp, RecordError> {
        Mlp::from_weights(&self.config, self.network.borrow().layers(), device)
    }
}

fn optimizer(config: &Optimizer) -> kernels::Optimizer {
    let adam = |beta_1: f64, beta_2: f64, epsilon: f64, l2: f64, decoupled_decay: f64| {
        kernels::Optimizer::Adam(kernels::Adam {
            beta_1: beta_1 as f32,
            beta_2: beta_2 as f32,
            epsilon: epsilon as f32,
            l2: l2 as f32,
            decoupled_decay: decoupled_decay as f32,
        })
    };
    match *config {
        Optimizer::Adam {
            beta_1,
            beta_2,
            epsilon,
            weight_decay,
            ..
        } => adam(beta_1, beta_2, epsilon, weight_decay, 0.0),
        Optimizer::AdamW {
            beta_1,
            beta_2,
            epsilon,
            weight_decay,
            ..
        } => adam(beta_1, beta_2, epsilon, 0.0, weight_decay),
        Optimizer::Sgd {
            momentum,
            nesterov,
            weight_decay,
            ..
        } => kernels::Optimizer::Sgd(kernels::Sgd {
            momentum: momentum as f32,
            nesterov,
            l2: weight_decay as f32,
        }),
    }
}
