//! How weights move against their gradient.
//!
//! Optimizer state below [`LEAST`] counts as 0. The moments of pixels that are hardly ever lit decay into
//! denormal numbers (below 1.2e-38), which cost a processor a hundred times a normal one. The processor's own mode
//! for that (DAZ and FTZ) is not used: Rust compiles floats for the default mode, and running any of its code in
//! another one is undefined behaviour (`core::arch::x86_64::_mm_setcsr`). So the mode never changes, for
//! nobody's code, and every processor does the same.

use crate::instructions::{Instructions, for_each_set};
use crate::settings::{Adam, Optimizer, Sgd};

/// The smallest state that is kept. It is far above denormal numbers, so that products with a learning rate are
/// normal, and far below what moves a weight: a step of 1e-30 over Adam's epsilon of 1e-7 is 1e-23 learning rates.
const LEAST: f32 = 1e-30;

/// The same for Adam's squared gradients.
const LEAST_SQUARE: f32 = 1e-36;

/// Adam's state is looked through once in this many steps: doing it in each took 3 % more instructions. In between, state of
/// [`LEAST`] or more cannot become denormal, unless betas are smaller than these.
const CLEAR_EVERY: u64 = 8;
const LEAST_BETAS: [f32; 2] = [0.5, 0.6]; // 0.5^8 of 1e-30 is 4e-33; 0.6^8 of 1e-36 is 1.7e-38

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
        instructions: Instructions,
        weights: &mut [f32],
        gradient: &[f32],
        first: &mut [f32],
        second: &mut [f32],
    ) {
        match self {
            Update::Adam(step) if step.l2 == 0.0 && step.keep == 1.0 => {
                adam(instructions, step, weights, gradient, first, second);
            }
            Update::Adam(step) => {
                adam_with_decay(instructions, step, weights, gradient, first, second);
            }
            Update::Sgd(constants, rate) => {
                sgd(instructions, constants, *rate, weights, gradient, first);
            }
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
    /// Whether small state becomes 0 in this step.
    clears: bool,
}

impl AdamStep {
    fn new(adam: &Adam, learning_rate: f64, time: u64) -> Self {
        let decays_fast = adam.beta_1 < LEAST_BETAS[0] || adam.beta_2 < LEAST_BETAS[1];
        let clears = decays_fast || time.is_multiple_of(CLEAR_EVERY);
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
            clears,
        }
    }

    /// Moves the moments of one weight on; returns how far it moves.
    #[inline(always)]
    fn movement(&self, gradient: f32, first: &mut f32, second: &mut f32) -> f32 {
        let (rest_1, rest_2) = (1.0 - self.beta_1, 1.0 - self.beta_2);
        let mut m = self.beta_1 * *first + rest_1 * gradient;
        let mut v = self.beta_2 * *second + rest_2 * (gradient * gradient);
        if self.clears {
            // Comparisons that leave a NaN as it is.
            m = if m.abs() < LEAST { 0.0 } else { m };
            v = if v < LEAST_SQUARE { 0.0 } else { v };
        }
        *first = m;
        *second = v;
        self.rate * m / (v.sqrt() + self.epsilon)
    }
}

for_each_set! {
    /// Adam in one pass; `first` and `second` are the moments.
    fn adam(
        step: &AdamStep,
        weights: &mut [f32],
        gradient: &[f32],
        first: &mut [f32],
        second: &mut [f32],
    ) {
        let moments = first.iter_mut().zip(second.iter_mut());
        for ((weight, &gradient), (first, second)) in weights.iter_mut().zip(gradient).zip(moments) {
            *weight -= step.movement(gradient, first, second);
        }
    }

    /// Adam with an L2 penalty, or AdamW.
    fn adam_with_decay(
        step: &AdamStep,
        weights: &mut [f32],
        gradient: &[f32],
        first: &mut [f32],
        second: &mut [f32],
    ) {
        let moments = first.iter_mut().zip(second.iter_mut());
        for ((weight, &gradient), (first, second)) in weights.iter_mut().zip(gradient).zip(moments) {
            let gradient = gradient + step.l2 * *weight;
            *weight = *weight * step.keep - step.movement(gradient, first, second);
        }
    }

    /// Gradient descent in one pass; `velocity` is the momentum, not damped.
    fn sgd(
        constants: &Sgd,
        rate: f32,
        weights: &mut [f32],
        gradient: &[f32],
        velocity: &mut [f32],
    ) {
        let momentum = constants.momentum;
        // Nesterov's form: the gradient, and beside it what the momentum will add.
        let (direct, follow) = if constants.nesterov { (1.0, momentum) } else { (0.0, 1.0) };
        for ((weight, &gradient), velocity) in weights.iter_mut().zip(gradient).zip(velocity) {
            let gradient = gradient + constants.l2 * *weight;
            let moved = momentum * *velocity + gradient;
            *velocity = if moved.abs() < LEAST { 0.0 } else { moved };
            *weight -= rate * (direct * gradient + follow * *velocity);
        }
    }

    /// Moves `average` towards `weights`, by `1 - memory` of the way.
    pub fn average(average: &mut [f32], weights: &[f32], memory: f32) {
        for (average, weight) in average.iter_mut().zip(weights) {
            *average = memory * *average + (1.0 - memory) * weight;
        }
    }
}

#[cfg(test)]
mod tests;
