//! Digits that are drawn, not written: for lessons, where no data set of handwriting is at hand.
//!
//! Each digit is a few strokes of a round pen. Every picture has them a little different: points moved, the whole
//! slanted, turned, stretched and shifted, the pen thicker or thinner. That is far more regular than handwriting: what
//! a network reaches here says nothing about MNIST.
//!
//! A picture is a function of the seed, the part and its number. Only sums, products, quotients and roots of
//! floating-point numbers are used, which are the same on every machine.

mod strokes;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::audit::Part;
use crate::idx::Images;
use strokes::{DIGITS, Point, curve};

/// Height and width of a picture, in pixels: as MNIST's.
pub const SIDE: usize = 28;
/// Most pictures of a part: as many bytes as MNIST has, ten times.
pub const MOST: u32 = 600_000;

/// Height of an average digit, in pixels: as MNIST's, which are fitted to 20.
const HEIGHT: f32 = 20.0;
/// How far a point of a stroke moves, as a share of the digit's height.
const WOBBLE: f32 = 0.055;

/// Returns `count` pictures of digits and their labels, 0 to 9 in turn.
pub fn digits(count: usize, part: Part, seed: u64) -> (Images, Vec<u8>) {
    let mut pixels = Vec::with_capacity(count * SIDE * SIDE);
    let mut labels = Vec::with_capacity(count);
    for number in 0..count {
        let digit = number % DIGITS.len();
        let mut draws = ChaCha8Rng::seed_from_u64(seed);
        draws.set_stream(((part as u64) << 32) | number as u64);
        pixels.extend(draw(digit, &mut draws));
        labels.push(digit as u8);
    }
    let images = Images {
        count,
        height: SIDE,
        width: SIDE,
        pixels,
    };
    (images, labels)
}

/// Returns one picture of a digit, `[SIDE * SIDE]`, light on dark.
fn draw(digit: usize, draws: &mut ChaCha8Rng) -> Vec<u8> {
    let hand = Hand::drawn(draws);
    let mut ink = vec![0f32; SIDE * SIDE];
    for stroke in DIGITS.get(digit).copied().unwrap_or_default() {
        let points = wobbled(stroke, draws);
        let line: Vec<Point> = curve(&points).iter().map(|&p| hand.place(p)).collect();
        for &[from, to] in line.array_windows() {
            pen(&mut ink, from, to, hand.pen);
        }
    }
    let shade = |ink: f32| (ink * hand.light + 0.5) as u8;
    ink.into_iter().map(shade).collect()
}

/// How one picture differs from the others.
struct Hand {
    /// What x and y are multiplied by: the columns of a matrix.
    across: Point,
    down: Point,
    /// Where the centre is, in pixels.
    centre: Point,
    /// Radius of the pen, in pixels.
    pen: f32,
    /// The grey level of ink, 0 to 255.
    light: f32,
}

impl Hand {
    fn drawn(draws: &mut ChaCha8Rng) -> Self {
        let mut between = |from: f32, to: f32| from + (to - from) * uniform(draws);
        // A turn by an angle whose half has this tangent: cosine and sine without functions that differ by machine.
        let half = between(-0.09, 0.09);
        let turn = 1.0 + half * half;
        let (cos, sin) = ((1.0 - half * half) / turn, 2.0 * half / turn);
        let height = HEIGHT * between(0.8, 1.05);
        let (width, slant) = (height * between(0.5, 0.8), height * between(-0.3, 0.15));
        Self {
            across: [width * cos, width * sin],
            down: [-slant * cos - height * sin, height * cos - slant * sin],
            centre: [0, 1].map(|_| SIDE as f32 / 2.0 + between(-1.5, 1.5)),
            pen: between(0.8, 1.6),
            light: between(200.0, 255.0),
        }
    }

    /// Returns where a point of the unit square comes to lie, in pixels.
    fn place(&self, [x, y]: Point) -> Point {
        let (x, y) = (x - 0.5, y - 0.5);
        let at = |axis: fn(Point) -> f32| {
            axis(self.centre) + x * axis(self.across) + y * axis(self.down)
        };
        [at(|[x, _]| x), at(|[_, y]| y)]
    }
}

/// Returns the points of a stroke, each moved a little. A point that is there twice, a corner, stays one.
fn wobbled(stroke: &[Point], draws: &mut ChaCha8Rng) -> Vec<Point> {
    let mut last = None;
    let moved = |&point: &Point| match last {
        Some((before, moved)) if before == point => moved,
        _ => {
            let moved = point.map(|x| x + WOBBLE * (2.0 * uniform(draws) - 1.0));
            last = Some((point, moved));
            moved
        }
    };
    stroke.iter().map(moved).collect()
}

/// Darkens the pixels that a round pen touches on its way; an edge covers a pixel in part.
fn pen(ink: &mut [f32], from: Point, to: Point, radius: f32) {
    let reach = radius + 1.0;
    let range = |axis: fn(Point) -> f32| {
        let (a, b) = (axis(from), axis(to));
        let first = (a.min(b) - reach).max(0.0) as usize;
        let last = (a.max(b) + reach).clamp(0.0, SIDE as f32) as usize;
        first..last.min(SIDE)
    };
    for row in range(|[_, y]| y) {
        for column in range(|[x, _]| x) {
            let pixel = [column as f32 + 0.5, row as f32 + 0.5];
            let covered = (radius + 0.5 - distance(pixel, from, to)).clamp(0.0, 1.0);
            if let Some(ink) = ink.get_mut(row * SIDE + column) {
                *ink = ink.max(covered);
            }
        }
    }
}

/// Returns how far a point is from a line segment.
fn distance(point: Point, from: Point, to: Point) -> f32 {
    let minus = |[a, b]: Point, [c, d]: Point| [a - c, b - d];
    let dot = |[a, b]: Point, [c, d]: Point| a * c + b * d;
    let (along, away) = (minus(to, from), minus(point, from));
    let length = dot(along, along);
    let share = if length > 0.0 {
        (dot(away, along) / length).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let nearest = along.map(|x| x * share);
    let off = minus(away, nearest);
    dot(off, off).sqrt()
}

/// Returns a number from 0 to below 1: 24 bits, all that a float holds.
fn uniform(draws: &mut ChaCha8Rng) -> f32 {
    (draws.next_u32() >> 8) as f32 / (1u32 << 24) as f32
}
