//! How a data set places what it shows in the frame, learned from its images: a person's picture is prepared
//! alike.

use serde::{Deserialize, Deserializer, Serialize};

/// The most images that are looked at; of more, these many at equal distances.
const ENOUGH: usize = 2000;
/// Images in which nothing differs from the ground by more than this, of 255, tell nothing.
const MIN_CONTRAST: f32 = 16.0;
/// What differs from the ground by this share of the most belongs to what is shown.
const LEVEL: f32 = 0.2;
/// Corners that differ by more than this, of 255, are not of one ground.
const ONE_GROUND: f32 = 48.0;
/// From this share of the frame's side on, what is shown fills the frame.
const FILLED: f32 = 0.95;

/// How pictures are made input for a network: as the images it was trained on were made. The default is the way
/// of Fashion-MNIST.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preparation {
    /// Where in the frame things are, and how large.
    pub placement: Placement,
    /// What lies around them.
    pub ground: Tone,
}

/// Where in the frame things are, and how large.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// The longer side of a thing's box is that of the frame, the box in the middle: Fashion-MNIST.
    #[default]
    Fill,
    /// A box of less than the frame, by its middle or its centre of mass in one place: MNIST, whose digits
    /// have a box of 20 x 20 and their centre of mass in the middle of 28 x 28
    /// (<https://github.com/cvdfoundation/mnist>).
    Box {
        /// The longer side of the box, as a share of the frame's, above 0 and below 1.
        extent: f32,
        /// What of the box is put there.
        centre: Centre,
        /// Where it is put: across and down, as shares of the frame.
        at: [f32; 2],
    },
    /// There is no ground: pictures fill the frame from edge to edge, as photographs of scenes do.
    Whole,
}

/// What counts as the middle of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Centre {
    /// The middle of its box.
    Box,
    /// Its centre of mass, each pixel as heavy as it is far from the ground.
    Mass,
}

/// How light the ground is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// Light things on black.
    #[default]
    Dark,
    /// Dark things on white.
    Light,
}

impl Preparation {
    /// The way of pictures in colour, and of scenes: the whole picture.
    pub const WHOLE: Self = Self {
        placement: Placement::Whole,
        ground: Tone::Dark,
    };

    /// Returns what a record has `written` down; the default, if it says nothing.
    ///
    /// # Errors
    /// When that is no preparation.
    pub fn of_record<'de, D: Deserializer<'de>>(written: Option<D>) -> Result<Self, D::Error> {
        let preparation = written.map(Self::deserialize).transpose()?;
        Ok(preparation.unwrap_or_default())
    }

    /// Returns how these images, `[channels, height, width]` each, place what they show. Medians decide, so that
    /// a few odd images do not; without an image that tells anything it is the default.
    pub fn learn(images: &[&[u8]], [channels, height, width]: [usize; 3]) -> Self {
        if channels != 1 {
            return Self::WHOLE;
        }
        let step = images.len().div_ceil(ENOUGH).max(1);
        let looked_at = images.iter().step_by(step);
        let looks: Vec<Look> = looked_at
            .filter_map(|image| Look::at(image, height, width))
            .collect();
        if looks.is_empty() {
            return Self::default();
        }
        let most =
            |is: fn(&Look) -> bool| 2 * looks.iter().filter(|look| is(look)).count() > looks.len();
        if most(|look| !look.has_one_ground) {
            return Self::WHOLE;
        }
        let ground = if most(|look| look.is_light) {
            Tone::Light
        } else {
            Tone::Dark
        };
        let extent = median(looks.iter().map(|look| look.extent));
        if extent >= FILLED {
            return Self {
                placement: Placement::Fill,
                ground,
            };
        }
        let (middle, mass) = (
            Spread::of(&looks, |look| look.middle),
            Spread::of(&looks, |look| look.mass),
        );
        let (centre, at) = if mass.width < middle.width {
            (Centre::Mass, mass.at)
        } else {
            (Centre::Box, middle.at)
        };
        Self {
            placement: Placement::Box { extent, centre, at },
            ground,
        }
    }
}

/// What one image tells.
struct Look {
    has_one_ground: bool,
    is_light: bool,
    /// The longer side of the box, and two middles of what is in it, all as shares of the frame.
    extent: f32,
    middle: [f32; 2],
    mass: [f32; 2],
}

impl Look {
    fn at(image: &[u8], height: usize, width: usize) -> Option<Self> {
        let corners = corners(image, height, width)?;
        let ground = (corners[1] + corners[2]) / 2.0;
        let off: Vec<f32> = image
            .iter()
            .map(|&pixel| (f32::from(pixel) - ground).abs())
            .collect();
        let most = off.iter().copied().fold(0.0, f32::max);
        if most < MIN_CONTRAST {
            return None;
        }
        let (mut columns, mut rows) = (vec![0.0_f32; width], vec![0.0_f32; height]);
        for (row, sum) in off.chunks_exact(width).zip(&mut rows) {
            for (&off, column) in row.iter().zip(&mut columns) {
                // What is nearer to the ground is its grain.
                let weight = if off < LEVEL * most { 0.0 } else { off };
                *sum += weight;
                *column += weight;
            }
        }
        let ([left, right], [top, bottom]) = (ends(&columns)?, ends(&rows)?);
        Some(Self {
            has_one_ground: corners[3] - corners[0] <= ONE_GROUND,
            is_light: ground > 127.0,
            extent: (right - left).max(bottom - top),
            middle: [(left + right) / 2.0, (top + bottom) / 2.0],
            mass: [centre_of(&columns), centre_of(&rows)],
        })
    }
}

/// Returns the four corners' pixels, sorted.
fn corners(image: &[u8], height: usize, width: usize) -> Option<[f32; 4]> {
    let last = (height * width).checked_sub(1)?;
    let places = [0, width - 1, last + 1 - width, last];
    let mut corners = [0.0; 4];
    for (corner, place) in corners.iter_mut().zip(places) {
        *corner = f32::from(*image.get(place)?);
    }
    corners.sort_by(f32::total_cmp);
    Some(corners)
}

/// Returns from where to where a line holds anything, as shares of it.
fn ends(line: &[f32]) -> Option<[f32; 2]> {
    let first = line.iter().position(|&sum| sum > 0.0)?;
    let last = line.iter().rposition(|&sum| sum > 0.0)?;
    Some([first, last + 1].map(|at| at as f32 / line.len() as f32))
}

/// Returns the centre of mass of a line whose pixels have these weights, as a share of it; not a number where all
/// are 0.
pub(crate) fn centre_of(weights: &[f32]) -> f32 {
    let sum: f32 = weights.iter().sum();
    let moments = weights.iter().enumerate();
    let moment: f32 = moments.map(|(at, weight)| (at as f32 + 0.5) * weight).sum();
    moment / sum / weights.len() as f32
}

/// Where a middle is in most images, and how far it strays from there, across and down together.
struct Spread {
    at: [f32; 2],
    width: f32,
}

impl Spread {
    fn of(looks: &[Look], middle: fn(&Look) -> [f32; 2]) -> Self {
        let axis = |axis: fn([f32; 2]) -> f32| {
            let values = || looks.iter().map(|look| axis(middle(look)));
            let at = median(values());
            (at, median(values().map(|value| (value - at).abs())))
        };
        let ((x, across), (y, down)) = (axis(|[x, _]| x), axis(|[_, y]| y));
        Self {
            at: [x, y],
            width: across + down,
        }
    }
}

fn median(values: impl Iterator<Item = f32>) -> f32 {
    let mut values: Vec<f32> = values.collect();
    values.sort_by(f32::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
