//! A row of panels under a heading: a picture, weights, or a map over a picture, each with a title and a note.

use image::{DynamicImage, Rgb, RgbImage};

use super::canvas::{CAPTION, Canvas, HEADING, LINE, NOTE};
use super::weights::{color, scale};
use crate::failure::Failure;

const MARGIN: i32 = 20; // around everything
const GAP: i32 = 16; // between panels
const ZOOMED: usize = 196; // small pictures are magnified up to this many pixels
const LARGEST: usize = 512; // larger ones are cropped
const ABOVE: i32 = 24; // room for a title
const BELOW: i32 = 24; // room for a note
const TOP: i32 = 44; // room for the heading
/// How much of a picture's darkness shows through a map.
const PALE: f32 = 0.45;

/// One panel.
#[derive(Debug, Clone)]
pub struct Panel<'a> {
    /// Text above it.
    pub title: String,
    /// Text below it.
    pub note: String,
    /// What it shows.
    pub cells: Cells<'a>,
}

/// What a panel shows, cell by cell.
#[derive(Debug, Clone, Copy)]
pub enum Cells<'a> {
    /// A picture, bytes `[channels, height, width]`, light on dark. A grey one is drawn dark on light.
    Picture {
        /// Its bytes.
        pixels: &'a [u8],
        /// Channels, height and width.
        size: [usize; 3],
    },
    /// Values of either sign, `[height * width]`: red above zero, blue below, on their own scale.
    Signed {
        /// The values.
        values: &'a [f32],
        /// Height and width.
        size: [usize; 2],
    },
    /// Such values over a pale picture.
    Heat {
        /// The picture's bytes.
        pixels: &'a [u8],
        /// Its channels, height and width.
        size: [usize; 3],
        /// The values, `[height * width]`.
        values: &'a [f32],
    },
}

/// Returns a PNG of the panels, side by side.
///
/// # Errors
/// When it cannot be encoded.
pub fn png(heading: &str, panels: &[Panel]) -> Result<Vec<u8>, Failure> {
    super::png(&DynamicImage::ImageRgb8(draw(heading, panels)))
}

/// Returns the panels side by side, with a heading.
fn draw(heading: &str, panels: &[Panel]) -> RgbImage {
    let sizes: Vec<[i32; 2]> = panels.iter().map(|panel| panel.cells.drawn()).collect();
    let tallest = sizes.iter().map(|[height, _]| *height).max().unwrap_or(0);
    let across: i32 = sizes.iter().map(|[_, width]| width + GAP).sum();
    let width = 2 * MARGIN + (across - GAP).max(0);
    let mut canvas = Canvas::new(width, TOP + ABOVE + tallest + BELOW + MARGIN / 2);
    canvas.text(MARGIN, 30, heading, width - 2 * MARGIN, HEADING);
    let mut left = MARGIN;
    for (panel, [height, width]) in panels.iter().zip(sizes) {
        let top = TOP + ABOVE;
        canvas.text(left, top - 8, &panel.title, width, CAPTION);
        canvas.fill([left - 1, top - 1, width + 2, height + 2], LINE);
        panel.cells.draw(&mut canvas, left, top);
        canvas.text(left, top + height + 17, &panel.note, width, NOTE);
        left += width + GAP;
    }
    canvas.image
}

impl Cells<'_> {
    /// Returns height and width in cells.
    fn size(&self) -> [usize; 2] {
        match *self {
            Self::Picture { size, .. } | Self::Heat { size, .. } => [size[1], size[2]],
            Self::Signed { size, .. } => size,
        }
    }

    /// Returns the pixels along a cell.
    fn zoom(&self) -> usize {
        let [height, width] = self.size();
        (ZOOMED / height.max(width).max(1)).max(1)
    }

    /// Returns height and width in pixels.
    fn drawn(&self) -> [i32; 2] {
        let zoom = self.zoom();
        self.size().map(|side| (side * zoom).min(LARGEST) as i32)
    }

    fn draw(&self, canvas: &mut Canvas, left: i32, top: i32) {
        let ([_, columns], zoom, [height, width]) = (self.size(), self.zoom(), self.drawn());
        let scale = match self {
            Self::Picture { .. } => 1.0,
            Self::Signed { values, .. } | Self::Heat { values, .. } => scale(values),
        };
        for y in 0..height as usize {
            for x in 0..width as usize {
                let at = y / zoom * columns + x / zoom;
                let colour = self.colour(at, scale);
                canvas.blend(left + x as i32, top + y as i32, colour, 1.0);
            }
        }
    }

    /// Returns the colour of a cell.
    fn colour(&self, at: usize, scale: f32) -> Rgb<u8> {
        let signed = |values: &[f32]| {
            let value = values.get(at).copied().unwrap_or_default();
            let [red, green, blue, _] = color(value / scale).0;
            [red, green, blue]
        };
        match self {
            Self::Picture { pixels, size } => Rgb(shade(pixels, *size, at)),
            Self::Signed { values, .. } => Rgb(signed(values)),
            Self::Heat {
                pixels,
                size,
                values,
            } => {
                let picture = shade(pixels, *size, at);
                let mut mixed = signed(values);
                for (mixed, shade) in mixed.iter_mut().zip(picture) {
                    let light = 1.0 - PALE * (1.0 - f32::from(shade) / 255.0);
                    *mixed = (f32::from(*mixed) * light).round() as u8;
                }
                Rgb(mixed)
            }
        }
    }
}

/// Returns the colour of a cell of a picture: a grey one is inverted.
fn shade(pixels: &[u8], [channels, height, width]: [usize; 3], at: usize) -> [u8; 3] {
    let value = |channel: usize| {
        let value = pixels.get(channel * height * width + at);
        value.copied().unwrap_or_default()
    };
    if channels == 3 {
        [0, 1, 2].map(value)
    } else {
        [255 - value(0); 3]
    }
}
