//! What the picture must show, pixel by pixel, and that no input stops it.

use super::*;
use crate::drawing::canvas::shorten;

fn tile(pixels: &[u8], correct: bool) -> Tile<'_> {
    Tile {
        pixels,
        predicted: "Shirt",
        actual: "Coat",
        correct,
        confidence: 0.5,
        unknown: false,
        index: 7,
    }
}

#[test]
fn pixels_are_inverted_and_only_wrong_tiles_are_marked() {
    let mut pixels = [0; 28 * 28];
    pixels[28 + 2] = 200; // row 1, column 2
    let image = draw("", &[tile(&pixels, true), tile(&pixels, false)], 28, 28);
    assert_eq!(image.dimensions(), (346, 275));
    let (y, [right, wrong]) = (24 + 36 + 27, [24, 24 + 140 + 18]);
    for x in [right, wrong] {
        assert_eq!(*image.get_pixel(x + 10, y + 5), Rgb([55; 3]));
        assert_eq!(*image.get_pixel(x + 14, y + 9), Rgb([55; 3]));
        assert_eq!(*image.get_pixel(x + 15, y + 9), Rgb([255; 3]));
    }
    assert_eq!(*image.get_pixel(right - 1, y + 70), LINE);
    assert_eq!(*image.get_pixel(right - 2, y + 70), Rgb([255; 3]));
    assert_eq!(*image.get_pixel(wrong - 4, y + 70), WRONG);
    let marked =
        |x: u32| (x..x + 140).any(|x| (y - 20..y - 4).any(|y| *image.get_pixel(x, y) == WRONG));
    assert!(marked(wrong) && !marked(right));
}

#[test]
fn any_input_is_drawn_and_twice_the_same() {
    let long = "A class name of sixty characters that nobody should ever use";
    let sizes = [
        (0, 0),
        (1, 1),
        (1, 512),
        (100, 60),
        (usize::MAX, usize::MAX),
    ];
    for (height, width) in sizes {
        let odd = Tile {
            predicted: long,
            actual: "\u{65e5}\n\u{1f45f}",
            ..tile(&[9; 99], false)
        };
        let odd = Tile {
            confidence: f32::NAN,
            index: usize::MAX,
            ..odd
        };
        for count in [0, 1, 9] {
            let once = draw(long, &vec![odd; count], height, width);
            assert!(once == draw(long, &vec![odd; count], height, width));
        }
    }
}

#[test]
fn long_text_is_cut_within_its_room() {
    let font = font();
    let check = |text, room, expect| {
        let cut = font.as_ref().map(|font| shorten(font, text, TITLE, room));
        assert_eq!(cut.as_deref(), Some(expect));
        assert!(width_of(font.as_ref(), expect, TITLE) <= room);
    };
    check("Ankle boot", 140, "Ankle boot");
    check("Ankle boot", 60, "Ankle…");
    check("日本語日本語", 45, "日本語…");
    check("", 45, "");
}
