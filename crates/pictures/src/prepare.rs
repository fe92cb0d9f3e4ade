//! From a file to the network's input: decode, find the ground, cut out, scale, centre.

use std::io;
use std::path::{Path, PathBuf};

use image::DynamicImage;

use crate::colours::{Colours, brightness};
use crate::foreign::Foreign;
use crate::ground::{self, Ground, Seen};
use crate::preparation::{Centre, Placement, Preparation, Tone, centre_of};
use crate::whole::whole;
use crate::{decode, tone};

/// Input for a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// `[channels, height, width]`, row-major: grey light on dark, or as the preparation says.
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
            Self::Io { .. } => "give picture files that exist and can be read",
            Self::TooLarge { .. } => {
                "scale it down, for example to 1000 pixels a side: the network sees far fewer"
            }
            Self::Blank { .. } => {
                "photograph one thing on a plain background of another colour, ideally white"
            }
            Self::Foreign { format, .. } => format.way,
            Self::NotAPicture { .. } | Self::Damaged { .. } => {
                "open it in an image editor and save it as PNG or JPEG"
            }
        }
    }
}

/// Returns a picture file as input of `size`, channels, height and width, for a network whose training images were
/// made by `preparation`. What the file is called does not matter.
///
/// # Errors
/// When the file cannot be read, is too large, no picture, damaged, or blank.
pub fn open_as(
    file: &Path,
    size: [usize; 3],
    preparation: &Preparation,
) -> Result<Prepared, PictureError> {
    let prepared = prepare_as(decode::load(file)?, size, preparation);
    prepared.ok_or_else(|| PictureError::Blank { file: file.into() })
}

/// Returns a picture file as input of `height` x `width` in the way of Fashion-MNIST. What the file is called does not matter.
///
/// # Errors
/// When the file cannot be read, is too large, no picture, damaged, or blank.
pub fn open(file: &Path, height: usize, width: usize) -> Result<Prepared, PictureError> {
    open_as(file, [1, height, width], &Preparation::default())
}

/// Returns a picture in memory as input of `size`, as [`open_as`] does one in a file; errors call it `name`.
///
/// # Errors
/// When the bytes take too much memory, are no picture, damaged, or blank.
pub fn from_bytes_as(
    bytes: Vec<u8>,
    name: &Path,
    size: [usize; 3],
    preparation: &Preparation,
) -> Result<Prepared, PictureError> {
    let prepared = prepare_as(decode::decode(bytes, name)?, size, preparation);
    prepared.ok_or_else(|| PictureError::Blank { file: name.into() })
}

/// Returns a picture in memory as input of `height` x `width` in the way of Fashion-MNIST; errors call it `name`.
///
/// # Errors
/// When the bytes take too much memory, are no picture, damaged, or blank.
pub fn from_bytes(
    bytes: Vec<u8>,
    name: &Path,
    height: usize,
    width: usize,
) -> Result<Prepared, PictureError> {
    from_bytes_as(bytes, name, [1, height, width], &Preparation::default())
}

/// The most pixels a side that are looked at: eighteen times those of the network.
const SIDE: usize = 512;

/// Returns an image as input of `height` x `width` in the way of Fashion-MNIST; see [`prepare_as`].
pub fn prepare(image: DynamicImage, height: usize, width: usize) -> Option<Prepared> {
    prepare_as(image, [1, height, width], &Preparation::default())
}

/// Returns an image as input of `size`, channels, height and width, for a network whose training images were made
/// by `preparation`; `None` where nothing stands out from the ground. An image that has this size already, or had
/// it before its pixels were repeated, keeps its pixels, apart from an inversion: then it probably comes out of a
/// data set. In colour, nothing is cut out or inverted.
pub fn prepare_as(
    image: DynamicImage,
    [channels, height, width]: [usize; 3],
    preparation: &Preparation,
) -> Option<Prepared> {
    if channels != 1 || preparation.placement == Placement::Whole {
        return as_it_is(&image, [channels, height, width]);
    }
    on_ground(&image, height, width, preparation)
}

/// Returns the whole image, nothing cut out.
fn as_it_is(image: &DynamicImage, size: [usize; 3]) -> Option<Prepared> {
    let [_, height, width] = size;
    let (from_width, from_height) = (image.width(), image.height());
    let pixels = whole(image, size)?;
    let is_blank = pixels.iter().all(|pixel| Some(pixel) == pixels.first());
    (!is_blank).then(|| Prepared {
        pixels,
        width,
        height,
        done: vec![
            format!("{from_width}x{from_height} {}", kind(image)),
            format!("the whole picture, scaled to {width}x{height}"),
        ],
        hint: None,
    })
}

fn kind(image: &DynamicImage) -> &'static str {
    if image.color().has_color() {
        "colour"
    } else {
        "grey"
    }
}

/// Finds what stands out from the ground, and places it as `preparation` says.
fn on_ground(
    image: &DynamicImage,
    height: usize,
    width: usize,
    preparation: &Preparation,
) -> Option<Prepared> {
    let size = (image.width() as usize, image.height() as usize);
    if [size.0, size.1, width, height].contains(&0) {
        return None;
    }
    let kind = match kind(image) {
        "colour" => "colour -> grey",
        grey => grey,
    };
    let mut prepared = Prepared {
        pixels: vec![0; height * width],
        width,
        height,
        done: vec![format!("{}x{} {kind}", size.0, size.1)],
        hint: None,
    };
    let (picture, under) = Colours::new(image, SIDE);
    if let Some(under) = under {
        prepared.done.push(format!("transparent: laid on {under}"));
    }
    let ground = Ground::new(&picture);
    let seen = ground::seen(&picture, &ground, width.max(height))?;
    let inverted = ground.is_light != (preparation.ground == Tone::Light);
    if size == (width, height) {
        keep(&picture, [ground.is_light, inverted], &mut prepared);
    } else if let Some(small) = picture.unrepeated(width, height) {
        let done = format!("{width}x{height}, enlarged by repeating pixels: undone");
        prepared.done.push(done);
        keep(&small, [ground.is_light, inverted], &mut prepared);
    } else {
        fit(
            &picture,
            &ground,
            &seen,
            preparation.placement,
            &mut prepared,
        );
        if preparation.ground == Tone::Light {
            prepared
                .pixels
                .iter_mut()
                .for_each(|pixel| *pixel = 255 - *pixel);
            prepared
                .done
                .push("inverted: dark on white, as the training images".into());
        }
    }
    Some(prepared)
}

fn keep(picture: &Colours, [is_light, inverted]: [bool; 2], prepared: &mut Prepared) {
    let grey = picture.pixels.iter().map(|&colour| {
        if inverted {
            255.0 - brightness(colour)
        } else {
            brightness(colour)
        }
    });
    prepared.pixels = grey.map(|light| light.round() as u8).collect();
    prepared.done.push(match (inverted, is_light) {
        (true, true) => "dark on light: inverted".into(),
        (true, false) => "light on dark: inverted".into(),
        (false, true) => "dark on light: kept".into(),
        (false, false) => "light on dark: kept".into(),
    });
}

/// Scales what was seen, aspect kept, and puts it on black: in the middle of the frame, which it fills, or
/// where `placement` says.
fn fit(
    picture: &Colours,
    ground: &Ground,
    seen: &Seen,
    placement: Placement,
    prepared: &mut Prepared,
) {
    let (width, height) = (prepared.width, prepared.height);
    let extent = match placement {
        Placement::Box { extent, .. } => f64::from(extent.clamp(0.0, 1.0)),
        Placement::Fill | Placement::Whole => 1.0,
    };
    let (xs, ys) = if extent == 1.0 && seen.fills(picture, width, height) {
        (0.0..picture.width as f64, 0.0..picture.height as f64)
    } else {
        (seen.xs.clone(), seen.ys.clone())
    };
    let (wide, high) = (xs.end - xs.start, ys.end - ys.start);
    let scale = extent * (width as f64 / wide).min(height as f64 / high);
    let to_width = ((wide * scale).round() as usize).clamp(1, width);
    let to_height = ((high * scale).round() as usize).clamp(1, height);
    let under = ground.within(picture, &xs, &ys, to_width, to_height);
    let [left, top, round_wide, round_high] =
        [xs.start, ys.start, wide, high].map(|length| length.round() as usize);
    let small = picture.scaled(xs, ys, to_width, to_height);
    let small = small.sharpened(round_wide, round_high);
    let (done, hint) = (&mut prepared.done, &mut prepared.hint);
    let mut values = tone::values(&small, &under, seen, done, hint);
    if (round_wide, round_high) != (picture.width, picture.height) {
        done.push(format!(
            "cropped to {round_wide}x{round_high} at ({left}, {top})"
        ));
    }
    let mut fitted = format!("fitted to {to_width}x{to_height}, ");
    let corner = match placement {
        Placement::Box { centre, at, .. } => {
            tone::as_strokes(&mut values, &small, &under, seen);
            fitted += &format!("its {} placed as in the training images", name(centre));
            placed(&values, to_width, [width, height], centre, at)
        }
        Placement::Fill | Placement::Whole => {
            fitted += &format!("centred in {width}x{height}");
            // The odd pixel of margin goes to the left and the top, as in 99.6 % of Fashion-MNIST's training
            // images that have one: on the other side it cost 1 point.
            [
                (width - to_width).div_ceil(2),
                (height - to_height).div_ceil(2),
            ]
        }
    };
    done.push(fitted);
    put(&values, to_width, corner, prepared);
}

fn name(centre: Centre) -> &'static str {
    match centre {
        Centre::Box => "middle",
        Centre::Mass => "centre of mass",
    }
}

/// Returns column and row of the first of `values`, `wide` of them a row, in a frame of `[width, height]`, so that
/// their centre is at `at`, or as near as the frame allows.
fn placed(
    values: &[f32],
    wide: usize,
    [width, height]: [usize; 2],
    centre: Centre,
    at: [f32; 2],
) -> [usize; 2] {
    let high = values.len() / wide;
    let (mut columns, mut rows) = (vec![0.0; wide], vec![0.0; high]);
    for (row, sum) in values.chunks_exact(wide).zip(&mut rows) {
        *sum += row.iter().sum::<f32>();
        let sums = columns.iter_mut().zip(row);
        sums.for_each(|(column, value)| *column += value);
    }
    let first = |line: &[f32], side: usize, at: f32| {
        let middle = match centre {
            Centre::Box => 0.5,
            Centre::Mass => centre_of(line),
        };
        let first = (at * side as f32 - middle * line.len() as f32).round();
        (first.max(0.0) as usize).min(side - line.len()) // not a number becomes 0
    };
    let [across, down] = at;
    [first(&columns, width, across), first(&rows, height, down)]
}

/// Writes values, `wide` of them a row, into the pixels from that column and row on.
fn put(values: &[f32], wide: usize, [left, top]: [usize; 2], prepared: &mut Prepared) {
    let rows = prepared.pixels.chunks_exact_mut(prepared.width).skip(top);
    for (to, row) in rows.zip(values.chunks_exact(wide)) {
        for (pixel, value) in to.iter_mut().skip(left).zip(row) {
            *pixel = value.round() as u8;
        }
    }
}
