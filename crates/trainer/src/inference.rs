//! A saved record on new pictures.

use std::path::Path;

use model::Record;
use pictures::PictureError;

use crate::failure::{Failure, one_line};

/// What a record says about a picture.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Probability of every class `[classes]`, calibrated where the record has a calibration.
    pub probabilities: Vec<f32>,
    /// The same as the network itself says it.
    pub raw: Vec<f32>,
    /// How unlike the training images the picture is, 0 to 1; `None` where the record has no threshold.
    pub strangeness: Option<f32>,
    /// Whether that is too far for the picture to be of any class; `None` where there is no threshold.
    pub unknown: Option<bool>,
    /// What was done to the picture to make it the network's input, in plain words.
    pub done: Vec<String>,
    /// What to do for a better picture, where parts of this one may be lost.
    pub hint: Option<&'static str>,
}

/// Returns what `record` says about the picture in `file` (PNG or JPEG, any size).
///
/// # Errors
/// When the file is no picture, or the device fails.
pub fn picture(record: &Record, file: &Path) -> Result<Answer, Failure> {
    let [height, width] = record.metadata.architecture.input;
    let prepared = pictures::open(file, height, width)
        .map_err(|error| Failure::failed(one_line(&error.to_string())).hint(what_to_do(&error)))?;
    Ok(Answer {
        done: prepared.done,
        hint: prepared.hint,
        ..pixels(record, &prepared.pixels)?
    })
}

/// Returns what `record` says about one image given as bytes `[height * width]`, light on dark.
///
/// # Errors
/// When the number of pixels does not fit, or the device fails.
pub fn pixels(record: &Record, pixels: &[u8]) -> Result<Answer, Failure> {
    let mut rows = record.predict_raw(pixels).map_err(Failure::failed)?;
    let raw = rows
        .pop()
        .ok_or_else(|| Failure::failed("no pixels were given"))?;
    let mut probabilities = raw.clone();
    if let Some(calibration) = &record.metadata.calibration {
        calibration.apply(&mut probabilities, raw.len());
    }
    let unknown = record.metadata.unknown.as_ref();
    let strangeness = unknown.map(|unknown| unknown.strangeness(pixels));
    Ok(Answer {
        probabilities,
        raw,
        strangeness,
        unknown: unknown.zip(strangeness).map(|(u, s)| u.is_beyond(s)),
        done: Vec::new(),
        hint: None,
    })
}

fn what_to_do(error: &PictureError) -> &'static str {
    match error {
        PictureError::Io { .. } => "name PNG or JPEG files that are there and can be read",
        PictureError::TooLarge { .. } => {
            "scale it down, for example to 1000 pixels a side: the network sees far fewer"
        }
        PictureError::Blank { .. } => {
            "photograph one garment on a plain ground of another colour, white at best"
        }
        PictureError::NotAPicture { .. } | PictureError::Damaged { .. } => {
            "open it in a picture program and save it as PNG or JPEG"
        }
    }
}
