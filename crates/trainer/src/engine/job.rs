//! What is trained, by which engine, on which images.

use data::ImageDataset;
use experiment::Experiment;
use model::Architecture;

use super::EngineKind;
use crate::backend::Compute;

/// What is trained, and by which engine.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// The experiment.
    pub experiment: &'a Experiment,
    /// Its network.
    pub architecture: &'a Architecture,
    /// The device of Burn's operations.
    pub compute: &'a Compute,
    /// The engine that trains it there.
    pub engine: EngineKind,
}

/// The training images of a run.
pub struct Images {
    /// The images to train on.
    pub train: ImageDataset,
    /// Those held out: they choose the epoch, and calibrate the answers.
    pub held_out: ImageDataset,
}
