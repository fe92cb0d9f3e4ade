//! Exact results on a set of images: metrics, confusion matrix, figures per class.

#[cfg(test)]
mod tests;

use data::ImageDataset;
use experiment::{Figures, Sums};
pub use model::calibration::top;
use model::{Metadata, Record};
use serde::Serialize;

use crate::backend::Compute;
use crate::engine::{Predictor, loader};
use crate::failure::Failure;

/// A network's predictions for every image of a set, in order.
#[derive(Debug, Clone)]
pub struct Predictions {
    /// Number of classes.
    pub classes: usize,
    /// Raw probabilities, row-major `[images, classes]`; each row sums to 1.
    pub probabilities: Vec<f32>,
    /// Loss of every image `[images]`.
    pub losses: Vec<f32>,
    /// True labels `[images]`.
    pub labels: Vec<u8>,
}

/// Results on a set of images.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Number of images.
    pub images: usize,
    /// Every metric.
    #[serde(flatten)]
    pub figures: Figures,
    /// One entry per class, in label order.
    pub per_class: Vec<ClassResult>,
    /// `confusion[true][predicted]`, counts.
    pub confusion: Vec<Vec<usize>>,
}

/// Results of one class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassResult {
    /// Class name.
    pub class: String,
    /// Share of the images predicted as this class that are of it; `None` if none was predicted.
    pub precision: Option<f64>,
    /// Share of the images of this class that are predicted as it; `None` if there are none.
    pub recall: Option<f64>,
    /// 2 hits / (images + predicted), the harmonic mean of precision and recall; `None` if there are no images.
    pub f1: Option<f64>,
    /// Number of images of this class.
    pub images: usize,
}

/// Returns the name of a class.
///
/// # Errors
/// When there are too few names.
pub fn class_name(names: &[String], class: usize) -> Result<&str, Failure> {
    let name = names.get(class).map(String::as_str);
    name.ok_or_else(|| Failure::failed(format!("class {class} has no name")))
}

/// Returns the predictions of `record`'s network for every image of `images`, in order.
///
/// # Errors
/// When the device fails.
pub fn predict(
    record: &Record,
    images: &ImageDataset,
    compute: &Compute,
) -> Result<Predictions, Failure> {
    let architecture = &record.metadata.architecture;
    let predictor = Predictor::new(architecture, record.weights.clone(), compute);
    let predictor = predictor.map_err(Failure::caused_by)?;
    let (loss, classes) = (architecture.loss(), architecture.classes());
    let mut all = Predictions {
        classes,
        probabilities: Vec::with_capacity(images.len() * classes),
        losses: Vec::with_capacity(images.len()),
        labels: Vec::with_capacity(images.len()),
    };
    predictor.each(&loader(images.clone(), compute), &mut |logits, labels| {
        all.losses.extend(loss.of_logits(logits, labels, classes));
        all.labels.extend_from_slice(labels);
        let mut probabilities = logits.to_vec();
        architecture
            .output()
            .probabilities(&mut probabilities, classes);
        all.probabilities.extend(probabilities);
        Ok(true)
    })?;
    Ok(all)
}

impl Predictions {
    /// Returns the number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Returns whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Returns the class probabilities `[classes]` of every image, in order.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.probabilities.chunks_exact(self.classes.max(1))
    }

    /// Returns the class probabilities `[classes]` of image `i`.
    ///
    /// # Panics
    /// When there are too few images.
    #[expect(clippy::indexing_slicing, reason = "documented; the caller checks")]
    pub fn row(&self, i: usize) -> &[f32] {
        &self.probabilities[i * self.classes..(i + 1) * self.classes]
    }

    /// Returns the most probable class of image `i` and its probability.
    ///
    /// # Panics
    /// When there are too few images.
    pub fn top(&self, i: usize) -> (usize, f32) {
        top(self.row(i))
    }

    /// Returns the predictions with the record's calibrated probabilities, if it has a calibration. The losses
    /// stay those of the raw probabilities.
    pub fn calibrated(&self, metadata: &Metadata) -> Self {
        let mut calibrated = self.clone();
        if let Some(calibration) = &metadata.calibration {
            calibration.apply(&mut calibrated.probabilities, self.classes);
        }
        calibrated
    }

    /// Returns the metrics, the confusion matrix and figures of each class.
    pub fn evaluate(&self, class_names: &[String]) -> Evaluation {
        let mut sums = Sums::new();
        sums.loss = self.losses.iter().map(|&l| f64::from(l)).sum::<f64>() + 0.0; // never -0
        sums.add_answers(&self.probabilities, &self.labels);
        let confusion = self.confusion();
        let column = |class: usize| confusion.iter().filter_map(move |row| row.get(class));
        let classes = class_names.iter().zip(&confusion).enumerate();
        Evaluation {
            images: self.len(),
            figures: sums.figures(),
            per_class: classes
                .map(|(class, (name, row))| {
                    let hits = row.get(class).copied().unwrap_or_default();
                    class_result(name, hits, row.iter().sum(), column(class).sum())
                })
                .collect(),
            confusion,
        }
    }

    /// Returns the confusion matrix: counts `[true][predicted]`.
    #[expect(
        clippy::indexing_slicing,
        reason = "labels, as a data set checks, and columns are below the number of classes"
    )]
    fn confusion(&self) -> Vec<Vec<usize>> {
        let mut counts = vec![vec![0; self.classes]; self.classes];
        for (&label, row) in self.labels.iter().zip(self.rows()) {
            counts[usize::from(label)][top(row).0] += 1;
        }
        counts
    }
}

/// Returns the figures of a class with `images` images, `predicted` predictions and `hits` correct ones.
fn class_result(class: &str, hits: usize, images: usize, predicted: usize) -> ClassResult {
    let share = |part: usize, of: usize| (of > 0).then(|| part as f64 / of as f64);
    ClassResult {
        class: class.to_string(),
        precision: share(hits, predicted),
        recall: share(hits, images),
        f1: share(2 * hits, images + predicted).filter(|_| images > 0),
        images,
    }
}
