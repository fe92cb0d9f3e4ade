//! Colours on a grid, and their averages on a coarser or finer one.

use std::ops::Range;

use image::{DynamicImage, GenericImageView};

/// Red, green and blue, 0 to 255.
pub(crate) type Colour = [f32; 3];

/// What the eye makes of red, green and blue (Rec. 709, as `image` weighs them).
const LUMA: Colour = [0.2126, 0.7152, 0.0722];

/// Returns the brightness of a colour, 0 to 255.
pub(crate) fn brightness(colour: Colour) -> f32 {
    LUMA.iter().zip(colour).map(|(luma, c)| luma * c).sum()
}

/// Mean brightness from which on white would hide what is drawn on nothing.
const NEARLY_WHITE: f64 = 240.0;

/// Steps of sharpening. On training images held out ten were no better than three; with one, soft enlargements of
/// 29 to 45 pixels a side lost 0.2 points more, and sharp ones (Lanczos) 0.2 less (5,000 of them).
const SHARPENINGS: usize = 3;

/// An opaque picture.
#[derive(Clone)]
pub(crate) struct Colours {
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
        let (width, height) = within(from_width, from_height, most);
        // Transparent pixels do not count in an average, whatever colour they have.
        let fetch = |x: usize, y: usize| {
            let [red, green, blue, alpha] = image.get_pixel(x as u32, y as u32).0.map(f32::from);
            let alpha = alpha / 255.0;
            [red * alpha, green * alpha, blue * alpha, alpha]
        };
        let any_line = |y: usize, xs: Range<usize>| xs.map(move |x| fetch(x, y));
        let columns = shares(0.0..from_width as f64, from_width, width);
        let rows = shares(0.0..from_height as f64, from_height, height);
        let pixels = if let DynamicImage::ImageRgb8(image) = image {
            // The same, without asking for each pixel what kind of image it is of.
            let (colours, _) = image.as_raw().as_chunks::<3>();
            let opaque = |colour: &[u8; 3]| {
                let [red, green, blue] = colour.map(f32::from);
                [red, green, blue, 1.0]
            };
            let line = |y, xs| line(colours, from_width, y, xs).map(opaque);
            average(line, &columns, &rows)
        } else {
            average(any_line, &columns, &rows)
        };
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

    /// Returns the part of an image, whose edges may lie within pixels, scaled to `width` x `height`; `None` unless the
    /// image is opaque and has a byte a colour, as a photograph has. A large one is then read once, as bytes.
    pub fn of_part(
        image: &DynamicImage,
        (xs, ys): (Range<f64>, Range<f64>),
        width: usize,
        height: usize,
    ) -> Option<Self> {
        let (from_width, from_height) = (image.width() as usize, image.height() as usize);
        let columns = shares(xs, from_width, width);
        let rows = shares(ys, from_height, height);
        let pixels = match image {
            DynamicImage::ImageRgb8(image) => {
                let (colours, _) = image.as_raw().as_chunks::<3>();
                let colour = |colour: &[u8; 3]| colour.map(f32::from);
                let line = |y, xs| line(colours, from_width, y, xs).map(colour);
                average(line, &columns, &rows)
            }
            DynamicImage::ImageLuma8(image) => {
                let colour = |&level: &u8| [f32::from(level); 3];
                let line = |y, xs| line(image.as_raw(), from_width, y, xs).map(colour);
                average(line, &columns, &rows)
            }
            _ => return None,
        };
        Some(Self {
            width,
            height,
            pixels,
        })
    }

    /// Returns the part of the picture, whose edges may lie within pixels, scaled to `width` x `height`.
    pub fn scaled(&self, xs: Range<f64>, ys: Range<f64>, width: usize, height: usize) -> Self {
        let columns = shares(xs, self.width, width);
        let rows = shares(ys, self.height, height);
        let line = |y, xs| line(&self.pixels, self.width, y, xs).copied();
        Self {
            width,
            height,
            pixels: average(line, &columns, &rows),
        }
    }

    /// Returns the picture, where a side has more than `most` pixels made smaller.
    pub fn at_most(&self, most: usize) -> Self {
        let (width, height) = within(self.width, self.height, most);
        let (xs, ys) = (0.0..self.width as f64, 0.0..self.height as f64);
        self.scaled(xs, ys, width, height)
    }

    /// Returns the picture, which was made smaller from `width` x `height`, without the blur of that: what it
    /// would lose if it were enlarged to that size and made smaller again is added, some times
    /// (back-projection, Irani and Peleg 1991, <https://doi.org/10.1016/1049-9652(91)90045-L>).
    pub fn sharpened(&self, width: usize, height: usize) -> Self {
        let mut sharp = self.clone();
        if width <= self.width || height <= self.height {
            return sharp;
        }
        let whole = |width, height| (0.0..width as f64, 0.0..height as f64);
        for _ in 0..SHARPENINGS {
            let (xs, ys) = whole(self.width, self.height);
            let large = sharp.scaled(xs, ys, width, height);
            let (xs, ys) = whole(width, height);
            let blurred = large.scaled(xs, ys, self.width, self.height);
            let aims = self.pixels.iter().zip(&blurred.pixels);
            for (to, (aim, blurred)) in sharp.pixels.iter_mut().zip(aims) {
                for (to, (aim, blurred)) in to.iter_mut().zip(aim.iter().zip(blurred)) {
                    *to = (*to + aim - blurred).clamp(0.0, 255.0);
                }
            }
        }
        sharp
    }

    /// Returns the picture of `width` x `height` that this larger one was made from by repeating pixels, if it
    /// was, whichever of the two usual ways chose the pixel to repeat: the one under a pixel's middle
    /// (`image`, Pillow), or under its corner (OpenCV). Not if it has two colours only: a drawing's lines may
    /// lie so by chance.
    pub fn unrepeated(&self, width: usize, height: usize) -> Option<Self> {
        if self.width < width || self.height < height || self.width + self.height == width + height
        {
            return None;
        }
        let one = self.pixels.first()?;
        let other = self.pixels.iter().find(|colour| *colour != one)?;
        let mut more = self.pixels.iter().filter(|c| *c != one && *c != other);
        more.next()?;
        let places = [0.5, 0.0].into_iter();
        places
            .map(|within| {
                (
                    repeats(self.width, width, within),
                    repeats(self.height, height, within),
                )
            })
            .find_map(|(columns, rows)| self.one_of_each(&columns, &rows))
    }

    /// Returns a pixel for each of the blocks that `columns` and `rows` cut the picture into, if each block has
    /// one colour.
    fn one_of_each(&self, columns: &[Range<usize>], rows: &[Range<usize>]) -> Option<Self> {
        let mut pixels = Vec::with_capacity(columns.len() * rows.len());
        for row in rows {
            for column in columns {
                let lines = row.clone().map(|y| y * self.width);
                let mut block = lines
                    .filter_map(|y| self.pixels.get(y + column.start..y + column.end))
                    .flatten();
                let first = block.next()?;
                if block.any(|other| other != first) {
                    return None;
                }
                pixels.push(*first);
            }
        }
        Some(Self {
            width: columns.len(),
            height: rows.len(),
            pixels,
        })
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

/// Returns the largest size of that shape with at most that many pixels a side: never enlarged, at
/// least one pixel each way.
fn within(width: usize, height: usize, most: usize) -> (usize, usize) {
    let scale = (most as f64 / width.max(height) as f64).min(1.0);
    let side = |side: usize| ((side as f64 * scale).round() as usize).max(1);
    (side(width), side(height))
}

/// Returns where each of `of` pixels stands in a line of `count` that repeats them. Each of these repeats the one
/// under that place `within` it, 0 its beginning and 0.5 its middle.
fn repeats(count: usize, of: usize, within: f64) -> Vec<Range<usize>> {
    let scale = of as f64 / count as f64;
    let sources: Vec<usize> = (0..count)
        .map(|at| ((at as f64 + within) * scale) as usize)
        .collect();
    let begin = |source: usize| sources.partition_point(|&before| before < source);
    (0..of)
        .map(|source| begin(source)..begin(source + 1))
        .collect()
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
    if light > alphas * NEARLY_WHITE {
        (0.0, Some("black"))
    } else {
        (255.0, Some("white"))
    }
}

/// Which pixels an averaged pixel is made of: the first of them, and how much of each.
struct Share {
    first: usize,
    weights: Vec<f32>,
}

/// Cuts a stretch of a line of `count` pixels into `to` equal parts. A part of a pixel or more is the
/// mean of what it covers; of less, a mixture of the two pixels nearest to its middle.
fn shares(from: Range<f64>, count: usize, to: usize) -> Vec<Share> {
    let step = (from.end - from.start) / to as f64;
    let part = |part: usize| {
        let start = from.start + part as f64 * step;
        if step < 1.0 {
            between(start + step / 2.0, count)
        } else {
            covered(start, start + step, count)
        }
    };
    (0..to).map(part).collect()
}

fn between(middle: f64, count: usize) -> Share {
    let at = (middle - 0.5).clamp(0.0, (count - 1) as f64);
    let first = at as usize;
    let second = (at - first as f64) as f32;
    let weights = if first + 1 < count {
        vec![1.0 - second, second]
    } else {
        vec![1.0]
    };
    Share { first, weights }
}

fn covered(start: f64, end: f64, count: usize) -> Share {
    let first = (start + 1e-9) as usize;
    let beyond = ((end - 1e-9).ceil() as usize).min(count);
    let share = |at: usize| {
        let covered = end.min((at + 1) as f64) - start.max(at as f64);
        (covered.max(0.0) / (end - start)) as f32
    };
    let weights = (first..beyond).map(share).collect();
    Share { first, weights }
}

/// Returns the pixels of a line of a picture of this width.
fn line<T>(
    pixels: &[T],
    width: usize,
    y: usize,
    xs: Range<usize>,
) -> impl Iterator<Item = &T> + use<'_, T> {
    let within = y * width + xs.start..y * width + xs.end;
    pixels.get(within).unwrap_or_default().iter()
}

/// Returns the averages of pixels that come line by line: where each is asked for by its place, the sums do not stay in
/// registers.
fn average<const N: usize, I: Iterator<Item = [f32; N]>>(
    line: impl Fn(usize, Range<usize>) -> I,
    columns: &[Share],
    rows: &[Share],
) -> Vec<[f32; N]> {
    let mut pixels = Vec::with_capacity(columns.len() * rows.len());
    for row in rows {
        for column in columns {
            let mut sum = [0.0; N];
            let xs = column.first..column.first + column.weights.len();
            for (y, down) in (row.first..).zip(&row.weights) {
                for (across, pixel) in column.weights.iter().zip(line(y, xs.clone())) {
                    sum = plus(sum, down * across, pixel);
                }
            }
            pixels.push(sum);
        }
    }
    pixels
}

fn plus<const N: usize>(mut sum: [f32; N], weight: f32, pixel: [f32; N]) -> [f32; N] {
    for (sum, value) in sum.iter_mut().zip(pixel) {
        *sum += weight * value;
    }
    sum
}
