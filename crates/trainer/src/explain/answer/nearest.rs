//! The training pictures that look most alike to the network: nearest by what the last hidden layer makes of them, or by
//! their pixels where there is no such layer.

use data::ImageDataset;
use model::Record;
use serde::Serialize;

use super::super::layers::Dense;
use super::Subject;
use crate::failure::Failure;

/// Pictures that are returned.
const NEAREST: usize = 3;
/// Values of pictures that are looked at together, in all: 32 MB of bytes.
const VALUES: usize = 32 << 20;

/// A training picture that looks like another one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Neighbour {
    /// Its number among the training images, from 0. Images held out of them count as well.
    pub index: usize,
    /// Its label.
    pub label: usize,
    /// How far it is: the Euclidean distance between the activations, or the pixels (0 to 1).
    pub distance: f64,
}

/// Returns the training pictures nearest to a picture, nearest first.
///
/// # Errors
/// When the weights do not fit the network.
pub fn of(
    record: &Record,
    train: &ImageDataset,
    subject: &Subject,
) -> Result<Vec<Neighbour>, Failure> {
    let network = Dense::of(record).ok();
    let seen = |pixels: &[u8]| {
        let hidden = network.as_ref().and_then(|network| network.hidden(pixels));
        let as_pixels = || pixels.iter().map(|&p| f32::from(p) / 255.0).collect();
        hidden.unwrap_or_else(as_pixels)
    };
    let here = seen(&subject.pixels);
    let together = (VALUES / train.values().max(1)).clamp(1, 4096);
    let mut nearest: Vec<Neighbour> = Vec::new();
    let mut pixels = Vec::new();
    for start in (0..train.len()).step_by(together) {
        let end = (start + together).min(train.len());
        pixels.clear();
        (start..end).for_each(|i| pixels.extend_from_slice(train.image(i)));
        let rows = seen(&pixels);
        for (index, row) in (start..end).zip(rows.chunks_exact(here.len().max(1))) {
            let distance = distance(&here, row);
            if nearest.len() == NEAREST && nearest.last().is_some_and(|n| n.distance <= distance) {
                continue;
            }
            nearest.push(Neighbour {
                index,
                label: train.label(index).into(),
                distance,
            });
            nearest.sort_by(|a, b| {
                a.distance
                    .total_cmp(&b.distance)
                    .then(a.index.cmp(&b.index))
            });
            nearest.truncate(NEAREST);
        }
    }
    Ok(nearest)
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b));
    f64::from(squares.sum::<f32>()).sqrt()
}
