//! Labelled images whose pixels are held once, as bytes.
//!
//! 70,000 images of 28 x 28 are 55 MB as bytes and four times that as floats, so splitting, slicing
//! and accessing items copies no pixels: a view is a range or a list of row numbers.

mod subset;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::idx::Images;
pub use subset::Selection;

/// The random stream that selects the validation images. Epochs use streams 0, 1, 2, ...
const SPLIT_STREAM: u64 = u64::MAX;
/// The random stream that deals images to folds: in the middle, far from those of epochs and of classes.
const FOLDS_STREAM: u64 = 1 << 63;

/// Labelled images, or a subset of them. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct ImageDataset {
    /// `[count, channels, height, width]`, row-major.
    pixels: Arc<Vec<u8>>,
    /// Channels, height and width of an image.
    size: [usize; 3],
    labels: Arc<[u8]>,
    /// Where each image came from; empty where images have no files of their own.
    origins: Arc<[Origin]>,
    rows: Rows,
    classes: usize,
}

/// The file that one image came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file.
    pub path: PathBuf,
    /// Its width and height in pixels, before it was fitted to the data set's size.
    pub size: [u32; 2],
}

/// The rows of images and labels in a view.
#[derive(Clone, Debug)]
enum Rows {
    /// A part of the file, in its order. It takes no memory, however many images there are.
    Range(Range<usize>),
    /// Any rows in any order.
    List(Arc<[u32]>),
}

impl Rows {
    fn len(&self) -> usize {
        match self {
            Rows::Range(range) => range.len(),
            Rows::List(list) => list.len(),
        }
    }

    /// Returns row `i`. Panics if `i >= len()`.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "documented; the caller checks")]
    fn get(&self, i: usize) -> usize {
        match self {
            Rows::Range(range) => {
                assert!(i < range.len(), "image {i} of {}", range.len());
                range.start + i
            }
            Rows::List(list) => list[i] as usize,
        }
    }

    /// Returns the rows at `part`, which must lie within.
    #[expect(clippy::indexing_slicing, reason = "`part` lies within")]
    fn slice(&self, part: Range<usize>) -> Self {
        match self {
            Rows::Range(range) => Rows::Range(range.start + part.start..range.start + part.end),
            Rows::List(list) => Rows::List(list[part].into()),
        }
    }
}

/// Why images and labels do not form a data set, or it cannot be split as requested.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// There must be a label for each image.
    #[error("there are {images} images and {labels} labels")]
    Counts {
        /// Number of images.
        images: usize,
        /// Number of labels.
        labels: usize,
    },
    /// There must be `height * width` bytes for each image, and rows must be countable in 32 bits.
    #[error("{count} images of {height} x {width} cannot have {pixels} bytes of pixels")]
    Pixels {
        /// Claimed number of images.
        count: usize,
        /// Claimed height.
        height: usize,
        /// Claimed width.
        width: usize,
        /// Bytes present.
        pixels: usize,
    },
    /// Labels count from 0 to `classes - 1`.
    #[error("the label at index {index} is {label}, but there are {classes} classes (0 to {})", classes.saturating_sub(1))]
    Label {
        /// Index of the first such label.
        index: usize,
        /// Its value.
        label: u8,
        /// Number of classes.
        classes: usize,
    },
    /// At least one image must be left to train on.
    #[error("{validation} of {count} images cannot be held out for validation: none would be left")]
    Split {
        /// Number requested.
        validation: usize,
        /// Number available.
        count: usize,
    },
    /// No more images can be drawn than there are.
    #[error("{take} images cannot be drawn from {count}")]
    Take {
        /// Number requested.
        take: usize,
        /// Number available.
        count: usize,
    },
}

impl ImageDataset {
    /// Returns all images, which are grey, in the order of the file. Labels must be below `classes`.
    pub fn new(images: Images, labels: Vec<u8>, classes: usize) -> Result<Self, DataError> {
        let Images {
            count,
            height,
            width,
            pixels,
        } = images;
        if labels.len() == count {
            return Self::of_size(pixels, [1, height, width], labels, classes);
        }
        fit(count, [1, height, width], pixels.len())?;
        Err(DataError::Counts {
            images: count,
            labels: labels.len(),
        })
    }

    /// Returns an image for each label, of `size`: channels (1 is grey; 3 are red, green and blue), height and
    /// width. `pixels` are `[labels, channels, height, width]`, row-major. Labels must be below `classes`.
    pub fn of_size(
        pixels: Vec<u8>,
        size: [usize; 3],
        labels: Vec<u8>,
        classes: usize,
    ) -> Result<Self, DataError> {
        let count = labels.len();
        fit(count, size, pixels.len())?;
        let mut counted = labels.iter().copied().enumerate();
        if let Some((index, label)) = counted.find(|(_, label)| usize::from(*label) >= classes) {
            return Err(DataError::Label {
                index,
                label,
                classes,
            });
        }
        Ok(ImageDataset {
            pixels: Arc::new(pixels),
            size,
            labels: labels.into(),
            origins: Arc::default(),
            rows: Rows::Range(0..count),
            classes,
        })
    }

    /// Returns the same images, which came from these files: one for each, or none.
    #[must_use]
    pub(crate) fn with_origins(self, origins: Vec<Origin>) -> Self {
        Self {
            origins: origins.into(),
            ..self
        }
    }

    /// Returns the number of images.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.rows.len() == 0
    }

    /// Returns the number of channels: 1 is grey; 3 are red, green and blue.
    pub fn channels(&self) -> usize {
        self.size[0]
    }

    /// Returns the height of the images, in pixels.
    pub fn height(&self) -> usize {
        self.size[1]
    }

    /// Returns the width of the images, in pixels.
    pub fn width(&self) -> usize {
        self.size[2]
    }

    /// Returns the size of an image: channels, height and width.
    pub fn size(&self) -> [usize; 3] {
        self.size
    }

    /// Returns the number of values of an image: channels * height * width.
    pub fn values(&self) -> usize {
        self.size.iter().product()
    }

    /// Returns the number of classes. A class may have no images here.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Returns the pixels of image `i`, `[channels * height * width]`, 0 is black. Panics if `i >= len()`.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "there are pixels for each row")]
    pub fn image(&self, i: usize) -> &[u8] {
        let length = self.values();
        &self.pixels[self.rows.get(i) * length..][..length]
    }

    /// Returns the label of image `i`, below `classes()`. Panics if `i >= len()`.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "there is a label for each row")]
    pub fn label(&self, i: usize) -> u8 {
        self.labels[self.rows.get(i)]
    }

    /// Returns the file that image `i` came from; `None` if it was one of many in a file.
    pub fn origin(&self, i: usize) -> Option<&Origin> {
        self.origins.get(self.rows.get(i))
    }

    /// Returns the position of image `i` in the file. Panics if `i >= len()`.
    #[inline]
    pub(crate) fn row(&self, i: usize) -> usize {
        self.rows.get(i)
    }

    /// Returns how many images each class has, `[classes]`.
    pub fn label_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes];
        for i in 0..self.len() {
            if let Some(count) = counts.get_mut(usize::from(self.label(i))) {
                *count += 1;
            }
        }
        counts
    }

    /// Returns `(training, validation)`: the last `validation` images of a permutation that depends
    /// on the seed are held out. Both keep the permuted order. With 0, training is everything, in
    /// the order of the file, and validation is empty.
    pub fn split(&self, validation: usize, seed: u64) -> Result<(Self, Self), DataError> {
        let count = self.len();
        if validation == 0 {
            return Ok((self.clone(), self.slice(0, 0)));
        }
        if validation >= count {
            return Err(DataError::Split { validation, count });
        }
        let order = permutation(seed, SPLIT_STREAM, count);
        let shuffled = self.select(&order);
        let cut = count - validation;
        Ok((shuffled.slice(0, cut), shuffled.slice(cut, count)))
    }

    /// Returns the images at these positions, in their order. Panics if one is not below `len()`.
    pub(crate) fn select(&self, positions: &[u32]) -> Self {
        let row = |&i: &u32| self.rows.get(i as usize) as u32; // rows are counted in 32 bits
        ImageDataset {
            rows: Rows::List(positions.iter().map(row).collect()),
            ..self.clone()
        }
    }

    /// Takes out the images at these positions, which must be below `len()` and in one list at most, and returns those
    /// of each list in the order of the file. What is left counts from 0 again, and so do they. Memory is taken for
    /// the images that are taken out only.
    pub(crate) fn take_out<const N: usize>(&mut self, lists: [Vec<u32>; N]) -> [Self; N] {
        let mut is_left = vec![true; self.len()];
        let parts = lists.map(|mut list| {
            list.sort_unstable();
            for &i in &list {
                if let Some(left) = is_left.get_mut(i as usize) {
                    *left = false;
                }
            }
            let mut pixels = Vec::with_capacity(list.len() * self.values());
            for &i in &list {
                pixels.extend_from_slice(self.image(i as usize));
            }
            Self {
                pixels: Arc::new(pixels),
                labels: list.iter().map(|&i| self.label(i as usize)).collect(),
                origins: self.origins_of(&list),
                rows: Rows::Range(0..list.len()),
                ..self.clone()
            }
        });
        let left: Vec<u32> = (0..)
            .zip(is_left)
            .filter(|(_, left)| *left)
            .map(|(i, _)| i)
            .collect();
        self.keep(&left);
        parts
    }

    /// Keeps the images at these positions only, in the order of the file.
    fn keep(&mut self, positions: &[u32]) {
        if positions.len() == self.len() {
            return;
        }
        let length = self.values();
        let rows: Vec<usize> = positions
            .iter()
            .map(|&i| self.rows.get(i as usize))
            .collect();
        let labels = positions.iter().map(|&i| self.label(i as usize));
        (self.labels, self.origins) = (labels.collect(), self.origins_of(positions));
        let pixels = Arc::make_mut(&mut self.pixels);
        for (to, from) in rows.iter().enumerate() {
            pixels.copy_within(from * length..(from + 1) * length, to * length);
        }
        pixels.truncate(rows.len() * length);
        self.rows = Rows::Range(0..rows.len());
    }

    fn origins_of(&self, positions: &[u32]) -> Arc<[Origin]> {
        let origins = positions.iter().filter_map(|&i| self.origin(i as usize));
        origins.cloned().collect()
    }

    /// Returns `folds` pairs of images to train on and images held out, in an order that depends on the seed: every
    /// image is held out once. The numbers are the positions of those held out. With fewer than two folds, or images,
    /// there is none.
    pub fn folds(&self, folds: usize, seed: u64) -> Vec<(Self, Self, Vec<u32>)> {
        let order = permutation(seed, FOLDS_STREAM, self.len());
        let bounds = |fold: usize| fold * order.len() / folds.max(1);
        let fold = |fold: usize| {
            let (start, end) = (bounds(fold), bounds(fold + 1));
            let held_out = order.get(start..end).unwrap_or_default();
            let before = order.get(..start).unwrap_or_default();
            let train = [before, order.get(end..).unwrap_or_default()].concat();
            (
                self.select(&train),
                self.select(held_out),
                held_out.to_vec(),
            )
        };
        let is_possible = folds > 1 && folds <= self.len();
        (0..folds).filter(|_| is_possible).map(fold).collect()
    }

    /// Returns the first `n` images, or all if there are fewer.
    pub fn take(&self, n: usize) -> Self {
        self.slice(0, n)
    }

    /// Returns the images from `start` up to, but not including, `end`, as far as they exist.
    pub fn slice(&self, start: usize, end: usize) -> Self {
        let end = end.min(self.len());
        ImageDataset {
            rows: self.rows.slice(start.min(end)..end),
            ..self.clone()
        }
    }
}

/// Checks that so many images of `size` have that many pixels, and that they can be counted in 32 bits.
fn fit(count: usize, size: [usize; 3], pixels: usize) -> Result<(), DataError> {
    let all = size
        .iter()
        .try_fold(count, |all, &side| all.checked_mul(side));
    if all == Some(pixels) && u32::try_from(count).is_ok() {
        return Ok(());
    }
    let [_, height, width] = size;
    Err(DataError::Pixels {
        count,
        height,
        width,
        pixels,
    })
}

/// Returns a hash of an image's bytes, by which equal images are looked for.
pub(crate) fn hash(image: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    image.hash(&mut hasher);
    hasher.finish()
}

/// Returns the numbers 0 to `n - 1` (at most 2^32 - 1 of them) in an order that depends on `seed`
/// and `stream` only: not on the machine, the number of threads, or what was drawn before.
///
/// The shuffle is implemented here, because the shuffles of library crates may change with their version.
/// It is Fisher and Yates' from the back, with ChaCha8 as the source of numbers. A number below `k` is
/// the upper half of the 128-bit product of `k` and a 64-bit draw; no value is more likely than
/// another by more than one part in 2^32.
pub fn permutation(seed: u64, stream: u64, n: usize) -> Vec<u32> {
    let mut draws = ChaCha8Rng::seed_from_u64(seed);
    draws.set_stream(stream);
    let mut order: Vec<u32> = (0..u32::try_from(n).unwrap_or(u32::MAX)).collect();
    for last in (1..order.len()).rev() {
        let bound = last as u128 + 1;
        let pick = (u128::from(draws.next_u64()) * bound) >> 64;
        order.swap(last, pick as usize);
    }
    order
}
