//! Draws some cases side by side: the picture, and the network's input that became of it.

use std::error::Error;
use std::path::Path;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};
use data::ImageDataset;
use epaint_default_fonts::UBUNTU_LIGHT;
use image::imageops::{self, FilterType};
use image::{GrayImage, Luma, Rgb, RgbImage};
use model::Classifier;

use crate::cases::{self, Case};
use crate::{label, test_image};

const COLUMNS: usize = 3;
const PICTURE: u32 = 140; // side of a picture, and of the input beside it: five times 28
const GAP: u32 = 16;
const CAPTION: u32 = 40; // two lines below
const CELL: [u32; 2] = [2 * PICTURE + GAP + GAP, PICTURE + CAPTION + GAP];
const PAGE: Rgb<u8> = Rgb([0xe4, 0xe4, 0xe0]); // neither white nor black, which pictures are
const INK: Rgb<u8> = Rgb([0x1a, 0x1a, 0x1a]);

/// Words in the names of the cases that are drawn.
const SHOWN: [&str; 15] = [
    "224x224, bilinear, negative",
    "in the left top corner",
    "EXIF note 6",
    "224x224, negative, JPEG, quality 30",
    "white on grey",
    "red on green of equal",
    "grey on grey",
    "yellow on blue",
    "garment cut out, red",
    "on white, grain of 10 %",
    "ground from 0.9",
    "corners 50 %",
    "soft shadow of 40 %",
    "a shop's",
    "a phone's: navy",
];

/// Writes the montage: case after case, a test image each.
pub fn draw(
    classifier: &Classifier,
    images: &ImageDataset,
    file: &Path,
) -> Result<(), Box<dyn Error>> {
    let shown: Vec<Case> = cases::all()
        .into_iter()
        .filter(|case| SHOWN.iter().any(|words| case.name.contains(words)))
        .collect();
    let rows = shown.len().div_ceil(COLUMNS) as u32;
    let (width, height) = (COLUMNS as u32 * CELL[0] + GAP, rows * CELL[1] + GAP);
    let mut page = RgbImage::from_pixel(width, height, PAGE);
    for (n, case) in shown.iter().enumerate() {
        let left = GAP + (n % COLUMNS) as u32 * CELL[0];
        let top = GAP + (n / COLUMNS) as u32 * CELL[1];
        cell(&mut page, [left, top], classifier, images, n, case)?;
    }
    page.save(file)?;
    Ok(())
}

fn cell(
    page: &mut RgbImage,
    [left, top]: [u32; 2],
    classifier: &Classifier,
    images: &ImageDataset,
    i: usize,
    case: &Case,
) -> Result<(), Box<dyn Error>> {
    let bytes = (case.draw)(&test_image(images, i), i);
    let picture = image::load_from_memory(&bytes)?;
    // On the page's colour, where it is transparent.
    let picture = picture
        .resize(PICTURE, PICTURE, FilterType::Triangle)
        .into_rgba8();
    let (x, y) = (
        left + (PICTURE - picture.width()) / 2,
        top + (PICTURE - picture.height()) / 2,
    );
    for (dx, dy, pixel) in picture.enumerate_pixels() {
        let below = page.get_pixel_mut(x + dx, y + dy);
        let alpha = u32::from(pixel.0[3]);
        for (below, &above) in below.0.iter_mut().zip(&pixel.0) {
            *below = ((u32::from(above) * alpha + u32::from(*below) * (255 - alpha)) / 255) as u8;
        }
    }
    let prepared = pictures::from_bytes(bytes, Path::new(&case.name), 28, 28)?;
    let input = GrayImage::from_raw(28, 28, prepared.pixels).ok_or("28 x 28 pixels")?;
    let input = imageops::resize(&input, PICTURE, PICTURE, FilterType::Nearest);
    for (dx, dy, &Luma([light])) in input.enumerate_pixels() {
        page.put_pixel(left + PICTURE + GAP / 2 + dx, top + dy, Rgb([light; 3]));
    }
    let names = data::fashion_mnist::CLASS_NAMES;
    let actual = names[usize::from(images.label(i))];
    let said =
        label(classifier, images, i, Some(case)).map_or("nothing", |l| names[usize::from(l)]);
    let verdict = match said == actual {
        true => format!("{said}, which is correct"),
        false => format!("{said}, but the true label is {actual}"),
    };
    write(page, [left, top + PICTURE + 16], &case.name)?;
    write(page, [left, top + PICTURE + 33], &verdict)
}

/// Writes a line that starts at `left` on the baseline; what has no room is cut off.
fn write(
    page: &mut RgbImage,
    [left, baseline]: [u32; 2],
    text: &str,
) -> Result<(), Box<dyn Error>> {
    let font = FontRef::try_from_slice(UBUNTU_LIGHT)?;
    let font = font.as_scaled(PxScale::from(15.0));
    let mut x = left as f32;
    for character in text.chars() {
        let glyph = font.glyph_id(character);
        let next = x + font.h_advance(glyph);
        if next > (left + 2 * PICTURE + GAP / 2) as f32 {
            break;
        }
        let placed = glyph.with_scale_and_position(font.scale(), point(x, baseline as f32));
        if let Some(outline) = font.outline_glyph(placed) {
            let corner = outline.px_bounds().min;
            outline.draw(|dx, dy, share| {
                let (x, y) = (corner.x as i32 + dx as i32, corner.y as i32 + dy as i32);
                if let Some(pixel) = page.get_pixel_mut_checked(x as u32, y as u32) {
                    for (below, ink) in pixel.0.iter_mut().zip(INK.0) {
                        let share = (1.4 * share).min(1.0); // the font is light
                        *below = (f32::from(*below) * (1.0 - share) + f32::from(ink) * share) as u8;
                    }
                }
            });
        }
        x = next;
    }
    Ok(())
}
