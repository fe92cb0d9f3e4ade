//! The optimizer of an experiment, with Burn's implementations.

use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, AdamWConfig, ModuleOptimizer, OptimizerRecord, SgdConfig};
use burn::tensor::Bytes;
use experiment::Optimizer;
use model::Shape;
use model::optimizer_state::OptimizerState;

use crate::failure::Failure;

/// Returns the optimizer of `config`; its learning rate comes from the schedule.
pub fn build(config: &Optimizer) -> ModuleOptimizer {
    match *config {
        Optimizer::Adam {
            beta_1,
            beta_2,
            epsilon,
            weight_decay,
            ..
        } => AdamConfig::new()
            .with_beta_1(beta_1 as f32)
            .with_beta_2(beta_2 as f32)
            .with_epsilon(epsilon as f32)
            .with_weight_decay(l2(weight_decay))
            .init(),
        Optimizer::AdamW {
            beta_1,
            beta_2,
            epsilon,
            weight_decay,
            ..
        } => AdamWConfig::new()
            .with_beta_1(beta_1 as f32)
            .with_beta_2(beta_2 as f32)
            .with_epsilon(epsilon as f32)
            .with_weight_decay(weight_decay as f32)
            .init(),
        Optimizer::Sgd {
            momentum,
            nesterov,
            weight_decay,
            ..
        } => SgdConfig::new()
            .with_momentum(velocity(momentum, nesterov))
            .with_weight_decay(l2(weight_decay))
            .init(),
    }
}

/// Returns the state of the optimizer of `config` after `steps` steps, for a network with tensors of these
/// `shapes`, from the bytes that Burn wrote.
///
/// # Errors
/// When they are damaged or belong to another optimizer or network.
pub fn state(
    bytes: &[u8],
    config: &Optimizer,
    shapes: &[Shape],
    steps: u64,
) -> Result<OptimizerRecord, Failure> {
    let unusable = || Failure::failed("the optimizer's state cannot be used");
    kept(config)
        .check(bytes, shapes, steps)
        .map_err(|e| unusable().because(e))?;
    let bytes = Bytes::from_bytes_vec(bytes.to_vec());
    OptimizerRecord::from_bytes(bytes).map_err(|e| unusable().because(e))
}

/// Returns which tensors and counters Burn's optimizer keeps per parameter.
fn kept(config: &Optimizer) -> OptimizerState {
    match *config {
        Optimizer::Adam { .. } | Optimizer::AdamW { .. } => OptimizerState {
            tensors: &["momentum.moment_1", "momentum.moment_2"],
            steps: Some("momentum.time"),
        },
        Optimizer::Sgd { momentum, .. } if momentum > 0.0 => OptimizerState {
            tensors: &["momentum.velocity"],
            steps: None,
        },
        Optimizer::Sgd { .. } => OptimizerState {
            tensors: &[],
            steps: None,
        },
    }
}

fn l2(penalty: f64) -> Option<WeightDecayConfig> {
    (penalty > 0.0).then(|| WeightDecayConfig::new(penalty as f32))
}

/// Keras's and PyTorch's momentum has no dampening; Burn's default is 0.1.
fn velocity(momentum: f64, nesterov: bool) -> Option<MomentumConfig> {
    (momentum > 0.0).then(|| {
        MomentumConfig::new()
            .with_momentum(momentum)
            .with_dampening(0.0)
            .with_nesterov(nesterov)
    })
}
