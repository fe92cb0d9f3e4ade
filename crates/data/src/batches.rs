//! The one source of batches: which images are trained on together, in which order, and how each is
//! changed on the way.
//!
//! Burn's own loader keeps its random state in the loader, so the order of an epoch depends on what
//! was asked for before, and a resumed run cannot repeat it. Here everything is a function of the seed,
//! the epoch and the image. A batch has two forms: bytes
//! ([`Epoch::fill`]), and the positions of its images in a data set that is on a GPU.

use std::ops::Range;
use std::sync::Arc;

use crate::augmentation::{Augmentation, Turn};
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
    /// How images can be turned.
    turns: Arc<[Turn]>,
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

    /// Returns whether the images are others in every epoch.
    pub fn changes(&self) -> bool {
        self.seed.is_some() && self.augmentation.is_on()
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
        let [_, height, width] = self.images.size();
        let turns = self
            .seed
            .map(|seed| self.augmentation.turns(seed, epoch as u64, [height, width]));
        Epoch {
            batches: self.clone(),
            epoch,
            order: order.into(),
            turns: turns.unwrap_or_default().into(),
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

    /// Returns the positions in the data set of the epoch's images, in its order.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// Replaces `pixels` with those of the images at `positions`, `[images, channels * height * width]`, 0 is black, and
    /// `labels` with their labels, `[images]`.
    pub fn fill(&self, positions: Range<usize>, pixels: &mut Vec<u8>, labels: &mut Vec<u8>) {
        pixels.clear();
        labels.clear();
        for &index in self.order.get(positions).unwrap_or_default() {
            self.extend(pixels, index);
            labels.push(self.batches.images.label(index as usize));
        }
    }

    /// Appends the pixels of the image at `index`, `[channels, height, width]`, as it is in this epoch. It counts by its
    /// row in the file, which is the same with and without a validation split.
    pub(crate) fn extend(&self, pixels: &mut Vec<u8>, index: u32) {
        let Batches {
            images,
            seed,
            augmentation,
            ..
        } = &self.batches;
        let [_, height, width] = images.size();
        let (epoch, row) = (self.epoch as u64, images.row(index as usize) as u64);
        let change = seed.map(|seed| augmentation.change(seed, epoch, row, [height, width]));
        let image = images.image(index as usize);
        change
            .unwrap_or_default()
            .extend(pixels, image, [height, width], &self.turns);
    }

    /// Returns the data set, as it is without changes.
    pub fn data(&self) -> &ImageDataset {
        &self.batches.images
    }
}
