//! How images are changed each time they are trained on: a function of seed, epoch and image, and of nothing
//! that happened before.

mod change;
mod turn;

use serde::Serialize;

pub(crate) use turn::Turn;

use change::{Change, Rectangle};
use turn::TURNS;

/// Maximum [`Augmentation::shift`], in pixels.
pub const MAX_SHIFT: u8 = 4;

/// How images are changed each time they are used for training. By default not at all.
///
/// An image is mirrored, scaled, turned and moved, in this order; then noise is added, and then a rectangle is erased.
/// Uncovered pixels are black. Each of these has draws of its own, so that setting one does not change another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Augmentation {
    /// Largest shift of an image up, down, left or right, in pixels, 0 to [`MAX_SHIFT`]. Each of the
    /// `(2 * shift + 1)^2` moves is equally probable.
    pub shift: u8,
    /// Whether half of the images, chosen at random, are mirrored left to right.
    pub flip: bool,
    /// Largest rotation either way, in degrees, 0 to 180; all angles are equally probable. An epoch has 64 turns, each an
    /// angle and a zoom, and each image gets one of them.
    pub rotation: f64,
    /// Largest change of size, as a share of it, 0 to 0.5: with 0.1, 90 to 110 %, all equally probable.
    pub zoom: f64,
    /// Standard deviation of the noise that is added to every pixel, 0 to 1, where 1 is white.
    pub noise: f64,
    /// Probability that a rectangle of an image is replaced by random pixels, 0 to 1: random erasing (Zhong et al. 2017,
    /// <https://arxiv.org/abs/1708.04896>).
    pub erasing: f64,
}

impl Augmentation {
    /// Returns whether images are changed at all.
    pub fn is_on(&self) -> bool {
        *self != Self::default()
    }

    /// Returns how the image that is `row` in its file, of `size` `[height, width]`, is changed in `epoch`.
    pub(crate) fn change(&self, seed: u64, epoch: u64, row: u64, size: [usize; 2]) -> Change {
        if !self.is_on() {
            return Change::default();
        }
        let draws = Draws::of(seed, epoch, row);
        let mut change = Change {
            shift: self.moves(draws.bits(0)),
            flip: self.flip && draws.bits(1) >> 63 == 1,
            ..Change::default()
        };
        if self.does_turn() {
            change.turn = Some((draws.unit(2) * TURNS as f64) as usize);
        }
        if self.noise > 0.0 {
            change.noise = Some((self.noise, draws.bits(3)));
        }
        if draws.unit(4) < self.erasing {
            let [area, aspect, top, left] = [5, 6, 7, 8].map(|n| draws.unit(n));
            let rectangle = Rectangle::of(size, area, aspect, [top, left]);
            change.erased = Some((rectangle, draws.bits(9)));
        }
        change
    }

    /// Returns the turns of `epoch`, for images of `size` `[height, width]`; none if images are not turned.
    pub(crate) fn turns(&self, seed: u64, epoch: u64, size: [usize; 2]) -> Vec<Turn> {
        let count = if self.does_turn() { TURNS } else { 0 };
        let turn = |number: usize| {
            let draws = Draws::of(!seed, epoch, number as u64); // not those of an image
            let degrees = self.rotation * draws.symmetric(0);
            let zoom = 1.0 + self.zoom * draws.symmetric(1);
            Turn::of(degrees.to_radians(), zoom, size)
        };
        (0..count).map(turn).collect()
    }

    fn does_turn(&self) -> bool {
        self.rotation > 0.0 || self.zoom > 0.0
    }

    fn moves(&self, bits: u64) -> [i8; 2] {
        let most = i64::from(self.shift.min(MAX_SHIFT));
        // The upper half of a product is a number below `places`, each as probable as the others except for
        // one part in 2^28.
        let places = 2 * most as u64 + 1;
        let place = |bits: u64| ((((bits & 0xffff_ffff) * places) >> 32) as i64 - most) as i8;
        [place(bits >> 32), place(bits)]
    }
}

/// The random numbers of an image in an epoch, by their number.
struct Draws(u64);

impl Draws {
    fn of(seed: u64, epoch: u64, row: u64) -> Self {
        Self(scramble(scramble(seed) ^ epoch) ^ row)
    }

    /// Returns 64 random bits.
    fn bits(&self, number: u64) -> u64 {
        random_bits(self.0, number)
    }

    /// Returns a number from 0 to below 1.
    fn unit(&self, number: u64) -> f64 {
        (self.bits(number) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Returns a number from -1 to below 1.
    fn symmetric(&self, number: u64) -> f64 {
        2.0 * self.unit(number) - 1.0
    }
}

/// Returns the random bits of a `number` in the sequence that belongs to `seed`: SplitMix64
/// (Steele, Lea and Flood 2014, <https://doi.org/10.1145/2660193.2660195>).
fn random_bits(seed: u64, number: u64) -> u64 {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut bits = seed.wrapping_add(STEP.wrapping_mul(number.wrapping_add(1)));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Returns 64 pseudo-random bits, different for each `bits`.
fn scramble(bits: u64) -> u64 {
    random_bits(bits, 0)
}
