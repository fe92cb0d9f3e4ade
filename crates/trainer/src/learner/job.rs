//! What to train, with which engine, on which images.

use data::ImageDataset;
use experiment::Experiment;

use crate::backend::Compute;
use crate::engine::EngineKind;

/// What to train, and with which engine.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// The experiment.
    pub experiment: &'a Experiment,
    /// The device of Burn's operations.
    pub compute: &'a Compute,
    /// The engine that trains.
    pub kind: EngineKind,
}

/// The training images of a run.
pub struct Images {
    /// The images to train on.
    pub train: ImageDataset,
    /// The held-out images, for choosing the epoch and for calibration.
    pub held_out: ImageDataset,
}
