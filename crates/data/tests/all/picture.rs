use std::io::Cursor;
use std::path::Path;

use data::idx::read_images;
use data::picture::{open, prepare};
use data::{PictureError, Prepared};
use image::{DynamicImage, GrayImage, ImageBuffer, ImageFormat, Luma, LumaA, Rgb, RgbImage, Rgba};

use crate::package;

pub fn encode(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Writes bytes to a file whose name says nothing, and opens it as 28 x 28.
fn open_bytes(bytes: &[u8]) -> Result<Prepared, PictureError> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("picture");
    std::fs::write(&file, bytes).unwrap();
    open(&file, 28, 28)
}

/// A square of one grey on a ground of another: 40 x 20 at (30, 50) in 100 x 120.
fn square(light: u8, ground: u8) -> GrayImage {
    GrayImage::from_fn(100, 120, |x, y| {
        let inside = (30..70).contains(&x) && (50..70).contains(&y);
        Luma([if inside { light } else { ground }])
    })
}

/// That square as the model should see it: 28 wide, 14 high, in the middle.
fn is_fitted(picture: &Prepared) -> bool {
    let row = |y: usize| &picture.pixels[y * 28..][..28];
    (0..28).all(|y| {
        let lit = (7..21).contains(&y);
        row(y)
            .iter()
            .all(|&pixel| if lit { pixel > 150 } else { pixel == 0 })
    })
}

#[test]
fn one_square_in_many_clothes() {
    let grey = |light, ground| DynamicImage::from(square(light, ground));
    let rgba = |light: u8, ground: [u8; 4]| {
        DynamicImage::from(ImageBuffer::from_fn(100, 120, |x, y| {
            let inside = square(1, 0).get_pixel(x, y).0[0] == 1;
            Rgba(if inside {
                [light, light, light, 255]
            } else {
                ground
            })
        }))
    };
    let png = |image: &DynamicImage| encode(image, ImageFormat::Png);
    let fitted = "fitted to 28x14, centred in 28x28";
    let cropped = "cropped to 40x20 at (30, 50)";
    let inverted = "dark on light: inverted";
    let kept = "light on dark: kept";
    let cases: Vec<(&str, Vec<u8>, Vec<&str>)> = vec![
        (
            "light on dark",
            png(&grey(255, 0)),
            vec!["100x120 grey", kept, cropped, fitted],
        ),
        (
            "dark on light",
            png(&grey(0, 255)),
            vec!["100x120 grey", inverted, cropped, fitted],
        ),
        (
            "on grey",
            png(&grey(250, 60)),
            vec!["100x120 grey", kept, cropped, fitted],
        ),
        (
            "16 bit",
            png(&DynamicImage::ImageLuma16(grey(255, 0).into_luma16())),
            vec!["100x120 grey", kept, cropped, fitted],
        ),
        (
            "16 bit colour",
            png(&DynamicImage::ImageRgb16(grey(0, 255).into_rgb16())),
            vec!["100x120 colour -> grey", inverted, cropped, fitted],
        ),
        (
            "colour",
            png(&DynamicImage::ImageRgb8(grey(0, 255).into_rgb8())),
            vec!["100x120 colour -> grey", inverted, cropped, fitted],
        ),
        (
            "jpeg",
            encode(&grey(0, 255), ImageFormat::Jpeg),
            vec!["100x120 grey", inverted],
        ),
        (
            "opaque alpha",
            png(&rgba(255, [0, 0, 0, 255])),
            vec!["100x120 colour -> grey", kept, cropped, fitted],
        ),
        (
            "black on nothing",
            png(&rgba(0, [0, 0, 0, 0])),
            vec![
                "100x120 colour -> grey",
                "transparent: laid on white",
                inverted,
                cropped,
                fitted,
            ],
        ),
        (
            "white on nothing",
            png(&rgba(255, [9, 9, 9, 0])),
            vec![
                "100x120 colour -> grey",
                "transparent: laid on black",
                kept,
                cropped,
                fitted,
            ],
        ),
        (
            "palette",
            palette_png(),
            vec!["100x120 colour -> grey", inverted, cropped, fitted],
        ),
    ];
    for (name, bytes, done) in cases {
        let picture = open_bytes(&bytes).unwrap();
        assert_eq!(picture.done[..done.len()], done, "{name}");
        if name != "jpeg" {
            assert!(is_fitted(&picture), "{name}: {:?}", picture.pixels);
        }
    }
    let grey_alpha = ImageBuffer::from_fn(100, 120, |x, y| {
        LumaA([
            200,
            if square(1, 0).get_pixel(x, y).0[0] == 1 {
                255
            } else {
                0
            },
        ])
    });
    let picture = prepare(DynamicImage::ImageLumaA8(grey_alpha), 28, 28);
    assert_eq!(
        picture.done[..2],
        ["100x120 grey", "transparent: laid on white"]
    );
    assert!(is_fitted(&picture));
}

/// A PNG of two colours by table; `image` writes none, so it is assembled here.
pub fn palette_png() -> Vec<u8> {
    use std::io::Write;
    let mut rows = Vec::new();
    for row in square(1, 0).as_raw().chunks(100) {
        rows.push(0); // no filter
        rows.extend(row);
    }
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(&rows).unwrap();
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let header = [
        &100_u32.to_be_bytes()[..],
        &120_u32.to_be_bytes(),
        &[8, 3, 0, 0, 0],
    ]
    .concat();
    let palette = vec![255, 255, 200, 0, 0, 60]; // cream, navy
    for (kind, body) in [
        (b"IHDR", header),
        (b"PLTE", palette),
        (b"IDAT", zlib.finish().unwrap()),
        (b"IEND", vec![]),
    ] {
        let mut sum = flate2::Crc::new();
        sum.update(kind);
        sum.update(&body);
        png.extend((body.len() as u32).to_be_bytes());
        png.extend(kind);
        png.extend(body);
        png.extend(sum.sum().to_be_bytes());
    }
    png
}

#[test]
fn extreme_shapes() {
    for (width, height) in [
        (1, 1),
        (1, 10_000),
        (10_000, 1),
        (2, 3),
        (16_384, 2),
        (28, 27),
    ] {
        for (light, ground) in [(255, 255), (0, 0)] {
            let mut image = GrayImage::from_pixel(width, height, Luma([ground]));
            let blank = prepare(image.clone().into(), 28, 28);
            assert!(
                blank.done.iter().any(|step| step.starts_with("blank")),
                "{:?}",
                blank.done
            );
            assert_eq!(blank.pixels, vec![0; 784]);
            image.put_pixel(width / 2, height / 2, Luma([255 - light]));
            let picture = open_bytes(&encode(&image.into(), ImageFormat::Png)).unwrap();
            assert_eq!(picture.pixels.len(), 784);
        }
    }
    for (height, width) in [(0, 0), (0, 5), (1, 1), (3, 100)] {
        let picture = prepare(square(255, 0).into(), height, width);
        assert_eq!(picture.pixels.len(), height * width);
    }
    let nothing = prepare(GrayImage::new(0, 0).into(), 28, 28);
    assert_eq!(nothing.pixels, vec![0; 784]);
    let clear = prepare(
        ImageBuffer::from_pixel(9, 9, Rgba([7_u8, 7, 7, 0])).into(),
        28,
        28,
    );
    assert_eq!(clear.pixels, vec![0; 784]);
}

#[test]
fn what_is_no_picture() {
    let noise = RgbImage::from_fn(64, 64, |x, y| {
        Rgb([(x * 37 + y * 91) as u8, (x * y) as u8, (x ^ y) as u8])
    });
    let png = encode(&noise.clone().into(), ImageFormat::Png);
    let jpeg = encode(&noise.into(), ImageFormat::Jpeg);
    let wide = encode(&GrayImage::new(16_385, 1).into(), ImageFormat::Png);
    let large = encode(&GrayImage::new(16_384, 12_500).into(), ImageFormat::Png);
    for (bytes, expect) in [
        (&b""[..], "/picture: is not a PNG or JPEG picture"),
        (b"hello, world", "is not a PNG or JPEG picture"),
        (
            b"GIF89a\x01\x00\x01\x00\x00\x00\x00",
            "is not a PNG or JPEG picture",
        ),
        (b"\x89PNG\r\n\x1a\n", "is a damaged picture"),
        (&png[..png.len() / 2], "is a damaged picture"),
        (&jpeg[..20], "is a damaged picture"),
        (&wide, "is too large: at most 16384 pixels a side"),
        (
            &large,
            "is too large: at most 16384 pixels a side and 64 MiB in memory",
        ),
        (
            &vec![0; (64 << 20) + 1],
            "is too large: it has more than 64 MiB",
        ),
    ] {
        let found = open_bytes(bytes).unwrap_err().to_string();
        assert!(found.contains(expect), "{found}\nexpected: {expect}");
    }
    for path in ["/no/such/file", "/", "/dev/zero"] {
        let found = open(Path::new(path), 28, 28).unwrap_err().to_string();
        assert!(
            found.starts_with(&format!("{path}: cannot be read: ")),
            "{found}"
        );
    }
    // Damage anywhere is an error or another picture, never a panic.
    for original in [&png, &jpeg] {
        for at in (0..original.len()).step_by(7) {
            let mut bytes = original.clone();
            bytes[at] ^= 0x55;
            let _ = open_bytes(&bytes);
            let _ = open_bytes(&original[..at]);
        }
    }
}

/// An exported image of the data set, and its negative, give the very input it came from. This also
/// is the measurement that the comment on the background reports.
#[test]
fn exported_images_come_back() {
    for name in ["t10k-images-idx3-ubyte.gz", "train-images-idx3-ubyte.gz"] {
        let images = read_images(&package().join(name)).unwrap();
        for i in 0..images.count {
            let pixels = images.image(i).to_vec();
            let mut image = GrayImage::from_raw(28, 28, pixels.clone()).unwrap();
            assert_eq!(
                prepare(image.clone().into(), 28, 28).pixels,
                pixels,
                "{name} {i}"
            );
            image::imageops::invert(&mut image);
            let negative = prepare(image.into(), 28, 28);
            assert_eq!(negative.pixels, pixels, "{name} {i}");
            assert_eq!(negative.done, ["28x28 grey", "dark on light: inverted"]);
        }
    }
    let images = read_images(&package().join("t10k-images-idx3-ubyte.gz")).unwrap();
    let image = GrayImage::from_raw(28, 28, images.image(0).to_vec()).unwrap();
    let picture = open_bytes(&encode(&image.into(), ImageFormat::Png)).unwrap();
    assert_eq!((&*picture.pixels, picture.done.len()), (images.image(0), 2));
}

/// A phone stores a portrait as a landscape and a note to turn it.
#[test]
fn exif_orientation() {
    let bar = GrayImage::from_fn(80, 40, |x, y| {
        Luma([if x < 40 && y < 10 { 255 } else { 0 }])
    });
    let mut jpeg = encode(&bar.into(), ImageFormat::Jpeg);
    // TIFF, big-endian, one entry: orientation (0x0112), short, one value, 6 = turn right
    let tiff = b"MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00";
    let body = [&b"Exif\x00\x00"[..], tiff].concat();
    let length = (body.len() as u16 + 2).to_be_bytes();
    let segment = [&[0xff, 0xe1][..], &length, &body].concat();
    jpeg.splice(2..2, segment);
    let picture = open_bytes(&jpeg).unwrap();
    assert_eq!(picture.done[0], "40x80 grey");
    // The bar was 40x10 at the left top; turned right it is 10x40 at the right top.
    assert!(picture.pixels[14 * 28 + 14] > 150 && picture.pixels[14 * 28 + 4] == 0);
}
