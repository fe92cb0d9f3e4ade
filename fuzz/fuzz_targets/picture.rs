//! A person's picture, in any format or none. Small ones, and ones whose header claims more than is
//! read, which must be refused; those between would be sound, and take too long to try a million.
#![no_main]

use std::io::Cursor;
use std::path::Path;

use image::ImageReader;
use libfuzzer_sys::fuzz_target;

/// The most pixels that are decoded here.
const SMALL: u64 = 1 << 12;
/// Above so many pixels every picture is refused: 256 MiB at a byte a pixel.
const REFUSED: u64 = 256 << 20;

fuzz_target!(|bytes: &[u8]| {
    let claimed = claimed_pixels(bytes);
    if (SMALL + 1..=REFUSED).contains(&claimed) {
        return;
    }
    let read = pictures::from_bytes(bytes.to_vec(), Path::new("picture"), 28, 28);
    if let Ok(prepared) = read {
        assert!(claimed <= SMALL, "{claimed} pixels were read");
        assert_eq!(prepared.pixels.len(), 28 * 28);
    }
});

/// Returns how many pixels the header claims; 0 where there is none.
fn claimed_pixels(bytes: &[u8]) -> u64 {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let dimensions = reader.map(ImageReader::into_dimensions);
    match dimensions {
        Ok(Ok((width, height))) => u64::from(width) * u64::from(height),
        _ => 0,
    }
}
