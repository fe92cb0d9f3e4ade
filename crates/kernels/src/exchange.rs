//! What the shards of a network show each other in a step, and what each keeps to itself.
//!
//! Shards see each other's values through [`Exchange`] only, and only after a barrier. What is
//! written in one step and may still be read when the next begins exists twice, for even and odd
//! steps. The locks are never waited for: they are there so that this is safe without trust.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::aligned::Aligned;
use crate::convolution::{Back, Images};
use crate::front;
use crate::network::{Plan, Shard};
use crate::product::area;
use crate::run::Outcome;

/// A value for even steps and one for odd steps.
type Twice = [RwLock<Vec<f32>>; 2];

/// What shards show each other.
pub(crate) struct Exchange {
    /// Outputs of hidden layers: `[layer][shard]`, each `[batch, neurons of the shard]`.
    pub activations: Vec<Vec<Twice>>,
    /// Parts of the logits: `[shard]`, each `[batch, classes]`.
    pub logits: Vec<Twice>,
    /// Parts of the gradient of a hidden layer's input: `[layer][shard]`, each `[neurons of the layer before, batch]`.
    pub gradients: Vec<Vec<RwLock<Vec<f32>>>>,
    /// Sum of the squares of each shard's gradients.
    pub squares: Vec<RwLock<f64>>,
    /// Parts of the gradient of what the convolutions made of the images, transposed, `[features, batch]`: of every
    /// shard all, to be added up. Without hidden layers each shard has that of its own rows only. Empty where there
    /// are no convolutions.
    pub asks: Vec<RwLock<Vec<f32>>>,
    /// What shards show each other of the convolutions.
    pub front: front::Exchange,
}

/// Scratch space of a thread.
pub(crate) struct Scratch {
    /// Most images in a batch.
    batch: usize,
    /// Pixels `[batch, inputs]`, 0 to 1: each thread's own, near its core.
    pub input: Vec<f32>,
    /// `[batch, classes]`.
    pub logits: Vec<f32>,
    /// Gradient of the mean loss by the logits, `[batch, classes]`.
    pub errors: Vec<f32>,
    /// What belongs to each of its shards.
    pub own: Vec<Own>,
    /// Weights of the convolutions, as they are and turned.
    pub front: front::Weights,
}

/// Scratch space of a shard.
pub(crate) struct Own {
    /// Gradient of the neurons of one layer, `[batch, neurons]`.
    pub delta: Aligned,
    /// The same transposed, `[neurons, batch]`; only for hidden layers beyond the first.
    pub transposed: Aligned,
    /// Derivatives of the hidden neurons, where they are kept: `[layer]`, each `[batch, neurons]`.
    pub slopes: Vec<Vec<f32>>,
    /// Its images on their way through the convolutions.
    pub images: Option<(Images, Back)>,
}

impl Exchange {
    pub fn new(plan: &Plan, batch: usize) -> Self {
        let one = |width: usize| RwLock::new(vec![0.0; area(batch, width)]);
        let twice = |width: usize| [one(width), one(width)];
        let (hidden, shards) = (1..=plan.hidden(), plan.shards());
        let activations = hidden.clone().map(|layer| {
            let neurons = |shard| plan.range(layer, shard).len();
            (0..shards).map(|shard| twice(neurons(shard))).collect()
        });
        // The first layer asks nothing of the pixels.
        let gradients = hidden.map(|layer| {
            let before = if layer == 1 {
                0
            } else {
                plan.widths[layer - 1]
            };
            (0..shards).map(|_| one(before)).collect()
        });
        Self {
            activations: activations.collect(),
            logits: (0..shards).map(|_| twice(plan.classes())).collect(),
            gradients: gradients.collect(),
            squares: (0..shards).map(|_| RwLock::default()).collect(),
            asks: (0..shards).map(|_| one(plan.features())).collect(),
            front: front::Exchange::new(plan, batch),
        }
    }
}

impl Scratch {
    pub fn new(plan: &Plan, batch: usize, shards: &[Shard]) -> Self {
        let values = |width: usize| vec![0.0; area(batch, width)];
        Self {
            batch: batch.max(1),
            input: values(plan.widths[0]),
            logits: values(plan.classes()),
            errors: values(plan.classes()),
            own: shards
                .iter()
                .map(|shard| Own::new(plan, batch, shard))
                .collect(),
            front: front::Weights::default(),
        }
    }

    /// Returns what the last step came to: the batch `step` with `labels`, whose losses sum to `loss`.
    pub fn outcome<'a>(&'a self, step: usize, loss: f64, labels: &'a [u8]) -> Outcome<'a> {
        let classes = self.logits.len() / self.batch;
        Outcome {
            step,
            loss,
            logits: &self.logits[..labels.len() * classes],
            labels,
        }
    }
}

impl Own {
    fn new(plan: &Plan, batch: usize, shard: &Shard) -> Self {
        let hidden = 1..=plan.hidden();
        let width = |layer| plan.range(layer, shard.index).len();
        let widest = hidden.clone().map(width).max().unwrap_or(0);
        let values = |width: usize| vec![0.0; area(batch, width)];
        let kept = if plan.keeps_slopes() {
            plan.hidden()
        } else {
            0
        };
        Self {
            delta: Aligned::zeros(area(batch, widest)),
            transposed: Aligned::zeros(area(batch, if plan.hidden() > 1 { widest } else { 0 })),
            slopes: hidden.take(kept).map(width).map(values).collect(),
            images: plan.front.as_ref().map(|front| {
                let most = plan.most_images(batch);
                (Images::new(front, plan.activation, most), Back::new(front))
            }),
        }
    }
}

/// Returns what another shard may be reading as well.
pub fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// Returns what no other shard reads before the next barrier.
pub fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
