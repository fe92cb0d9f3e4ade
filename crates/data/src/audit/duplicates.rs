//! Images that are there more than once, byte by byte or nearly so.
//!
//! Nearly equal images are found by a hash of 64 bits (a difference hash, <https://www.hackerfactor.com/blog/index.php?/archives/529-Kind-of-Like-That.html>):
//! whether each cell of a coarse grid is brighter than the next one. Two hashes that differ in three bits at most share
//! one of their four quarters, so only images with a quarter in common are compared, pixel by pixel.

use std::collections::HashMap;

use super::Place;
use crate::dataset::hash;
use crate::source::DataSet;

/// Cells of the grid: each row gives eight comparisons.
const GRID: [usize; 2] = [8, 9];
/// A cell counts as brighter by more than this many grey levels, so that noise in an even background counts nothing.
const BRIGHTER: i32 = 6;
/// Bits in which the hashes of nearly equal images may differ.
const BITS: u32 = 3;
/// The root mean square difference of nearly equal images, in grey levels of 255.
const NEAR: f64 = 8.0;
/// Images that one is compared with in each of four lists: with very many that are much alike, some pairs are missed, and
/// the time stays within bounds.
const COMPARED: usize = 500;

/// Images that are equal, or nearly.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Duplicates {
    /// Images that are equal byte by byte, two or more each, in their order.
    pub exact: Vec<Vec<Place>>,
    /// Pairs that are nearly equal, most alike first. Of equal images, the first stands for all; each image is paired
    /// with the one before it that is most like it.
    pub near: Vec<Near>,
}

/// Two images that are nearly equal.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Near {
    /// The first one.
    pub one: Place,
    /// The second one.
    pub other: Place,
    /// How much they differ: root mean square, in grey levels of 255.
    pub difference: f64,
}

/// Returns the duplicates within and between the parts of a data set. Images that show nothing, being all of one grey,
/// are compared for equality only.
pub fn find(set: &DataSet) -> Duplicates {
    let mut groups: HashMap<u64, Vec<Vec<Place>>> = HashMap::new();
    let mut firsts = Vec::new();
    for (place, image) in Place::all(set) {
        let same_hash = groups.entry(hash(image)).or_default();
        let is_same = |group: &&mut Vec<Place>| {
            let first = group.first().and_then(|first| pixels(set, *first));
            first == Some(image)
        };
        match same_hash.iter_mut().find(is_same) {
            Some(group) => group.push(place),
            None => {
                same_hash.push(vec![place]);
                firsts.push(place);
            }
        }
    }
    let groups = groups.into_values().flatten();
    let mut exact: Vec<Vec<Place>> = groups.filter(|group| group.len() > 1).collect();
    exact.sort();
    Duplicates {
        exact,
        near: near(set, &firsts),
    }
}

fn pixels(set: &DataSet, place: Place) -> Option<&[u8]> {
    let images = place.part.of(set)?;
    (place.index < images.len()).then(|| images.image(place.index))
}

/// Returns each image with the one before it that is most like it, if any is like it.
fn near(set: &DataSet, places: &[Place]) -> Vec<Near> {
    let size = set.train.size();
    let mut quarters: HashMap<(usize, u16), Vec<(u64, Place)>> = HashMap::new();
    let mut pairs = Vec::new();
    for &other in places {
        let Some(image) = pixels(set, other) else {
            continue;
        };
        let hash = difference_hash(image, size);
        if hash == 0 {
            continue; // even all over
        }
        let mut best: Option<Near> = None;
        for quarter in 0..4 {
            let bits = (hash >> (16 * quarter)) as u16;
            let list = quarters.entry((quarter, bits)).or_default();
            let latest = list.iter().rev().take(COMPARED);
            let alike = latest.filter(|(known, _)| (known ^ hash).count_ones() <= BITS);
            for &(_, one) in alike {
                let limit = best.map_or(NEAR, |best| best.difference);
                let Some(known) = pixels(set, one) else {
                    continue;
                };
                let difference = difference(known, image);
                if difference < limit {
                    best = Some(Near {
                        one,
                        other,
                        difference,
                    });
                }
            }
            list.push((hash, other));
        }
        pairs.extend(best);
    }
    pairs.sort_by(|one, other| {
        let by_difference = one.difference.total_cmp(&other.difference);
        by_difference.then((one.one, one.other).cmp(&(other.one, other.other)))
    });
    pairs
}

/// Returns the root mean square difference of two images of one size, in grey levels.
fn difference(one: &[u8], other: &[u8]) -> f64 {
    let square = |(&a, &b): (&u8, &u8)| u64::from(a.abs_diff(b)).pow(2);
    let sum: u64 = one.iter().zip(other).map(square).sum();
    (sum as f64 / one.len().max(1) as f64).sqrt()
}

/// Returns which cells of the grid are brighter than their right neighbours, a bit each.
fn difference_hash(image: &[u8], size: [usize; 3]) -> u64 {
    let cells = cells(image, size);
    let mut hash = 0;
    for row in cells.chunks_exact(GRID[1]) {
        for pair in row.windows(2) {
            if let [left, right] = pair {
                hash = hash << 1 | u64::from(left - right > BRIGHTER);
            }
        }
    }
    hash
}

/// Returns the mean brightness of each cell of the grid, over all channels.
fn cells(image: &[u8], [channels, height, width]: [usize; 3]) -> Vec<i32> {
    let [rows, columns] = GRID;
    // An image of fewer pixels than the grid has cells repeats some.
    let range = |cell: usize, cells: usize, side: usize| {
        let start = (cell * side / cells).min(side.saturating_sub(1));
        start..((cell + 1) * side / cells).clamp(start + 1, side.max(1))
    };
    let mut means = Vec::with_capacity(rows * columns);
    for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
        let (mut sum, mut count) = (0, 0);
        for y in (0..channels).flat_map(|c| range(row, rows, height).map(move |y| c * height + y)) {
            let across = range(column, columns, width);
            let part = image.get(y * width + across.start..y * width + across.end);
            for &pixel in part.unwrap_or_default() {
                sum += i32::from(pixel);
                count += 1;
            }
        }
        means.push(sum / count.max(1));
    }
    means
}
