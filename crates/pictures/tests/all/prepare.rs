use std::io::Cursor;
use std::path::Path;

use data::idx::read_images;
use image::imageops::{self, FilterType};
use image::{DynamicImage, GrayImage, ImageBuffer, ImageFormat, Luma, LumaA, Rgb, RgbImage, Rgba};
use pictures::{PictureError, Prepared, open};

use crate::package;

pub fn encode(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Prepares a picture in which something is to be seen.
fn prepare(image: DynamicImage, height: usize, width: usize) -> Prepared {
    pictures::prepare(image, height, width).unwrap()
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
        for ground in [255, 0] {
            let mut image = GrayImage::from_pixel(width, height, Luma([ground]));
            assert_eq!(pictures::prepare(image.clone().into(), 28, 28), None);
            let blank = open_bytes(&encode(&image.clone().into(), ImageFormat::Png));
            assert!(
                matches!(blank, Err(PictureError::Blank { .. })),
                "{blank:?}"
            );
            // A tenth of each side: a single pixel of 10,000 is nothing.
            for (x, y, pixel) in image.enumerate_pixels_mut() {
                let is_near = |at: u32, side: u32| at.abs_diff(side / 2) <= side / 20;
                if is_near(x, width) && is_near(y, height) {
                    *pixel = Luma([255 - ground]);
                }
            }
            let picture = open_bytes(&encode(&image.into(), ImageFormat::Png));
            // A single pixel of one is a blank picture, whatever its colour.
            match (width, height, picture) {
                (1, 1, Err(PictureError::Blank { .. })) => {}
                (.., picture) => {
                    let pixels = picture.unwrap().pixels;
                    assert_eq!(pixels.len(), 784);
                    assert!(
                        pixels.iter().any(|&pixel| pixel > 200),
                        "{width} x {height}"
                    );
                }
            }
        }
    }
    for (height, width) in [(1, 1), (3, 100)] {
        let picture = prepare(square(255, 0).into(), height, width);
        assert_eq!(picture.pixels.len(), height * width);
    }
    let nothing = GrayImage::new(0, 0);
    let clear = ImageBuffer::from_pixel(9, 9, Rgba([7_u8, 7, 7, 0]));
    for (image, height, width) in [
        (nothing.into(), 28, 28),
        (clear.into(), 28, 28),
        (square(255, 0).into(), 0, 0),
        (square(255, 0).into(), 0, 5),
    ] {
        assert_eq!(pictures::prepare(image, height, width), None);
    }
}

/// However soft an edge was drawn, it is where it was: half of its contrast. A tenth of it would be four
/// pixels further out, half a pixel of the network's on each side.
#[test]
fn a_soft_edge_is_where_it_was() {
    let small = GrayImage::from_fn(40, 40, |x, y| {
        let inside = (6..34).contains(&x) && (13..27).contains(&y);
        Luma([if inside { 255 } else { 0 }])
    });
    for side in [80, 160, 320] {
        for filter in [
            FilterType::Nearest,
            FilterType::Triangle,
            FilterType::Lanczos3,
        ] {
            let mut image = imageops::resize(&small, side, side, filter);
            for inverted in [false, true] {
                if inverted {
                    imageops::invert(&mut image);
                }
                let n = side / 40;
                let picture = prepare(image.clone().into(), 28, 28);
                let drawn = [28 * n, 14 * n, 6 * n, 13 * n];
                for (found, drawn) in cropped(&picture.done[2]).into_iter().zip(drawn) {
                    assert!(
                        found.abs_diff(drawn) <= 1,
                        "{side}, {filter:?}: {:?}",
                        picture.done
                    );
                }
                assert_eq!(picture.done[3], "fitted to 28x14, centred in 28x28");
            }
        }
    }
}

/// Returns the numbers of `cropped to 224x112 at (48, 104)`.
fn cropped(done: &str) -> [u32; 4] {
    let numbers = done.strip_prefix("cropped to ").unwrap();
    let numbers = numbers
        .split(|c: char| !c.is_ascii_digit())
        .filter(|part| !part.is_empty());
    let numbers: Vec<u32> = numbers.map(|part| part.parse().unwrap()).collect();
    numbers.try_into().unwrap()
}

/// A picture that is framed as the data set's are, but larger, keeps its margins, even lopsided ones.
#[test]
fn a_framed_picture_keeps_its_margins() {
    let framed = GrayImage::from_fn(84, 84, |x, _| {
        Luma([if (21..51).contains(&x) { 255 } else { 0 }])
    });
    let picture = prepare(framed.into(), 28, 28);
    assert_eq!(
        picture.done,
        [
            "84x84 grey",
            "light on dark: kept",
            "fitted to 28x28, centred in 28x28"
        ]
    );
    let lit = |at: usize| if (7..17).contains(&(at % 28)) { 255 } else { 0 };
    assert_eq!(picture.pixels, (0..784).map(lit).collect::<Vec<u8>>());
}

/// Pixels that were repeated, at whichever of the two usual places, are themselves again, whatever the size
/// and wherever the garment is; a picture that differs from such a one in a pixel is fitted.
#[test]
fn repeated_pixels_are_undone() {
    let shades = |x: u32, y: u32| {
        let is_garment = x < 20 && y < 25;
        Luma([if is_garment {
            (60 + 7 * x + y) as u8
        } else {
            0
        }])
    };
    let small = GrayImage::from_fn(28, 28, shades);
    for (width, height) in [(29, 28), (29, 29), (32, 32), (45, 60), (84, 84), (331, 224)] {
        let source = |at: u32, side: u32, half: u32| (28 * (2 * at + half)) / (2 * side);
        for half in [0, 1] {
            let of = |x: u32, y: u32| shades(source(x, width, half), source(y, height, half));
            let mut large = GrayImage::from_fn(width, height, of);
            let picture = prepare(large.clone().into(), 28, 28);
            assert_eq!(
                picture.pixels,
                small.as_raw()[..],
                "{width}x{height} {half}"
            );
            assert_eq!(
                picture.done[1..],
                [
                    "28x28, enlarged by repeating pixels: undone",
                    "light on dark: kept"
                ]
            );
            let is_repeated = |x: &u32| source(*x, width, half) == source(x - 1, width, half);
            let repeated = (1..width).find(is_repeated).unwrap();
            large.put_pixel(repeated, height - 1, Luma([1]));
            let picture = prepare(large.into(), 28, 28);
            assert!(
                picture.done[1..]
                    .iter()
                    .all(|done| !done.contains("undone"))
            );
        }
    }
}

/// Boards of wood are no garment: what waves within the ground is below the level.
#[test]
fn a_ground_with_texture_is_still_ground() {
    let wood = RgbImage::from_fn(336, 336, |x, y| {
        let inside = (56..280).contains(&x) && (112..224).contains(&y);
        let wave = (x as f32 / 336.0 * 37.7).sin() * (y as f32 / 336.0 * 12.0).cos();
        Rgb([0.85, 0.8, 0.75].map(|c: f32| match inside {
            true => 60,
            false => (255.0 * c * (1.0 + 0.08 * wave)) as u8,
        }))
    });
    let done = prepare(wood.into(), 28, 28).done;
    assert_eq!(done[1..3], ["dark on light: inverted", "faint: stretched"]);
    for (found, drawn) in cropped(&done[3]).into_iter().zip([224, 112, 56, 112]) {
        assert!(found.abs_diff(drawn) <= 1, "{done:?}");
    }
    assert_eq!(done[4], "fitted to 28x14, centred in 28x28");
}

/// On a ground that is neither white nor black, a garment's lighter half is told to be at risk.
#[test]
fn a_hint_where_parts_may_be_lost() {
    for (light, ground, is_hinted) in [
        (0, 255, false),
        (60, 220, false),
        (255, 0, false),
        (250, 60, true),
    ] {
        let picture = prepare(square(light, ground).into(), 28, 28);
        assert_eq!(picture.hint.is_some(), is_hinted, "{light} on {ground}");
    }
}

#[test]
fn what_is_no_picture() {
    let noise = RgbImage::from_fn(64, 64, |x, y| {
        Rgb([(x * 37 + y * 91) as u8, (x * y) as u8, (x ^ y) as u8])
    });
    let png = encode(&noise.clone().into(), ImageFormat::Png);
    let jpeg = encode(&noise.into(), ImageFormat::Jpeg);
    let wide = encode(&GrayImage::new(16_385, 1).into(), ImageFormat::Png);
    let large = encode(&DynamicImage::new_luma16(16_384, 12_500), ImageFormat::Png);
    for (bytes, expect) in [
        (
            &b""[..],
            "/picture: is not a PNG, JPEG, WebP, GIF, BMP or TIFF picture",
        ),
        (
            b"hello, world",
            "is not a PNG, JPEG, WebP, GIF, BMP or TIFF",
        ),
        (
            b"GIF89a\x01\x00\x01\x00\x00\x00\x00",
            "is a damaged picture",
        ),
        (b"\x89PNG\r\n\x1a\n", "is a damaged picture"),
        (&png[..png.len() / 2], "is a damaged picture"),
        (&jpeg[..20], "is a damaged picture"),
        (&wide, "is too large: at most 16384 pixels a side"),
        (
            &large,
            "is too large: at most 16384 pixels a side and 256 MiB in memory",
        ),
        (
            &vec![0; (192 << 20) + 1],
            "is too large: it has more than 192 MiB",
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

/// An exported image of the data set, and its negative, give the very input it came from. This is also the
/// measurement reported by the comment on `is_light` in `ground.rs`: on the 60,000 training images, by which the
/// preparation of pictures was chosen. The test images choose nothing.
#[test]
fn exported_images_come_back() {
    let images = read_images(&package().join("train-images-idx3-ubyte.gz")).unwrap();
    assert_eq!(images.count, 60_000);
    for i in 0..images.count {
        let pixels = images.image(i).to_vec();
        let mut image = GrayImage::from_raw(28, 28, pixels.clone()).unwrap();
        assert_eq!(prepare(image.clone().into(), 28, 28).pixels, pixels, "{i}");
        imageops::invert(&mut image);
        let negative = prepare(image.into(), 28, 28);
        assert_eq!(negative.pixels, pixels, "{i}");
        assert_eq!(negative.done, ["28x28 grey", "dark on light: inverted"]);
    }
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
