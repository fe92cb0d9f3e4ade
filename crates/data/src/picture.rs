//! A person's own PNG or JPEG as input for a model that knows Fashion-MNIST: grey, light on black,
//! filling the frame.
//!
//! Upstream made its images in the same way: trim, scale the longest edge, centre, invert, grey
//! (<https://github.com/zalandoresearch/fashion-mnist>, "How are the images processed").

mod colours;
mod decode;
mod ground;
mod tone;

use std::io;
use std::path::{Path, PathBuf};

use image::DynamicImage;

use colours::{Colours, brightness};
use ground::{Ground, Seen};

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
    #[error("{}: is not a PNG or JPEG picture", file.display())]
    NotAPicture {
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

/// Returns a picture file as input of `height` x `width`. What the file is called does not matter.
pub fn open(file: &Path, height: usize, width: usize) -> Result<Prepared, PictureError> {
    let bytes = decode::read(file)?;
    let image = decode::decode(bytes).map_err(|error| decode::explain(file, error))?;
    Ok(prepare(image, height, width))
}

/// Returns a picture in memory as input of `height` x `width`; errors call it `name`.
pub fn from_bytes(
    bytes: Vec<u8>,
    name: &Path,
    height: usize,
    width: usize,
) -> Result<Prepared, PictureError> {
    let image = decode::decode(bytes).map_err(|error| decode::explain(name, error))?;
    Ok(prepare(image, height, width))
}

/// The most pixels a side that are looked at: eighteen times those of the network.
const SIDE: usize = 512;

/// Returns an image as input of `height` x `width`. An image that has this size already keeps its
/// pixels, apart from an inversion: then it probably comes out of a data set. Where nothing stands
/// out from the ground, all is black, and the last step says `blank: ...`.
pub fn prepare(image: DynamicImage, height: usize, width: usize) -> Prepared {
    let size = (image.width() as usize, image.height() as usize);
    let kind = match image.color().has_color() {
        true => "colour -> grey",
        false => "grey",
    };
    let mut prepared = Prepared {
        pixels: vec![0; height * width],
        width,
        height,
        done: vec![format!("{}x{} {kind}", size.0, size.1)],
    };
    if size.0 == 0 || size.1 == 0 || prepared.pixels.is_empty() {
        return prepared;
    }
    let (picture, under) = Colours::new(&image, SIDE);
    if let Some(under) = under {
        prepared.done.push(format!("transparent: laid on {under}"));
    }
    let ground = Ground::new(&picture);
    let Some(seen) = ground::seen(&picture, &ground) else {
        let blank = "blank: nothing stands out from the background";
        prepared.done.push(blank.into());
        return prepared;
    };
    match size == (width, height) {
        true => keep(&picture, ground.is_light, &mut prepared),
        false => fit(&picture, &ground, &seen, &mut prepared),
    }
    prepared
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
    let (xs, ys) = (&seen.xs, &seen.ys);
    let scale = (width as f64 / xs.len() as f64).min(height as f64 / ys.len() as f64);
    let to_width = ((xs.len() as f64 * scale).round() as usize).clamp(1, width);
    let to_height = ((ys.len() as f64 * scale).round() as usize).clamp(1, height);
    let small = picture.scaled(xs.clone(), ys.clone(), to_width, to_height);
    let under = ground.within(picture, seen, to_width, to_height);
    let values = tone::values(&small, &under, seen, &mut prepared.done);
    if xs.len() != picture.width || ys.len() != picture.height {
        let (left, top) = (xs.start, ys.start);
        let cropped = format!("cropped to {}x{} at ({left}, {top})", xs.len(), ys.len());
        prepared.done.push(cropped);
    }
    // The odd pixel goes to the left and the top, as in 99.6 % of the training images that have one:
    // on the other side it cost 1 point.
    let (left, top) = (
        (width - to_width).div_ceil(2),
        (height - to_height).div_ceil(2),
    );
    for (y, row) in values.chunks_exact(to_width).enumerate() {
        let to = prepared.pixels[(top + y) * width + left..].iter_mut();
        for (pixel, value) in to.zip(row) {
            *pixel = value.round() as u8;
        }
    }
    let fitted = format!("fitted to {to_width}x{to_height}, centred in {width}x{height}");
    prepared.done.push(fitted);
}
