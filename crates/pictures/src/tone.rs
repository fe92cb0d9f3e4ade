//! Colours on a ground, as a network's greys: the ground black.

use crate::colours::{Colour, Colours, brightness};
use crate::ground::{Seen, distance};

/// Share of what stands out from which on it counts as both lighter and darker than the ground.
const MIXED: f32 = 0.03;
/// Colours whose brightness differs by less than this share of their distance are told apart by
/// that distance: red on green.
const EQUAL: f32 = 0.35;
/// A ground darker than this is that of the data set itself, on which nothing is darker.
const NEARLY_BLACK: f32 = 32.0;
/// What to do where parts of a garment may be lost in the ground.
const ON_WHITE: &str =
    "lay it on plain white: where a garment is as light as its ground, it cannot be seen";
/// A picture in which nothing gets brighter than this is stretched to 255: each of the 60,000 training
/// images has a pixel of 200 or more, and 92 % of them one of 255.
const FAINT: f32 = 200.0;

/// Returns the grey of each pixel, 0 to 255: how far it is from the ground towards black, or towards
/// white if more lies there. With both, what the frame does not reach through ground is cut out and
/// inverted, as upstream inverted its pictures.
///
/// `hint` becomes what to do where parts of the garment may be as light as the ground: those are lost.
pub(crate) fn values(
    small: &Colours,
    under: &[Colour],
    seen: &Seen,
    done: &mut Vec<String>,
    hint: &mut Option<&'static str>,
) -> Vec<f32> {
    let is_mixed = seen.dark.min(seen.light) > MIXED * (seen.dark + seen.light);
    let is_dark = seen.dark > seen.light;
    let pairs = || small.pixels.iter().copied().zip(under.iter().copied());
    let grey = |(colour, under)| {
        let (light, below) = (brightness(colour), brightness(under));
        let value = match (is_mixed, is_dark) {
            (true, _) => 255.0 - light,
            (_, true) => 255.0 * (below - light) / below.max(1.0),
            (_, false) => 255.0 * (light - below) / (255.0 - below).max(1.0),
        };
        value.clamp(0.0, 255.0)
    };
    let is_grey = |&under: &Colour| brightness(under) > NEARLY_BLACK;
    if (is_mixed || !is_dark) && under.iter().all(is_grey) {
        *hint = Some(ON_WHITE);
    }
    let mut values: Vec<f32> = pairs().map(grey).collect();
    let off: Vec<f32> = pairs().map(|(one, other)| distance(one, other)).collect();
    if is_mixed {
        done.push("lighter and darker than the ground: cut out, inverted".into());
        let is_ground = reached(&off, small.width, seen.level);
        let ground = values.iter_mut().zip(is_ground).filter(|(_, is)| *is);
        ground.for_each(|(value, _)| *value = 0.0);
    } else if is_dark {
        done.push("dark on light: inverted".into());
    } else {
        done.push("light on dark: kept".into());
    }
    let most = |values: &[f32]| values.iter().copied().fold(0.0, f32::max);
    if most(&values) < EQUAL * seen.most {
        done.push("as light as the ground: told apart by colour".into());
        values = off;
    }
    let most = most(&values);
    if most < FAINT {
        done.push("faint: stretched".into());
        values
            .iter_mut()
            .for_each(|value| *value *= 255.0 / most.max(1.0));
    }
    values
}

/// Makes black what is no further from the ground than its grain, the ground between strokes, and white what is
/// brightest: as strokes are scanned.
pub(crate) fn as_strokes(values: &mut [f32], small: &Colours, under: &[Colour], seen: &Seen) {
    let pairs = small.pixels.iter().zip(under);
    for (value, (&colour, &under)) in values.iter_mut().zip(pairs) {
        if distance(colour, under) < seen.level {
            *value = 0.0;
        }
    }
    let most = values.iter().copied().fold(1.0, f32::max);
    values.iter_mut().for_each(|value| *value *= 255.0 / most);
}

/// Returns which pixels the frame reaches through pixels below the level.
fn reached(off: &[f32], width: usize, level: f32) -> Vec<bool> {
    let height = off.len() / width;
    let is_edge = |at: &usize| {
        let (x, y) = (at % width, at / width);
        x == 0 || y == 0 || x + 1 == width || y + 1 == height
    };
    let mut open: Vec<usize> = (0..off.len()).filter(is_edge).collect();
    // What stands out is a wall.
    let mut is_wall: Vec<bool> = off.iter().map(|&off| off >= level).collect();
    let mut reached = vec![false; off.len()];
    while let Some(at) = open.pop() {
        match (is_wall.get_mut(at), reached.get_mut(at)) {
            (Some(wall), Some(reached)) if !*wall => (*wall, *reached) = (true, true),
            _ => continue,
        }
        let (x, y) = (at % width, at / width);
        open.extend((x > 0).then(|| at - 1));
        open.extend((x + 1 < width).then(|| at + 1));
        open.extend((y > 0).then(|| at - width));
        open.extend((y + 1 < height).then(|| at + width));
    }
    reached
}
