//! The ground that a garment lies on, and what stands out from it.

use std::ops::Range;

use super::colours::{Colour, Colours, brightness, within};

/// How far inward the frame goes that the ground is taken from; half a side is 1.
const FRAME: f32 = 0.12;
/// A corner is this much of each half side: garments touch the frame, and seldom its corners.
const CORNER: f32 = 0.15;
/// What is this far from the ground, of 255, is something else: at first, and once it bends.
const REACH: [f32; 2] = [48.0, 24.0];
/// Share of the frame that must be ground for its colour to be anything but the corners'.
const ENOUGH: f32 = 0.2;
/// Less than this, of 255, is nothing.
const MIN_CONTRAST: f32 = 16.0;
/// What stands out has a tenth of the strongest contrast at least: above the rings that a JPEG draws
/// around edges, below faint fabric.
const LEVEL: f32 = 0.1;
/// ... and so many times the grain: of 262,144 pixels not one gets there by chance.
const GRAINS: f32 = 5.0;
/// A grainy picture is looked at more and more coarsely, but never with less than this a side.
const COARSEST: usize = 64;

/// The ground's colour: a surface of second degree, for light that falls from a side or fades
/// towards the corners.
pub(super) struct Ground {
    /// For red, green and blue the factors of [`terms`].
    factors: [[f32; 6]; 3],
    /// How far two thirds of the ground's own pixels are from it at most.
    grain: f32,
    /// Whether the corners are light. Of the 70,000 images none is taken for dark on light, and of
    /// their negatives none for light on dark.
    pub is_light: bool,
}

/// What stands out from the ground.
pub(super) struct Seen {
    /// Its columns and rows in the picture; none is empty.
    pub xs: Range<usize>,
    pub ys: Range<usize>,
    /// The distance from the ground, of 255, from which on a pixel belongs to it; and the largest.
    pub level: f32,
    pub most: f32,
    /// How much darker and lighter than the ground it is, summed up.
    pub dark: f32,
    pub light: f32,
}

impl Ground {
    /// Returns the ground of a picture: from the corners first, then from all of the frame that
    /// looks like it.
    pub fn new(picture: &Colours) -> Self {
        let mut ground = Self {
            is_light: brightness(corners(picture)) > 127.0,
            factors: corners(picture).map(|c| [c, 0.0, 0.0, 0.0, 0.0, 0.0]),
            grain: 0.0,
        };
        let edge = |at, side| is_outer(at, side, FRAME);
        let frame: Vec<_> = picture
            .places()
            .filter(|&(x, y, _)| edge(x, picture.width) || edge(y, picture.height))
            .collect();
        // A plane twice, then a surface: each fit brings in pixels that the one before made near.
        for (reach, count) in [(0, 3), (0, 3), (1, 6), (1, 6), (1, 6), (1, 6)] {
            let is_near = |&(x, y, c): &_| distance(c, ground.at(x, y)) <= REACH[reach];
            let near: Vec<_> = frame.iter().copied().filter(is_near).collect();
            if (near.len() as f32) < ENOUGH * frame.len() as f32 {
                break;
            }
            ground.factors = fit(&near, count).unwrap_or(ground.factors);
        }
        let off = frame.iter().map(|&(x, y, c)| distance(c, ground.at(x, y)));
        let mut off: Vec<f32> = off.filter(|&off| off <= REACH[1]).collect();
        off.sort_by(f32::total_cmp);
        ground.grain = off.get(off.len() * 2 / 3).copied().unwrap_or(0.0);
        ground
    }

    /// Returns the colour at a place; columns and rows run from -1 to 1.
    fn at(&self, x: f32, y: f32) -> Colour {
        let terms = terms(x, y);
        self.factors.map(|factors| {
            let sum: f32 = (0..6).map(|i| factors[i] * terms[i]).sum();
            sum.clamp(0.0, 255.0)
        })
    }

    /// Returns the ground under what was seen, as `width` x `height` pixels.
    pub fn within(&self, of: &Colours, seen: &Seen, width: usize, height: usize) -> Vec<Colour> {
        let place = |range: &Range<usize>, at: usize, to: usize, side: usize| {
            let step = range.len() as f32 / to as f32;
            2.0 * (range.start as f32 + (at as f32 + 0.5) * step) / side as f32 - 1.0
        };
        (0..width * height)
            .map(|at| {
                let x = place(&seen.xs, at % width, width, of.width);
                let y = place(&seen.ys, at / width, height, of.height);
                self.at(x, y)
            })
            .collect()
    }
}

/// Returns how far two colours are from each other, in the channel that tells most: 0 to 255.
pub(super) fn distance(one: Colour, other: Colour) -> f32 {
    (0..3)
        .map(|c| (one[c] - other[c]).abs())
        .fold(0.0, f32::max)
}

/// Returns what stands out from the ground, if anything does.
pub(super) fn seen(picture: &Colours, ground: &Ground) -> Option<Seen> {
    let longest = picture.width.max(picture.height);
    let mut side = longest;
    loop {
        let (width, height) = within(picture.width, picture.height, side, side);
        let small = picture.scaled(0..picture.width, 0..picture.height, width, height);
        let off = small.places().map(|(x, y, c)| distance(c, ground.at(x, y)));
        let off: Vec<f32> = off.collect();
        let most = off.iter().copied().fold(0.0, f32::max);
        if most < MIN_CONTRAST {
            return None;
        }
        // Half the side: each pixel is the mean of four, and their grain half of what it was.
        let grain = GRAINS * ground.grain * side as f32 / longest as f32;
        if grain > LEVEL * most && side > COARSEST {
            side = (side / 2).max(COARSEST);
            continue;
        }
        let level = grain
            .max(LEVEL * most)
            .max(MIN_CONTRAST / 2.0)
            .min(0.9 * most);
        return Some(bounds(picture, &small, ground, &off, level, most));
    }
}

fn bounds(
    picture: &Colours,
    small: &Colours,
    ground: &Ground,
    off: &[f32],
    level: f32,
    most: f32,
) -> Seen {
    let (mut left, mut right, mut top, mut bottom) = (usize::MAX, 0, usize::MAX, 0);
    let (mut dark, mut light) = (0.0, 0.0);
    for (at, (x, y, colour)) in small.places().enumerate() {
        if off[at] < level {
            continue;
        }
        let (column, row) = (at % small.width, at / small.width);
        (left, right) = (left.min(column), right.max(column));
        (top, bottom) = (top.min(row), bottom.max(row));
        let more = brightness(colour) - brightness(ground.at(x, y));
        dark += (-more).max(0.0);
        light += more.max(0.0);
    }
    let back = |first: usize, last: usize, from: usize, to: usize| {
        let start = first * to / from;
        start..((last + 1) * to).div_ceil(from).max(start + 1)
    };
    Seen {
        xs: back(left, right, small.width, picture.width),
        ys: back(top, bottom, small.height, picture.height),
        level,
        most,
        dark,
        light,
    }
}

fn terms(x: f32, y: f32) -> [f32; 6] {
    [1.0, x, y, x * x, y * y, x * y]
}

/// Returns whether a place is in the outer `share` of its side, or in the outermost pixel.
fn is_outer(at: f32, side: usize, share: f32) -> bool {
    at.abs() > 0.999 - share.max(1.0 / side as f32)
}

/// Returns the median of the four corners, for each channel.
fn corners(picture: &Colours) -> Colour {
    let is_corner = |&(x, y, _): &(f32, f32, Colour)| {
        is_outer(x, picture.width, CORNER) && is_outer(y, picture.height, CORNER)
    };
    let near: Vec<_> = picture.places().filter(is_corner).collect();
    [0, 1, 2].map(|c| {
        let mut values: Vec<f32> = near.iter().map(|(.., colour)| colour[c]).collect();
        values.sort_by(f32::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(0.0)
    })
}

/// Returns the least-squares fit of the first `count` terms: normal equations, by Gauss and Jordan.
fn fit(pixels: &[(f32, f32, Colour)], count: usize) -> Option<[[f32; 6]; 3]> {
    let mut rows = [[0.0_f64; 9]; 6];
    for &(x, y, colour) in pixels {
        let terms = terms(x, y);
        for i in 0..count {
            for j in 0..count {
                rows[i][j] += f64::from(terms[i] * terms[j]);
            }
            for c in 0..3 {
                rows[i][6 + c] += f64::from(terms[i] * colour[c]);
            }
        }
    }
    for (i, row) in rows.iter_mut().enumerate() {
        // Against bending where nothing is known, as in a picture one pixel wide.
        row[i] += match i {
            0 => 0.0,
            i if i < count => 1e-4 * pixels.len() as f64,
            _ => 1.0,
        };
    }
    for i in 0..6 {
        let row = rows[i];
        if row[i].abs() < 1e-9 {
            return None;
        }
        for (_, other) in rows.iter_mut().enumerate().filter(|(j, _)| *j != i) {
            let factor = other[i] / row[i];
            other
                .iter_mut()
                .zip(row)
                .for_each(|(to, from)| *to -= factor * from);
        }
    }
    Some([6, 7, 8].map(|c| [0, 1, 2, 3, 4, 5].map(|i| (rows[i][c] / rows[i][i]) as f32)))
}
