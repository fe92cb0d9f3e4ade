//! A data set in the memory of a device, for GPUs: a batch is then a few small kernels and no copy.
//!
//! Four pixels share a word. As floats, 60,000 images of 28 x 28 would be 188 MB, and many adapters
//! bind no buffer above 128 MiB; as bytes they are 47 MB. Images that are changed in every epoch are changed on the
//! CPU and copied again, once an epoch: what a change is stands in one place, and a step still copies nothing.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::batches::Epoch;
use crate::loader::{Batch, integers};

/// All images of a data set on a device, as they are in an epoch.
pub(crate) struct Resident {
    /// `[images, words]`, the first pixel in the lowest byte.
    words: Tensor<2, Int>,
    /// `[images]`.
    labels: Tensor<1, Int>,
    /// The bits to shift a word by to get each of its pixels, `[1, 1, 4]`.
    bits: Tensor<3, Int>,
    /// Channels, height and width of an image.
    size: [usize; 3],
}

impl Resident {
    /// Copies all images to the device.
    pub fn upload(epoch: &Epoch, device: &Device) -> Self {
        let data = epoch.data();
        let (count, size) = (data.len(), data.size());
        let words_per_image = size.iter().product::<usize>().div_ceil(4);
        let mut words = Vec::with_capacity(count * words_per_image);
        let mut pixels = Vec::new();
        for index in 0..count {
            pixels.clear();
            epoch.extend(&mut pixels, index as u32);
            words.extend(pixels.chunks(4).map(pack));
        }
        let words = TensorData::new(words, [count, words_per_image]);
        Self {
            words: Tensor::from_data(words, device),
            labels: integers((0..count).map(|i| data.label(i).into()).collect(), device),
            bits: integers(vec![0, 8, 16, 24], device).reshape([1, 1, 4]),
            size,
        }
    }

    /// Returns the images at `indices`, `[batch]`, as a batch.
    pub fn batch(&self, indices: Tensor<1, Int>) -> Batch {
        let [channels, height, width] = self.size;
        let pixels = channels * height * width;
        let words = self.words.clone().select(0, indices.clone()); // [batch, words]
        let [count, words_per_image] = words.dims();
        // The shift extends the sign; the mask removes it.
        let bytes = words
            .reshape([count, words_per_image, 1])
            .bitwise_right_shift(self.bits.clone()) // [batch, words, 4]
            .bitwise_and_scalar(255)
            .reshape([count, words_per_image * 4])
            .slice([0..count, 0..pixels]); // [batch, channels * height * width]
        Batch {
            images: bytes.float().reshape([count, channels, height, width]) / 255.0,
            labels: self.labels.clone().select(0, indices),
        }
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
