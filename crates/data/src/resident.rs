//! A data set in the memory of a device, for GPUs: a batch is then a few small kernels and no copy.
//!
//! Four pixels share a word. As floats, 60,000 images of 28 x 28 would be 188 MB, and many adapters
//! bind no buffer above 128 MiB; as bytes they are 47 MB.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::dataset::ImageDataset;
use crate::loader::{Batch, integers};

/// All images of a data set on a device.
pub(crate) struct Resident {
    words: Tensor<2, Int>,  // [images, words], the first pixel in the lowest byte
    labels: Tensor<1, Int>, // [images]
    shifts: Tensor<3, Int>, // [1, 1, 4]
    height: usize,
    width: usize,
}

impl Resident {
    /// Copies all images to the device.
    pub(crate) fn upload(data: &ImageDataset, device: &Device) -> Self {
        let (count, height, width) = (data.len(), data.height(), data.width());
        let words_per_image = (height * width).div_ceil(4);
        let mut words = Vec::with_capacity(count * words_per_image);
        for i in 0..count {
            words.extend(data.image(i).chunks(4).map(pack));
        }
        let words = TensorData::new(words, [count, words_per_image]);
        Resident {
            words: Tensor::from_data(words, device),
            labels: integers((0..count).map(|i| data.label(i).into()).collect(), device),
            shifts: integers(vec![0, 8, 16, 24], device).reshape([1, 1, 4]),
            height,
            width,
        }
    }

    /// Returns the images at `order`, `[batch]`.
    pub(crate) fn batch(&self, order: Tensor<1, Int>) -> Batch {
        let [count] = order.dims();
        let words = self.words.clone().select(0, order.clone()); // [batch, words]
        let [_, words_per_image] = words.dims();
        // The shift drags the sign along; the mask cuts it off.
        let bytes = words
            .reshape([count, words_per_image, 1])
            .bitwise_right_shift(self.shifts.clone()) // [batch, words, 4]
            .bitwise_and_scalar(255)
            .reshape([count, words_per_image * 4])
            .slice([0..count, 0..self.height * self.width]); // [batch, height * width]
        Batch {
            images: bytes.float().reshape([count, self.height, self.width]) / 255.0,
            labels: self.labels.clone().select(0, order),
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
