//! How a training is watched and stopped.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use experiment::Figures;

use crate::failure::Failure;
use crate::run::epoch::EpochMetrics;

/// How to watch and stop a training.
pub struct Watch {
    /// Called for every epoch and, if `live`, for steps.
    pub observer: Observer,
    /// Report steps too.
    pub live: bool,
    /// Show Burn's terminal dashboard.
    pub dashboard: bool,
    /// 0, or the exit code to stop the training with, between two steps.
    pub stop: Arc<AtomicUsize>,
}

/// An event of the loop.
#[derive(Debug)]
pub enum Event<'a> {
    /// Within an epoch, about ten times a second, and only if requested.
    Step {
        /// Epoch, counted from 1.
        epoch: usize,
        /// Training images done in this epoch.
        images: usize,
        /// Training images of an epoch.
        of: usize,
        /// Metrics of the epoch so far.
        figures: Figures,
    },
    /// After an epoch.
    Epoch(&'a EpochMetrics),
    /// Something went wrong that does not stop the training.
    Warning(String),
}

/// Receives [`Event`]s; an error ends the training.
pub type Observer = Box<dyn FnMut(Event) -> Result<(), Failure>>;
