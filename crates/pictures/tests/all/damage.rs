//! Damaged pictures: thousands of copies each, and claims that cannot be true.

use std::path::Path;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

use crate::formats::fixture;
use crate::mutations::{Chance, is_readable, overwrite, survive, without_time_or_memory};
use crate::prepare::{encode, palette_png};

/// Opens `bytes` as a picture of 28 x 28.
fn as_picture(file: &Path, bytes: &[u8]) -> Result<(), String> {
    overwrite(file, bytes);
    let found = pictures::open(file, 28, 28);
    let picture =
        found.map_err(|error| error.to_string().replace(file.to_str().unwrap(), "file"))?;
    assert_eq!(
        (picture.pixels.len(), picture.width, picture.height),
        (784, 28, 28)
    );
    assert!(picture.done.iter().all(|step| is_readable(step)));
    Ok(())
}

fn noise() -> DynamicImage {
    let mut chance = Chance(2);
    RgbImage::from_fn(40, 40, |_, _| Rgb([(); 3].map(|()| chance.number() as u8))).into()
}

#[test]
fn png() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("picture");
    let good = encode(&noise(), ImageFormat::Png);
    survive("PNG", &good, |bytes| as_picture(&file, bytes));
}

/// Behind the checksums of its chunks, where a decoder has to look after itself.
#[test]
fn png_with_right_checksums() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("picture");
    for (name, good) in [
        ("PNG, checksums mended", encode(&noise(), ImageFormat::Png)),
        ("PNG by table, checksums mended", palette_png()),
    ] {
        let accepted = survive(name, &good, |bytes| {
            as_picture(&file, &with_right_checksums(bytes))
        });
        assert!(accepted > 100, "{name}: the checksums are not mended");
    }
}

/// Returns a PNG whose chunks, as far as they are whole, have the checksums they should have.
fn with_right_checksums(png: &[u8]) -> Vec<u8> {
    let mut png = png.to_vec();
    let mut at = 8; // the signature
    while let Some(Ok(length)) = png.get(at..at + 4).map(<[u8; 4]>::try_from) {
        let end = at + 8 + u32::from_be_bytes(length) as usize;
        if end + 4 > png.len() {
            break;
        }
        let mut sum = flate2::Crc::new();
        sum.update(&png[at + 4..end]);
        png[end..end + 4].copy_from_slice(&sum.sum().to_be_bytes());
        at = end + 4;
    }
    png
}

#[test]
fn jpeg() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("picture");
    let good = encode(&noise(), ImageFormat::Jpeg);
    survive("JPEG", &good, |bytes| as_picture(&file, bytes));
}

#[test]
fn webp_gif_bmp_and_tiff() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("picture");
    let lossy = std::fs::read(fixture("A14-webp-00-ankle-boot.webp")).unwrap();
    survive("lossy WebP", &lossy, |bytes| as_picture(&file, bytes));
    for format in [
        ImageFormat::WebP,
        ImageFormat::Gif,
        ImageFormat::Bmp,
        ImageFormat::Tiff,
    ] {
        let good = encode(&noise(), format);
        survive(&format!("{format:?}"), &good, |bytes| {
            as_picture(&file, bytes)
        });
    }
}

/// Headers that claim more than there is, up to the most they can say: refused before memory is taken.
#[test]
fn claims_that_cannot_be_true_are_refused_at_once() {
    without_time_or_memory(|| {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("picture");
        let png = |width: u32, height: u32| {
            let mut png = encode(&noise(), ImageFormat::Png);
            png[16..20].copy_from_slice(&width.to_be_bytes());
            png[20..24].copy_from_slice(&height.to_be_bytes());
            with_right_checksums(&png)
        };
        let mut jpeg = encode(&noise(), ImageFormat::Jpeg);
        let frame = jpeg.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
        jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
        let large = [
            png(u32::MAX, u32::MAX),
            png(16_384, 16_384),
            png(1 << 31, 1),
            jpeg,
        ];
        for bytes in large {
            let text = as_picture(&file, &bytes).unwrap_err();
            assert!(
                text.contains("is too large") || text.contains("is a damaged picture"),
                "{text}"
            );
        }
    });
}
