//! One image at a time: Burn's `Dataset`, for making batches in another way than
//! [`Loader`](crate::Loader).

use burn::data::dataset::{Dataset, DatasetError};

use crate::dataset::ImageDataset;

/// One image and its label. It shares the pixels with the data set it comes from.
#[derive(Clone, Debug)]
pub struct LabelledImage {
    images: ImageDataset,
    index: usize,
    label: u8,
}

impl LabelledImage {
    /// Returns the pixels, `[height * width]`, 0 is black.
    pub fn pixels(&self) -> &[u8] {
        self.images.image(self.index)
    }

    /// Returns the label.
    pub fn label(&self) -> u8 {
        self.label
    }
}

impl Dataset<LabelledImage> for ImageDataset {
    fn get(&self, index: usize) -> Result<LabelledImage, DatasetError> {
        Ok(LabelledImage {
            images: self.clone(),
            index,
            label: self.label(index),
        })
    }

    fn len(&self) -> usize {
        ImageDataset::len(self)
    }
}
