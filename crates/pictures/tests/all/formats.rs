//! The formats of telephones, browsers and cameras; what is cut off; and what a camera's size takes.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, GrayImage, ImageFormat, Luma};
use pictures::{PictureError, Prepared, from_bytes, open};

use crate::prepare::encode;

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn of(bytes: &[u8]) -> Result<Prepared, PictureError> {
    from_bytes(bytes.to_vec(), Path::new("picture"), 28, 28)
}

fn boot() -> DynamicImage {
    pictures::load(&fixture("plain-00-ankle-boot.png")).unwrap()
}

/// Returns the mean distance of two answers' pixels, of 255.
fn distance(one: &Prepared, other: &Prepared) -> f64 {
    let pairs = one.pixels.iter().zip(&other.pixels);
    pairs.map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / one.pixels.len() as f64
}

/// One boot in every format, whatever the file is called: the network sees the same.
#[test]
fn one_boot_in_every_format() {
    let plain = open(&fixture("plain-00-ankle-boot.png"), 28, 28).unwrap();
    for (name, most) in [
        ("A14-webp-00-ankle-boot.webp", 2.0),
        ("A14-webp-lossless-00-ankle-boot.webp", 0.0),
        ("A14-webp-called-jpg-00-ankle-boot.jpg", 12.0),
        ("A16-gif-00-ankle-boot.gif", 2.0),
    ] {
        let found = distance(&open(&fixture(name), 28, 28).unwrap(), &plain);
        assert!(found <= most, "{name}: {found}");
    }
    for format in [
        ImageFormat::Bmp,
        ImageFormat::Tiff,
        ImageFormat::WebP,
        ImageFormat::Png,
    ] {
        let found = of(&encode(&boot(), format)).unwrap();
        assert_eq!(found.pixels, plain.pixels, "{format:?}");
    }
}

/// What is not read is named, with the way out, whatever the file is called.
#[test]
fn formats_that_are_not_read_are_named() {
    for name in [
        "A15-heic-00-ankle-boot.heic",
        "A15-heic-called-jpg-00-ankle-boot.jpg",
    ] {
        let error = open(&fixture(name), 28, 28).unwrap_err();
        let expect = format!("{name}: is HEIC, the format of an iPhone");
        assert!(error.to_string().ends_with(&expect), "{error}");
        assert!(
            error
                .hint()
                .contains("Settings, Camera, Formats, Most Compatible")
        );
        assert!(pictures::dimensions(&fixture(name)).is_err());
    }
    let avif = of(b"\0\0\0\x18ftypavif\0\0\0\0mif1miaf\0\0\0\0").unwrap_err();
    assert_eq!(avif.to_string(), "picture: is AVIF");
    let page = of(b"<!DOCTYPE html><html>gone</html>").unwrap_err();
    assert_eq!(page.to_string(), "picture: is a web page, not a picture");
}

/// Downloads that broke off: a decoder would fill the rest with grey, and the network answer for it.
#[test]
fn a_jpeg_cut_off_is_no_picture() {
    for (name, length) in [
        ("A7-cut-off-00-ankle-boot.jpg", 4269),
        ("A7-cut-off-01-pullover.jpg", 6714),
        ("A7-cut-off-02-trouser.jpg", 4978),
    ] {
        let error = open(&fixture(name), 28, 28).unwrap_err().to_string();
        let expect = format!(
            "{name}: is a damaged picture: it is cut off after {length} bytes: the end of the JPEG is missing"
        );
        assert!(error.ends_with(&expect), "{error}");
    }
}

/// Wherever a file ends, it is refused, or all of the picture was in front of that.
#[test]
fn what_is_cut_off_is_refused_or_whole() {
    let gif = std::fs::read(fixture("A16-gif-00-ankle-boot.gif")).unwrap();
    let lossy = std::fs::read(fixture("A14-webp-00-ankle-boot.webp")).unwrap();
    let jpeg = std::fs::read(fixture("A1-digit-000-4.jpg")).unwrap();
    let small = boot().resize_exact(60, 60, image::imageops::FilterType::Triangle);
    let of_small = [
        ImageFormat::Bmp,
        ImageFormat::Tiff,
        ImageFormat::Png,
        ImageFormat::WebP,
    ];
    let files = of_small
        .map(|format| (format, encode(&small, format)))
        .into_iter();
    let progressive = progressive_square([64, 48]);
    let more = [
        (ImageFormat::Gif, gif),
        (ImageFormat::WebP, lossy),
        (ImageFormat::Jpeg, jpeg),
        (ImageFormat::Jpeg, progressive),
    ];
    for (format, bytes) in files.chain(more) {
        let whole = of(&bytes).unwrap();
        let mut answered = 0;
        for length in (0..bytes.len()).step_by(1 + bytes.len() / 400) {
            match of(&bytes[..length]) {
                Ok(found) => {
                    assert_eq!(found, whole, "{format:?}, {length} of {}", bytes.len());
                    answered += 1;
                }
                Err(PictureError::Damaged { .. } | PictureError::NotAPicture { .. }) => {}
                Err(error) => panic!("{format:?}, {length}: {error}"),
            }
        }
        assert!(
            answered <= 4,
            "{format:?}: {answered} of 400 had a whole picture"
        );
    }
}

/// What cameras and telephones write is read, within a limit that does not hang on what a file claims.
#[test]
fn photographs_of_24_and_50_megapixels() {
    for [width, height] in [[6000, 4000], [8664, 5776]] {
        let picture = GrayImage::from_fn(width, height, |x, y| {
            Luma([
                if x.abs_diff(width / 2) < 900 && y.abs_diff(height / 2) < 900 {
                    40
                } else {
                    240
                },
            ])
        });
        let mut jpeg = Vec::new();
        let encoder = JpegEncoder::new_with_quality(Cursor::new(&mut jpeg), 50);
        DynamicImage::from(picture)
            .into_rgb8()
            .write_with_encoder(encoder)
            .unwrap();
        is_square(&jpeg, [width, height]);
    }
    is_square(&progressive_square([1083, 722]), [8664, 5776]);
}

fn is_square(jpeg: &[u8], [width, height]: [u32; 2]) {
    let found = of(jpeg).unwrap();
    assert_eq!(found.done[0], format!("{width}x{height} colour -> grey"));
    assert!(found.pixels[14 * 28 + 14] > 180, "{:?}", found.done);
    let lit = found.pixels.iter().filter(|&&pixel| pixel > 128).count();
    assert!((700..=784).contains(&lit), "{lit}, {:?}", found.done);
}

/// A progressive JPEG in three components of `blocks` of 8 x 8 pixels: a dark square in the middle of a
/// light ground, by the means of its blocks only. `image` writes none, so it is assembled here.
fn progressive_square([across, down]: [usize; 2]) -> Vec<u8> {
    let half = across.min(down) / 4;
    let mut bits = Bits::default();
    let mut before = 0;
    for at in 0..across * down {
        let (x, y) = (at % across, at / across);
        let is_inside = x.abs_diff(across / 2) < half && y.abs_diff(down / 2) < half;
        let level: i32 = if is_inside { -100 } else { 100 };
        // A category and that many bits; the two colours keep their mean: category 0, whose code is 0.
        match level - before {
            0 => bits.put(0, 1),
            100 => bits.put(0b10 << 7 | 100, 9),
            200 => bits.put(0b110 << 8 | 200, 11),
            _ => bits.put(0b110 << 8 | (255 - 200), 11),
        }
        bits.put(0, 2);
        before = level;
    }
    let [width, height] = [across, down].map(|blocks| (8 * blocks as u16).to_be_bytes());
    let mut codes = [0; 17]; // one code each of 1, 2 and 3 bits, of the table 0 for means
    codes[1..4].fill(1);
    let segments: [&[u8]; 9] = [
        &[0xff, 0xd8, 0xff, 0xdb, 0, 67, 0],
        &[8; 64], // a mean is stored in levels of 1
        &[0xff, 0xc2, 0, 17, 8],
        &[height, width].concat(),
        &[3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0],
        &[0xff, 0xc4, 0, 22],
        &[&codes[..], &[0, 7, 8]].concat(),
        &[0xff, 0xda, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 0, 0],
        &bits.finish(),
    ];
    [&segments.concat()[..], &[0xff, 0xd9]].concat()
}

/// Bits of a scan, the first in the highest place, with a 0 behind each 255.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    waiting: u32,
    count: u32,
}

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        self.waiting = self.waiting << count | value;
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.waiting >> self.count) as u8;
            self.bytes.push(byte);
            self.bytes.extend((byte == 255).then_some(0));
            self.waiting &= (1 << self.count) - 1;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        self.put(0x7f, 7);
        self.bytes
    }
}
