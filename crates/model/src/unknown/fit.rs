//! Fitting patterns and threshold on images.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::{LEAST_IMAGES, MOST_PATTERNS, REJECTED, Score, Unknown, project};

/// Maximum number of training images to compute the patterns from.
pub const MOST_IMAGES: usize = 5_000;
/// Maximum number of pixels of an image to fit patterns for (16 MB of patterns).
const MOST_PIXELS: usize = 1 << 18;
/// Minimum number of pixels of an image per pattern: as many patterns as pixels would explain every picture.
const PIXELS_A_PATTERN: usize = 24;
/// Number of passes over the images that turn random directions into the patterns.
const PASSES: usize = 6;

impl Unknown {
    /// Returns the patterns of `training` images (at most the first [`MOST_IMAGES`]) and the threshold
    /// that calls [`REJECTED`] of the `held_out` images unknown. Images are grey bytes
    /// `[height * width]`, all of one size. Equal images give equal bits.
    ///
    /// `None` if there are fewer than [`LEAST_IMAGES`] of either, or the images have more than
    /// 262,144 pixels, or not all the same number.
    pub fn fit(training: &[&[u8]], held_out: &[&[u8]]) -> Option<Self> {
        let pixels = training.first()?.len();
        let mut sizes = training.iter().chain(held_out).map(|image| image.len());
        let enough = training.len().min(held_out.len()) >= LEAST_IMAGES;
        if !enough || !(1..=MOST_PIXELS).contains(&pixels) || sizes.any(|size| size != pixels) {
            return None;
        }
        let training = training.get(..MOST_IMAGES).unwrap_or(training);
        let components = (pixels / PIXELS_A_PATTERN).clamp(1, MOST_PATTERNS);
        let mean = mean(training);
        let mut unknown = Self {
            score: Score::Residual,
            threshold: 1.0,
            rejected: 0.0,
            images: held_out.len(),
            components,
            patterns: patterns(training, &mean, components),
            mean,
        };
        let mut strangeness: Vec<f32> = held_out.iter().map(|i| unknown.strangeness(i)).collect();
        strangeness.sort_by(f32::total_cmp);
        let may_be_above = (REJECTED * held_out.len() as f64) as usize;
        unknown.threshold = *strangeness.get(held_out.len() - 1 - may_be_above)?;
        let is_above = |&&s: &&f32| unknown.is_beyond(s);
        let above = strangeness.iter().filter(is_above).count();
        unknown.rejected = above as f64 / held_out.len() as f64;
        Some(unknown)
    }
}

/// Returns the mean image `[pixels]`, pixels 0 to 1.
fn mean(images: &[&[u8]]) -> Vec<f32> {
    let mut sums = vec![0u32; images.first().map_or(0, |image| image.len())];
    for image in images {
        let pairs = sums.iter_mut().zip(*image);
        pairs.for_each(|(sum, &pixel)| *sum += u32::from(pixel));
    }
    let count = 255.0 * images.len().max(1) as f32;
    sums.iter().map(|&sum| sum as f32 / count).collect()
}

/// Returns the directions `[pixels, components]` in which `images` differ most from `mean`, by subspace
/// iteration: Golub & Van Loan, Matrix Computations, 4th edition, 8.2.4.
fn patterns(images: &[&[u8]], mean: &[f32], components: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut random = || (f64::from(rng.next_u32()) / f64::from(u32::MAX) - 0.5) as f32;
    let mut directions: Vec<f32> = (0..mean.len() * components).map(|_| random()).collect();
    let mut parts = vec![0f32; components];
    for _ in 0..PASSES {
        let mut sums = vec![0f32; directions.len()];
        for image in images {
            project(&directions, mean, image, &mut parts);
            let rows = sums.chunks_exact_mut(components).zip(mean);
            for ((sums, mean), &pixel) in rows.zip(*image) {
                let off = f32::from(pixel) / 255.0 - mean;
                let pairs = sums.iter_mut().zip(&parts);
                pairs.for_each(|(sum, part)| *sum += off * part);
            }
        }
        directions = orthonormal(&sums, components);
    }
    directions
}

/// Makes the columns of `matrix` `[rows, columns]` orthonormal, one after another (modified Gram-Schmidt, twice,
/// in f64), and returns them. A column that is a linear combination of earlier ones becomes 0.
fn orthonormal(matrix: &[f32], columns: usize) -> Vec<f32> {
    let mut done: Vec<Vec<f64>> = Vec::new();
    for column in 0..columns {
        let entries = matrix.iter().skip(column).step_by(columns);
        let mut vector: Vec<f64> = entries.map(|&x| f64::from(x)).collect();
        let before = dot(&vector, &vector).sqrt();
        for earlier in done.iter().chain(&done) {
            let part = dot(&vector, earlier);
            let pairs = vector.iter_mut().zip(earlier);
            pairs.for_each(|(v, e)| *v -= part * e);
        }
        let length = dot(&vector, &vector).sqrt();
        let scale = if length > 1e-6 * before {
            1.0 / length
        } else {
            0.0
        };
        vector.iter_mut().for_each(|v| *v *= scale);
        done.push(vector);
    }
    let mut all = vec![0.0; matrix.len()];
    for (number, column) in done.iter().enumerate() {
        let entries = all.iter_mut().skip(number).step_by(columns);
        entries.zip(column).for_each(|(to, &x)| *to = x as f32);
    }
    all
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Images of 8 x 9 pixels: a mean of 100, and two patterns in amounts that differ.
    fn image(number: usize, first: i32) -> Vec<u8> {
        let amounts = [first, 10 * (number * 7 % 5) as i32 - 20];
        let pattern = |at: usize| [[1, 1], [1, -1], [-1, 0], [-1, 0]][at % 4];
        let pixel = |at| {
            100 + amounts
                .iter()
                .zip(pattern(at))
                .map(|(a, p)| a * p)
                .sum::<i32>()
        };
        (0..72).map(|at| pixel(at) as u8).collect()
    }

    #[test]
    fn patterns_are_found_and_what_is_made_of_them_is_not_strange() {
        let images: Vec<_> = (0..150)
            .map(|i| image(i, (i % 9) as i32 * 8 - 32))
            .collect();
        let images: Vec<&[u8]> = images.iter().map(Vec::as_slice).collect();
        let unknown = Unknown::fit(&images, &images).unwrap();
        assert_eq!(unknown.components, 3);
        assert!(unknown.threshold < 1e-3, "{}", unknown.threshold);
        // Further than any image, along a pattern: not strange. A pixel of 72 that is 72/255 off is.
        assert!(unknown.strangeness(&image(0, 60)) < 1e-3);
        let mut spot = image(3, 8);
        spot[40] += 72;
        let strangeness = unknown.strangeness(&spot);
        let expect = 72.0 / 255.0 / 72f32.sqrt();
        assert!(
            (0.8 * expect..expect).contains(&strangeness),
            "{strangeness}"
        );
        assert!(unknown.is_beyond(strangeness));
        assert!(unknown.strangeness(&[]) == 0.0 && unknown.is_valid());
    }

    #[test]
    fn the_threshold_rejects_a_share_of_the_held_out_images() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut noise = || (0..72).map(|_| rng.next_u32() as u8).collect::<Vec<u8>>();
        let images: Vec<_> = (0..400).map(|_| noise()).collect();
        let images: Vec<&[u8]> = images.iter().map(Vec::as_slice).collect();
        let unknown = Unknown::fit(&images[..200], &images[200..]).unwrap();
        assert_eq!((unknown.rejected, unknown.images), (REJECTED, 200));
        assert_eq!(Unknown::fit(&images[..200], &images[200..]), Some(unknown));

        let few = LEAST_IMAGES - 1;
        assert!(Unknown::fit(&images[..few], &images).is_none());
        assert!(Unknown::fit(&images, &images[..few]).is_none());
        let mut odd = images.clone();
        odd[7] = &images[7][1..];
        assert!(Unknown::fit(&odd, &images).is_none());
        assert!(Unknown::fit(&[], &[]).is_none());
    }

    #[test]
    fn equal_images_leave_no_direction_and_nothing_panics() {
        let image = [7u8; 72];
        let images = vec![&image[..]; LEAST_IMAGES];
        let unknown = Unknown::fit(&images, &images).unwrap();
        assert!(unknown.patterns.iter().all(|p| p.is_finite()));
        assert!(unknown.strangeness(&[200; 72]) > 0.5);
    }
}
