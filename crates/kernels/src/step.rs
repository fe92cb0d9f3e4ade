//! One step, as seen by a thread with its shards.

use std::ops::Range;

use crate::dropout::{self, Mask};
use crate::exchange::{Exchange, Own, Scratch, read, write};
use crate::network::{Dense, Parameter, Plan, Shard};
use crate::optimizer::{self, Update};
use crate::product::{Matrix, product};
use crate::{activation, vector};

/// Values of a weight, about, whose gradient is computed before they move: few enough (64 KB) that both are still
/// in the core's cache then.
const BLOCK: usize = 16 * 1024;

/// What all threads of a step share.
pub(crate) struct Step<'a> {
    pub exchange: &'a Exchange,
    pub plan: &'a Plan,
    pub labels: &'a [u8],
    /// 0 in even steps, 1 in odd ones.
    pub parity: usize,
    /// Steps of the whole training, this one included.
    pub time: u64,
    pub update: Update,
}

impl Step<'_> {
    pub fn batch(&self) -> usize {
        self.labels.len()
    }

    /// Runs the step for `shards`, on the pixels in `scratch`; `meet` waits for the other threads.
    /// Returns the sum of the losses.
    pub fn run(&self, shards: &mut [Shard], scratch: &mut Scratch, meet: &dyn Fn()) -> f64 {
        let Scratch {
            input,
            logits,
            errors,
            own,
            ..
        } = scratch;
        let input = &input[..self.batch() * self.plan.widths[0]];
        for layer in 0..self.plan.hidden() {
            for (shard, own) in shards.iter().zip(&mut *own) {
                self.forward(shard, layer, input, own);
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
        for (shard, own) in shards.iter_mut().zip(&mut *own) {
            self.output_backward(shard, input, errors, own);
        }
        for layer in (0..self.plan.hidden()).rev() {
            for (shard, own) in shards.iter_mut().zip(&mut *own) {
                self.backward(shard, layer, input, own);
            }
            if layer > 0 {
                meet();
                for (shard, own) in shards.iter_mut().zip(&mut *own) {
                    self.collect(shard, layer, own);
                }
            }
        }
        loss
    }

    /// Moves what has had to wait for all gradients: everything if gradients are clipped, or else the convolutions.
    pub fn finish(&self, shards: &mut [Shard], meet: &dyn Fn()) {
        if let Some(longest) = self.plan.clip_norm {
            return self.clip(shards, longest, meet);
        }
        for shard in shards {
            let all = 0..shard.front.values.len();
            self.apply(&mut shard.front, all);
        }
    }

    /// Computes the shard's neurons of hidden layer `layer`.
    fn forward(&self, shard: &Shard, layer: usize, input: &[f32], own: &mut Own) {
        let dense = &shard.hidden[layer];
        let (bias, width) = (&dense.bias.values, dense.bias.values.len());
        let mut out = write(&self.exchange.activations[layer][shard.index][self.parity]);
        let out = &mut out[..self.batch() * width];
        if width == 0 {
            return;
        }
        let (instructions, activation) = (self.plan.instructions, self.plan.activation);
        let weight = Matrix::new(&dense.weight.values, self.plan.widths[layer], width);
        self.with_input(layer, input, |rows, first, input| {
            let weight = weight.rows(rows.start, rows.len());
            product(instructions, out, !first, input, weight);
        });
        if !self.plan.keeps_slopes() {
            return activation::add_bias_and_activate(instructions, out, bias, activation);
        }
        let slopes = &mut own.slopes[layer][..out.len()];
        activation::activate_with_slopes(instructions, out, slopes, bias, activation);
        if self.plan.dropout.share > 0.0 {
            let mask = Mask::new(self.plan.dropout, self.time, layer);
            let whole = self.plan.widths[layer + 1];
            let first = self.plan.range(layer + 1, shard.index).start;
            dropout::apply(instructions, &mask, out, slopes, width, first, whole);
        }
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
                product(self.plan.instructions, out, false, own, weight);
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
            vector::add(self.plan.instructions, logits, &part[..logits.len()]);
        }
        let errors = &mut errors[..logits.len()];
        errors.copy_from_slice(logits);
        let objective = &self.plan.objective;
        objective.loss_and_gradient(errors, self.labels, classes)
    }

    /// Updates the output layer; leaves the gradient of the shard's last hidden neurons in `own`.
    fn output_backward(&self, shard: &mut Shard, input: &[f32], errors: &[f32], own: &mut Own) {
        let (batch, classes) = (self.batch(), self.plan.classes());
        let gradient = Matrix::new(&errors[..batch * classes], batch, classes);
        let (index, output) = (shard.index, &mut shard.output);
        let instructions = self.plan.instructions;
        let rows = output.weight.values.len() / classes;
        if self.plan.hidden() == 0 {
            self.ask(index, gradient, (&output.weight.values, rows));
        } else if rows > 0 {
            let weight = Matrix::new(&output.weight.values, rows, classes);
            let delta = &mut own.delta[..batch * rows];
            product(instructions, delta, false, gradient, weight.transposed());
            self.through_activation(index, self.plan.hidden() - 1, delta.len(), own);
        }
        self.with_own_output(index, input, |own| {
            let Some(own) = own else { return };
            self.descend(&mut output.weight, 0..rows, own.transposed(), gradient);
        });
        self.descend_bias(&mut output.bias, &errors[..batch * classes]);
    }

    /// Updates the shard's neurons of hidden layer `layer` from their gradient `own.delta`; shows what
    /// they ask of the layer before.
    fn backward(&self, shard: &mut Shard, layer: usize, input: &[f32], own: &mut Own) {
        let batch = self.batch();
        let Dense { weight, bias } = &mut shard.hidden[layer];
        let width = bias.values.len();
        let mut ask = write(&self.exchange.gradients[layer][shard.index]);
        if width == 0 {
            ask.fill(0.0);
            return;
        }
        let delta = &own.delta[..batch * width];
        let gradient = Matrix::new(delta, batch, width);
        if layer > 0 {
            let transposed = &mut own.transposed[..delta.len()];
            gradient.transposed().copy_to(transposed);
            let transposed = Matrix::new(transposed, width, batch);
            let rows = self.plan.widths[layer];
            let weight = Matrix::new(&weight.values, rows, width);
            let ask = &mut ask[..rows * batch];
            product(self.plan.instructions, ask, false, weight, transposed);
        }
        if layer == 0 {
            let rows = self.plan.widths[0];
            self.ask(shard.index, gradient, (&weight.values, rows));
        }
        self.with_input(layer, input, |rows, _, input| {
            self.descend(weight, rows, input.transposed(), gradient);
        });
        self.descend_bias(bias, delta);
    }

    /// Shows what a layer whose neurons have this `gradient` asks of the convolutions' output, the rows of its
    /// `weight`.
    fn ask(&self, shard: usize, gradient: Matrix, (weight, rows): (&[f32], usize)) {
        if self.plan.front.is_some() && rows > 0 {
            let weight = Matrix::new(weight, rows, weight.len() / rows);
            let ask = &mut write(&self.exchange.asks[shard])[..rows * self.batch()];
            product(
                self.plan.instructions,
                ask,
                false,
                weight,
                gradient.transposed(),
            );
        }
    }

    /// Adds up what the shards of `layer` ask of this shard's neurons in the layer before.
    fn collect(&self, shard: &Shard, layer: usize, own: &mut Own) {
        let (batch, rows) = (self.batch(), self.plan.range(layer, shard.index));
        let asked = batch * rows.start..batch * rows.end;
        let sum = &mut own.transposed[..asked.len()];
        sum.fill(0.0);
        for part in &self.exchange.gradients[layer] {
            vector::add(self.plan.instructions, sum, &read(part)[asked.clone()]);
        }
        let sum = Matrix::new(sum, rows.len(), batch);
        sum.transposed().copy_to(&mut own.delta[..asked.len()]);
        self.through_activation(shard.index, layer - 1, asked.len(), own);
    }

    /// Turns the gradient of a layer's outputs, the first `count` values of `own.delta`, into that of what goes into
    /// its activation.
    fn through_activation(&self, shard: usize, layer: usize, count: usize, own: &mut Own) {
        let (instructions, delta) = (self.plan.instructions, &mut own.delta[..count]);
        if self.plan.keeps_slopes() {
            return vector::multiply(instructions, delta, &own.slopes[layer][..count]);
        }
        let output = read(&self.exchange.activations[layer][shard][self.parity]);
        activation::activation_backward(
            instructions,
            delta,
            &output[..count],
            self.plan.activation,
        );
    }

    /// Computes the gradient of some rows of a weight, `input gradient`, and moves them, unless that has to wait for
    /// all gradients. `input` is `[rows, batch]`, `gradient` `[batch, neurons]`.
    fn descend(&self, weight: &mut Parameter, rows: Range<usize>, input: Matrix, gradient: Matrix) {
        let (instructions, width) = (self.plan.instructions, gradient.width());
        let values = rows.start * width..rows.end * width;
        if self.plan.clip_norm.is_some() {
            let out = &mut weight.gradient[values];
            return product(instructions, out, false, input, gradient);
        }
        let most = (BLOCK / width).next_multiple_of(8);
        for start in (0..rows.len()).step_by(most) {
            let count = most.min(rows.len() - start);
            let out = &mut weight.gradient[..count * width];
            product(instructions, out, false, input.rows(start, count), gradient);
            let first = values.start + start * width;
            self.apply(weight, first..first + count * width);
        }
    }

    /// Computes the gradient of a bias, the sum of the rows of `gradient`, and moves it, unless that has to wait.
    fn descend_bias(&self, bias: &mut Parameter, gradient: &[f32]) {
        vector::sum_rows(self.plan.instructions, &mut bias.gradient, gradient);
        if self.plan.clip_norm.is_none() {
            self.apply(bias, 0..bias.values.len());
        }
    }

    /// Moves some of a parameter's values, whose gradient stands at the beginning.
    fn apply(&self, parameter: &mut Parameter, which: Range<usize>) {
        let instructions = self.plan.instructions;
        let values = &mut parameter.values[which.clone()];
        self.update.apply(
            instructions,
            values,
            &parameter.gradient[..which.len()],
            &mut parameter.first[which.clone()],
            &mut parameter.second[which.clone()],
        );
        if let Some(memory) = self.plan.average {
            let memory = if self.time == 1 { 0.0 } else { memory };
            let average = &mut parameter.average[which];
            optimizer::average(instructions, average, values, memory);
        }
    }

    /// Scales all gradients down until together they are not longer than `longest`, and moves the weights.
    fn clip(&self, shards: &mut [Shard], longest: f32, meet: &dyn Fn()) {
        for shard in shards.iter_mut() {
            *write(&self.exchange.squares[shard.index]) = self.squares(shard);
        }
        meet();
        let squares: f64 = self.exchange.squares.iter().map(|part| *read(part)).sum();
        let factor = f64::from(longest) / squares.sqrt();
        for parameter in shards.iter_mut().flat_map(Shard::parameters_mut) {
            if factor < 1.0 {
                let gradient = &mut parameter.gradient;
                vector::multiply_all(self.plan.instructions, gradient, factor as f32);
            }
            let all = 0..parameter.values.len();
            self.apply(parameter, all);
        }
    }

    /// Returns the sum of the squares of the shard's gradients. The output layer's bias, which every shard has,
    /// counts with the first.
    fn squares(&self, shard: &mut Shard) -> f64 {
        let mut sums = [0.0; 16];
        let skipped = if shard.index == 0 { 0 } else { 1 };
        let parameters = shard.parameters_mut();
        for parameter in &parameters[..parameters.len() - skipped] {
            vector::add_squares(self.plan.instructions, &mut sums, &parameter.gradient);
        }
        sums.iter().sum()
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
            let rows = self.plan.range(layer, index);
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
        let rows = self.plan.range(hidden, shard);
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
