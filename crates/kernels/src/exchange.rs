//! What the shards of a network show each other in a step, and what each keeps to itself.
//!
//! Shards see each other's values through [`Exchange`] only, and only after a barrier. What is
//! written in one step and may still be read when the next begins exists twice, for even and odd
//! steps. The locks are never waited for: they are there so that this is safe without trust.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::aligned::Aligned;
use crate::convolution::{Back, Images};
use crate::front;
use crate::network::{Plan, SHARDS, Shard, range};
use crate::product::area;
use crate::run::Outcome;

/// A value for even steps and one for odd steps.
type Twice = [RwLock<Vec<f32>>; 2];

/// What shards show each other.
pub(crate) struct Exchange {
    /// Outputs of hidden layers: `[layer][shard]`, each `[batch, neurons of the shard]`.
    pub activations: Vec<[Twice; SHARDS]>,
    /// Parts of the logits: `[shard]`, each `[batch, classes]`.
    pub logits: [Twice; SHARDS],
    /// Parts of the gradient of a hidden layer's input: `[layer][shard]`, each one block
    /// `[batch, neurons]` for every shard of the layer before.
    pub gradients: Vec<[RwLock<Vec<f32>>; SHARDS]>,
    /// Sum of the squares of each shard's gradients.
    pub squares: [RwLock<f64>; SHARDS],
    /// Parts of the gradient of what the convolutions made of the images, transposed, `[features, batch]`: of every
    /// shard all, to be added up. Without hidden layers each shard has that of its own rows only. Empty where there
    /// are no convolutions.
    pub asks: [RwLock<Vec<f32>>; SHARDS],
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
    /// Derivatives of the hidden neurons, where they are kept: `[layer]`, each `[batch, neurons]`.
    pub slopes: Vec<Vec<f32>>,
    /// Its images on their way through the convolutions.
    pub images: Option<(Images, Back)>,
}

impl Exchange {
    pub fn new(plan: &Plan, batch: usize) -> Self {
        let one = |width: usize| RwLock::new(vec![0.0; area(batch, width)]);
        let twice = |width: usize| [one(width), one(width)];
        let hidden = &plan.widths[1..plan.widths.len() - 1];
        let activations = hidden
            .iter()
            .map(|&width| std::array::from_fn(|shard| twice(range(width, shard).len())));
        // The first layer asks nothing of the pixels.
        let gradients = (0..hidden.len()).map(|layer| {
            let before = if layer == 0 { 0 } else { plan.widths[layer] };
            std::array::from_fn(|_| one(before))
        });
        Self {
            activations: activations.collect(),
            logits: std::array::from_fn(|_| twice(plan.classes())),
            gradients: gradients.collect(),
            squares: Default::default(),
            asks: std::array::from_fn(|_| {
                one(if plan.front.is_some() {
                    plan.widths[0]
                } else {
                    0
                })
            }),
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
        let hidden = &plan.widths[1..=plan.hidden()];
        let width = |&width: &usize| range(width, shard.index).len();
        let values = |width: usize| vec![0.0; area(batch, width)];
        let kept = if plan.keeps_slopes() { hidden } else { &[] };
        Self {
            delta: Aligned::zeros(area(batch, hidden.iter().map(width).max().unwrap_or(0))),
            slopes: kept.iter().map(width).map(values).collect(),
            images: plan.front.as_ref().map(|front| {
                let most = front::most(batch);
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
