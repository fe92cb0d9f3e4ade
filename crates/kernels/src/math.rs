//! Activations, losses and Adam on slices, compiled for the vectors the processor has.

use multiversion::multiversion;

use crate::network::{Activation, Adam, Loss, Optimizer, Output, Sgd};

/// 1/255 in two parts: the first has 16 bits, so that its product with a byte is exact, and the second
/// what is left.
const UNIT: f32 = f32::from_bits((1.0f32 / 255.0).to_bits() & 0xffff_ff00);
const UNIT_REST: f32 = (1.0 / 255.0 - UNIT as f64) as f32;

/// Writes `bytes / 255` to `out`, rounded as the division is (a test has all 256). Divisions are slow.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2+fma"))]
pub fn scale(out: &mut [f32], bytes: &[u8]) {
    for (out, &byte) in out.iter_mut().zip(bytes) {
        let byte = f32::from(byte);
        *out = byte * UNIT + byte * UNIT_REST;
    }
}

/// Adds `bias` `[columns]` to every row of `x` and applies the activation.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2+fma"))]
pub fn add_bias_and_activate(x: &mut [f32], bias: &[f32], activation: Activation) {
    for row in x.chunks_exact_mut(bias.len()) {
        for (x, b) in row.iter_mut().zip(bias) {
            *x += b;
        }
    }
    activate_inline(x, activation);
}

/// Applies the activation.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2+fma"))]
pub fn activate(x: &mut [f32], activation: Activation) {
    activate_inline(x, activation);
}

/// The same, compiled into its caller for the caller's instructions.
#[inline(always)]
fn activate_inline(x: &mut [f32], activation: Activation) {
    match activation {
        // Not `max`, which would turn a NaN into 0 and hide that training has diverged.
        Activation::Relu => x
            .iter_mut()
            .for_each(|x| *x = if *x < 0.0 { 0.0 } else { *x }),
        Activation::Sigmoid => x.iter_mut().for_each(|x| *x = sigmoid(*x)),
        Activation::Tanh => x.iter_mut().for_each(|x| *x = x.tanh()),
        Activation::Gelu => x.iter_mut().for_each(|x| *x = gelu(*x)),
    }
}

/// Multiplies `gradient` by the derivative of the activation, given its `output`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2+fma"))]
pub fn activation_backward(gradient: &mut [f32], output: &[f32], activation: Activation) {
    let pairs = gradient.iter_mut().zip(output);
    match activation {
        Activation::Relu => pairs.for_each(|(g, &y)| *g = if y > 0.0 { *g } else { 0.0 }),
        Activation::Sigmoid => pairs.for_each(|(g, &y)| *g *= y * (1.0 - y)),
        Activation::Tanh => pairs.for_each(|(g, &y)| *g *= 1.0 - y * y),
        Activation::Gelu => unreachable!("Network::new refuses GELU"),
    }
}

/// Turns `logits` `[batch, classes]` into the gradient of the mean loss; returns the sum of the losses.
pub fn loss_and_gradient(logits: &mut [f32], labels: &[u8], classes: usize, loss: Loss) -> f64 {
    let share = 1.0 / labels.len() as f32;
    let mut sum = 0.0;
    for (row, &label) in logits.chunks_exact_mut(classes).zip(labels) {
        let label = usize::from(label);
        sum += f64::from(match loss {
            Loss::CrossEntropy => cross_entropy(row, label, share),
            Loss::Quadratic => quadratic(row, label, share),
        });
    }
    sum
}

/// Returns the loss of every image `[images]`, from `logits` `[images, classes]` and `labels` `[images]`.
///
/// # Panics
/// When a label is not below the number of classes.
pub fn losses(logits: &[f32], labels: &[u8], classes: usize, loss: Loss) -> Vec<f32> {
    let mut row = vec![0.0; classes];
    let images = logits.chunks_exact(classes).zip(labels);
    images
        .map(|(logits, &label)| {
            row.copy_from_slice(logits);
            match loss {
                Loss::CrossEntropy => cross_entropy(&mut row, label.into(), 1.0),
                Loss::Quadratic => quadratic(&mut row, label.into(), 1.0),
            }
        })
        .collect()
}

fn cross_entropy(row: &mut [f32], label: usize, share: f32) -> f32 {
    let highest = highest(row);
    let of_label = row[label] - highest;
    let mut total = 0.0;
    for x in row.iter_mut() {
        *x = (*x - highest).exp();
        total += *x;
    }
    for x in row.iter_mut() {
        *x *= share / total;
    }
    row[label] -= share;
    total.ln() - of_label
}

/// Returns the highest of some logits.
fn highest(row: &[f32]) -> f32 {
    row.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

fn quadratic(row: &mut [f32], label: usize, share: f32) -> f32 {
    let mut cost = 0.0;
    for (class, x) in row.iter_mut().enumerate() {
        let neuron = sigmoid(*x);
        let distance = neuron - f32::from(u8::from(class == label));
        cost += distance * distance;
        *x = 2.0 * distance * neuron * (1.0 - neuron) * share;
    }
    cost
}

/// Turns `logits` `[images, classes]` into probabilities to the power of 1 / `temperature`, scaled so
/// that each row sums to 1. At 1 they stay what they are.
pub fn probabilities(logits: &mut [f32], classes: usize, output: Output, temperature: f32) {
    for row in logits.chunks_exact_mut(classes) {
        if output == Output::Sigmoid {
            // Softmax of log-sigmoid is sigmoid / sum of sigmoids, safe when all are near 0.
            row.iter_mut().for_each(|x| *x = log_sigmoid(*x));
        }
        if temperature != 1.0 {
            row.iter_mut().for_each(|x| *x /= temperature);
        }
        softmax(row);
    }
}

fn softmax(row: &mut [f32]) {
    let highest = highest(row);
    let mut total = 0.0;
    for x in row.iter_mut() {
        *x = (*x - highest).exp();
        total += *x;
    }
    for x in row.iter_mut() {
        *x /= total;
    }
}

fn log_sigmoid(x: f32) -> f32 {
    x.min(0.0) - (-x.abs()).exp().ln_1p()
}

fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + libm::erff(x * std::f32::consts::FRAC_1_SQRT_2))
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// Sums the rows of `x` `[rows, out.len()]` into `out`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2+fma"))]
pub fn sum_rows(out: &mut [f32], x: &[f32]) {
    out.fill(0.0);
    for row in x.chunks_exact(out.len()) {
        for (out, x) in out.iter_mut().zip(row) {
            *out += x;
        }
    }
}

/// Adds `x` to `out`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2+fma"))]
pub fn add(out: &mut [f32], x: &[f32]) {
    for (out, x) in out.iter_mut().zip(x) {
        *out += x;
    }
}

/// One step of an optimizer, its constants worked out.
pub enum Update {
    /// See [`adam`].
    Adam(AdamStep),
    /// See [`sgd`].
    Sgd(Sgd, f32),
}

impl Update {
    /// Returns step `time`, counted from 1.
    pub fn new(optimizer: Optimizer, learning_rate: f64, time: u64) -> Self {
        match optimizer {
            Optimizer::Adam(adam) => Update::Adam(AdamStep::new(&adam, learning_rate, time)),
            Optimizer::Sgd(sgd) => Update::Sgd(sgd, learning_rate as f32),
        }
    }

    /// Moves `weights` against `gradient`; `first` and `second` are the optimizer state.
    pub fn apply(
        &self,
        weights: &mut [f32],
        gradient: &[f32],
        first: &mut [f32],
        second: &mut [f32],
    ) {
        match self {
            Update::Adam(step) => adam(step, weights, gradient, first, second),
            Update::Sgd(constants, rate) => sgd(constants, *rate, weights, gradient, first),
        }
    }
}

/// The constants of one step of Adam: Kingma & Ba 2015, <https://arxiv.org/abs/1412.6980>, algorithm
/// 1, with the bias corrections folded into two factors, as Burn does.
pub struct AdamStep {
    beta_1: f32,
    beta_2: f32,
    /// `learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)`
    rate: f32,
    /// `epsilon * sqrt(1 - beta_2^t)`
    epsilon: f32,
    l2: f32,
    /// `1 - learning_rate * weight_decay`, of AdamW
    keep: f32,
}

impl AdamStep {
    fn new(adam: &Adam, learning_rate: f64, time: u64) -> Self {
        let time = i32::try_from(time).unwrap_or(i32::MAX);
        let correction_2 = (1.0 - adam.beta_2.powi(time)).sqrt();
        let correction_1 = 1.0 - adam.beta_1.powi(time);
        let learning_rate = learning_rate as f32;
        Self {
            beta_1: adam.beta_1,
            beta_2: adam.beta_2,
            rate: learning_rate * (correction_2 / correction_1),
            epsilon: adam.epsilon * correction_2,
            l2: adam.l2,
            keep: 1.0 - learning_rate * adam.decoupled_decay,
        }
    }
}

/// Adam in one pass; `first` and `second` are the moments.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2+fma"))]
fn adam(
    step: &AdamStep,
    weights: &mut [f32],
    gradient: &[f32],
    first: &mut [f32],
    second: &mut [f32],
) {
    let (rest_1, rest_2) = (1.0 - step.beta_1, 1.0 - step.beta_2);
    let moments = first.iter_mut().zip(second.iter_mut());
    for ((weight, &gradient), (first, second)) in weights.iter_mut().zip(gradient).zip(moments) {
        let gradient = gradient + step.l2 * *weight;
        let m = step.beta_1 * *first + rest_1 * gradient;
        let v = step.beta_2 * *second + rest_2 * (gradient * gradient);
        *first = m;
        *second = v;
        *weight = *weight * step.keep - step.rate * m / (v.sqrt() + step.epsilon);
    }
}

/// Gradient descent in one pass; `velocity` is the momentum, not damped.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2+fma"))]
fn sgd(constants: &Sgd, rate: f32, weights: &mut [f32], gradient: &[f32], velocity: &mut [f32]) {
    let lookahead = if constants.nesterov {
        constants.momentum
    } else {
        0.0
    };
    let direct = if constants.nesterov { 1.0 } else { 0.0 };
    for ((weight, &gradient), velocity) in weights.iter_mut().zip(gradient).zip(velocity) {
        let gradient = gradient + constants.l2 * *weight;
        *velocity = constants.momentum * *velocity + gradient;
        let follow = 1.0 - direct + lookahead;
        *weight -= rate * (direct * gradient + follow * *velocity);
    }
}

/// Makes this thread treat denormal numbers as zero until it is dropped.
///
/// The moments of pixels that are hardly ever lit decay into denormals, which cost a processor a
/// hundred times a normal number.
pub struct FlushDenormals {
    #[cfg(target_arch = "x86_64")]
    before: u32,
}

impl FlushDenormals {
    /// Sets the mode of this thread.
    pub fn new() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let before = x86::control();
            x86::set_control(before | 0x8040); // flush to zero, denormals are zero
            Self { before }
        }
        #[cfg(not(target_arch = "x86_64"))]
        Self {}
    }
}

impl Drop for FlushDenormals {
    fn drop(&mut self) {
        #[cfg(target_arch = "x86_64")]
        x86::set_control(self.before);
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::asm;

    pub fn control() -> u32 {
        let mut control = 0u32;
        // SAFETY: SSE is part of x86-64; the instruction writes the four bytes it is given.
        unsafe { asm!("stmxcsr [{}]", in(reg) &mut control, options(nostack, preserves_flags)) };
        control
    }

    pub fn set_control(control: u32) {
        // SAFETY: as above; only the rounding of denormals changes, and it is set back on drop.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &control, options(nostack, preserves_flags)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaled_bytes_are_the_quotients() {
        let bytes: Vec<u8> = (0..=255).collect();
        let mut scaled = [0.0; 256];
        scale(&mut scaled, &bytes);
        for (byte, scaled) in bytes.iter().zip(scaled) {
            assert_eq!(scaled, f32::from(*byte) / 255.0, "{byte}");
        }
    }
}
