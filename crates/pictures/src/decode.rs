//! A file's bytes, decoded within limits.

use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::Path;

use image::error::DecodingError;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use crate::{PictureError, foreign, jpeg};

/// A photograph of 50 megapixels, stored without compression.
const MAX_FILE: u64 = 192 << 20;
/// The most memory in bytes that a picture takes, with all that is held beside it: the file, what its decoder
/// holds, or a copy turned upright. A progressive JPEG of 50 megapixels, no colour of which is shared by pixels,
/// takes 440 MiB and its file.
///
/// The picture itself takes half of that: 64 megapixels (2^26 pixels) in colour and with transparency, or 89 in
/// colour.
pub const MAX_IN_ALL: u64 = 512 << 20;
const MAX_SIDE: u32 = 16_384;

/// Returns the bytes of a regular file of at most that many.
fn read(file: &Path, most: u64) -> Result<Vec<u8>, PictureError> {
    let mut bytes = Vec::new();
    open(file)?
        .take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| PictureError::Io {
            file: file.into(),
            source,
        })?;
    if bytes.len() as u64 > most {
        let problem = format!("it has more than {} MiB", most >> 20);
        return Err(PictureError::TooLarge {
            file: file.into(),
            problem,
        });
    }
    Ok(bytes)
}

/// Opens a regular file. It is asked before opening: opening a pipe would wait for ever.
fn open(file: &Path) -> Result<File, PictureError> {
    let failed = |source| PictureError::Io {
        file: file.into(),
        source,
    };
    if !fs::metadata(file).map_err(failed)?.is_file() {
        let source = io::Error::new(io::ErrorKind::InvalidInput, "not a regular file");
        return Err(failed(source));
    }
    File::open(file).map_err(failed)
}

/// Returns the width and height that a picture's header claims, unturned.
///
/// # Errors
/// When the file cannot be read, or its header is not that of a picture that is read.
pub fn dimensions(file: &Path) -> Result<(u32, u32), PictureError> {
    let reader = ImageReader::new(io::BufReader::new(open(file)?));
    let size = reader.with_guessed_format().map_err(ImageError::from);
    size.and_then(ImageReader::into_dimensions)
        .map_err(|error| explain(file, &start(file), error))
}

/// Returns the same of a picture in memory, which errors call `name`.
///
/// # Errors
/// As of [`dimensions`].
pub fn dimensions_of(bytes: &[u8], name: &Path) -> Result<(u32, u32), PictureError> {
    let reader = ImageReader::new(Cursor::new(bytes));
    let size = reader.with_guessed_format().map_err(ImageError::from);
    size.and_then(ImageReader::into_dimensions)
        .map_err(|error| explain(name, bytes, error))
}

/// Returns the bytes by which a format is known.
fn start(file: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(opened) = open(file) {
        let _ = opened.take(256).read_to_end(&mut bytes); // what there is, is looked at
    }
    bytes
}

/// Returns a picture file as it was taken: decoded, and turned upright as its EXIF data says. What the file is
/// called does not matter. Of an animation it is the first picture.
///
/// At most [`MAX_IN_ALL`] is taken, whatever the file claims.
///
/// # Errors
/// When the file cannot be read, is too large, no picture, or damaged.
pub fn load(file: &Path) -> Result<DynamicImage, PictureError> {
    load_within(file, MAX_IN_ALL)
}

/// Returns the same as [`load`] of a picture that takes at most `memory` bytes in all.
///
/// # Errors
/// As of [`load`].
pub fn load_within(file: &Path, memory: u64) -> Result<DynamicImage, PictureError> {
    decode_within(read(file, MAX_FILE.min(memory))?, file, memory)
}

/// Returns whether a regular file begins like a picture of a format that is read.
pub fn is_picture(file: &Path) -> bool {
    image::guess_format(&start(file)).is_ok_and(|format| format.reading_enabled())
}

/// Returns a picture in memory; errors call it `name`. Otherwise like [`load`].
pub(crate) fn decode(bytes: Vec<u8>, name: &Path) -> Result<DynamicImage, PictureError> {
    decode_within(bytes, name, MAX_IN_ALL)
}

/// Returns a picture in memory, which errors call `name`, that takes at most `memory` bytes in all. Otherwise like
/// [`load`].
///
/// # Errors
/// As of [`load`].
pub fn decode_within(
    bytes: Vec<u8>,
    name: &Path,
    memory: u64,
) -> Result<DynamicImage, PictureError> {
    let jpeg = jpeg::inspect(&bytes);
    if !jpeg.is_whole {
        let length = bytes.len();
        return Err(PictureError::Damaged {
            file: name.into(),
            problem: format!("it is cut off after {length} bytes: the end of the JPEG is missing"),
        });
    }
    let start = bytes
        .get(..bytes.len().min(256))
        .unwrap_or_default()
        .to_vec();
    within_limits(bytes, jpeg.coefficients, memory).map_err(|error| explain(name, &start, error))
}

fn within_limits(
    bytes: Vec<u8>,
    coefficients: u64,
    memory: u64,
) -> Result<DynamicImage, ImageError> {
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(memory / 2);
    let mut all = Limits::no_limits();
    all.max_alloc = Some(memory);
    all.reserve(bytes.len() as u64)?;
    all.reserve(coefficients)?;
    if has_cut_palette(&bytes) {
        let problem = "its palette ends within a colour";
        let format = ImageFormat::Png.into();
        return Err(ImageError::Decoding(DecodingError::new(format, problem)));
    }
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder()?;
    // `into_decoder`, unlike `decode`, leaves the output itself uncounted.
    limits.reserve(decoder.total_bytes())?;
    all.reserve(decoder.total_bytes())?;
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// Returns whether a PNG's palette ends within a colour, at which `png` 0.18.1 panics. A palette comes
/// before the pixels, and is looked for no further.
fn has_cut_palette(bytes: &[u8]) -> bool {
    let Some(mut rest) = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n") else {
        return false;
    };
    // A chunk: length, name, content, checksum.
    while let &[a, b, c, d, ref chunk @ ..] = rest {
        let length = u32::from_be_bytes([a, b, c, d]);
        match chunk.get(..4) {
            Some(b"PLTE") if !length.is_multiple_of(3) => return true,
            Some(b"IDAT") | None => return false,
            Some(_) => {}
        }
        rest = chunk.get(8 + length as usize..).unwrap_or_default();
    }
    false
}

/// Returns the error as a person understands it; `start` are the file's first bytes.
fn explain(file: &Path, start: &[u8], error: ImageError) -> PictureError {
    let file = file.to_path_buf();
    match error {
        ImageError::Unsupported(_) => match foreign::recognise(start) {
            Some(format) => PictureError::Foreign { file, format },
            None => PictureError::NotAPicture { file },
        },
        ImageError::Limits(_) => {
            let (side, memory) = (MAX_SIDE, MAX_IN_ALL >> 21);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jpeg::tests::of_size;

    #[test]
    fn a_cut_palette_is_an_error() {
        let file = include_bytes!("../../../fuzz/seeds/picture/cut-palette.png");
        let found = decode(file.to_vec(), Path::new("file"));
        let error = found.map(drop).map_err(|error| error.to_string());
        assert!(error.is_err_and(|text| text.contains("its palette ends within a colour")));
    }

    #[test]
    fn what_takes_too_much_in_all_is_refused() {
        let scan = [0xff, 0xda, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0, 0xff, 0xd9];
        let is_too_large = |frame, first, size| {
            let file = [of_size(frame, first, size), scan.into()].concat();
            let found = decode(file, Path::new("file"));
            matches!(found, Err(PictureError::TooLarge { .. }))
        };
        assert!(is_too_large(0xc2, 0x11, [8000, 8000]), "183 + 366 MiB");
        assert!(!is_too_large(0xc2, 0x22, [8000, 8000]), "183 + 183 MiB");
        assert!(!is_too_large(0xc0, 0x11, [8000, 8000]), "183 MiB");
        assert!(is_too_large(0xc0, 0x11, [10_000, 10_000]), "286 MiB");
        assert!(!is_too_large(0xc2, 0x11, [8660, 5780]), "50 megapixels");
    }
}
