//! The changes themselves, on the bytes of an image.

use std::sync::OnceLock;

use super::random_bits;
use super::turn::Turn;

/// How one image is changed. By default not at all.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Change {
    /// Pixels it is moved down and right; negative: up and left.
    pub shift: [i8; 2],
    /// Whether it is mirrored left to right.
    pub flip: bool,
    /// The turn of the epoch it gets, if any.
    pub turn: Option<usize>,
    /// Standard deviation, where 1 is white, and a seed.
    pub noise: Option<(f64, u64)>,
    /// What is erased, and a seed.
    pub erased: Option<(Rectangle, u64)>,
}

/// Part of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rectangle {
    top: usize,
    left: usize,
    height: usize,
    width: usize,
}

impl Change {
    /// Appends `image` `[channels, height, width]` to `pixels`, changed. Height and width are `size`, and `turns` those of
    /// the epoch.
    pub fn extend(&self, pixels: &mut Vec<u8>, image: &[u8], size: [usize; 2], turns: &[Turn]) {
        let start = pixels.len();
        let turn = self.turn.and_then(|turn| turns.get(turn));
        if turn.is_none() && self.shift == [0, 0] && !self.flip {
            pixels.extend_from_slice(image);
        } else {
            pixels.resize(start + image.len(), 0);
        }
        let (_, changed) = pixels.split_at_mut(start);
        let area = size[0] * size[1];
        for (to, from) in changed.chunks_exact_mut(area).zip(image.chunks_exact(area)) {
            if let Some(turn) = turn {
                self.turned(turn, to, from, size[1]);
            } else if self.shift != [0, 0] || self.flip {
                moved(to, from, size[1], self.shift, self.flip);
            }
        }
        if let Some((deviation, seed)) = self.noise {
            add_noise(changed, size[1], deviation, seed);
        }
        if let Some((rectangle, seed)) = self.erased {
            rectangle.fill(changed, size, seed);
        }
    }

    /// Writes a channel to `to`, which is black, mirrored, turned and moved.
    fn turned(&self, turn: &Turn, to: &mut [u8], from: &[u8], width: usize) {
        let mut turned = vec![0; from.len()];
        turn.apply(&mut turned, from, width, self.flip);
        moved(to, &turned, width, self.shift, false);
    }
}

/// Writes a channel to `to`, which is black, mirrored if `flip`, and moved down and right.
fn moved(to: &mut [u8], from: &[u8], width: usize, shift: [i8; 2], flip: bool) {
    let [down, right] = shift.map(isize::from);
    let [top, above, before, cut] = [down, -down, right, -right].map(|by| by.max(0).unsigned_abs());
    let rows = to.chunks_exact_mut(width).skip(top);
    for (to, from) in rows.zip(from.chunks_exact(width).skip(above)) {
        let to = to.iter_mut().skip(before);
        if flip {
            let from = from.iter().rev().skip(cut);
            to.zip(from).for_each(|(to, from)| *to = *from);
        } else {
            let from = from.iter().skip(cut);
            to.zip(from).for_each(|(to, from)| *to = *from);
        }
    }
}

impl Rectangle {
    /// Returns a part of an image of `size` `[height, width]` from numbers of 0 to 1: 2 to 40 % of it, between 0.3 and
    /// 3.3 times as high as wide, as in the paper, or less where that is more than the image.
    pub fn of([height, width]: [usize; 2], area: f64, aspect: f64, corner: [f64; 2]) -> Self {
        let area = (0.02 + 0.38 * area) * (height * width) as f64;
        let aspect = 0.3 + (1.0 / 0.3 - 0.3) * aspect;
        let side = |value: f64, most: usize| (value.sqrt().round() as usize).clamp(1, most);
        let [high, wide] = [side(area * aspect, height), side(area / aspect, width)];
        let place = |unit: f64, places: usize| (unit * places as f64) as usize;
        Self {
            top: place(corner[0], height - high + 1),
            left: place(corner[1], width - wide + 1),
            height: high,
            width: wide,
        }
    }

    /// Replaces this part of every channel of `image` by random bytes.
    fn fill(self, image: &mut [u8], [height, width]: [usize; 2], seed: u64) {
        let mut random = (0..).flat_map(|number| random_bits(seed, number).to_le_bytes());
        for channel in image.chunks_exact_mut(height * width) {
            let rows = channel.chunks_exact_mut(width).skip(self.top);
            for row in rows.take(self.height) {
                let part = row.iter_mut().skip(self.left).take(self.width);
                part.zip(&mut random)
                    .for_each(|(pixel, byte)| *pixel = byte);
            }
        }
    }
}

/// Adds normally distributed noise to each pixel, as far as black and white allow.
fn add_noise(image: &mut [u8], width: usize, deviation: f64, seed: u64) {
    // In 65,536ths of a grey level for each 256th of a standard deviation.
    let level = (deviation * 255.0 * 256.0).round() as i32;
    let table = normal_numbers();
    for (number, row) in image.chunks_mut(width).enumerate() {
        let places = (table.len() - row.len().min(table.len())) as u64 + 1;
        let start = ((random_bits(seed, number as u64) >> 32) * places) >> 32;
        let normal = table.get(start as usize..).unwrap_or_default();
        for (pixel, normal) in row.iter_mut().zip(normal) {
            // At most 1,530 · 65,280: no operation has to be checked.
            let noise = i32::from(*normal).wrapping_mul(level).wrapping_add(32_768) >> 16;
            *pixel = i32::from(*pixel).wrapping_add(noise).clamp(0, 255) as u8;
        }
    }
}

/// Returns normally distributed numbers of mean 0 and standard deviation 256, each the sum of twelve random bytes
/// (the Irwin-Hall distribution). Every row of pixels takes its own part of them: drawing a number for
/// each pixel would take longer than training on it.
fn normal_numbers() -> &'static [i16] {
    static NUMBERS: OnceLock<Vec<i16>> = OnceLock::new();
    NUMBERS.get_or_init(|| {
        let number = |n: u64| {
            let [first, second] = [2 * n, 2 * n + 1].map(|n| random_bits(0, n).to_le_bytes());
            let twelve = first.iter().chain(&second[..4]);
            twelve.map(|byte| i16::from(*byte)).sum::<i16>() - 1530 // the mean, 12 · 127.5
        };
        (0..8192).map(number).collect()
    })
}
