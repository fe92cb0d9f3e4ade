//! Pictures of a run, as PNG: test images with their labels, the reliability diagram, the neurons.
//!
//! Drawing only; reading runs and writing files is done by others.

mod canvas;
pub mod gallery;
pub mod panels;
pub mod reliability;
pub mod weights;

use data::ImageDataset;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};
use model::Metadata;

use crate::evaluation::{Predictions, class_name};
use crate::failure::Failure;
use crate::trust::{self, Trust};
use gallery::Tile;

/// Pictures in a gallery, as in the notebook.
pub const TILES: usize = 40;

/// Returns the PNG of the first [`TILES`] images with predicted and true labels, from the raw
/// `predictions`; the probabilities shown are the calibrated ones.
///
/// # Errors
/// When the PNG cannot be encoded.
pub fn first_images(
    images: &ImageDataset,
    predictions: &Predictions,
    metadata: &Metadata,
) -> Result<Vec<u8>, Failure> {
    let predictions = &predictions.calibrated(metadata);
    let shown: Vec<usize> = (0..images.len().min(TILES)).collect();
    let right = shown.iter().filter(|&&i| is_right(predictions, i)).count();
    let heading = format!(
        "First {} test images: {right} of {} right",
        shown.len(),
        shown.len()
    );
    draw(&heading, &shown, images, predictions, metadata)
}

/// Returns the PNG of the most confident mistakes, at most [`TILES`], most confident first.
///
/// # Errors
/// When the PNG cannot be encoded.
pub fn mistakes(
    images: &ImageDataset,
    predictions: &Predictions,
    metadata: &Metadata,
) -> Result<Vec<u8>, Failure> {
    let predictions = &predictions.calibrated(metadata);
    let (wrong, count) = surest_mistakes(predictions);
    let heading = format!(
        "The {} most confident of {count} mistakes on {} test images",
        wrong.len(),
        predictions.len()
    );
    draw(&heading, &wrong, images, predictions, metadata)
}

/// Returns the PNG of the reliability diagram of the test images; `None` without a calibration.
///
/// # Errors
/// When the PNG cannot be encoded.
pub fn reliability(trust: &Trust) -> Result<Option<Vec<u8>>, Failure> {
    let Some(after) = &trust.calibrated_reliability else {
        return Ok(None);
    };
    let images: usize = after.bins.iter().map(|bin| bin.images).sum();
    let what = format!("{images} test images");
    let diagram = reliability::draw(&what, &trust.reliability, after);
    png(&DynamicImage::ImageRgb8(diagram)).map(Some)
}

/// Returns the numbers of the most confident mistakes, at most [`TILES`], most confident first, and the total
/// number of mistakes.
pub fn surest_mistakes(predictions: &Predictions) -> (Vec<usize>, usize) {
    let mut wrong: Vec<usize> = (0..predictions.len())
        .filter(|&i| !is_right(predictions, i))
        .collect();
    wrong.sort_by(|&a, &b| predictions.top(b).1.total_cmp(&predictions.top(a).1));
    let count = wrong.len();
    wrong.truncate(TILES);
    (wrong, count)
}

fn is_right(predictions: &Predictions, i: usize) -> bool {
    let label = predictions.labels.get(i);
    label.is_some_and(|&label| predictions.top(i).0 == usize::from(label))
}

fn draw(
    heading: &str,
    shown: &[usize],
    images: &ImageDataset,
    predictions: &Predictions,
    metadata: &Metadata,
) -> Result<Vec<u8>, Failure> {
    let class_names = &metadata.class_names;
    let tile = |&i: &usize| {
        let (class, confidence) = predictions.top(i);
        Ok(Tile {
            pixels: images.image(i),
            predicted: class_name(class_names, class)?,
            actual: class_name(class_names, images.label(i).into())?,
            correct: is_right(predictions, i),
            confidence,
            unknown: trust::is_unknown(metadata, images.image(i)),
            index: i,
        })
    };
    let tiles: Vec<Tile> = shown.iter().map(tile).collect::<Result<_, Failure>>()?;
    let picture = gallery::draw(heading, &tiles, images.height(), images.width());
    png(&DynamicImage::ImageRgb8(picture))
}

/// Returns image `i`, of one channel or three, as a PNG. Panics if `i` is not below `images.len()`.
///
/// # Errors
/// When the PNG cannot be encoded.
pub fn image(images: &ImageDataset, i: usize) -> Result<Vec<u8>, Failure> {
    let pixels = images.image(i);
    let (height, width) = (images.height() as u32, images.width() as u32);
    let plane = pixels.len() / images.channels().max(1);
    let at = |x: u32, y: u32, channel: usize| {
        let offset = channel * plane + (y * width + x) as usize;
        pixels.get(offset).copied().unwrap_or_default()
    };
    png(&if images.channels() == 3 {
        RgbImage::from_fn(width, height, |x, y| Rgb([0, 1, 2].map(|c| at(x, y, c)))).into()
    } else {
        GrayImage::from_fn(width, height, |x, y| Luma([at(x, y, 0)])).into()
    })
}

/// Returns a picture as a PNG.
fn png(picture: &DynamicImage) -> Result<Vec<u8>, Failure> {
    let mut png = Vec::new();
    // Half the size of the encoder's fast default: 130 KB for 40 tiles.
    let encoder = PngEncoder::new_with_quality(&mut png, CompressionType::Default, FilterType::Up);
    picture
        .write_with_encoder(encoder)
        .map_err(Failure::caused_by)?;
    Ok(png)
}
