//! The picture that is explained.

use std::path::Path;

use data::{DataSet, ImageDataset};
use model::Record;

use crate::failure::Failure;
use crate::inference::Inference;

/// A picture as the network sees it, with its label if that is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// What it is: `test image 3`, or a file.
    pub name: String,
    /// Its number among the test images, if it is one.
    pub test: Option<usize>,
    /// Bytes `[channels, height, width]`, light on dark.
    pub pixels: Vec<u8>,
    /// The true class.
    pub label: Option<usize>,
}

impl Subject {
    /// Returns the test image of that number, counted from 0.
    ///
    /// # Errors
    /// When there is none (exit code 2).
    pub fn test_image(data: &DataSet, number: usize) -> Result<Self, Failure> {
        if number >= data.test.len() {
            let last = data.test.len().saturating_sub(1);
            return Err(Failure::usage(format!("there is no test image {number}"))
                .hint(format_args!("they are numbered 0 to {last}")));
        }
        Ok(Self {
            name: format!("test image {number}"),
            test: Some(number),
            pixels: data.test.image(number).to_vec(),
            label: Some(data.test.label(number).into()),
        })
    }

    /// Returns the picture in `file` (any size), prepared as the network's input.
    ///
    /// # Errors
    /// When the file is not a picture.
    pub fn picture(inference: &Inference, file: &Path) -> Result<Self, Failure> {
        Ok(Self {
            name: file.display().to_string(),
            test: None,
            pixels: inference.prepare(file)?.pixels,
            label: None,
        })
    }

    /// Returns it as a data set of one image, with the label `label`.
    ///
    /// # Errors
    /// When it does not fit the network of `record`.
    pub fn alone(&self, label: usize, record: &Record) -> Result<ImageDataset, Failure> {
        let architecture = &record.metadata.architecture;
        let label = u8::try_from(label).map_err(Failure::caused_by)?;
        let (size, classes) = (architecture.input(), architecture.classes());
        ImageDataset::of_size(self.pixels.clone(), size, vec![label], classes)
            .map_err(Failure::caused_by)
    }
}
