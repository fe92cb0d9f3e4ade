//! Colours on a grid, and their averages on a coarser or finer one.

use std::ops::Range;

use image::{DynamicImage, GenericImageView};

/// Red, green and blue, 0 to 255.
pub(super) type Colour = [f32; 3];

/// What the eye makes of red, green and blue (Rec. 709, as `image` weighs them).
const LUMA: Colour = [0.2126, 0.7152, 0.0722];

/// Returns the brightness of a colour, 0 to 255.
pub(super) fn brightness(colour: Colour) -> f32 {
    (0..3).map(|c| LUMA[c] * colour[c]).sum()
}

/// Mean brightness from which on white would hide what is drawn on nothing.
const NEARLY_WHITE: f64 = 240.0;

/// An opaque picture.
pub(super) struct Colours {
    pub width: usize,
    pub height: usize,
    /// `[height, width]`, row-major.
    pub pixels: Vec<Colour>,
}

impl Colours {
    /// Returns the image, made smaller where a side has more than `most` pixels, and where it is
    /// transparent laid on white or black, whose name comes with it.
    pub fn new(image: &DynamicImage, most: usize) -> (Self, Option<&'static str>) {
        let (from_width, from_height) = (image.width() as usize, image.height() as usize);
        let (width, height) = within(from_width, from_height, most, most);
        // Transparent pixels do not count in an average, whatever colour they have.
        let fetch = |x: usize, y: usize| {
            let [red, green, blue, alpha] = image.get_pixel(x as u32, y as u32).0.map(f32::from);
            let alpha = alpha / 255.0;
            [red * alpha, green * alpha, blue * alpha, alpha]
        };
        let columns = shares(0..from_width, width);
        let rows = shares(0..from_height, height);
        let pixels = average(fetch, &columns, &rows);
        let (under, name) = under(&pixels);
        let lay = |[red, green, blue, alpha]: [f32; 4]| {
            [red, green, blue].map(|colour| colour + under * (1.0 - alpha))
        };
        let colours = Self {
            width,
            height,
            pixels: pixels.into_iter().map(lay).collect(),
        };
        (colours, name)
    }

    /// Returns the part of the picture, scaled to `width` x `height`.
    pub fn scaled(&self, xs: Range<usize>, ys: Range<usize>, width: usize, height: usize) -> Self {
        let fetch = |x, y| self.pixels[y * self.width + x];
        Self {
            width,
            height,
            pixels: average(fetch, &shares(xs, width), &shares(ys, height)),
        }
    }

    /// Returns each pixel with its place: columns and rows from -1 to 1.
    pub fn places(&self) -> impl Iterator<Item = (f32, f32, Colour)> + '_ {
        let place = |at: usize, side: usize| (2.0 * at as f32 + 1.0) / side as f32 - 1.0;
        self.pixels.iter().enumerate().map(move |(at, &colour)| {
            let (x, y) = (at % self.width, at / self.width);
            (place(x, self.width), place(y, self.height), colour)
        })
    }
}

/// Returns the largest size of that shape within `most_width` x `most_height`, never enlarged, at
/// least one pixel each way.
pub(super) fn within(
    width: usize,
    height: usize,
    most_width: usize,
    most_height: usize,
) -> (usize, usize) {
    let scale = (most_width as f64 / width as f64)
        .min(most_height as f64 / height as f64)
        .min(1.0);
    let side = |side: usize| ((side as f64 * scale).round() as usize).max(1);
    (side(width), side(height))
}

/// What lies under a transparent picture: white as in a shop, or black where what is seen is so
/// light that white would hide it.
fn under(pixels: &[[f32; 4]]) -> (f32, Option<&'static str>) {
    let mut light = 0.0;
    let mut alphas = 0.0;
    for &[red, green, blue, alpha] in pixels {
        light += f64::from(brightness([red, green, blue]));
        alphas += f64::from(alpha);
    }
    if alphas > pixels.len() as f64 * 0.999_99 {
        return (0.0, None);
    }
    match light > alphas * NEARLY_WHITE {
        true => (0.0, Some("black")),
        false => (255.0, Some("white")),
    }
}

/// Which pixels an averaged pixel is made of: the first of them, and how much of each.
struct Share {
    first: usize,
    weights: Vec<f32>,
}

/// Cuts `from` into `to` equal parts. A part of a pixel or more is the mean of what it covers; of
/// less, a mixture of the two pixels nearest to its middle.
fn shares(from: Range<usize>, to: usize) -> Vec<Share> {
    let step = from.len() as f64 / to as f64;
    let (low, high) = (from.start as f64, from.end as f64);
    let last = from.end - 1;
    (0..to)
        .map(|part| {
            let (start, end) = (low + part as f64 * step, low + (part + 1) as f64 * step);
            if step < 1.0 {
                let middle = ((start + end) / 2.0 - 0.5).clamp(low, high - 1.0);
                let first = middle as usize;
                let second = (middle - first as f64) as f32;
                let weights = match first < last {
                    true => vec![1.0 - second, second],
                    false => vec![1.0],
                };
                return Share { first, weights };
            }
            let first = (start + 1e-9) as usize;
            let end_pixel = ((end - 1e-9).ceil() as usize).min(last + 1);
            let covered = |at: usize| (end.min((at + 1) as f64) - start.max(at as f64)).max(0.0);
            let weights = (first..end_pixel)
                .map(|at| (covered(at) / step) as f32)
                .collect();
            Share { first, weights }
        })
        .collect()
}

fn average<const N: usize>(
    fetch: impl Fn(usize, usize) -> [f32; N],
    columns: &[Share],
    rows: &[Share],
) -> Vec<[f32; N]> {
    let mut pixels = Vec::with_capacity(columns.len() * rows.len());
    for row in rows {
        for column in columns {
            let mut sum = [0.0; N];
            for (y, down) in (row.first..).zip(&row.weights) {
                for (x, across) in (column.first..).zip(&column.weights) {
                    let pixel = fetch(x, y);
                    for (sum, value) in sum.iter_mut().zip(pixel) {
                        *sum += down * across * value;
                    }
                }
            }
            pixels.push(sum);
        }
    }
    pixels
}
