//! The two engines: a fused kernel on the CPU, and Burn's operations on any device.
//!
//! A step of a small network takes about 0.1 ms of arithmetic; as tensor operations it takes six times as
//! long. If the crate `kernels` supports the experiment, it does the training, on the same batches with the same
//! formulas; everything else is trained by Burn's `Learner`.
//!
//! Reading order: [`choose`] (which one) → [`Job`] → [`Engine`] (training) → [`Predictor`] (answers) → `kernel`, `burn`.
//! Behind those: [`objective`](fn@objective) (what is minimised), [`TrainingStep`] (a training step in Burn's terms),
//! `clipping`, [`optimizer`], [`schedule`], [`totals`].

pub mod burn;
pub mod capture;
pub mod training_step;
mod clipping;
mod job;
mod kernel;
mod objective;
pub mod optimizer;
mod predictor;
pub mod schedule;
pub mod totals;

use std::fmt;
use std::ops::Range;

use experiment::{Backend, EngineChoice, Experiment};
use model::{RecordError, Tensor};

pub use self::burn::Burn;
pub use self::job::{Images, Job};
pub use self::training_step::TrainingStep;
pub use kernel::Kernel;
pub use objective::objective;
pub use predictor::{Predictor, loader};
pub use schedule::LearningRate;
pub use totals::Totals;

use crate::backend;
use crate::failure::Failure;
use crate::run::state::{OPTIMIZER, Parts};

/// The kind of engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// The fused kernel, on the CPU.
    Kernel,
    /// Burn's operations.
    Burn,
}

/// Returns the engine that trains `experiment` on `backend`, which is not `auto`.
///
/// # Errors
/// When the experiment requests the kernel but one of its keys rules it out (exit code 2).
pub fn choose(experiment: &Experiment, backend: Backend) -> Result<EngineKind, Failure> {
    let in_the_way = kernel::obstacle(backend);
    match (experiment.engine, in_the_way) {
        (EngineChoice::Burn, _) | (EngineChoice::Auto, Some(_)) => Ok(EngineKind::Burn),
        (_, None) => Ok(EngineKind::Kernel),
        (EngineChoice::Kernel, Some((key, value))) => Err(Failure::usage(format!(
            "`engine` is \"kernel\", but the kernel cannot train with `{key}` = {value}"
        ))
        .hint(format!(
            "change `{key}`, or choose the engine that can: --engine burn (or auto)"
        ))),
    }
}

/// Returns how many threads train `job`, if they are fewer than the CPU has: a small network has no work for more.
pub fn fewer_threads(job: Job) -> Option<usize> {
    let used = (job.engine == EngineKind::Kernel).then(|| kernel::threads(job));
    used.filter(|used| *used < backend::threads())
}

/// Returns the engine that resumes from the files of a checkpoint, where `kind` would start: a run that was started with
/// Burn's optimizer, when the kernel could not train it yet, stays with it.
pub fn resumed(kind: EngineKind, experiment: &Experiment, parts: &Parts) -> EngineKind {
    if experiment.engine == EngineChoice::Auto && parts.contains_key(OPTIMIZER) {
        EngineKind::Burn
    } else {
        kind
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Kernel => "kernel",
            Self::Burn => "burn",
        })
    }
}

/// A network being trained.
pub enum Engine<'a> {
    /// By the fused kernel.
    Kernel(Box<Kernel>),
    /// By Burn's `Learner`.
    Burn(Box<Burn<'a>>),
}

/// Called after every step with its number and the sums of the epoch so far; returns whether to continue. One
/// more step may follow after it returns `false`.
pub type Watch<'w> = &'w mut dyn FnMut(usize, &mut Totals) -> Result<bool, Failure>;

impl Engine<'_> {
    /// Trains `steps` (counted from 0) of `epoch` (counted from 1), or fewer if `watch` stops it, and adds their
    /// results to `totals`. Returns the number of the next step.
    ///
    /// # Errors
    /// Those of `watch`, and when the device fails.
    pub fn train(
        &mut self,
        epoch: usize,
        steps: Range<usize>,
        totals: &mut Totals,
        watch: Watch,
    ) -> Result<usize, Failure> {
        match self {
            Self::Kernel(kernel) => kernel.train(epoch, steps, totals, watch),
            Self::Burn(burn) => burn.train(epoch, steps, totals, watch),
        }
    }

    /// Returns the current weights as named tensors: those that are evaluated and saved, the moving average if the
    /// experiment asks for one.
    ///
    /// # Errors
    /// When they cannot be read from the device.
    pub fn weights(&self) -> Result<Vec<Tensor>, RecordError> {
        match self {
            Self::Kernel(kernel) => Ok(kernel.weights()),
            Self::Burn(burn) => burn.weights(),
        }
    }

    /// Returns the network of [`Engine::weights`] for inference.
    ///
    /// # Errors
    /// When the device fails.
    pub fn predictor(&self) -> Result<Predictor, RecordError> {
        match self {
            Self::Kernel(kernel) => kernel.predictor(),
            Self::Burn(burn) => Ok(burn.predictor()),
        }
    }

    /// Returns the files of a checkpoint: the weights themselves, their average, and the optimizer state.
    ///
    /// # Errors
    /// When a value is not finite, or the device fails.
    pub fn parts(&mut self, epoch: usize) -> Result<Parts, RecordError> {
        match self {
            Self::Kernel(kernel) => kernel.parts(),
            Self::Burn(burn) => burn.parts(epoch),
        }
    }

    /// Restores the optimizer state and the moving average after `steps` steps from a checkpoint's files. (The weights are those the engine
    /// was created with.) Before the first step there are no files.
    ///
    /// # Errors
    /// When a file is missing, damaged, or of another optimizer.
    pub fn restore(&mut self, parts: &Parts, steps: u64) -> Result<(), Failure> {
        if parts.is_empty() {
            return Ok(());
        }
        match self {
            Self::Kernel(kernel) => kernel.restore(parts, steps),
            Self::Burn(burn) => burn.restore(parts, steps),
        }
    }
}
