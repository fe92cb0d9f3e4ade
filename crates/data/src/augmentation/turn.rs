//! Rotation and scaling about the centre of an image, bilinear between its pixels.
//!
//! An epoch has a few turns ([`TURNS`]), drawn at its start; each image gets one of them. What a turn does to every pixel is
//! then known beforehand, and an image takes a sixth of the time it would otherwise.

/// Turns of an epoch.
pub const TURNS: usize = 64;

/// Where each pixel comes from.
#[derive(Debug, Clone)]
pub struct Turn {
    /// The entry of the neighbourhoods (see [`neighbourhoods`]) around each pixel's source, `[height * width]`.
    sources: Vec<u32>,
    /// The share of each of the four pixels there in 128ths, a byte each, `[height * width]`.
    shares: Vec<u32>,
}

impl Turn {
    /// Returns a rotation by `angle`, in radians, and a scaling by `zoom`, above 0, of images of `[height, width]`.
    pub fn of(angle: f64, zoom: f64, [height, width]: [usize; 2]) -> Self {
        let [cosine, sine] = [angle.cos() / zoom, angle.sin() / zoom];
        let centre = [height, width].map(|length| (length as f64 - 1.0) / 2.0);
        let places = (0..height).flat_map(|row| (0..width).map(move |column| [row, column]));
        let (sources, shares) = places
            .map(|[row, column]| {
                let [y, x] = [row as f64 - centre[0], column as f64 - centre[1]];
                let source = [
                    cosine * y + sine * x + centre[0],
                    cosine * x - sine * y + centre[1],
                ];
                source_of(source, [height, width])
            })
            .unzip();
        Self { sources, shares }
    }

    /// Writes `channel`, of `width` pixels a row, to `to`, mirrored if `flip`, and turned. Pixels from beyond it are
    /// black.
    pub fn apply(&self, to: &mut [u8], channel: &[u8], width: usize, flip: bool) {
        let neighbourhoods = neighbourhoods(channel, width, flip);
        // Found first, so that the compiler can do the rest for several pixels at once.
        let mut found = vec![0; to.len()];
        for (found, source) in found.iter_mut().zip(&self.sources) {
            *found = neighbourhoods.get(*source as usize).copied().unwrap_or(0);
        }
        for ((to, found), shares) in to.iter_mut().zip(&found).zip(&self.shares) {
            let [a, b, c, d] = found.to_le_bytes().map(u32::from);
            let [e, f, g, h] = shares.to_le_bytes().map(u32::from);
            *to = ((a * e + b * f + c * g + d * h + 64) >> 7) as u8;
        }
    }
}

/// Returns the entry of the neighbourhoods around a point `[row, column]`, and the shares of the four pixels there.
fn source_of(point: [f64; 2], [height, width]: [usize; 2]) -> (u32, u32) {
    let is_inside = |value: f64, length: usize| -1.0 < value && value < length as f64;
    if !is_inside(point[0], height) || !is_inside(point[1], width) {
        return (0, 0);
    }
    let corner = point.map(f64::floor);
    let [below, right] = [point[0] - corner[0], point[1] - corner[1]];
    let entry = (corner[0] + 1.0) * (width as f64 + 1.0) + corner[1] + 1.0;
    let exact = [
        (1.0 - below) * (1.0 - right),
        (1.0 - below) * right,
        below * (1.0 - right),
        below * right,
    ];
    // Rounded so that their sum is 128: what is missing belongs to the largest.
    let mut shares = exact.map(|share| (share * 128.0).round() as u8);
    let missing = 128_u8.wrapping_sub(shares.iter().sum());
    if let Some(largest) = shares.iter_mut().max() {
        *largest = largest.wrapping_add(missing);
    }
    (entry as u32, u32::from_le_bytes(shares))
}

/// Returns two by two pixels around each corner of a channel's pixels, `[height + 1, width + 1]`, those beyond its edge
/// black: upper left, upper right, lower left, lower right, from the lowest byte on.
fn neighbourhoods(channel: &[u8], width: usize, flip: bool) -> Vec<u32> {
    // A black pixel between two rows is the end of one and the beginning of the next.
    let line = width + 1;
    let corners = channel.len() / width * line + line;
    let mut pixels = vec![0; corners + line + 1];
    let rows = pixels.chunks_exact_mut(line).skip(1);
    for (to, from) in rows.zip(channel.chunks_exact(width)) {
        if let [_, to @ ..] = to {
            to.copy_from_slice(from);
            if flip {
                to.reverse();
            }
        }
    }
    let mut neighbourhoods = vec![0; corners];
    let (above, below) = (pixels.windows(2), pixels.windows(2).skip(line));
    for ((to, above), below) in neighbourhoods.iter_mut().zip(above).zip(below) {
        if let ([a, b], [c, d]) = (above, below) {
            *to = u32::from_le_bytes([*a, *b, *c, *d]);
        }
    }
    neighbourhoods
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: [usize; 2] = [5, 5];

    fn turned(angle: f64, zoom: f64) -> Vec<u8> {
        let mut to = vec![0; 25];
        Turn::of(angle, zoom, SIZE).apply(
            &mut to,
            &(1..=25).map(|n| n * 10).collect::<Vec<u8>>(),
            5,
            false,
        );
        to
    }

    #[test]
    fn no_turn_changes_nothing() {
        let image: Vec<u8> = (1..=25).map(|n| n * 10).collect();
        assert_eq!(turned(0.0, 1.0), image);
    }

    #[test]
    fn a_quarter_turn_moves_whole_pixels() {
        let quarter = turned(std::f64::consts::FRAC_PI_2, 1.0);
        for row in 0..5 {
            for column in 0..5 {
                // Which way round does not matter: all angles come with both signs.
                assert_eq!(
                    quarter[row * 5 + column],
                    (column * 5 + 4 - row + 1) as u8 * 10,
                    "{row} {column}"
                );
            }
        }
    }

    #[test]
    fn half_the_size_leaves_a_black_frame_and_double_shows_the_middle() {
        let half = turned(0.0, 0.5);
        assert_eq!(half[12], 130);
        assert_eq!([half[11], half[13]], [110, 150]);
        assert_eq!(half[..5], [0; 5]);
        // Two pixels from the middle come from one pixel from it; one from half of one, the mean of two.
        let double = turned(0.0, 2.0);
        assert_eq!(double[10..15], [120, 125, 130, 135, 140]);
    }

    #[test]
    fn what_lies_half_a_pixel_outside_is_half_as_bright() {
        let mut to = vec![0; 2];
        Turn::of(0.0, 2.0 / 3.0, [1, 2]).apply(&mut to, &[200, 200], 2, false);
        // From -0.25 and 1.25: three quarters of a pixel, the rest black.
        assert_eq!(to, [150, 150]);
    }

    #[test]
    fn every_source_has_shares_of_128_in_all() {
        for (angle, zoom) in [(0.3, 1.1), (-2.0, 0.7), (0.8, 1.0)] {
            for shares in Turn::of(angle, zoom, [28, 28]).shares {
                let sum: u32 = shares.to_le_bytes().into_iter().map(u32::from).sum();
                assert!(sum == 128 || sum == 0, "{sum}");
            }
        }
    }
}
