//! The one source of batches: which images are trained on together, in which order, and how each is
//! changed on the way.
//!
//! Burn's own loader keeps its random state in the loader, so the order of an epoch depends on what
//! was asked for before, and a resumed run cannot repeat it. Here everything is a function of the seed,
//! the epoch and the image. A batch has two forms, made from the same [`Sample`]s: bytes
//! ([`Epoch::fill`]), and for a data set that stays on a GPU the samples themselves.

use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;

use crate::dataset::{ImageDataset, permutation};

/// Largest [`Augmentation::shift`], in pixels.
pub const MAX_SHIFT: u8 = 4;

/// How images are changed each time they are trained on. By default not at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Augmentation {
    /// Most pixels that an image is moved up, down, left or right, 0 to [`MAX_SHIFT`]. What comes into
    /// view is black.
    pub shift: u8,
}

/// One image of a batch: which it is, and how it is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Position in the data set.
    pub index: u32,
    /// Pixels the image is moved down and right; negative: up and left.
    pub shift: [i8; 2],
}

/// A data set cut into batches, epoch by epoch. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Batches {
    images: ImageDataset,
    batch_size: usize,
    /// `None` for the order of the data set.
    seed: Option<u64>,
    augmentation: Augmentation,
}

/// The batches of one epoch. The last one has what is left, so that every image is seen.
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

    /// Changes the images of shuffled batches on the way.
    pub fn augmented(self, augmentation: Augmentation) -> Self {
        Self {
            augmentation,
            ..self
        }
    }

    /// Returns the same of the images from `start` up to, not including, `end`.
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

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Returns the positions in the epoch that a batch, counted from 0, covers; none past the end.
    pub fn positions(&self, batch: usize) -> Range<usize> {
        let (size, end) = (self.batches.batch_size, self.order.len());
        let start = batch.saturating_mul(size).min(end);
        start..start.saturating_add(size).min(end)
    }

    /// Returns the images at `positions`, which lie within the epoch, in their order.
    pub fn samples(&self, positions: Range<usize>) -> impl Iterator<Item = Sample> {
        let indices = self.order.get(positions).unwrap_or_default().iter();
        indices.map(|&index| Sample {
            index,
            shift: self.batches.shift(self.epoch, index),
        })
    }

    /// Replaces `pixels` by those of a batch, `[images, channels * height * width]`, 0 is black, and `labels` by
    /// its labels, `[images]`.
    pub fn fill(&self, batch: usize, pixels: &mut Vec<u8>, labels: &mut Vec<u8>) {
        pixels.clear();
        labels.clear();
        let images = &self.batches.images;
        for Sample { index, shift } in self.samples(self.positions(batch)) {
            let image = images.image(index as usize);
            if shift == [0, 0] {
                pixels.extend_from_slice(image);
            } else {
                for channel in image.chunks_exact((images.height() * images.width()).max(1)) {
                    extend_shifted(pixels, channel, images.width(), shift);
                }
            }
            labels.push(images.label(index as usize));
        }
    }
}

impl Batches {
    /// Returns how far an image is moved in an epoch: each of the `(2 * shift + 1)^2` moves is equally
    /// probable.
    fn shift(&self, epoch: usize, index: u32) -> [i8; 2] {
        let (Some(seed), 1..) = (self.seed, self.augmentation.shift) else {
            return [0, 0];
        };
        let row = self.images.row(index as usize) as u64; // the same with and without a validation split
        let draw = scramble(scramble(scramble(seed) ^ epoch as u64) ^ row);
        let most = i64::from(self.augmentation.shift.min(MAX_SHIFT));
        // The upper half of a product is a number below `places`, each as probable as the others but for
        // one part in 2^28.
        let places = 2 * most as u64 + 1;
        let place = |bits: u64| ((((bits & 0xffff_ffff) * places) >> 32) as i64 - most) as i8;
        [place(draw >> 32), place(draw)]
    }
}

/// Returns 64 bits that look random, another 64 for each `bits`: the output function of SplitMix64
/// (Steele, Lea and Flood 2014, <https://doi.org/10.1145/2660193.2660195>), one step of the generator
/// before it.
fn scramble(bits: u64) -> u64 {
    let mut bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Appends a channel of an image, `[height, width]`, moved down and right; what comes into view is black.
fn extend_shifted(pixels: &mut Vec<u8>, image: &[u8], width: usize, shift: [i8; 2]) {
    let height = image.len() / width.max(1);
    let moved = (0..height * width).map(|to| {
        let from = source(to, [height, width], shift);
        from.and_then(|from| image.get(from)).copied().unwrap_or(0)
    });
    pixels.extend(moved);
}

/// Returns which pixel of an image of `[height, width]` comes to the place `to` when the image is moved
/// down and right by `shift`; `None` where none does.
fn source(to: usize, [height, width]: [usize; 2], [down, right]: [i8; 2]) -> Option<usize> {
    let y = (to / width).checked_add_signed(-isize::from(down))?;
    let x = (to % width).checked_add_signed(-isize::from(right))?;
    (y < height && x < width).then_some(y * width + x)
}
