//! A file's bytes, decoded within limits.

use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Limits};

use super::PictureError;

const MAX_FILE: u64 = 64 << 20;
/// A colour photograph of 22 megapixels.
const MAX_MEMORY: u64 = 64 << 20;
const MAX_SIDE: u32 = 16_384;

/// Returns the bytes of a regular file of at most 64 MiB.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, PictureError> {
    let failed = |source| PictureError::Io {
        file: file.into(),
        source,
    };
    // Asked before opening: opening a pipe would wait for ever.
    if !fs::metadata(file).map_err(failed)?.is_file() {
        let source = io::Error::new(io::ErrorKind::InvalidInput, "not a regular file");
        return Err(failed(source));
    }
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(failed)?;
    opened
        .take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE {
        let problem = format!("it has more than {} MiB", MAX_FILE >> 20);
        return Err(PictureError::TooLarge {
            file: file.into(),
            problem,
        });
    }
    Ok(bytes)
}

/// Decodes within the limits, and turns the picture upright as its EXIF data says.
pub(super) fn decode(bytes: Vec<u8>) -> Result<DynamicImage, ImageError> {
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_MEMORY);
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder()?;
    // `into_decoder`, unlike `decode`, leaves the output itself uncounted.
    limits.reserve(decoder.total_bytes())?;
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// Returns the error as a person understands it.
pub(super) fn explain(file: &Path, error: ImageError) -> PictureError {
    let file = file.to_path_buf();
    match error {
        ImageError::Unsupported(_) => PictureError::NotAPicture { file },
        ImageError::Limits(_) => {
            let (side, memory) = (MAX_SIDE, MAX_MEMORY >> 20);
            let problem =
                format!("at most {side} pixels a side and {memory} MiB in memory are read");
            PictureError::TooLarge { file, problem }
        }
        error => PictureError::Damaged {
            file,
            // Some decoders' texts end in a line break.
            problem: error.to_string().trim_end().replace('\n', " "),
        },
    }
}
