//! Unknown pictures: pictures unlike anything the network was trained on.
//!
//! A classifier always names one of its classes, and is as confident about a negative as about a garment. So a
//! record also describes the training images: their mean, and the few patterns by which most of them differ
//! from it (principal components). These explain most of a garment, but little of an unfamiliar picture.
//! docs/trust.md in the repository has measurements of this and other scores.

#[cfg(feature = "burn")]
mod fit;

#[cfg(feature = "burn")]
pub use fit::MOST_IMAGES;
use serde::{Deserialize, Serialize};

/// Fraction of the held-out images that may be called unknown. With 1 % instead, a tenth of the digits in
/// docs/trust.md would be found, not half of them.
pub const REJECTED: f64 = 0.05;
/// Minimum number of training images, and of held-out ones, to fit a threshold on.
pub const LEAST_IMAGES: usize = 100;
/// Maximum number of patterns.
const MOST_PATTERNS: usize = 16;

/// How to detect unknown pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unknown {
    /// How strangeness is measured.
    pub score: Score,
    /// A picture is unknown when its strangeness is above this; 0 to 1.
    pub threshold: f32,
    /// Fraction of the held-out images above it, 0 to 1: about [`REJECTED`].
    pub rejected: f64,
    /// Number of held-out images the threshold was fitted on.
    pub images: usize,
    /// Number of patterns.
    pub components: usize,
    /// The mean training image `[height * width]`, pixels 0 to 1. A tensor of the record, not part of
    /// its metadata.
    #[serde(skip)]
    pub mean: Vec<f32>,
    /// The patterns `[height * width, components]`, row-major; the columns are orthonormal. Also a
    /// tensor of the record.
    #[serde(skip)]
    pub patterns: Vec<f32>,
}

/// How strangeness is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Score {
    /// The residual after mean and patterns, see [`Unknown::strangeness`].
    Residual,
}

impl Unknown {
    /// Returns how strange a picture is, from its `pixels` `[height * width]`: the root mean square of the part of
    /// its pixels (scaled to 0 to 1) that mean and patterns do not explain; 0 to 1.
    pub fn strangeness(&self, pixels: &[u8]) -> f32 {
        let mut parts = vec![0f32; self.components];
        let all = project(&self.patterns, &self.mean, pixels, &mut parts);
        let explained: f32 = parts.iter().map(|part| part * part).sum();
        ((all - explained) / pixels.len().max(1) as f32)
            .clamp(0.0, 1.0)
            .sqrt()
    }

    /// Returns whether a picture of this `strangeness` is unknown.
    pub fn is_beyond(&self, strangeness: f32) -> bool {
        strangeness > self.threshold
    }

    /// Returns whether the numbers are within the range of [`Unknown::fit`].
    pub(crate) fn is_valid(&self) -> bool {
        (0.0..=1.0).contains(&self.threshold)
            && (0.0..=1.0).contains(&self.rejected)
            && (1..=MOST_PATTERNS).contains(&self.components)
    }
}

/// Writes an image's distance from `mean` along each of `directions` `[pixels, components]` to `parts`
/// `[components]`; returns the square of its total distance.
fn project(directions: &[f32], mean: &[f32], pixels: &[u8], parts: &mut [f32]) -> f32 {
    parts.fill(0.0);
    let mut all = 0.0;
    let rows = directions.chunks_exact(parts.len().max(1)).zip(mean);
    for ((direction, mean), &pixel) in rows.zip(pixels) {
        let off = f32::from(pixel) / 255.0 - mean;
        all += off * off;
        let pairs = parts.iter_mut().zip(direction);
        pairs.for_each(|(part, along)| *part += off * along);
    }
    all
}
