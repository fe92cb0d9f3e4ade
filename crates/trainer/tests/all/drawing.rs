//! The pictures of a run.

use std::fs;

use image::{ImageFormat, RgbImage};

use crate::fixtures::{copy_of_quick, fashion_mnist, quick};
use crate::program::Desk;

/// Side of an image pixel in the gallery: 28 of them, at most 140.
const ZOOM: u32 = 5;

fn decode(png: &[u8]) -> RgbImage {
    image::load_from_memory_with_format(png, ImageFormat::Png)
        .unwrap()
        .into_rgb8()
}

/// Returns where test image `number` is in `picture`: inverted, magnified, every pixel right.
fn find(picture: &RgbImage, number: usize) -> Vec<(u32, u32)> {
    let pixels = fashion_mnist().test.image(number);
    // The darkest pixel is looked at first: almost everywhere it settles the question.
    let darkest = (0..28 * 28).max_by_key(|&i| pixels[i as usize]).unwrap();
    let (right, below) = (darkest % 28 * ZOOM, darkest / 28 * ZOOM);
    let may_be_at = |x: u32, y: u32| {
        picture.get_pixel(x + right, y + below).0 == [255 - pixels[darkest as usize]; 3]
    };
    let is_at = |x: u32, y: u32| {
        (0..28 * ZOOM).all(|row| {
            (0..28 * ZOOM).all(|column| {
                let value = 255 - pixels[(row / ZOOM * 28 + column / ZOOM) as usize];
                picture.get_pixel(x + column, y + row).0 == [value; 3]
            })
        })
    };
    let (columns, rows) = (picture.width() - 28 * ZOOM, picture.height() - 28 * ZOOM);
    (0..=rows)
        .flat_map(|y| (0..=columns).map(move |x| (x, y)))
        .filter(|&(x, y)| may_be_at(x, y) && is_at(x, y))
        .collect()
}

#[test]
fn the_gallery_shows_the_first_40_images_inverted_eight_to_a_row() {
    let picture = decode(&fs::read(quick().folder.join("gallery.png")).unwrap());
    // 8 tiles of 140 with gaps of 18 and margins of 24; 5 rows of 191 with gaps of 18
    assert_eq!(
        picture.dimensions(),
        (8 * 158 - 18 + 48, 24 + 72 + 5 * 209 - 18 + 24)
    );
    let mut corners = Vec::new();
    for number in 0..40 {
        let places = find(&picture, number);
        assert_eq!(places.len(), 1, "image {number} is at {places:?}");
        corners.push(places[0]);
    }
    let (left, top) = corners[0];
    for (number, corner) in corners.into_iter().enumerate() {
        let (column, row) = (number as u32 % 8, number as u32 / 8);
        assert_eq!(
            corner,
            (left + column * 158, top + row * 209),
            "image {number}"
        );
    }
    assert!(find(&picture, 40).is_empty(), "image 40 is one too many");
}

#[test]
fn mistakes_are_the_wrong_ones_the_surest_first() {
    let desk = Desk::new();
    copy_of_quick(&desk.path("run"));
    let said = desk.ok(&["gallery", "run", "--wrong"]);
    assert_eq!(said.stdout, "run/mistakes.png\n");
    let png = fs::read(desk.path("run/mistakes.png")).unwrap();
    assert!(png != fs::read(quick().folder.join("gallery.png")).unwrap());
    let picture = decode(&png);

    let mut csv = csv::Reader::from_path(quick().folder.join("predictions.csv")).unwrap();
    let mut wrong: Vec<(f32, usize)> = csv
        .records()
        .map(Result::unwrap)
        .filter(|row| row[1] != row[2])
        .map(|row| {
            let confidence = row
                .iter()
                .skip(3)
                .map(|p| p.parse().unwrap())
                .fold(0.0, f32::max);
            (confidence, row[0].parse().unwrap())
        })
        .collect();
    wrong.sort_by(|a, b| b.0.total_cmp(&a.0));
    let gallery = decode(&fs::read(quick().folder.join("gallery.png")).unwrap());
    let first_tile = find(&gallery, 0)[0];
    assert_eq!(
        find(&picture, wrong[0].1),
        [first_tile],
        "the surest mistake comes first"
    );
    for &(_, number) in &wrong[1..40] {
        assert_eq!(find(&picture, number).len(), 1, "mistake {number} is shown");
    }
}

#[test]
fn a_gallery_drawn_again_is_the_same_byte_by_byte() {
    let desk = Desk::new();
    copy_of_quick(&desk.path("run"));
    let said = desk.ok(&["gallery", "run"]);
    assert_eq!(said.stdout, "run/gallery.png\n");
    let first = fs::read(quick().folder.join("gallery.png")).unwrap();
    assert!(fs::read(desk.path("run/gallery.png")).unwrap() == first);

    let said = desk.ok(&["gallery", "run", "--out", "elsewhere.png", "--json"]);
    assert_eq!(said.json()[0]["gallery"], "elsewhere.png");
    assert!(fs::read(desk.path("elsewhere.png")).unwrap() == first);
}
