//! Whole pictures as images of a data set: nothing is cut out, nothing inverted.

use image::DynamicImage;

use crate::colours::{Colours, brightness};

/// Returns an image as `[channels, height, width]`, its aspect kept: what lies beyond the frame's shape is cut
/// off on both sides. An image of that size keeps its pixels. What is transparent is laid on white, or on black
/// where it is so light that white would hide it. `None` for an image without pixels.
pub fn whole(image: &DynamicImage, [channels, height, width]: [usize; 3]) -> Option<Vec<u8>> {
    let [from_width, from_height] = [image.width(), image.height()].map(|side| side as usize);
    if [from_width, from_height, width, height].contains(&0) {
        return None;
    }
    let (colours, _) = Colours::new(image, from_width.max(from_height).min(MOST));
    let scale = (colours.width as f64 / width as f64).min(colours.height as f64 / height as f64);
    let part = |from: usize, to: usize| {
        let length = to as f64 * scale;
        let start = (from as f64 - length) / 2.0;
        start.max(0.0)..(start + length).min(from as f64)
    };
    let (xs, ys) = (part(colours.width, width), part(colours.height, height));
    let framed = if (colours.width, colours.height) == (width, height) {
        colours
    } else {
        colours.scaled(xs, ys, width, height)
    };
    let byte = |value: f32| value.round() as u8;
    let pixels = framed.pixels.iter();
    Some(match channels {
        1 => pixels.map(|&colour| byte(brightness(colour))).collect(),
        _ => (0..channels)
            .flat_map(|channel| {
                let of = move |colour: &[f32; 3]| colour.get(channel).copied().unwrap_or(0.0);
                framed.pixels.iter().map(move |colour| byte(of(colour)))
            })
            .collect(),
    })
}

/// The most pixels a side that are looked at.
const MOST: usize = 1024;
