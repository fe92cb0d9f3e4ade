//! How a training is watched and stopped.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use experiment::Figures;

use crate::failure::Failure;
use crate::run::epoch::EpochMetrics;

/// How a training is watched and stopped.
pub struct Watch {
    /// Told about every epoch and, when `live`, about steps.
    pub observer: Observer,
    /// Report steps too.
    pub live: bool,
    /// Show Burn's terminal dashboard.
    pub dashboard: bool,
    /// Stops the training between two steps: 0, or the exit code it then ends with.
    pub stop: Arc<AtomicUsize>,
}

/// What the loop reports.
#[derive(Debug)]
pub enum Event<'a> {
    /// Within an epoch, about ten times a second, and only when somebody watches.
    Step {
        /// Epoch, counted from 1.
        epoch: usize,
        /// Training images done in this epoch.
        images: usize,
        /// Training images of an epoch.
        of: usize,
        /// Figures of the epoch so far.
        figures: Figures,
    },
    /// After an epoch.
    Epoch(&'a EpochMetrics),
    /// Something went wrong that training can do without.
    Warning(String),
}

/// Receives [`Event`]s; an error ends the training.
pub type Observer = Box<dyn FnMut(Event) -> Result<(), Failure>>;
