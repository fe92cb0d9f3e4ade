//! The neurons of the first layer: the weights of each as a picture of the input's size.

use image::{DynamicImage, Rgba, RgbaImage};
use model::{Architecture, Tensor};

use crate::failure::Failure;

/// Maximum number of neurons drawn.
const MOST_NEURONS: usize = 128;
/// Maximum number of weights drawn; with a large input, fewer neurons are shown.
const MOST_WEIGHTS: usize = 1 << 21;
/// Maximum number of neurons per row.
const COLUMNS: usize = 16;
/// Transparent pixels between two neurons.
const GAP: usize = 2;

// The ends and the middle of ColorBrewer's RdBu, which is colour-blind safe,
// <https://colorbrewer2.org/#type=diverging&scheme=RdBu&n=11>.
const NEGATIVE: [u8; 3] = [0x21, 0x66, 0xac];
const ZERO: [u8; 3] = [0xf7, 0xf7, 0xf7];
const POSITIVE: [u8; 3] = [0xb2, 0x18, 0x2b];

/// A picture of neurons.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    /// The PNG: one pixel per weight.
    pub png: Vec<u8>,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// How many neurons are drawn, the first ones of the layer, row by row.
    pub shown: usize,
    /// How many neurons the layer has.
    pub neurons: usize,
    /// Whether they are the output neurons: there is no hidden layer.
    pub output: bool,
}

/// Returns a picture of the first layer's neurons, each on its own scale: blue for weights below zero, red
/// for those above, white at zero.
///
/// # Errors
/// When the input is too large to be drawn, there is no layer, or the PNG cannot be encoded.
pub fn draw(weights: &[Tensor], architecture: &Architecture) -> Result<Sheet, Failure> {
    let first = architecture.first_layer(weights);
    let first = first.ok_or_else(|| Failure::failed("the network has no layers"))?;
    let ([height, width], neurons) = (first.size, first.neurons);
    let shown = neurons
        .min(MOST_NEURONS)
        .min(MOST_WEIGHTS / (height * width).max(1));
    if shown == 0 {
        return Err(Failure::failed(format!(
            "images of {width}x{height} are too large to be drawn"
        )));
    }
    let columns = shown.min(COLUMNS);
    let across = columns * (width + GAP) - GAP;
    let down = shown.div_ceil(columns) * (height + GAP) - GAP;
    let mut picture = RgbaImage::new(across as u32, down as u32); // transparent
    for neuron in 0..shown {
        let weights = first.neuron(neuron);
        let scale = scale(&weights);
        let (left, top) = (
            neuron % columns * (width + GAP),
            neuron / columns * (height + GAP),
        );
        for (at, weight) in weights.iter().enumerate() {
            let (x, y) = (left + at % width, top + at / width);
            if let Some(pixel) = picture.get_pixel_mut_checked(x as u32, y as u32) {
                *pixel = color(weight / scale);
            }
        }
    }
    Ok(Sheet {
        png: super::png(&DynamicImage::ImageRgba8(picture))?,
        width: across as u32,
        height: down as u32,
        shown,
        neurons,
        output: first.is_output,
    })
}

/// Returns the weight that gets the full colour: two in a hundred are larger, so that a single large one does
/// not make the others pale.
pub(super) fn scale(weights: &[f32]) -> f32 {
    let mut sizes: Vec<f32> = weights.iter().map(|weight| weight.abs()).collect();
    sizes.sort_by(f32::total_cmp);
    let at = sizes.len().saturating_sub(1) * 98 / 100;
    sizes
        .get(at)
        .copied()
        .unwrap_or_default()
        .max(f32::MIN_POSITIVE)
}

/// Returns the colour of a weight, given as a fraction of the scale and clamped to -1 to 1.
pub(super) fn color(share: f32) -> Rgba<u8> {
    let end = if share < 0.0 { NEGATIVE } else { POSITIVE };
    let share = share.abs().min(1.0);
    let mut pixel = [0xff; 4];
    for ((mixed, zero), end) in pixel.iter_mut().zip(ZERO).zip(end) {
        *mixed = (f32::from(zero) * (1.0 - share) + f32::from(end) * share).round() as u8;
    }
    Rgba(pixel)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use model::MlpConfig;

    use super::*;

    /// Two neurons on 3 x 2 pixels, one of them empty: each weight is where its pixel is.
    #[test]
    fn a_weight_is_where_its_pixel_is() {
        let architecture = Architecture::Mlp(MlpConfig {
            hidden: vec![2],
            ..MlpConfig::tutorial([1, 2, 3], 2)
        });
        let first = [0.0, 0.5, -1.0, 1.0, 0.0, 0.0]; // [inputs]
        let mut weights = architecture.init(1).unwrap();
        weights[0].values = first.into_iter().flat_map(|weight| [weight, 0.0]).collect();
        let sheet = draw(&weights, &architecture).unwrap();
        assert_eq!((sheet.shown, sheet.neurons, sheet.output), (2, 2, false));
        assert_eq!((sheet.width, sheet.height), (3 + 2 + 3, 2));
        let picture = image::load_from_memory(&sheet.png).unwrap().into_rgba8();
        let pixel = |x, y| picture.get_pixel(x, y).0;
        assert_eq!(pixel(0, 0), [0xf7, 0xf7, 0xf7, 0xff]);
        assert_eq!(pixel(1, 0), [0xd5, 0x88, 0x91, 0xff]); // half way to red
        assert_eq!(pixel(2, 0), [0x21, 0x66, 0xac, 0xff]);
        assert_eq!(pixel(0, 1), [0xb2, 0x18, 0x2b, 0xff]);
        assert_eq!(pixel(3, 0)[3], 0, "the gap is transparent");
        assert_eq!(pixel(5, 0), [0xf7, 0xf7, 0xf7, 0xff]);
    }

    #[test]
    fn a_large_input_shows_fewer_neurons_and_a_huge_one_none() {
        let sheet = |side: usize, neurons: usize| {
            let architecture = Architecture::Mlp(MlpConfig {
                hidden: vec![],
                ..MlpConfig::tutorial([1, side, side], neurons)
            });
            draw(&architecture.init(1).unwrap(), &architecture)
        };
        let small = sheet(4, 200).unwrap();
        assert_eq!((small.shown, small.neurons, small.output), (128, 200, true));
        assert_eq!(sheet(1024, 3).unwrap().shown, 2);
        let failure = sheet(1500, 2).unwrap_err();
        assert!(failure.sentence().contains("too large to be drawn"));
    }
}
