//! A file's bytes, decoded within limits.

use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::Path;

use image::error::DecodingError;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use crate::PictureError;

const MAX_FILE: u64 = 64 << 20;
/// A colour photograph of 22 megapixels.
const MAX_MEMORY: u64 = 64 << 20;
/// The same with all that is held beside it: the file, what its decoder holds, or a copy turned upright.
const MAX_IN_ALL: u64 = 2 * MAX_MEMORY;
const MAX_SIDE: u32 = 16_384;

/// Returns the bytes of a regular file of at most 64 MiB.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>, PictureError> {
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
pub(crate) fn decode(bytes: Vec<u8>) -> Result<DynamicImage, ImageError> {
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_MEMORY);
    let mut all = Limits::no_limits();
    all.max_alloc = Some(MAX_IN_ALL);
    all.reserve(bytes.len() as u64)?;
    all.reserve(coefficients(&bytes))?;
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

/// Returns the bytes of a progressive JPEG's coefficients, all of which its decoder holds until the last
/// scan is read, uncounted by `image`'s limits. 0 for every other file.
fn coefficients(bytes: &[u8]) -> u64 {
    const FILLER: u8 = 0xff;
    const START: u8 = 0xd8;
    const PROGRESSIVE_FRAME: u8 = 0xc2;
    const SCAN: u8 = 0xda;
    let [0xff, START, rest @ ..] = bytes else {
        return 0;
    };
    let mut rest = rest;
    // As the decoder does, over bytes between the segments.
    while let [first, behind @ ..] = rest {
        rest = behind;
        let (0xff, [kind, segment @ ..]) = (first, behind) else {
            continue;
        };
        match (*kind, segment) {
            (0 | FILLER | START, _) => {}
            (SCAN, _) => return 0,
            (PROGRESSIVE_FRAME, [_, _, _, sizes @ ..]) => return of_frame(sizes),
            (_, &[high, low, ..]) => {
                let length = u16::from_be_bytes([high, low]);
                rest = segment.get(usize::from(length)..).unwrap_or_default();
            }
            _ => return 0,
        }
    }
    0
}

/// Returns the same of a frame's header from the height on: 64 coefficients of 2 bytes for each block of 8
/// by 8, of which a component has as many as its sampling says (ITU-T T.81, B.2.2).
fn of_frame(header: &[u8]) -> u64 {
    let &[h1, h0, w1, w0, count, ref components @ ..] = header else {
        return 0;
    };
    let sampling = || {
        let components = components.chunks_exact(3).take(usize::from(count));
        components.filter_map(|component| component.get(1).map(|both| (both >> 4, both & 15)))
    };
    let most = |of: fn((u8, u8)) -> u8| u64::from(sampling().map(of).max().unwrap_or(1).max(1));
    let groups = |size: [u8; 2], most: u64| u64::from(u16::from_be_bytes(size)).div_ceil(8 * most);
    let across = groups([w1, w0], most(|(across, _)| across));
    let down = groups([h1, h0], most(|(_, down)| down));
    let blocks = sampling().map(|(across, down)| u64::from(across) * u64::from(down));
    128 * across * down * blocks.sum::<u64>()
}

/// Returns the error as a person understands it.
pub(crate) fn explain(file: &Path, error: ImageError) -> PictureError {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The start of a JPEG of 5000 x 4000 pixels in three components, `first` sampled like that; a
    /// segment before its frame, and nothing behind.
    fn header(frame: u8, first: u8) -> Vec<u8> {
        let (width, height) = (5000u16.to_be_bytes(), 4000u16.to_be_bytes());
        let comment = [0xff, 0xff, 0xfe, 0, 6, 0xff, 0xda, 0xff, 0xc2];
        let start = [0xff, frame, 0, 17, 8];
        let components = [3, 1, first, 0, 2, 0x11, 0, 3, 0x11, 0];
        [
            &[0xff, 0xd8],
            &comment[..],
            &start,
            &height,
            &width,
            &components,
        ]
        .concat()
    }

    #[test]
    fn a_progressive_jpegs_coefficients_are_counted() {
        for (frame, first, expect) in [
            (0xc0, 0x11, 0),
            (0xc2, 0x11, 2 * 3 * 5000 * 4000),
            // A colour of each 2 x 2 pixels; 5000 fills no whole number of 16.
            (0xc2, 0x22, 2 * 5008 * 4000 * 3 / 2),
        ] {
            let found = coefficients(&header(frame, first));
            assert_eq!(found, expect, "{frame:x}, {first:x}");
        }
    }

    #[test]
    fn a_cut_palette_is_an_error() {
        let file = include_bytes!("../../../fuzz/seeds/picture/cut-palette.png");
        let error = decode(file.to_vec()).map(drop).map_err(|e| e.to_string());
        assert!(error.is_err_and(|text| text.contains("its palette ends within a colour")));
    }

    #[test]
    fn what_takes_too_much_in_all_is_refused() {
        let scan = [0xff, 0xda, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0];
        let is_too_large = |frame, first| {
            let file = [header(frame, first), scan.into()].concat();
            matches!(decode(file), Err(ImageError::Limits(_)))
        };
        assert!(is_too_large(0xc2, 0x11), "57 + 114 MiB");
        assert!(!is_too_large(0xc2, 0x22), "57 + 57 MiB");
        assert!(!is_too_large(0xc0, 0x11), "57 MiB");
    }
}
