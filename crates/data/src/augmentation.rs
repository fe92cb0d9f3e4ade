//! How images are changed each time they are trained on: a function of seed, epoch and image, and of nothing
//! that happened before.

use serde::Serialize;

/// Maximum [`Augmentation::shift`], in pixels.
pub const MAX_SHIFT: u8 = 4;

/// How images are changed each time they are used for training. By default not at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Augmentation {
    /// Largest shift of an image up, down, left or right, in pixels, 0 to [`MAX_SHIFT`]. Uncovered pixels
    /// are black.
    pub shift: u8,
}

/// One image of a batch: its position and how it is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Position in the data set.
    pub index: u32,
    /// Pixels the image is moved down and right; negative: up and left.
    pub shift: [i8; 2],
}

impl Augmentation {
    /// Returns the image at `index`, which is `row` in its file, as it is in `epoch`: each of the
    /// `(2 * shift + 1)^2` moves is equally probable.
    pub(crate) fn sample(&self, index: u32, seed: u64, epoch: u64, row: u64) -> Sample {
        if self.shift == 0 {
            return Sample::unchanged(index);
        }
        let draw = scramble(scramble(scramble(seed) ^ epoch) ^ row);
        let most = i64::from(self.shift.min(MAX_SHIFT));
        // The upper half of a product is a number below `places`, each as probable as the others except for
        // one part in 2^28.
        let places = 2 * most as u64 + 1;
        let place = |bits: u64| ((((bits & 0xffff_ffff) * places) >> 32) as i64 - most) as i8;
        Sample {
            index,
            shift: [place(draw >> 32), place(draw)],
        }
    }
}

impl Sample {
    /// Returns the image at `index` as it is.
    pub(crate) fn unchanged(index: u32) -> Self {
        Self {
            index,
            shift: [0, 0],
        }
    }

    /// Appends `image` `[height, width]` to `pixels`, changed; what comes into view is black.
    pub(crate) fn extend(&self, pixels: &mut Vec<u8>, image: &[u8], width: usize) {
        if self.shift == [0, 0] {
            pixels.extend_from_slice(image);
            return;
        }
        let height = image.len() / width.max(1);
        let moved = (0..height * width).map(|to| {
            let from = source(to, [height, width], self.shift);
            from.and_then(|from| image.get(from)).copied().unwrap_or(0)
        });
        pixels.extend(moved);
    }
}

/// Returns 64 pseudo-random bits, different for each `bits`: the output function of SplitMix64
/// (Steele, Lea and Flood 2014, <https://doi.org/10.1145/2660193.2660195>), one step of the generator
/// before it.
fn scramble(bits: u64) -> u64 {
    let mut bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Returns which pixel of an image of `[height, width]` moves to position `to` when the image is moved
/// down and right by `shift`; `None` if none does.
fn source(to: usize, [height, width]: [usize; 2], [down, right]: [i8; 2]) -> Option<usize> {
    let y = (to / width).checked_add_signed(-isize::from(down))?;
    let x = (to % width).checked_add_signed(-isize::from(right))?;
    (y < height && x < width).then_some(y * width + x)
}
