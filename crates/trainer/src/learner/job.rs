//! What is trained, by what, on which images.

use data::ImageDataset;
use experiment::Experiment;

use crate::backend::Compute;
use crate::engine::EngineKind;

/// What is trained, and by what.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// The experiment.
    pub experiment: &'a Experiment,
    /// Where Burn's operations compute.
    pub compute: &'a Compute,
    /// Who trains.
    pub kind: EngineKind,
}

/// The training images of a run.
pub struct Images {
    /// Those that are trained on.
    pub train: ImageDataset,
    /// Those held out: they choose the epoch and tell how far answers can be trusted.
    pub held_out: ImageDataset,
}
