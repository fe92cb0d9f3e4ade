//! A data set in the memory of a device, for GPUs: a batch is then a few small kernels and no copy.
//!
//! Four pixels share a word. As floats, 60,000 images of 28 x 28 would be 188 MB, and many adapters
//! bind no buffer above 128 MiB; as bytes they are 47 MB.

use std::ops::Range;

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::augmentation::{Augmentation, MAX_SHIFT, Sample};
use crate::batches::Epoch;
use crate::dataset::ImageDataset;
use crate::loader::{Batch, integers};

/// All images of a data set on a device.
pub(crate) struct Resident {
    /// `[images, words]`, the first pixel in the lowest byte; ends with at least one black pixel.
    words: Tensor<2, Int>,
    /// `[images]`.
    labels: Tensor<1, Int>,
    /// The bits to shift a word by to get each of its pixels, `[1, 1, 4]`.
    bits: Tensor<3, Int>,
    /// How images are moved; `None` if they are not.
    moves: Option<Moves>,
    height: usize,
    width: usize,
    device: Device,
}

/// The samples of an epoch on the device.
pub(crate) struct Samples {
    /// `[images]`.
    indices: Tensor<1, Int>,
    /// Rows of [`Moves::rows`] and [`Moves::columns`], `[images]` each.
    shifts: [Tensor<1, Int>; 2],
}

/// Where pixels come from when an image is moved by -[`MAX_SHIFT`] to [`MAX_SHIFT`] pixels.
struct Moves {
    /// Index of the first pixel of each row's source row, `[moves, height]`; the number of pixels if the row is
    /// uncovered.
    rows: Tensor<2, Int>,
    /// Each column's source column, `[moves, width]`; the number of pixels if it is uncovered.
    columns: Tensor<2, Int>,
}

impl Resident {
    /// Copies all images to the device.
    pub(crate) fn upload(data: &ImageDataset, augmentation: Augmentation, device: &Device) -> Self {
        let (count, height, width) = (data.len(), data.height(), data.width());
        let words_per_image = height * width / 4 + 1;
        let mut words = Vec::with_capacity(count * words_per_image);
        for i in 0..count {
            let image = data.image(i);
            words.extend(image.chunks(4).map(pack));
            words.resize((i + 1) * words_per_image, 0);
        }
        let words = TensorData::new(words, [count, words_per_image]);
        Self {
            words: Tensor::from_data(words, device),
            labels: integers((0..count).map(|i| data.label(i).into()).collect(), device),
            bits: integers(vec![0, 8, 16, 24], device).reshape([1, 1, 4]),
            moves: (augmentation.shift > 0).then(|| Moves::of([height, width], device)),
            height,
            width,
            device: device.clone(),
        }
    }

    /// Copies the samples of an epoch to the device.
    pub(crate) fn samples(&self, epoch: &Epoch) -> Samples {
        let all: Vec<Sample> = epoch.samples(0..epoch.len()).collect();
        let row = |by: i8| i32::from(by) + i32::from(MAX_SHIFT);
        let rows = |of: fn(&Sample) -> i8| all.iter().map(|s| row(of(s))).collect();
        let upload = |values| integers(values, &self.device);
        Samples {
            indices: upload(all.iter().map(|sample| sample.index as i32).collect()),
            shifts: [upload(rows(|s| s.shift[0])), upload(rows(|s| s.shift[1]))],
        }
    }

    /// Returns the samples at `positions` of their epoch as a batch.
    pub(crate) fn batch(&self, samples: &Samples, positions: Range<usize>) -> Batch {
        let (count, pixels) = (positions.len(), self.height * self.width);
        let indices = samples.indices.clone().slice(positions.clone()); // [batch]
        let words = self.words.clone().select(0, indices.clone()); // [batch, words]
        let [_, words_per_image] = words.dims();
        // The shift extends the sign; the mask removes it.
        let bytes = words
            .reshape([count, words_per_image, 1])
            .bitwise_right_shift(self.bits.clone()) // [batch, words, 4]
            .bitwise_and_scalar(255)
            .reshape([count, words_per_image * 4]);
        let bytes = match &self.moves {
            Some(moves) => {
                let by = |axis: &Tensor<1, Int>| axis.clone().slice(positions.clone());
                let [down, right] = &samples.shifts;
                bytes.gather(1, moves.sources(by(down), by(right)))
            }
            None => bytes.slice([0..count, 0..pixels]),
        }; // [batch, height * width]
        Batch {
            images: bytes.float().reshape([count, 1, self.height, self.width]) / 255.0,
            labels: self.labels.clone().select(0, indices),
        }
    }
}

impl Moves {
    fn of([height, width]: [usize; 2], device: &Device) -> Self {
        let pixels = height * width;
        let table = |length: usize, step: usize| {
            let most = isize::from(i16::from(MAX_SHIFT));
            let source = move |to: usize, by: isize| {
                let from = to.checked_add_signed(-by).filter(|from| *from < length);
                from.map_or(pixels, |from| from * step) as i32
            };
            let rows = (-most..=most).flat_map(|by| (0..length).map(move |to| source(to, by)));
            integers(rows.collect(), device).reshape([2 * most as usize + 1, length])
        };
        Self {
            rows: table(height, width),
            columns: table(width, 1),
        }
    }

    /// Returns the index of each pixel's source, `[batch, height * width]`, for images moved by the
    /// rows `down` and `right` of the tables, `[batch]`. The source of uncovered pixels is the black pixel
    /// after the last one.
    fn sources(&self, down: Tensor<1, Int>, right: Tensor<1, Int>) -> Tensor<2, Int> {
        let ([batch], [_, height], [_, width]) =
            (down.dims(), self.rows.dims(), self.columns.dims());
        let rows = self
            .rows
            .clone()
            .select(0, down)
            .reshape([batch, height, 1]);
        let columns = self.columns.clone().select(0, right);
        let columns = columns.reshape([batch, 1, width]);
        (rows + columns) // [batch, height, width]
            .clamp_max((height * width) as i64)
            .reshape([batch, height * width])
    }
}

/// Returns up to four pixels as a word; missing ones are 0.
fn pack(pixels: &[u8]) -> i32 {
    let word = pixels
        .iter()
        .rev()
        .fold(0, |word, &pixel| word << 8 | u32::from(pixel));
    word.cast_signed()
}
