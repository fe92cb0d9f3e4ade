//! What is known of a run from its own files.

use std::path::Path;

use experiment::{Experiment, Metric};

use crate::configs;
use crate::failure::Failure;
use crate::format::percent;
use crate::predictions::{self, Table};
use crate::run::epoch::EpochMetrics;
use crate::run::{Manifest, list, manifest};
use crate::sweep::{self, SweepState};

/// What is known of a run.
pub struct Evidence {
    pub manifest: Manifest,
    /// `None` where the config cannot be read.
    pub experiment: Option<Experiment>,
    pub epochs: Vec<EpochMetrics>,
    /// Its predictions for the test images.
    pub tested: Option<Table>,
    /// The sweep that it belongs to.
    pub sweep: Option<SweepState>,
}

/// An accuracy measured on images that were not trained on.
#[derive(Clone, Copy)]
pub struct HeldOut {
    pub accuracy: f64,
    pub images: usize,
    /// Whether they are the validation images; else those of the test.
    pub is_validation: bool,
}

impl Evidence {
    /// Returns what is known of the run in `folder`.
    ///
    /// # Errors
    /// When its manifest cannot be read.
    pub fn of(folder: &Path) -> Result<Self, Failure> {
        let parent = folder.parent().map(sweep::folder::read);
        Ok(Self {
            manifest: manifest::read(folder)?,
            experiment: configs::of_run(folder, &[]).ok(),
            epochs: list::metrics(folder),
            tested: predictions::read(folder).ok(),
            sweep: parent.and_then(Result::ok),
        })
    }

    /// Returns the epoch whose weights were kept.
    pub fn kept(&self) -> Option<&EpochMetrics> {
        match self.manifest.best_epoch {
            Some(best) => self.epochs.iter().find(|epoch| epoch.epoch == best),
            None => self.epochs.last(),
        }
    }

    /// Returns the accuracy of the kept weights on the validation images or, if there are none, on the test images.
    pub fn held_out(&self) -> Option<HeldOut> {
        let [_, validation, test] = self.manifest.images;
        let validated = self.kept().and_then(|e| e.validation(Metric::ACCURACY));
        if let Some(accuracy) = validated.filter(|_| validation > 0) {
            return Some(HeldOut {
                accuracy,
                images: validation,
                is_validation: true,
            });
        }
        let tested = self.manifest.test.as_ref()?;
        Some(HeldOut {
            accuracy: *tested.figures.get(Metric::ACCURACY.key)?,
            images: test,
            is_validation: false,
        })
    }

    /// Returns the accuracy on the training images in the epoch whose weights were kept, if it was measured as it is: with
    /// neither dropout nor augmentation.
    pub fn trained(&self) -> Option<f64> {
        self.trained_in(self.kept()?)
    }

    fn trained_in(&self, epoch: &EpochMetrics) -> Option<f64> {
        let plain = self
            .experiment
            .as_ref()
            .is_none_or(|e| e.model.dropout == 0.0 && !e.augmentation.is_on());
        epoch.train.get(Metric::ACCURACY).filter(|_| plain)
    }

    /// Returns the accuracy on training and validation images after the last epoch, if the weights of an earlier one were
    /// kept.
    pub fn at_end(&self) -> Option<(f64, HeldOut)> {
        let last = self.epochs.last()?;
        let [_, images, _] = self.manifest.images;
        let held_out = HeldOut {
            accuracy: last.validation(Metric::ACCURACY)?,
            images,
            is_validation: true,
        };
        let is_earlier = self.manifest.best_epoch? < last.epoch;
        is_earlier.then_some((self.trained_in(last)?, held_out))
    }
}

impl HeldOut {
    /// Returns the standard error of the accuracy: how far chance drives it.
    pub fn error(self) -> f64 {
        standard_error(self.accuracy, self.images)
    }

    /// Returns the images in English and in Portuguese.
    pub fn names(self) -> [&'static str; 2] {
        if self.is_validation {
            ["validation", "de validação"]
        } else {
            ["test", "de teste"]
        }
    }

    /// Returns the accuracy in percent.
    pub fn percent(self) -> String {
        percent(self.accuracy)
    }
}

/// Returns the standard error of a share of `images`.
pub fn standard_error(share: f64, images: usize) -> f64 {
    (share * (1.0 - share) / images.max(1) as f64).sqrt()
}
