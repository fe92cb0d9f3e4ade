//! The strokes of the digits.

/// A point: x to the right, y down. In a stroke, the digit fills 0 to 1 in both.
pub(super) type Point = [f32; 2];

/// Straight parts that a curved one is cut into.
const PARTS: usize = 6;

/// Each digit's strokes: points that a pen is drawn towards. It begins at the first and ends at the last; at a point
/// that is there twice it makes a corner.
#[rustfmt::skip] // one stroke a line
pub(super) const DIGITS: [&[&[Point]]; 10] = [
    &[&[[0.5, 0.03], [0.9, 0.03], [0.9, 0.97], [0.1, 0.97], [0.1, 0.03], [0.5, 0.03]]],
    &[&[[0.28, 0.24], [0.55, 0.04], [0.55, 0.04], [0.55, 0.97]]],
    &[&[[0.15, 0.26], [0.2, 0.0], [0.88, 0.0], [0.88, 0.4], [0.45, 0.65], [0.12, 0.95], [0.12, 0.95], [0.9, 0.95]]],
    &[&[[0.15, 0.12], [0.5, -0.03], [0.95, 0.08], [0.82, 0.46], [0.42, 0.47], [0.42, 0.47], [0.95, 0.5], [0.95, 0.95], [0.5, 1.03], [0.1, 0.86]]],
    &[&[[0.6, 0.03], [0.1, 0.65], [0.1, 0.65], [0.92, 0.65]], &[[0.66, 0.36], [0.66, 0.98]]],
    &[&[[0.84, 0.05], [0.26, 0.05], [0.26, 0.05], [0.2, 0.46], [0.2, 0.46], [0.6, 0.28], [1.0, 0.55], [0.88, 0.97], [0.45, 1.02], [0.12, 0.87]]],
    &[&[[0.74, 0.03], [0.3, 0.2], [0.05, 0.7], [0.22, 1.0], [0.6, 1.02], [0.95, 0.85], [0.86, 0.48], [0.5, 0.45], [0.14, 0.68]]],
    &[&[[0.1, 0.06], [0.9, 0.06], [0.9, 0.06], [0.56, 0.5], [0.4, 0.97]]],
    &[&[[0.5, 0.48], [0.1, 0.38], [0.12, 0.0], [0.88, 0.0], [0.9, 0.38], [0.1, 0.58], [0.05, 1.02], [0.95, 1.02], [0.9, 0.58], [0.5, 0.48]]],
    &[&[[0.86, 0.3], [0.72, 0.6], [0.16, 0.56], [0.08, 0.18], [0.3, 0.0], [0.88, 0.0], [0.9, 0.32], [0.84, 0.62], [0.7, 0.97]]],
];

/// Returns the curve of a stroke as a chain of points: a quadratic B-spline, of which the middles between two points
/// are the joints.
pub(super) fn curve(points: &[Point]) -> Vec<Point> {
    let middle = |[a, b]: Point, [c, d]: Point| [(a + c) / 2.0, (b + d) / 2.0];
    let mut chain: Vec<Point> = points.first().copied().into_iter().collect();
    let last = points.len().saturating_sub(3);
    for (i, &[before, bend, after]) in points.array_windows().enumerate() {
        let from = if i == 0 { before } else { middle(before, bend) };
        let to = if i == last {
            after
        } else {
            middle(bend, after)
        };
        chain.extend((1..=PARTS).map(|part| {
            let t = part as f32 / PARTS as f32;
            let on = |a: f32, b: f32, c: f32| {
                (1.0 - t) * (1.0 - t) * a + 2.0 * (1.0 - t) * t * b + t * t * c
            };
            [on(from[0], bend[0], to[0]), on(from[1], bend[1], to[1])]
        }));
    }
    if let [_, end] = *points {
        chain.push(end);
    }
    chain
}
