//! A classifier's prediction for one picture.

use crate::record::Metadata;

/// The class probabilities of one picture, and whether it is unknown.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Every class (its index in [`Metadata::class_names`]) with its probability, 0 to 1, most probable first; they
    /// sum to 1. Calibrated if the record has a [`Calibration`](crate::Calibration).
    pub top: Vec<(usize, f32)>,
    /// Whether the picture is too far from the training images for these probabilities to be meaningful. `false` if
    /// the record has no threshold ([`Metadata::unknown`]).
    pub unknown: bool,
    /// How far, see [`Unknown::strangeness`](crate::Unknown::strangeness). `None` if the record has no threshold.
    pub strangeness: Option<f32>,
}

impl Answer {
    /// Returns the answer for one picture, from its `pixels` `[height * width]` and calibrated
    /// `probabilities` `[classes]`.
    pub(crate) fn new(metadata: &Metadata, pixels: &[u8], probabilities: &[f32]) -> Self {
        let mut top: Vec<(usize, f32)> = probabilities.iter().copied().enumerate().collect();
        top.sort_by(|a, b| b.1.total_cmp(&a.1)); // stable: the first of equals stays first
        let unknown = metadata.unknown.as_ref();
        let strangeness = unknown.map(|unknown| unknown.strangeness(pixels));
        Self {
            top,
            unknown: unknown
                .zip(strangeness)
                .is_some_and(|(unknown, strangeness)| unknown.is_beyond(strangeness)),
            strangeness,
        }
    }
}
