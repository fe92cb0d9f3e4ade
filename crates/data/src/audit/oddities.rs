//! Images that show nothing, or came from pictures unlike the others in size.

use super::Place;
use crate::source::DataSet;

/// Pixels of a blank image differ by at most this many grey levels.
const EVEN: u8 = 8;
/// No pixel of a dark image is brighter than this.
const DARK: u8 = 48;
/// How many times as wide for its height, or as large, a picture may be as the middle one of all.
const UNLIKE: f64 = 2.0;
const MUCH_SMALLER: f64 = 4.0;

/// What is odd about an image.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Oddity {
    /// The image.
    pub place: Place,
    /// The kind: `blank`, `dark` or `size`.
    pub kind: &'static str,
    /// What was measured, as the rest of a sentence.
    pub reason: String,
}

/// Returns the odd images of a data set, part by part; each with the first of the three kinds that it is of.
pub fn find(set: &DataSet) -> Vec<Oddity> {
    let usual = usual(set);
    let odd = Place::all(set).filter_map(|(place, image)| {
        let found = shows_nothing(image).or_else(|| {
            let size = place.origin(set)?.size;
            Some(("size", unlike(size, usual?, set.train.size())?))
        });
        found.map(|(kind, reason)| Oddity {
            place,
            kind,
            reason,
        })
    });
    odd.collect()
}

fn shows_nothing(image: &[u8]) -> Option<(&'static str, String)> {
    let (darkest, brightest) = (*image.iter().min()?, *image.iter().max()?);
    if brightest - darkest <= EVEN {
        return Some((
            "blank",
            format!("has pixels from {darkest} to {brightest} only"),
        ));
    }
    (brightest <= DARK).then(|| {
        (
            "dark",
            format!("has no pixel brighter than {brightest} of 255"),
        )
    })
}

/// The middle ones of all pictures' width for its height and number of pixels.
#[derive(Clone, Copy)]
struct Usual {
    shape: f64,
    pixels: f64,
}

fn usual(set: &DataSet) -> Option<Usual> {
    let sizes = || Place::all(set).filter_map(|(place, _)| Some(place.origin(set)?.size));
    Some(Usual {
        shape: middle(sizes().map(shape).collect())?,
        pixels: middle(sizes().map(pixels).collect())?,
    })
}

fn shape([width, height]: [u32; 2]) -> f64 {
    f64::from(width) / f64::from(height.max(1))
}

fn pixels([width, height]: [u32; 2]) -> f64 {
    f64::from(width) * f64::from(height)
}

fn middle(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Returns how a picture's size differs from the others', if it does.
fn unlike(size: [u32; 2], usual: Usual, fitted: [usize; 3]) -> Option<String> {
    let [width, height] = size;
    let stretched = shape(size) / usual.shape;
    if !(1.0 / UNLIKE..=UNLIKE).contains(&stretched) {
        return Some(format!(
            "is {width}x{height}, of another shape than the others"
        ));
    }
    let [_, needed_height, needed_width] = fitted;
    let is_enlarged = (width as usize) < needed_width || (height as usize) < needed_height;
    let is_small = pixels(size) * MUCH_SMALLER * MUCH_SMALLER < usual.pixels;
    (is_small || is_enlarged).then(|| format!("is {width}x{height}, smaller than the others"))
}
