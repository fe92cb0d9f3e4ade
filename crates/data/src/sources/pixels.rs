//! Arrays of numbers as pixels: in the wanted colours, 0 to 255, channel by channel.

use super::Colours;

/// The most bytes of pixels that files other than IDX become: 2^32, a million images of 64 x 64.
pub(crate) const MOST: usize = 1 << 32;

/// What the eye makes of red, green and blue (Rec. 709), in ten thousandths, as `pictures` weighs them.
const LUMA: [u32; 3] = [2126, 7152, 722];

/// Returns how many channels images of `from` channels become.
pub(crate) fn channels(from: usize, wanted: Colours) -> usize {
    match wanted {
        Colours::Grey => 1,
        Colours::Rgb => 3,
        Colours::Auto => from,
    }
}

/// Appends an image whose pixels have `from` channels beside each other, `[height, width, from]`, as `[to, height,
/// width]`; both are 1 or 3.
pub(crate) fn push(pixels: &mut Vec<u8>, image: &[u8], from: usize, to: usize) {
    match (from, to) {
        (1, to) => (0..to).for_each(|_| pixels.extend_from_slice(image)),
        (_, 1) => pixels.extend(image.chunks_exact(3).map(brightness)),
        (_, _) => {
            for channel in 0..3 {
                pixels.extend(image.iter().skip(channel).step_by(3));
            }
        }
    }
}

/// Returns planes, one behind the other, as pixels whose channels lie beside each other.
pub(crate) fn interleaved(planes: &[u8], channels: usize) -> Vec<u8> {
    let plane = planes.len() / channels.max(1);
    let of_pixel = |at: usize| planes.iter().skip(at).step_by(plane.max(1));
    (0..plane).flat_map(of_pixel).copied().collect()
}

/// Returns images of `size` (channels, height, width), channel by channel, with `to` channels.
pub(crate) fn recoloured(images: Vec<u8>, size: [usize; 3], to: usize) -> Vec<u8> {
    let [from, height, width] = size;
    if from == to {
        return images;
    }
    let length = (from * height * width).max(1);
    let mut pixels = Vec::with_capacity(images.len() / from.max(1) * to);
    for image in images.chunks_exact(length) {
        push(&mut pixels, &interleaved(image, from), from, to);
    }
    pixels
}

fn brightness(colour: &[u8]) -> u8 {
    let sum: u32 = LUMA
        .iter()
        .zip(colour)
        .map(|(luma, &c)| luma * u32::from(c))
        .sum();
    ((sum + 5000) / 10_000) as u8
}

/// How numbers become bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    /// 1 for numbers from 0 to 255, 255 for those from 0 to 1.
    factor: f64,
}

impl Scale {
    /// Returns the scale of numbers between these two, or why there is none. Whole numbers are bytes already, even
    /// if none is above 1: a label file says so, and a warning does.
    pub fn of(lowest: f64, highest: f64, are_whole: bool) -> Result<Self, String> {
        let is_within = |most: f64| lowest >= 0.0 && highest <= most;
        if is_within(1.0) && !are_whole {
            return Ok(Self { factor: 255.0 });
        }
        if is_within(255.0) {
            return Ok(Self { factor: 1.0 });
        }
        Err(format!(
            "has pixels from {lowest} to {highest}: they must be 0 to 255, or 0 to 1"
        ))
    }

    pub fn byte(self, value: f64) -> u8 {
        (value * self.factor).round() as u8 // what is too much, or not a number, is cut off
    }

    /// Returns what to say of it.
    pub fn note(self) -> Option<String> {
        (self.factor > 1.0).then(|| "pixels run from 0 to 1: multiplied by 255".into())
    }
}
