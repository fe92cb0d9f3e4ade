//! From a file to the network's input: decode, find the ground, cut out, scale, centre.

use std::io;
use std::path::{Path, PathBuf};

use image::DynamicImage;

use crate::colours::{Colours, brightness};
use crate::foreign::Foreign;
use crate::ground::{self, Ground, Seen};
use crate::{decode, tone};

/// Input for a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// `[height, width]`, row-major, light content on a dark background.
    pub pixels: Vec<u8>,
    /// Width, in pixels.
    pub width: usize,
    /// Height, in pixels.
    pub height: usize,
    /// What was done, in order and in plain words.
    pub done: Vec<String>,
    /// What to do for a better picture, where parts of this one may be lost.
    pub hint: Option<&'static str>,
}

/// Why a file gives no picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The operating system could not read it.
    #[error("{}: cannot be read: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It would take too much memory.
    #[error("{}: is too large: {problem}", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// What is too large.
        problem: String,
    },
    /// It is something else.
    #[error("{}: is not a PNG, JPEG, WebP, GIF, BMP or TIFF picture", file.display())]
    NotAPicture {
        /// The file.
        file: PathBuf,
    },
    /// It is in a format that is known, and not read.
    #[error("{}: is {}", file.display(), format.name)]
    Foreign {
        /// The file.
        file: PathBuf,
        /// What it is, and the way out.
        format: Foreign,
    },
    /// There is nothing to see in it: all of one colour, or nearly.
    #[error("{}: is blank: nothing stands out from the background", file.display())]
    Blank {
        /// The file.
        file: PathBuf,
    },
    /// It begins like a picture, and cannot be decoded.
    #[error("{}: is a damaged picture: {problem}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What the decoder said.
        problem: String,
    },
}

impl PictureError {
    /// Returns what to do, without "hint:" before it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io { .. } => "name picture files that are there and can be read",
            Self::TooLarge { .. } => {
                "scale it down, for example to 1000 pixels a side: the network sees far fewer"
            }
            Self::Blank { .. } => {
                "photograph one thing on a plain ground of another colour, white at best"
            }
            Self::Foreign { format, .. } => format.way,
            Self::NotAPicture { .. } | Self::Damaged { .. } => {
                "open it in a picture program and save it as PNG or JPEG"
            }
        }
    }
}

/// Returns a picture file as input of `height` x `width`. What the file is called does not matter.
///
/// # Errors
/// When the file cannot be read, is too large, no picture, damaged, or blank.
pub fn open(file: &Path, height: usize, width: usize) -> Result<Prepared, PictureError> {
    from_bytes(decode::read(file)?, file, height, width)
}

/// Returns a picture in memory as input of `height` x `width`; errors call it `name`.
///
/// # Errors
/// When the bytes take too much memory, are no picture, damaged, or blank.
pub fn from_bytes(
    bytes: Vec<u8>,
    name: &Path,
    height: usize,
    width: usize,
) -> Result<Prepared, PictureError> {
    let image = decode::decode(bytes, name)?;
    prepare(image, height, width).ok_or_else(|| PictureError::Blank { file: name.into() })
}

/// The most pixels a side that are looked at: eighteen times those of the network.
const SIDE: usize = 512;

/// Returns an image as input of `height` x `width`; `None` where nothing stands out from the ground. An
/// image that has this size already, or had it before its pixels were repeated, keeps its pixels, apart from
/// an inversion: then it probably comes out of a data set.
pub fn prepare(image: DynamicImage, height: usize, width: usize) -> Option<Prepared> {
    let size = (image.width() as usize, image.height() as usize);
    if [size.0, size.1, width, height].contains(&0) {
        return None;
    }
    let kind = match image.color().has_color() {
        true => "colour -> grey",
        false => "grey",
    };
    let mut prepared = Prepared {
        pixels: vec![0; height * width],
        width,
        height,
        done: vec![format!("{}x{} {kind}", size.0, size.1)],
        hint: None,
    };
    let (picture, under) = Colours::new(&image, SIDE);
    if let Some(under) = under {
        prepared.done.push(format!("transparent: laid on {under}"));
    }
    let ground = Ground::new(&picture);
    let seen = ground::seen(&picture, &ground, width.max(height))?;
    if size == (width, height) {
        keep(&picture, ground.is_light, &mut prepared);
    } else if let Some(small) = picture.unrepeated(width, height) {
        let done = format!("{width}x{height}, enlarged by repeating pixels: undone");
        prepared.done.push(done);
        keep(&small, ground.is_light, &mut prepared);
    } else {
        fit(&picture, &ground, &seen, &mut prepared);
    }
    Some(prepared)
}

fn keep(picture: &Colours, inverted: bool, prepared: &mut Prepared) {
    let grey = picture.pixels.iter().map(|&colour| match inverted {
        true => 255.0 - brightness(colour),
        false => brightness(colour),
    });
    prepared.pixels = grey.map(|light| light.round() as u8).collect();
    prepared.done.push(match inverted {
        true => "dark on light: inverted".into(),
        false => "light on dark: kept".into(),
    });
}

/// Scales what was seen to the frame, aspect kept, and puts it in the middle of black.
fn fit(picture: &Colours, ground: &Ground, seen: &Seen, prepared: &mut Prepared) {
    let (width, height) = (prepared.width, prepared.height);
    let (xs, ys) = match seen.fills(picture, width, height) {
        true => (0.0..picture.width as f64, 0.0..picture.height as f64),
        false => (seen.xs.clone(), seen.ys.clone()),
    };
    let (wide, high) = (xs.end - xs.start, ys.end - ys.start);
    let scale = (width as f64 / wide).min(height as f64 / high);
    let to_width = ((wide * scale).round() as usize).clamp(1, width);
    let to_height = ((high * scale).round() as usize).clamp(1, height);
    let under = ground.within(picture, &xs, &ys, to_width, to_height);
    let [left, top, round_wide, round_high] =
        [xs.start, ys.start, wide, high].map(|length| length.round() as usize);
    let small = picture.scaled(xs, ys, to_width, to_height);
    let small = small.sharpened(round_wide, round_high);
    let (done, hint) = (&mut prepared.done, &mut prepared.hint);
    let values = tone::values(&small, &under, seen, done, hint);
    if (round_wide, round_high) != (picture.width, picture.height) {
        done.push(format!(
            "cropped to {round_wide}x{round_high} at ({left}, {top})"
        ));
    }
    done.push(format!(
        "fitted to {to_width}x{to_height}, centred in {width}x{height}"
    ));
    centre(&values, to_width, prepared);
}

/// Writes values, `wide` of them a row, into the middle of the pixels. The odd pixel of margin goes to
/// the left and the top, as in 99.6 % of the training images that have one: on the other side it cost
/// 1 point.
fn centre(values: &[f32], wide: usize, prepared: &mut Prepared) {
    let left = (prepared.width - wide).div_ceil(2);
    let top = (prepared.height - values.len() / wide).div_ceil(2);
    let rows = prepared.pixels.chunks_exact_mut(prepared.width).skip(top);
    for (to, row) in rows.zip(values.chunks_exact(wide)) {
        for (pixel, value) in to.iter_mut().skip(left).zip(row) {
            *pixel = value.round() as u8;
        }
    }
}
