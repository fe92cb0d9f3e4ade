//! What may be wrong with a data set: images that are there twice, that show nothing or differ in size, and labels that
//! are likely wrong.
//!
//! 1. [`duplicates`] compares the images of all parts: equal ones, and nearly equal ones.
//! 2. [`oddities`] looks at each image by itself.
//! 3. [`label_errors`] compares labels with predictions made by networks that were not trained on them.

pub mod duplicates;
pub mod label_errors;
pub mod oddities;

use std::fmt;

use crate::dataset::{ImageDataset, Origin};
use crate::source::DataSet;

/// A part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The images to train on.
    Training,
    /// Those that the files set aside for validation.
    Validation,
    /// The images to test with.
    Test,
}

/// An image of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Place {
    /// Its part.
    pub part: Part,
    /// Its number there, from 0.
    pub index: usize,
}

impl Part {
    /// All parts, in their order.
    pub const ALL: [Self; 3] = [Self::Training, Self::Validation, Self::Test];

    /// Returns the images of a part; `None` if the data set has no such part.
    pub fn of(self, set: &DataSet) -> Option<&ImageDataset> {
        match self {
            Self::Training => Some(&set.train),
            Self::Validation => set.validation.as_ref(),
            Self::Test => Some(&set.test),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Training => "training",
            Self::Validation => "validation",
            Self::Test => "test",
        })
    }
}

impl Place {
    /// Returns every image of a data set, part by part.
    pub(crate) fn all(set: &DataSet) -> impl Iterator<Item = (Self, &[u8])> {
        let parts = Part::ALL
            .into_iter()
            .filter_map(|part| Some((part, part.of(set)?)));
        parts.flat_map(|(part, images)| {
            (0..images.len()).map(move |index| (Self { part, index }, images.image(index)))
        })
    }

    /// Returns the label; `None` if there is no such image.
    pub fn label(self, set: &DataSet) -> Option<u8> {
        let images = self.part.of(set)?;
        (self.index < images.len()).then(|| images.label(self.index))
    }

    /// Returns the file that the image came from, if it has its own.
    pub fn origin(self, set: &DataSet) -> Option<&Origin> {
        let images = self.part.of(set)?;
        (self.index < images.len()).then(|| images.origin(self.index))?
    }
}
