//! Some of the training images, or all with labels that mean nothing: experiments that show what a network learns by
//! heart.

use super::{DataError, ImageDataset, permutation};

/// The random stream that draws images: far from those of epochs, of classes, of folds and of the split.
const TAKE_STREAM: u64 = (1 << 63) + (1 << 62);
/// The random stream that shuffles labels.
const LABELS_STREAM: u64 = TAKE_STREAM + 1;

/// Which training images an experiment uses, and whether with their own labels. The default is all, with their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// How many images, drawn by the seed; 0 is all.
    pub take: usize,
    /// Whether the labels are dealt to the images anew, by the seed.
    pub shuffle_labels: bool,
    /// The seed.
    pub seed: u64,
}

impl Selection {
    /// Returns the images that are selected of `images`, in the order of the file.
    ///
    /// # Errors
    /// When there are not so many.
    pub fn of(self, images: &ImageDataset) -> Result<ImageDataset, DataError> {
        let drawn = match self.take {
            0 => images.clone(),
            take => draw(images, take, self.seed)?,
        };
        Ok(if self.shuffle_labels {
            drawn.with_shuffled_labels(self.seed)
        } else {
            drawn
        })
    }
}

/// Returns `take` of the images, a function of the seed, in the order of the file.
fn draw(images: &ImageDataset, take: usize, seed: u64) -> Result<ImageDataset, DataError> {
    let count = images.len();
    if take > count {
        return Err(DataError::Take { take, count });
    }
    let mut drawn = permutation(seed, TAKE_STREAM, count);
    drawn.truncate(take);
    drawn.sort_unstable();
    Ok(images.select(&drawn))
}

impl ImageDataset {
    /// Returns the same images with each other's labels, in an order that depends on the seed: every class has as many
    /// images as before, and no label says anything about its image.
    #[must_use]
    pub fn with_shuffled_labels(&self, seed: u64) -> Self {
        let mut labels = self.labels.to_vec();
        let order = permutation(seed, LABELS_STREAM, self.len());
        for (i, &other) in order.iter().enumerate() {
            if let Some(label) = labels.get_mut(self.rows.get(i)) {
                *label = self.label(other as usize);
            }
        }
        Self {
            labels: labels.into(),
            ..self.clone()
        }
    }
}
