//! Burn's terminal dashboard, fed from the sums of a training.

use std::error::Error;

use burn::data::dataloader::Progress;
use burn::tensor::{Device, Tensor, TensorData};
use burn::train::renderer::MetricsRenderer;
use burn::train::{
    ClassificationOutput, EventProcessorTraining, Interrupter, LearnerEvent,
    SupervisedTrainingEventProcessor, TrainingItem,
};
use experiment::Sums;

use crate::engine::{Totals, TrainingStep};
use crate::failure::Failure;

/// Returns Burn's terminal dashboard, if requested; its kill key stops the training through `interrupter`.
#[cfg(feature = "tui")]
pub fn dashboard(wanted: bool, interrupter: Interrupter) -> Option<Box<dyn MetricsRenderer>> {
    wanted.then(|| burn::train::renderer::default_renderer(interrupter, None))
}

/// A build without the feature `tui` has no dashboard; the command line has already refused it.
#[cfg(not(feature = "tui"))]
pub fn dashboard(_wanted: bool, _interrupter: Interrupter) -> Option<Box<dyn MetricsRenderer>> {
    None
}

/// Burn's side of a display.
pub(super) type Events = SupervisedTrainingEventProcessor<TrainingStep>;

/// Reports the progress of a training to Burn.
pub(super) struct Dashboard {
    /// Burn's metric pipeline; it gets epochs even if nothing is shown.
    pub events: Events,
    /// Whether the dashboard is shown and also gets images.
    is_on: bool,
    /// Number of images of the epoch.
    of: usize,
    /// The sums reported last.
    before: Sums,
}

impl Dashboard {
    pub fn new(events: Events, is_on: bool) -> Self {
        Self {
            events,
            is_on,
            of: 0,
            before: Sums::new(),
        }
    }

    /// Starts training an epoch of `images` images.
    pub fn begin_training(&mut self, epoch: usize, images: usize) -> Result<(), Failure> {
        (self.of, self.before) = (images, Sums::new());
        told(self.events.process_train(LearnerEvent::StartSplit {
            epoch_number: epoch,
            total_items: images,
        }))
    }

    /// Reports a step, counted from 0, with the sums of the epoch so far.
    pub fn trained(
        &mut self,
        step: usize,
        totals: &mut Totals,
        rate: impl FnOnce() -> f64,
    ) -> Result<(), Failure> {
        if !self.is_on {
            return Ok(());
        }
        let sums = totals.sums().map_err(Failure::device)?;
        let progress = Progress::new(sums.images, self.of, Some("items".to_string()));
        let output = output(&self.before, sums);
        self.before = sums.clone();
        let item = TrainingItem::new(output, progress, Some(step + 1), Some(rate().into()));
        told(self.events.process_train(LearnerEvent::ProcessedItem(item)))
    }

    pub fn end_training(&mut self, epoch: usize) -> Result<(), Failure> {
        told(self.events.process_train(LearnerEvent::EndSplit(epoch)))
    }

    /// Starts validation on `images` images.
    pub fn begin_validation(&mut self, epoch: usize, images: usize) -> Result<(), Failure> {
        self.of = images;
        told(self.events.process_valid(LearnerEvent::StartSplit {
            epoch_number: epoch,
            total_items: images,
        }))
    }

    /// Reports the sums of the validation images.
    pub fn validated(&mut self, epoch: usize, sums: &Sums) -> Result<(), Failure> {
        if self.is_on {
            let progress = Progress::new(sums.images, self.of, Some("items".to_string()));
            let item = TrainingItem::new(output(&Sums::new(), sums), progress, None, None);
            told(self.events.process_valid(LearnerEvent::ProcessedItem(item)))?;
        }
        told(self.events.process_valid(LearnerEvent::EndSplit(epoch)))
    }

    pub fn end_epoch(&mut self, epoch: usize) -> Result<(), Failure> {
        told(self.events.process_train(LearnerEvent::EndEpoch(epoch)))
    }
}

/// Returns the difference between two sums in the form of Burn's metrics: rows whose larger logit is at the
/// label if the prediction was correct, and the mean loss in every row.
fn output(before: &Sums, after: &Sums) -> ClassificationOutput {
    let device = Device::flex();
    let images = after.images - before.images;
    let right = after.correct - before.correct;
    let labels: Vec<i32> = (0..images).map(|i| i32::from(i >= right)).collect();
    let mean = (after.loss - before.loss) / images.max(1) as f64;
    ClassificationOutput::new(
        Tensor::from_data(
            TensorData::new(vec![mean as f32; images], [images]),
            &device,
        ),
        Tensor::<2>::from_data([[1.0, 0.0]], &device).repeat_dim(0, images),
        Tensor::from_data(TensorData::new(labels, [images]), &device),
    )
}

fn told<E: Error + Send + Sync + 'static>(result: Result<(), E>) -> Result<(), Failure> {
    result.map_err(|e| Failure::failed("Burn's metric pipeline failed").because(e))
}
