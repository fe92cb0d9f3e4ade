//! Exact results on a set of images: accuracy, loss, confusion matrix, per-class figures.

use burn::data::dataloader::DataLoader;
use data::{ImageDataset, Loader};
pub use model::calibration::top;
use model::{Loss, Metadata, Mlp};
use serde::Serialize;

use crate::backend::Compute;
use crate::failure::Failure;

/// Most images scored at once.
const MOST_IMAGES: usize = 1000;
/// Most pixels scored at once: 64 MB of floats, whatever the size of an image.
const MOST_PIXELS: usize = 16 << 20;

/// What a network says about every image of a set, in order.
#[derive(Debug, Clone)]
pub struct Predictions {
    /// Number of classes.
    pub classes: usize,
    /// Raw, row-major `[images, classes]`, each row sums to 1.
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
    /// Correct over all, 0 to 1.
    pub accuracy: f64,
    /// Mean loss.
    pub loss: f64,
    /// One entry a class, in label order.
    pub per_class: Vec<ClassResult>,
    /// `confusion[true][predicted]`, counts.
    pub confusion: Vec<Vec<usize>>,
}

/// Results of one class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassResult {
    /// Class name.
    pub class: String,
    /// Of those predicted to be this class, the share that is; 0 when none was predicted.
    pub precision: f64,
    /// Of those of this class, the share predicted so; 0 when there is none.
    pub recall: f64,
    /// Harmonic mean of precision and recall; 0 when both are.
    pub f1: f64,
    /// Images of this class.
    pub images: usize,
}

/// Returns a loader of `images` in their order, in batches that keep any backend busy.
pub fn loader(images: ImageDataset, compute: &Compute) -> Loader {
    let pixels = (images.height() * images.width()).max(1);
    let batch_size = (MOST_PIXELS / pixels).clamp(1, MOST_IMAGES);
    let resident = compute.keeps(&images);
    Loader::sequential(images, batch_size, &compute.device).resident(resident)
}

/// Returns the name of a class.
///
/// # Errors
/// When there are not so many names.
pub fn class_name(names: &[String], class: usize) -> Result<&str, Failure> {
    let name = names.get(class).map(String::as_str);
    name.ok_or_else(|| Failure::failed(format!("class {class} has no name")))
}

/// Returns what `mlp` says about every image of `images`, in order.
///
/// # Errors
/// When the device fails.
pub fn predict(
    mlp: &Mlp,
    loss: Loss,
    images: &ImageDataset,
    compute: &Compute,
) -> Result<Predictions, Failure> {
    let classes = mlp.config().classes;
    let mut all = Predictions {
        classes,
        probabilities: Vec::with_capacity(images.len() * classes),
        losses: Vec::with_capacity(images.len()),
        labels: (0..images.len()).map(|i| images.label(i)).collect(),
    };
    for batch in loader(images.clone(), compute).iter() {
        let batch = batch.map_err(Failure::failed)?;
        let logits = mlp.forward(batch.images); // [batch, classes]
        let losses = loss.per_sample(logits.clone(), batch.labels); // [batch]
        let probabilities = mlp.probabilities(logits); // [batch, classes]
        all.probabilities.extend(
            probabilities
                .try_into_data()
                .map_err(Failure::failed)?
                .iter::<f32>(),
        );
        all.losses.extend(
            losses
                .try_into_data()
                .map_err(Failure::failed)?
                .iter::<f32>(),
        );
    }
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
    /// When there are not so many images.
    #[expect(clippy::indexing_slicing, reason = "documented; the caller counts")]
    pub fn row(&self, i: usize) -> &[f32] {
        &self.probabilities[i * self.classes..(i + 1) * self.classes]
    }

    /// Returns the most probable class of image `i` and its probability.
    ///
    /// # Panics
    /// When there are not so many images.
    pub fn top(&self, i: usize) -> (usize, f32) {
        top(self.row(i))
    }

    /// Returns the same with the record's calibrated probabilities, if it has a calibration. Losses stay
    /// those of the raw ones.
    pub fn calibrated(&self, metadata: &Metadata) -> Self {
        let mut calibrated = self.clone();
        if let Some(calibration) = &metadata.calibration {
            calibration.apply(&mut calibrated.probabilities, self.classes);
        }
        calibrated
    }

    /// Returns accuracy, loss, confusion matrix and per-class figures.
    pub fn evaluate(&self, class_names: &[String]) -> Evaluation {
        let confusion = self.confusion();
        let diagonal = confusion.iter().enumerate();
        let hits: Vec<usize> = diagonal
            .filter_map(|(class, row)| row.get(class).copied())
            .collect();
        let correct: usize = hits.iter().sum();
        let count = self.len().max(1) as f64;
        Evaluation {
            images: self.len(),
            accuracy: correct as f64 / count,
            loss: self.losses.iter().map(|&l| f64::from(l)).sum::<f64>() / count + 0.0, // never -0
            per_class: class_names
                .iter()
                .zip(hits.into_iter().zip(&confusion))
                .enumerate()
                .map(|(class, (name, (hits, row)))| {
                    let predicted = confusion.iter().filter_map(|row| row.get(class)).sum();
                    class_result(name, hits, row.iter().sum(), predicted)
                })
                .collect(),
            confusion,
        }
    }

    /// Returns how many images of each class are taken for which, `[true][predicted]`.
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

/// Returns the figures of a class of `images` images, of which `hits` are among the `predicted` ones.
fn class_result(class: &str, hits: usize, images: usize, predicted: usize) -> ClassResult {
    let share = |part: usize, of: usize| {
        if of == 0 {
            0.0
        } else {
            part as f64 / of as f64
        }
    };
    ClassResult {
        class: class.to_string(),
        precision: share(hits, predicted),
        recall: share(hits, images),
        f1: share(2 * hits, images + predicted),
        images,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_a_small_confusion_matrix() {
        // true 0: predicted 0, 0, 1; true 1: predicted 1; class 2 never occurs
        let one_hot = |c: usize| (0..3).map(move |i| if i == c { 0.8 } else { 0.1 });
        let predictions = Predictions {
            classes: 3,
            probabilities: [0, 0, 1, 1].into_iter().flat_map(one_hot).collect(),
            losses: vec![0.1, 0.2, 0.3, 0.4],
            labels: vec![0, 0, 0, 1],
        };
        let names = ["a", "b", "c"].map(String::from);
        let e = predictions.evaluate(&names);
        assert_eq!(e.confusion, [[2, 1, 0], [0, 1, 0], [0, 0, 0]]);
        assert_eq!((e.images, e.accuracy), (4, 0.75));
        assert!((e.loss - 0.25).abs() < 1e-7);
        let rounded: Vec<_> = e
            .per_class
            .iter()
            .map(|c| (c.precision, c.recall, c.f1, c.images))
            .collect();
        assert_eq!(
            rounded,
            [
                (1.0, 2.0 / 3.0, 0.8, 3),
                (0.5, 1.0, 2.0 / 3.0, 1),
                (0.0, 0.0, 0.0, 0)
            ]
        );
    }
}
