//! One step, as seen by a thread with its shards.
//!
//! Shards see each other's values through [`Exchange`] only, and only after a barrier. What is
//! written in one step and may still be read when the next begins exists twice, for even and odd
//! steps. The locks are never waited for: they are there so that this is safe without trust.

use std::ops::Range;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::math::{self, Update};
use crate::network::{Dense, Network, SHARDS, Shard, range};
use crate::product::{Matrix, product};
use crate::run::Outcome;

/// A value for even steps and one for odd steps.
type Twice = [RwLock<Vec<f32>>; 2];

/// What shards show each other.
pub(crate) struct Exchange {
    /// Outputs of hidden layers: `[layer][shard]`, each `[batch, neurons of the shard]`.
    activations: Vec<[Twice; SHARDS]>,
    /// Parts of the logits: `[shard]`, each `[batch, classes]`.
    logits: [Twice; SHARDS],
    /// Parts of the gradient of a hidden layer's input: `[layer][shard]`, each one block
    /// `[batch, neurons]` for every shard of the layer before.
    gradients: Vec<[RwLock<Vec<f32>>; SHARDS]>,
}

/// Scratch space of a thread.
pub(crate) struct Scratch {
    /// Most images in a batch.
    batch: usize,
    /// Pixels `[batch, inputs]`, 0 to 1: each thread's own, near its core.
    pub input: Vec<f32>,
    /// `[batch, classes]`.
    logits: Vec<f32>,
    /// Gradient of the mean loss by the logits, `[batch, classes]`.
    errors: Vec<f32>,
    /// Gradient of each of its shards' neurons, `[shard of this thread]`.
    deltas: Vec<Vec<f32>>,
}

/// What all threads of a step share.
pub(crate) struct Step<'a> {
    pub exchange: &'a Exchange,
    pub plan: &'a Plan,
    pub labels: &'a [u8],
    /// 0 in even steps, 1 in odd ones.
    pub parity: usize,
    pub update: Update,
}

/// The shape of the network, apart from its weights.
pub(crate) struct Plan {
    pub widths: Vec<usize>,
    pub activation: crate::network::Activation,
    pub loss: crate::network::Loss,
}

impl Plan {
    pub fn of(network: &Network) -> Self {
        Self {
            widths: network.widths.clone(),
            activation: network.activation,
            loss: network.loss,
        }
    }

    fn hidden(&self) -> usize {
        self.widths.len() - 2
    }

    pub fn classes(&self) -> usize {
        self.widths[self.widths.len() - 1]
    }
}

impl Exchange {
    pub fn new(plan: &Plan, batch: usize) -> Self {
        let one = |values: usize| RwLock::new(vec![0.0; values]);
        let twice = |values: usize| [one(values), one(values)];
        let hidden = &plan.widths[1..plan.widths.len() - 1];
        Self {
            activations: hidden
                .iter()
                .map(|&width| std::array::from_fn(|shard| twice(batch * range(width, shard).len())))
                .collect(),
            logits: std::array::from_fn(|_| twice(batch * plan.classes())),
            gradients: (0..hidden.len())
                .map(|layer| {
                    std::array::from_fn(|_| {
                        one(if layer == 0 {
                            0
                        } else {
                            batch * plan.widths[layer]
                        })
                    })
                })
                .collect(),
        }
    }
}

impl Scratch {
    pub fn new(plan: &Plan, batch: usize, shards: usize) -> Self {
        let widest = plan.widths[1..].iter().copied().max().unwrap_or(0);
        Self {
            batch: batch.max(1),
            input: vec![0.0; batch * plan.widths[0]],
            logits: vec![0.0; batch * plan.classes()],
            errors: vec![0.0; batch * plan.classes()],
            deltas: vec![vec![0.0; batch * widest]; shards],
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

impl Step<'_> {
    fn batch(&self) -> usize {
        self.labels.len()
    }

    /// Runs the step for `shards`, on the pixels in `scratch`; `meet` waits for the other threads.
    /// Returns the sum of the losses.
    pub fn run(&self, shards: &mut [Shard], scratch: &mut Scratch, meet: &dyn Fn()) -> f64 {
        let Scratch {
            input,
            logits,
            errors,
            deltas,
            ..
        } = scratch;
        let input = &input[..self.batch() * self.plan.widths[0]];
        for layer in 0..self.plan.hidden() {
            for shard in shards.iter() {
                self.forward(shard, layer, input);
            }
            if layer + 1 < self.plan.hidden() {
                meet();
            }
        }
        for shard in shards.iter() {
            self.part_of_logits(shard, input);
        }
        meet();

        let loss = self.loss(&shards[0], logits, errors);
        for (shard, delta) in shards.iter_mut().zip(&mut *deltas) {
            self.output_backward(shard, input, errors, delta);
        }
        for layer in (0..self.plan.hidden()).rev() {
            for (shard, delta) in shards.iter_mut().zip(&mut *deltas) {
                self.backward(shard, layer, input, delta);
            }
            if layer > 0 {
                meet();
                for (shard, delta) in shards.iter_mut().zip(&mut *deltas) {
                    self.collect(shard, layer, delta);
                }
            }
        }
        loss
    }

    /// Computes the shard's neurons of hidden layer `layer`.
    fn forward(&self, shard: &Shard, layer: usize, input: &[f32]) {
        let dense = &shard.hidden[layer];
        let width = dense.bias.values.len();
        let mut out = write(&self.exchange.activations[layer][shard.index][self.parity]);
        let out = &mut out[..self.batch() * width];
        if width == 0 {
            return;
        }
        let weight = Matrix::new(&dense.weight.values, self.plan.widths[layer], width);
        self.with_input(layer, input, |rows, first, input| {
            product(out, !first, input, weight.rows(rows.start, rows.len()));
        });
        math::add_bias_and_activate(out, &dense.bias.values, self.plan.activation);
    }

    /// Computes what the shard's neurons add to the logits.
    fn part_of_logits(&self, shard: &Shard, input: &[f32]) {
        let classes = self.plan.classes();
        let mut out = write(&self.exchange.logits[shard.index][self.parity]);
        let out = &mut out[..self.batch() * classes];
        self.with_own_output(shard.index, input, |own| match own {
            Some(own) => {
                let rows = shard.output.weight.values.len() / classes;
                let weight = Matrix::new(&shard.output.weight.values, rows, classes);
                product(out, false, own, weight);
            }
            None => out.fill(0.0),
        });
    }

    /// Adds up the logits; writes their gradient to `errors` and returns the sum of the losses.
    fn loss(&self, shard: &Shard, logits: &mut [f32], errors: &mut [f32]) -> f64 {
        let classes = self.plan.classes();
        let logits = &mut logits[..self.batch() * classes];
        for row in logits.chunks_exact_mut(classes) {
            row.copy_from_slice(&shard.output.bias.values);
        }
        for part in &self.exchange.logits {
            let part = read(&part[self.parity]);
            math::add(logits, &part[..logits.len()]);
        }
        let errors = &mut errors[..logits.len()];
        errors.copy_from_slice(logits);
        math::loss_and_gradient(errors, self.labels, classes, self.plan.loss)
    }

    /// Updates the output layer; leaves the gradient of the shard's last hidden neurons in `delta`.
    fn output_backward(&self, shard: &mut Shard, input: &[f32], errors: &[f32], delta: &mut [f32]) {
        let (batch, classes) = (self.batch(), self.plan.classes());
        let gradient = Matrix::new(&errors[..batch * classes], batch, classes);
        let (index, output) = (shard.index, &mut shard.output);
        let rows = output.weight.values.len() / classes;
        self.with_own_output(index, input, |own| {
            let Some(own) = own else { return };
            product(
                &mut output.weight.gradient,
                false,
                own.transposed(),
                gradient,
            );
        });
        if self.plan.hidden() > 0 && rows > 0 {
            let weight = Matrix::new(&output.weight.values, rows, classes);
            let delta = &mut delta[..batch * rows];
            product(delta, false, gradient, weight.transposed());
            self.through_activation(index, self.plan.hidden() - 1, delta);
        }
        math::sum_rows(&mut output.bias.gradient, &errors[..batch * classes]);
        self.update(output);
    }

    /// Updates the shard's neurons of hidden layer `layer` from their gradient `delta`; shows what
    /// they ask of the layer before.
    fn backward(&self, shard: &mut Shard, layer: usize, input: &[f32], delta: &[f32]) {
        let batch = self.batch();
        let dense = &mut shard.hidden[layer];
        let width = dense.bias.values.len();
        let mut ask = write(&self.exchange.gradients[layer][shard.index]);
        if width == 0 {
            ask.fill(0.0);
            return;
        }
        let delta = &delta[..batch * width];
        let gradient = Matrix::new(delta, batch, width);
        let weight_gradient = &mut dense.weight.gradient;
        self.with_input(layer, input, |rows, _, input| {
            let block = &mut weight_gradient[rows.start * width..rows.end * width];
            product(block, false, input.transposed(), gradient);
        });
        if layer > 0 {
            let weight = Matrix::new(&dense.weight.values, self.plan.widths[layer], width);
            for before in 0..SHARDS {
                let rows = range(self.plan.widths[layer], before);
                let block = &mut ask[batch * rows.start..batch * rows.end];
                if !rows.is_empty() {
                    let weight = weight.rows(rows.start, rows.len());
                    product(block, false, gradient, weight.transposed());
                }
            }
        }
        math::sum_rows(&mut dense.bias.gradient, delta);
        self.update(dense);
    }

    /// Adds up what the shards of `layer` ask of this shard's neurons in the layer before.
    fn collect(&self, shard: &Shard, layer: usize, delta: &mut [f32]) {
        let rows = range(self.plan.widths[layer], shard.index);
        let block = self.batch() * rows.start..self.batch() * rows.end;
        let delta = &mut delta[..block.len()];
        delta.fill(0.0);
        for part in &self.exchange.gradients[layer] {
            math::add(delta, &read(part)[block.clone()]);
        }
        self.through_activation(shard.index, layer - 1, delta);
    }

    fn through_activation(&self, shard: usize, layer: usize, delta: &mut [f32]) {
        let output = read(&self.exchange.activations[layer][shard][self.parity]);
        math::activation_backward(delta, &output[..delta.len()], self.plan.activation);
    }

    fn update(&self, dense: &mut Dense) {
        for p in [&mut dense.weight, &mut dense.bias] {
            self.update
                .apply(&mut p.values, &p.gradient, &mut p.first, &mut p.second);
        }
    }

    /// Hands out the input of a hidden layer in the blocks it exists in: rows of the layer's weight,
    /// whether it is the first block, and the values `[batch, rows]`.
    fn with_input(
        &self,
        layer: usize,
        input: &[f32],
        mut work: impl FnMut(Range<usize>, bool, Matrix),
    ) {
        let batch = self.batch();
        if layer == 0 {
            let inputs = self.plan.widths[0];
            return work(0..inputs, true, Matrix::new(input, batch, inputs));
        }
        for (index, shard) in self.exchange.activations[layer - 1].iter().enumerate() {
            let rows = range(self.plan.widths[layer], index);
            if !rows.is_empty() {
                let values = read(&shard[self.parity]);
                let values = Matrix::new(&values[..batch * rows.len()], batch, rows.len());
                work(rows, index == 0, values);
            }
        }
    }

    /// Hands out the shard's part of what feeds the output layer, `[batch, rows]`, if it has one.
    fn with_own_output(&self, shard: usize, input: &[f32], work: impl FnOnce(Option<Matrix>)) {
        let (batch, hidden) = (self.batch(), self.plan.hidden());
        let rows = range(self.plan.widths[hidden], shard);
        if rows.is_empty() {
            return work(None);
        }
        if hidden == 0 {
            let pixels = Matrix::new(input, batch, self.plan.widths[0]);
            return work(Some(pixels.columns(rows.start, rows.len())));
        }
        let values = read(&self.exchange.activations[hidden - 1][shard][self.parity]);
        work(Some(Matrix::new(
            &values[..batch * rows.len()],
            batch,
            rows.len(),
        )));
    }
}

fn read(lock: &RwLock<Vec<f32>>) -> RwLockReadGuard<'_, Vec<f32>> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(lock: &RwLock<Vec<f32>>) -> RwLockWriteGuard<'_, Vec<f32>> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
