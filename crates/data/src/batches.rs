//! The one source of batches: which images are trained on together, in which order, and how each is
//! changed on the way.
//!
//! Burn's own loader keeps its random state in the loader, so the order of an epoch depends on what
//! was asked for before, and a resumed run cannot repeat it. Here everything is a function of the seed,
//! the epoch and the image. A batch has two forms, made from the same [`Sample`]s: bytes
//! ([`Epoch::fill`]), and for a data set that stays on a GPU the samples themselves.

use std::ops::Range;
use std::sync::Arc;

use crate::augmentation::{Augmentation, Sample};
use crate::dataset::{ImageDataset, permutation};

/// A data set cut into batches, epoch by epoch. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Batches {
    images: ImageDataset,
    batch_size: usize,
    /// `None` for the order of the data set.
    seed: Option<u64>,
    augmentation: Augmentation,
}

/// The batches of one epoch. The last one has the remaining images, so that every image is used.
#[derive(Debug, Clone)]
pub struct Epoch {
    batches: Batches,
    epoch: usize,
    /// Positions in the data set, `[images]`.
    order: Arc<[u32]>,
}

impl Batches {
    /// Returns batches in the order of the data set, for evaluation. A batch size of 0 counts as 1.
    pub fn sequential(images: ImageDataset, batch_size: usize) -> Self {
        Self {
            images,
            batch_size: batch_size.max(1),
            seed: None,
            augmentation: Augmentation::default(),
        }
    }

    /// Returns batches for training: epoch `e`, counted from 0, has the order
    /// `permutation(seed, e, len)`. A batch size of 0 counts as 1.
    pub fn shuffled(images: ImageDataset, batch_size: usize, seed: u64) -> Self {
        Self {
            seed: Some(seed),
            ..Self::sequential(images, batch_size)
        }
    }

    /// Returns the same batches with augmentation of the images, if they are shuffled.
    pub fn augmented(self, augmentation: Augmentation) -> Self {
        Self {
            augmentation,
            ..self
        }
    }

    /// Returns batches of the images from `start` up to, but not including, `end`.
    pub fn slice(&self, start: usize, end: usize) -> Self {
        Self {
            images: self.images.slice(start, end),
            ..self.clone()
        }
    }

    /// Returns the data set.
    pub fn images(&self) -> &ImageDataset {
        &self.images
    }

    /// Returns how the images are changed.
    pub fn augmentation(&self) -> Augmentation {
        self.augmentation
    }

    /// Returns the number of images in a batch, 1 or more; the last one of an epoch may have fewer.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Returns the number of batches in an epoch.
    pub fn per_epoch(&self) -> usize {
        self.images.len().div_ceil(self.batch_size)
    }

    /// Returns the batches of an epoch, counted from 0.
    pub fn epoch(&self, epoch: usize) -> Epoch {
        let count = self.images.len();
        let order = match self.seed {
            Some(seed) => permutation(seed, epoch as u64, count),
            None => (0..count as u32).collect(), // a data set counts its images in 32 bits
        };
        Epoch {
            batches: self.clone(),
            epoch,
            order: order.into(),
        }
    }
}

impl Epoch {
    /// Returns the number of images.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Returns whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Returns the positions in the epoch of a batch, counted from 0; empty past the end.
    pub fn positions(&self, batch: usize) -> Range<usize> {
        let (size, end) = (self.batches.batch_size, self.order.len());
        let start = batch.saturating_mul(size).min(end);
        start..start.saturating_add(size).min(end)
    }

    /// Returns the images at `positions`, which must lie within the epoch, in order.
    pub fn samples(&self, positions: Range<usize>) -> impl Iterator<Item = Sample> {
        let indices = self.order.get(positions).unwrap_or_default().iter();
        indices.map(|&index| self.sample(index))
    }

    /// Returns an image as it is in this epoch. It counts by its row in the file, which is the same with and
    /// without a validation split.
    fn sample(&self, index: u32) -> Sample {
        let Batches {
            images,
            seed,
            augmentation,
            ..
        } = &self.batches;
        let row = images.row(index as usize) as u64;
        match seed {
            Some(seed) => augmentation.sample(index, *seed, self.epoch as u64, row),
            None => Sample::unchanged(index),
        }
    }

    /// Replaces `pixels` with those of a batch, `[images, height * width]`, 0 is black, and `labels` with
    /// its labels, `[images]`.
    pub fn fill(&self, batch: usize, pixels: &mut Vec<u8>, labels: &mut Vec<u8>) {
        pixels.clear();
        labels.clear();
        let images = &self.batches.images;
        for sample in self.samples(self.positions(batch)) {
            let index = sample.index as usize;
            sample.extend(pixels, images.image(index), images.width());
            labels.push(images.label(index));
        }
    }
}
