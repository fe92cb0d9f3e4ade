//! The ground that a garment lies on, and what stands out from it.

use std::ops::Range;

use crate::colours::{Colour, Colours, brightness};

/// How far inward the frame goes that the ground is taken from; half a side is 1.
const FRAME: f32 = 0.12;
/// A corner is this much of each half side: garments touch the frame, and seldom its corners.
const CORNER: f32 = 0.15;
/// What is nearer to a side of the picture than this part of one of the network's pixels, touches it.
const NEAR: f64 = 0.5;
/// What is this far from the ground, of 255, is something else: at first, and once it bends.
const REACH: [f32; 2] = [48.0, 24.0];
/// The ground is smooth: it is fitted to the picture at this many pixels a side, where grain is fainter.
const ENOUGH_TO_FIT: usize = 128;
/// Share of the frame that must be ground for its colour to be anything but the corners'.
const ENOUGH: f32 = 0.2;
/// Less than this, of 255, is nothing.
const MIN_CONTRAST: f32 = 16.0;
/// What stands out has an eighth of the strongest contrast at least: above the rings that a JPEG draws
/// around edges and a faint shadow, below most faint fabric. On training images held out, a tenth kept 0.2
/// points more of clean pictures (2,500 of them), but lost 5 in a photograph with a shadow of 10 % (100).
const LEVEL: f32 = 0.125;
/// ... and so many times the grain: of 262,144 pixels not one gets there by chance. Grain averages out
/// in a smaller picture; wood and weave do not, and are measured again at each size.
const GRAINS: f32 = 5.0;
/// How much darker a pixel can be than its ground, and how much lighter, is taken to be this at least.
const ROOM: f32 = 32.0;
/// A grainy picture is looked at more and more coarsely, but never with less than this a side.
const COARSEST: usize = 64;

/// The ground's colour: a surface of second degree, for light that falls from a side or fades
/// towards the corners.
pub(crate) struct Ground {
    /// For red, green and blue the factors of [`terms`].
    factors: [[f32; 6]; 3],
    /// Whether the corners are light. Of the 60,000 training images none is taken for dark on light, and of
    /// their negatives none for light on dark (`exported_images_come_back` in the tests).
    pub is_light: bool,
}

/// What stands out from the ground.
pub(crate) struct Seen {
    /// From where to where it goes in the picture, in pixels and their parts; never empty.
    pub xs: Range<f64>,
    pub ys: Range<f64>,
    /// The distance from the ground, of 255, from which on a pixel belongs to it; and the largest.
    pub level: f32,
    pub most: f32,
    /// How much darker and lighter than the ground it is, in parts of what it could be, summed up: on
    /// dark grey there is little room for anything darker.
    pub dark: f32,
    pub light: f32,
}

impl Ground {
    /// Returns the ground of a picture: from the corners first, then from all of the frame that
    /// looks like it.
    pub fn new(picture: &Colours) -> Self {
        let picture = &picture.at_most(ENOUGH_TO_FIT);
        let mut ground = Self {
            is_light: brightness(corners(picture)) > 127.0,
            factors: corners(picture).map(|c| [c, 0.0, 0.0, 0.0, 0.0, 0.0]),
        };
        let frame: Vec<_> = frame(picture).collect();
        // A plane twice, then a surface: each fit brings in pixels that the one before made near.
        let [first, then] = REACH;
        let fits = [
            (first, 3),
            (first, 3),
            (then, 6),
            (then, 6),
            (then, 6),
            (then, 6),
        ];
        for (reach, count) in fits {
            let is_near = |&(x, y, c): &_| distance(c, ground.at(x, y)) <= reach;
            let near: Vec<_> = frame.iter().copied().filter(is_near).collect();
            if (near.len() as f32) < ENOUGH * frame.len() as f32 {
                break;
            }
            ground.factors = fit(&near, count).unwrap_or(ground.factors);
        }
        ground
    }

    /// Returns the colour at a place; columns and rows run from -1 to 1.
    fn at(&self, x: f32, y: f32) -> Colour {
        let terms = terms(x, y);
        self.factors.map(|factors| {
            let sum: f32 = factors.iter().zip(terms).map(|(f, term)| f * term).sum();
            sum.clamp(0.0, 255.0)
        })
    }

    /// Returns the ground under a part of the picture, as `width` x `height` pixels.
    pub fn within(
        &self,
        of: &Colours,
        xs: &Range<f64>,
        ys: &Range<f64>,
        width: usize,
        height: usize,
    ) -> Vec<Colour> {
        let place = |range: &Range<f64>, at: usize, to: usize, side: usize| {
            let step = (range.end - range.start) / to as f64;
            (2.0 * (range.start + (at as f64 + 0.5) * step) / side as f64 - 1.0) as f32
        };
        (0..width * height)
            .map(|at| {
                let x = place(xs, at % width, width, of.width);
                let y = place(ys, at / width, height, of.height);
                self.at(x, y)
            })
            .collect()
    }
}

impl Seen {
    /// Returns whether it goes from one side of the picture to the other, in a picture of the shape
    /// `width` x `height`: such a picture is framed already, as the data set's are.
    pub fn fills(&self, picture: &Colours, width: usize, height: usize) -> bool {
        let is_same_shape = picture.width * height == picture.height * width;
        let fills = |range: &Range<f64>, side: usize, to: usize| {
            let near = side as f64 / to as f64 * NEAR;
            range.start <= near && range.end >= side as f64 - near
        };
        is_same_shape
            && (fills(&self.xs, picture.width, width) || fills(&self.ys, picture.height, height))
    }
}

/// Returns how far two colours are from each other, in the channel that tells most: 0 to 255.
pub(crate) fn distance(one: Colour, other: Colour) -> f32 {
    let off = one
        .iter()
        .zip(other)
        .map(|(one, other)| (one - other).abs());
    off.fold(0.0, f32::max)
}

/// Returns what stands out from the ground, if anything does. `side` is that of the network's input,
/// in pixels.
pub(crate) fn seen(picture: &Colours, ground: &Ground, side: usize) -> Option<Seen> {
    let mut most = picture.width.max(picture.height);
    loop {
        let view = View::new(picture.at_most(most), ground);
        if view.most < MIN_CONTRAST {
            return None;
        }
        let grain = GRAINS * view.grain;
        if grain > LEVEL * view.most && most > COARSEST {
            most = (most / 2).max(COARSEST);
            continue;
        }
        let level = grain
            .max(LEVEL * view.most)
            .max(MIN_CONTRAST / 2.0)
            .min(0.9 * view.most);
        return view.seen(picture, ground, level, side);
    }
}

/// A picture, perhaps made smaller, and how far its pixels are from the ground.
struct View {
    small: Colours,
    /// One distance a pixel, and the largest.
    off: Vec<f32>,
    most: f32,
    /// How far two thirds of the ground's own pixels are from it at most.
    grain: f32,
}

impl View {
    fn new(small: Colours, ground: &Ground) -> Self {
        let off = |(x, y, c)| distance(c, ground.at(x, y));
        let mut grain: Vec<f32> = frame(&small)
            .map(off)
            .filter(|&off| off <= REACH[1])
            .collect();
        grain.sort_by(f32::total_cmp);
        let off: Vec<f32> = small.places().map(off).collect();
        Self {
            most: off.iter().copied().fold(0.0, f32::max),
            grain: grain.get(grain.len() * 2 / 3).copied().unwrap_or(0.0),
            small,
            off,
        }
    }

    fn seen(&self, picture: &Colours, ground: &Ground, level: f32, side: usize) -> Option<Seen> {
        let (width, height) = (self.small.width, self.small.height);
        let (mut columns, mut rows) = (vec![0.0_f32; width], vec![0.0_f32; height]);
        for (row, to) in self.off.chunks_exact(width).zip(&mut rows) {
            for (&off, column) in row.iter().zip(&mut columns) {
                (*to, *column) = (to.max(off), column.max(off));
            }
        }
        let (xs, ys) = (outermost(&columns, level)?, outermost(&rows, level)?);
        // As many pixels as will become one of the network's, rounded.
        let step = ((xs.len().max(ys.len()) + side / 2) / side).max(1);
        let stretch = |line: &[f32], full: usize| {
            let scale = full as f64 / line.len() as f64;
            let (start, end) = (
                edge(line.iter(), level, step),
                edge(line.iter().rev(), level, step),
            );
            start * scale..(line.len() as f64 - end) * scale
        };
        let (mut dark, mut light) = (0.0, 0.0);
        for (&off, (x, y, colour)) in self.off.iter().zip(self.small.places()) {
            if off >= level {
                let under = brightness(ground.at(x, y));
                let more = brightness(colour) - under;
                dark += (-more).max(0.0) / under.max(ROOM);
                light += more.max(0.0) / (255.0 - under).max(ROOM);
            }
        }
        Some(Seen {
            xs: stretch(&columns, picture.width),
            ys: stretch(&rows, picture.height),
            level,
            most: self.most,
            dark,
            light,
        })
    }
}

/// Returns from where to where a line reaches the level.
fn outermost(line: &[f32], level: f32) -> Option<Range<usize>> {
    let first = line.iter().position(|&off| off >= level)?;
    let last = line.iter().rposition(|&off| off >= level)?;
    Some(first..last + 1)
}

/// Returns where something begins in a line of distances from the ground, in pixels and their parts:
/// where half the distance is reached that it has within a step from where it first reaches the
/// level. However soft an edge was drawn, that is where it was.
fn edge<'a>(line: impl Iterator<Item = &'a f32> + Clone, level: f32, step: usize) -> f64 {
    let near = line.clone().skip_while(|&&off| off < level).take(step);
    let half = near.copied().fold(0.0, f32::max) / 2.0;
    let half = half.max(level);
    let mut before = None;
    for (at, &off) in line.enumerate() {
        if off >= half {
            let back = before.map_or(0.5, |before| (off - half) / (off - before));
            return at as f64 + 0.5 - f64::from(back);
        }
        before = Some(off);
    }
    0.0
}

fn terms(x: f32, y: f32) -> [f32; 6] {
    [1.0, x, y, x * x, y * y, x * y]
}

/// Returns whether a place is in the outer `share` of its side, or in the outermost pixel.
fn is_outer(at: f32, side: usize, share: f32) -> bool {
    at.abs() > 0.999 - share.max(1.0 / side as f32)
}

/// Returns the pixels along the frame.
fn frame(picture: &Colours) -> impl Iterator<Item = (f32, f32, Colour)> + '_ {
    picture.places().filter(|&(x, y, _)| {
        is_outer(x, picture.width, FRAME) || is_outer(y, picture.height, FRAME)
    })
}

/// Returns the median of the four corners, for each channel.
fn corners(picture: &Colours) -> Colour {
    let is_corner = |&(x, y, _): &(f32, f32, Colour)| {
        is_outer(x, picture.width, CORNER) && is_outer(y, picture.height, CORNER)
    };
    let near: Vec<_> = picture.places().filter(is_corner).collect();
    let median = |channel: fn(Colour) -> f32| {
        let mut values: Vec<f32> = near.iter().map(|&(.., colour)| channel(colour)).collect();
        values.sort_by(f32::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(0.0)
    };
    [median(|c| c[0]), median(|c| c[1]), median(|c| c[2])]
}

/// Returns the least-squares fit of the first `count` terms, for red, green and blue: the normal
/// equations, a row a term, the three colours on the right.
fn fit(pixels: &[(f32, f32, Colour)], count: usize) -> Option<[[f32; 6]; 3]> {
    let mut rows = [[0.0_f64; 9]; 6];
    for &(x, y, colour) in pixels {
        let terms = terms(x, y);
        let used = || terms.iter().take(count).map(|&term| f64::from(term));
        for (row, term) in rows.iter_mut().zip(used()) {
            row.iter_mut()
                .zip(used())
                .for_each(|(sum, other)| *sum += term * other);
            let right = row.iter_mut().skip(6).zip(colour);
            right.for_each(|(sum, c)| *sum += term * f64::from(c));
        }
    }
    solve(rows, count, 1e-4 * pixels.len() as f64)
}

/// Solves the equations by Gauss and Jordan. What is added to the diagonal is against bending where
/// nothing is known, as in a picture one pixel wide.
#[expect(
    clippy::indexing_slicing,
    reason = "six rows of nine, indices from 0..6 and 6..9"
)]
fn solve(mut rows: [[f64; 9]; 6], count: usize, stiffness: f64) -> Option<[[f32; 6]; 3]> {
    for (i, row) in rows.iter_mut().enumerate() {
        row[i] += match i {
            0 => 0.0,
            i if i < count => stiffness,
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
            let cells = other.iter_mut().zip(row);
            cells.for_each(|(to, from)| *to -= factor * from);
        }
    }
    Some([6, 7, 8].map(|c| [0, 1, 2, 3, 4, 5].map(|i| (rows[i][c] / rows[i][i]) as f32)))
}
