//! Line charts as SVG, for an HTML page whose style sheet sets the colours.
//!
//! Pointing at a point shows its value, without a script. Lines differ by a name at their end and by dashes,
//! not only by colour.

use maud::{Markup, html};

/// Number of line colours in the style sheet; further lines repeat them.
pub const COLORS: usize = 6;
/// Maximum number of points drawn per line; of a longer line, every second, third, ...
pub const MOST_POINTS: usize = 200;

/// A line chart. Points that do not fit single precision are left out.
#[derive(Debug, Clone)]
pub struct Chart {
    /// Title, which screen readers read out instead of the picture.
    pub title: String,
    /// What the horizontal axis counts, in whole numbers.
    pub x: String,
    /// What the vertical axis measures.
    pub y: String,
    /// The lines.
    pub lines: Vec<Line>,
    /// A position to mark on the horizontal axis, and its label.
    pub mark: Option<(f64, String)>,
}

/// One line of a chart.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its name, shown at the line's end; short.
    pub name: String,
    /// Number of its colour, from 0.
    pub color: usize,
    /// Whether it is dashed.
    pub dashed: bool,
    /// Its points (x, y), in order of x.
    pub points: Vec<(f64, f64)>,
}

// In user units; the page decides their size.
const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 392.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 252.0;
/// Minimum distance between two names at lines' ends.
const LINE_HEIGHT: f64 = 15.0;
/// Tolerance for rounding, as a fraction of a step: 2.2 / 0.1 is slightly more than 22.
const HAIR: f64 = 1e-9;

/// Returns the chart as an `svg` element.
pub fn svg(chart: &Chart) -> Markup {
    let lines: Vec<Line> = chart.lines.iter().map(drawable).collect();
    let all = || lines.iter().flat_map(|line| line.points.iter());
    let across = Axis::counting(all().map(|point| point.0));
    let up = Axis::measuring(all().map(|point| point.1));
    let x = |value: f64| LEFT + across.share(value) * (RIGHT - LEFT);
    let y = |value: f64| BOTTOM + up.share(value) * (TOP - BOTTOM);
    let ends: Vec<f64> = lines
        .iter()
        .map(|line| line.points.last().map_or(BOTTOM, |point| y(point.1)))
        .collect();
    html! {
        svg.chart viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" {
            title { (chart.title) }
            @for tick in &up.ticks {
                @let at = short(y(*tick));
                line.grid x1=(LEFT) x2=(RIGHT) y1=(at) y2=(at) {}
                text.tick x=(LEFT - 8.0) y=(at) dy="0.35em" text-anchor="end" { (up.label(*tick)) }
            }
            line.axis x1=(LEFT) x2=(RIGHT) y1=(BOTTOM) y2=(BOTTOM) {}
            @for tick in &across.ticks {
                @let at = short(x(*tick));
                line.axis x1=(at) x2=(at) y1=(BOTTOM) y2=(BOTTOM + 4.0) {}
                text.tick x=(at) y=(BOTTOM + 19.0) text-anchor="middle" { (across.label(*tick)) }
            }
            text.tick x=((LEFT + RIGHT) / 2.0) y=(BOTTOM + 39.0) text-anchor="middle" { (chart.x) }
            text.tick x="4" y="14" { (chart.y) }
            @if let Some((place, name)) = &chart.mark {
                @let at = short(x(*place));
                line.mark x1=(at) x2=(at) y1=(TOP) y2=(BOTTOM) {}
                // Not over the axis's name, at the left.
                text.mark x=(at.max(LEFT + 60.0)) y=(TOP - 8.0) text-anchor="middle" { (name) }
            }
            @for (line, end) in lines.iter().zip(apart(&ends)) {
                (one_line(chart, line, &x, &y, end))
            }
        }
    }
}

fn one_line(
    chart: &Chart,
    line: &Line,
    x: &impl Fn(f64) -> f64,
    y: &impl Fn(f64) -> f64,
    end: f64,
) -> Markup {
    let place = |&(a, b): &(f64, f64)| format!("{},{}", short(x(a)), short(y(b)));
    let places: Vec<String> = line.points.iter().map(place).collect();
    let dashed = if line.dashed { " dashed" } else { "" };
    html! {
        g class={ "c" (line.color % COLORS) (dashed) } {
            polyline points=(places.join(" ")) {}
            @for point in &line.points {
                circle cx=(short(x(point.0))) cy=(short(y(point.1))) r="2.5" {
                    title { (line.name) ", " (chart.x) " " (point.0) ": " (format!("{:.4}", point.1)) }
                }
            }
            @if !line.points.is_empty() {
                text x=(RIGHT + 8.0) y=(short(end)) dy="0.35em" { (line.name) }
            }
        }
    }
}

/// Returns a line with only the points that can be drawn.
fn drawable(line: &Line) -> Line {
    let fits = |value: f64| value.abs() <= f64::from(f32::MAX); // false for NaN
    let fitting = line.points.iter().filter(|(x, y)| fits(*x) && fits(*y));
    Line {
        points: thinned(&fitting.copied().collect::<Vec<_>>()),
        ..line.clone()
    }
}

/// Returns at most about [`MOST_POINTS`] of `all`: every n-th, and the last.
pub fn thinned<T: Clone>(all: &[T]) -> Vec<T> {
    let step = all.len().div_ceil(MOST_POINTS).max(1);
    let mut some: Vec<T> = all.iter().step_by(step).cloned().collect();
    if step > 1 && !(all.len() - 1).is_multiple_of(step) {
        some.extend(all.last().cloned());
    }
    some
}

/// Returns positions for texts, as close as possible to `wanted`, and no two closer than a line's height.
fn apart(wanted: &[f64]) -> Vec<f64> {
    let mut order: Vec<(usize, f64)> = wanted.iter().copied().enumerate().collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut free = f64::NEG_INFINITY;
    for (_, at) in &mut order {
        *at = at.max(free);
        free = *at + LINE_HEIGHT;
    }
    let mut limit = BOTTOM;
    for (_, at) in order.iter_mut().rev() {
        *at = at.min(limit);
        limit = *at - LINE_HEIGHT;
    }
    order.sort_by_key(|(line, _)| *line);
    order.into_iter().map(|(_, at)| at).collect()
}

/// The range of an axis and the round numbers on it.
pub(super) struct Axis {
    low: f64,
    high: f64,
    pub(super) ticks: Vec<f64>,
    step: f64,
}

impl Axis {
    /// Returns the axis of counts: it spans exactly the values and has ticks at whole numbers.
    fn counting(values: impl Iterator<Item = f64> + Clone) -> Self {
        let (low, high) = reach(values);
        let step = round_step((high - low) / 8.0).max(1.0);
        let ticks = multiples(
            (low / step - HAIR).ceil(),
            (high / step + HAIR).floor(),
            step,
        );
        Self {
            low,
            high,
            ticks,
            step,
        }
    }

    /// Returns the axis of measured values: it spans from a round number below to one above them.
    pub(super) fn measuring(values: impl Iterator<Item = f64> + Clone) -> Self {
        let (low, high) = reach(values);
        // Equal values are drawn in the middle of a range.
        let room = if high > low {
            0.0
        } else {
            (0.1 * high.abs()).max(1e-3)
        };
        let (low, high) = (low - room, high + room);
        let step = round_step((high - low) / 5.0);
        let ticks = multiples(
            (low / step + HAIR).floor(),
            (high / step - HAIR).ceil(),
            step,
        );
        let ends = ticks.first().copied().zip(ticks.last().copied());
        let (low, high) = ends.unwrap_or((low, high));
        Self {
            low,
            high,
            ticks,
            step,
        }
    }

    /// Returns the position of a value, from 0 at the low end to 1 at the high end.
    pub(super) fn share(&self, value: f64) -> f64 {
        if self.high > self.low {
            (value - self.low) / (self.high - self.low)
        } else {
            0.5
        }
    }

    /// Returns a tick's number with as many decimals as it needs.
    pub(super) fn label(&self, tick: f64) -> String {
        let decimals = -self.step.log10().floor();
        match decimals {
            _ if tick.abs() >= 1e7 || decimals > 6.0 => format!("{tick:.1e}"),
            _ => format!("{:.*}", decimals.max(0.0) as usize, tick + 0.0), // + 0.0: never -0
        }
    }
}

/// Returns the minimum and maximum; 0 and 1 if there are no values.
fn reach(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.fold(f64::NEG_INFINITY, f64::max);
    if low <= high { (low, high) } else { (0.0, 1.0) }
}

/// Returns the next of 1, 2, 5, 10, 20, 50, ... at or above `size`, or the like below 1.
fn round_step(size: f64) -> f64 {
    let power = 10f64.powf(size.max(f64::MIN_POSITIVE).log10().floor());
    let steps = [power, 2.0 * power, 5.0 * power];
    let fitting = steps.into_iter().find(|step| *step >= size);
    fitting.unwrap_or(10.0 * power)
}

/// Returns `first * step`, ... up to `last * step`, a small number of ticks.
fn multiples(first: f64, last: f64, step: f64) -> Vec<f64> {
    let count = (last - first).clamp(-1.0, 20.0) as i32;
    (0..=count).map(|i| (first + f64::from(i)) * step).collect()
}

/// Returns a coordinate with one decimal.
pub(super) fn short(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests;
