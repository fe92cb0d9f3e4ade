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
    let framed = framed(image, [from_width, from_height], [width, height]);
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

/// The most pixels a side of an image with transparency that are looked at.
const MOST: usize = 1024;

/// Returns the middle of an image in the frame's shape and size. One of that size is returned as it is.
fn framed(image: &DynamicImage, from: [usize; 2], [width, height]: [usize; 2]) -> Colours {
    let [from_width, from_height] = from;
    let scale = |width_now: usize, height_now: usize| {
        (width_now as f64 / width as f64).min(height_now as f64 / height as f64)
    };
    let part = |from: usize, to: usize, scale: f64| {
        let length = to as f64 * scale;
        let start = (from as f64 - length) / 2.0;
        start.max(0.0)..(start + length).min(from as f64)
    };
    let all = scale(from_width, from_height);
    let frame = (part(from_width, width, all), part(from_height, height, all));
    if let Some(colours) = Colours::of_part(image, frame, width, height) {
        return colours;
    }
    let (colours, _) = Colours::new(image, from_width.max(from_height).min(MOST));
    if (colours.width, colours.height) == (width, height) {
        return colours;
    }
    let all = scale(colours.width, colours.height);
    let (xs, ys) = (
        part(colours.width, width, all),
        part(colours.height, height, all),
    );
    colours.scaled(xs, ys, width, height)
}
