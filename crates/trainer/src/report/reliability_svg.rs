//! The reliability diagram of the page: accuracy against confidence.

use maud::{Markup, html};
use model::calibration::{BINS, Bin};

use super::chart::short;

// In user units: a square diagram, and below it the number of images in each bin.
const LEFT: f64 = 52.0;
const SIDE: f64 = 300.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = TOP + SIDE;
const COUNTS_TOP: f64 = BOTTOM + 14.0;
const COUNTS_HEIGHT: f64 = 56.0;
const COUNTS_BOTTOM: f64 = COUNTS_TOP + COUNTS_HEIGHT;

/// Returns the reliability diagram as an `svg` element.
pub fn svg(bins: &[Bin]) -> Markup {
    let width = SIDE / bins.len().max(1) as f64;
    let left = |bin: usize| LEFT + width * bin as f64;
    let most = bins.iter().map(|bin| bin.images).max().unwrap_or(0).max(1) as f64;
    let y = |share: f64| BOTTOM - SIDE * share;
    html! {
        svg.chart.reliability viewBox={ "0 0 372 " (COUNTS_BOTTOM + 44.0) } role="img" {
            title { "Reliability diagram: accuracy of the predictions made with each confidence" }
            @for tick in 0..=5 {
                @let share = f64::from(tick) / 5.0;
                @let at = LEFT + SIDE * share;
                line.grid x1=(LEFT) x2=(LEFT + SIDE) y1=(y(share)) y2=(y(share)) {}
                text.tick x=(LEFT - 8.0) y=(y(share)) dy="0.35em" text-anchor="end" { (format!("{share:.1}")) }
                line.axis x1=(at) x2=(at) y1=(COUNTS_BOTTOM) y2=(COUNTS_BOTTOM + 4.0) {}
                text.tick x=(at) y=(COUNTS_BOTTOM + 19.0) text-anchor="middle" { (format!("{share:.1}")) }
            }
            text.tick x="4" y="14" { "accuracy" }
            text.tick x=(LEFT + SIDE / 2.0) y=(COUNTS_BOTTOM + 39.0) text-anchor="middle" { "confidence" }
            @for (i, bin) in bins.iter().enumerate().filter(|(_, bin)| bin.images > 0) {
                @let tall = COUNTS_HEIGHT * bin.images as f64 / most;
                g.bin {
                    title { (words(i, bin)) }
                    rect.hover x=(short(left(i))) y=(TOP) width=(short(width)) height=(COUNTS_BOTTOM - TOP) {}
                    rect.accuracy x=(short(left(i) + 1.0)) y=(short(y(bin.accuracy)))
                        width=(short(width - 2.0)) height=(short(SIDE * bin.accuracy)) {}
                    line.confidence x1=(short(left(i) + 1.0)) x2=(short(left(i) + width - 1.0))
                        y1=(short(y(bin.confidence))) y2=(short(y(bin.confidence))) {}
                    rect.count x=(short(left(i) + 1.0)) y=(short(COUNTS_BOTTOM - tall))
                        width=(short(width - 2.0)) height=(short(tall)) {}
                }
            }
            line.diagonal x1=(LEFT) y1=(BOTTOM) x2=(LEFT + SIDE) y2=(TOP) {}
            line.axis x1=(LEFT) x2=(LEFT + SIDE) y1=(BOTTOM) y2=(BOTTOM) {}
            line.axis x1=(LEFT) x2=(LEFT + SIDE) y1=(COUNTS_BOTTOM) y2=(COUNTS_BOTTOM) {}
            text.tick x=(LEFT - 8.0) y=(COUNTS_BOTTOM) dy="-0.2em" text-anchor="end" { "images" }
        }
    }
}

/// Returns the range of a bin, for a table row.
pub fn range(bin: usize) -> String {
    let end = |bin: usize| bin as f64 / BINS as f64;
    format!("{:.3} to {:.3}", end(bin), end(bin + 1))
}

fn words(i: usize, bin: &Bin) -> String {
    format!(
        "confidence {}: {} images, mean confidence {:.3}, accuracy {:.3}",
        range(i),
        bin.images,
        bin.confidence,
        bin.accuracy
    )
}
