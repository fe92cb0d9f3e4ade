//! Damaged files of every format that is read here: thousands of copies each, and claims that cannot
//! be true.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use data::idx::{parse_images, parse_labels, write_images, write_labels};
use data::picture;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

use crate::mutations::{Chance, is_readable, overwrite, survive};
use crate::picture::{encode, palette_png};
use crate::{gzip, images};

/// Reads `bytes` as images; what is read must fit together.
fn as_images(bytes: &[u8]) -> Result<(), String> {
    let found = parse_images(Path::new("file"), bytes, bytes.len() as u64);
    let images = found.map_err(|error| error.to_string())?;
    assert_eq!(
        images.pixels.len(),
        images.count * images.height * images.width
    );
    assert!(!images.pixels.is_empty());
    Ok(())
}

/// Reads `bytes` as labels; there must be some, and no more than the file can hold.
fn as_labels(bytes: &[u8]) -> Result<(), String> {
    let found = parse_labels(Path::new("file"), bytes, bytes.len() as u64);
    let labels = found.map_err(|error| error.to_string())?;
    assert!(!labels.is_empty());
    Ok(())
}

fn labels() -> Vec<u8> {
    let labels: Vec<u8> = (0..4500).map(|i| (i % 10) as u8).collect();
    write_labels(&labels)
}

#[test]
fn idx_images() {
    survive("IDX images", &write_images(&images(6, 28, 28)), as_images);
}

#[test]
fn idx_labels() {
    survive("IDX labels", &labels(), as_labels);
}

/// What gzip gives back is not the file: its checksum has to be right at the end.
#[test]
fn idx_in_gzip() {
    let mut chance = Chance(1);
    let mut noise = images(6, 28, 28);
    noise
        .pixels
        .iter_mut()
        .for_each(|pixel| *pixel = chance.number() as u8); // hard to compress
    let original = write_images(&noise);
    let accepted = survive("IDX in gzip", &gzip(&original), |bytes| {
        let found = parse_images(Path::new("file"), bytes, bytes.len() as u64);
        found
            .map(|images| assert!(images == noise))
            .map_err(|error| error.to_string())
    });
    assert!(
        accepted > 0,
        "gzip's header has bytes that nothing depends on"
    );
    survive("IDX damaged, then in gzip", &original, |bytes| {
        as_images(&gzip(bytes))
    });
}

/// Opens `bytes` as a picture of 28 x 28.
fn as_picture(file: &Path, bytes: &[u8]) -> Result<(), String> {
    overwrite(file, bytes);
    let found = picture::open(file, 28, 28);
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

/// Headers that claim more than there is, up to the most they can say: refused before memory is taken.
#[test]
fn claims_that_cannot_be_true_are_refused_at_once() {
    let most = u32::MAX.to_be_bytes();
    let claim = |magic: u32, words: usize, rest: &[u8]| {
        let mut file = magic.to_be_bytes().to_vec();
        file.extend(most.repeat(words));
        file.extend(rest);
        file
    };
    // So much noise could, were it gzip's best case, be 2^32 labels; it ends after four million.
    let mut chance = Chance(3);
    let incompressible: Vec<u8> = (0..4_200_000).map(|_| chance.number() as u8).collect();
    let before = peak_memory();
    let began = Instant::now();
    for (bytes, read) in [
        (claim(0x803, 3, &[0; 64]), as_images as fn(&[u8]) -> _),
        (gzip(&claim(0x803, 3, &[0; 64])), as_images),
        (gzip(&claim(0x803, 3, &vec![0; 64 << 20])), as_images),
        (claim(0x801, 1, &[0; 64]), as_labels),
        (gzip(&claim(0x801, 1, &vec![0; 64 << 20])), as_labels),
        (gzip(&claim(0x801, 1, &incompressible)), as_labels),
        // A bomb behind four labels: nobody waits for its end.
        (
            gzip(&[&[0, 0, 8, 1, 0, 0, 0, 4][..], &vec![0; 256 << 20]].concat()),
            as_labels,
        ),
    ] {
        let text: Result<(), String> = read(&bytes);
        let text = text.unwrap_err();
        assert!(
            text.contains("claim") || text.contains("should be"),
            "{text}"
        );
    }
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
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    // The other tests of this process have 200 MB at a time; the claims are of 4 GiB and more.
    let grown = peak_memory().saturating_sub(before);
    assert!(grown < 2 << 30, "{grown} bytes more");
}

/// Returns the most memory this process has had at a time, in bytes; 0 where the system does not tell.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    kib.unwrap_or(0u64) << 10
}
