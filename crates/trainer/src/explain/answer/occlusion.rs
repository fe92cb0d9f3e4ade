//! The occlusion map: how much less probable the answer becomes when a part of the picture is covered.
//!
//! Zeiler & Fergus 2013, <https://arxiv.org/abs/1311.2901>, section 4.2. The cover is a square of the background, black.

use serde::Serialize;

use crate::failure::Failure;
use crate::inference::Inference;

/// The side of the cover, as a share of the picture's shorter side: 4 of 28 pixels.
const COVER: usize = 7;
/// Most places of the cover in each direction.
const PLACES: usize = 32;

/// What covering a part of the picture does to the probability of the answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Occlusion {
    /// Height and width of the map: those of the picture.
    pub size: [usize; 2],
    /// Side of the square cover, in pixels.
    pub cover: usize,
    /// By how much the probability of the answer falls when a pixel is covered, the mean over all covers on it,
    /// `[height * width]`; below 0 where it rises.
    pub fall: Vec<f32>,
    /// The cover that hurts most: its upper row and left column.
    pub worst: [usize; 2],
    /// By how much the probability falls there.
    pub worst_fall: f32,
}

/// Returns the occlusion map of `class` for a picture, bytes `[channels, height, width]`, by the raw probabilities.
///
/// # Errors
/// When the device fails.
pub fn of(
    inference: &Inference,
    pixels: &[u8],
    [channels, height, width]: [usize; 3],
    class: usize,
) -> Result<Occlusion, Failure> {
    let cover = (height.min(width) / COVER).max(1);
    let (rows, columns) = (places(height, cover), places(width, cover));
    let mut covered = Vec::with_capacity(columns.len() * pixels.len());
    let of_class = |probabilities: Vec<f32>| -> Vec<f32> {
        let classes = inference.classes();
        let rows = probabilities.chunks_exact(classes.max(1));
        rows.filter_map(|row| row.get(class).copied()).collect()
    };
    let whole = of_class(inference.raw(pixels)?);
    let whole = whole.first().copied().unwrap_or_default();
    let mut map = Map::new([height, width], cover);
    for &row in &rows {
        covered.clear();
        for &column in &columns {
            let start = covered.len();
            covered.extend_from_slice(pixels);
            let picture = covered.get_mut(start..).unwrap_or_default();
            for plane in 0..channels {
                blacken(picture, plane * height * width, [row, column], width, cover);
            }
        }
        let answers = of_class(inference.raw(&covered)?);
        for (&column, probability) in columns.iter().zip(answers) {
            map.add([row, column], whole - probability);
        }
    }
    Ok(map.finish())
}

/// Returns where a cover is put along a side: everywhere, or on a large picture at [`PLACES`] places at most, the last
/// of them at the end.
fn places(side: usize, cover: usize) -> Vec<usize> {
    let last = side - cover;
    let stride = last.div_ceil(PLACES - 1).max(1);
    let mut places: Vec<usize> = (0..last).step_by(stride).collect();
    places.push(last);
    places
}

/// Covers a square of a channel that begins at `start`.
fn blacken(
    picture: &mut [u8],
    start: usize,
    [row, column]: [usize; 2],
    width: usize,
    cover: usize,
) {
    for y in row..row + cover {
        let from = start + y * width + column;
        if let Some(part) = picture.get_mut(from..from + cover) {
            part.fill(0);
        }
    }
}

/// The map while it is made.
struct Map {
    size: [usize; 2],
    cover: usize,
    sums: Vec<f32>,
    counts: Vec<f32>,
    worst: ([usize; 2], f32),
}

impl Map {
    fn new(size: [usize; 2], cover: usize) -> Self {
        let zeros = vec![0.0; size[0] * size[1]];
        Self {
            size,
            cover,
            sums: zeros.clone(),
            counts: zeros,
            worst: ([0, 0], f32::NEG_INFINITY),
        }
    }

    /// Adds a cover under which the probability falls by `fall`.
    fn add(&mut self, [row, column]: [usize; 2], fall: f32) {
        if fall > self.worst.1 {
            self.worst = ([row, column], fall);
        }
        for y in row..row + self.cover {
            for x in column..column + self.cover {
                let at = y * self.size[1] + x;
                if let (Some(sum), Some(count)) = (self.sums.get_mut(at), self.counts.get_mut(at)) {
                    *sum += fall;
                    *count += 1.0;
                }
            }
        }
    }

    fn finish(self) -> Occlusion {
        let means = self.sums.iter().zip(&self.counts);
        Occlusion {
            size: self.size,
            cover: self.cover,
            fall: means.map(|(sum, count)| sum / count.max(1.0)).collect(),
            worst: self.worst.0,
            worst_fall: self.worst.1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covers_reach_every_pixel_and_are_few() {
        for (side, cover) in [(28, 4), (8, 1), (1, 1), (1024, 146), (5, 5)] {
            let places = places(side, cover);
            assert!(
                places.len() <= PLACES.max(side - cover + 1).min(PLACES),
                "{side}"
            );
            assert_eq!(places.last(), Some(&(side - cover)));
            let gap = places.array_windows().all(|[a, b]| b - a <= cover);
            assert!(gap, "{side} {places:?}");
        }
    }

    #[test]
    fn a_pixel_has_the_mean_of_its_covers() {
        let mut map = Map::new([1, 3], 2);
        map.cover = 1;
        map.add([0, 0], 0.5);
        map.add([0, 0], 0.25);
        map.add([0, 2], -0.25);
        let map = map.finish();
        assert_eq!(map.fall, [0.375, 0.0, -0.25]);
        assert_eq!((map.worst, map.worst_fall), ([0, 0], 0.5));
    }
}
