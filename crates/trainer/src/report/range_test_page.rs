//! The page of a learning-rate range test: the loss at each learning rate.

use maud::html;

use super::chart::{self, Chart, Line};
use super::html::{Section, document, table};
use crate::learner::range_test::Point;

/// Maximum number of rows of the table.
const ROWS: usize = 40;

/// Returns the page as self-contained HTML. `suggestion` is the rate to start with, `now` the experiment's.
pub fn html(experiment: &str, points: &[Point], suggestion: f64, now: f64) -> String {
    type Figure = fn(&Point) -> f64;
    let line = |name: &str, color, figure: Figure| Line {
        name: name.to_string(),
        color,
        dashed: color > 0,
        points: points
            .iter()
            .map(|point| (point.rate.log10(), figure(point)))
            .collect(),
    };
    let chart = Chart {
        title: "Training loss while the learning rate increases".to_string(),
        x: "power of ten of the learning rate".to_string(),
        y: "loss".to_string(),
        lines: vec![
            line("smoothed", 0, |point| point.smoothed),
            line("batch", 1, |point| point.loss),
        ],
        mark: Some((suggestion.log10(), format!("{suggestion:.1e}"))),
    };
    let header = html! {
        h1 { "Learning rates for " (experiment) }
        p { "The loss falls fastest at a rate of " (format!("{suggestion:.1e}")) "; the experiment uses " (format!("{now:e}")) "." }
    };
    let plot = html! {
        figure {
            div.charts { (chart::svg(&chart)) }
            figcaption {
                "One step per rate, starting from the initial weights. A rate is worth trying where the smoothed loss \
                 falls; where it rises, steps are too large. Point at a value to read it."
            }
        }
    };
    let rows: Vec<Vec<String>> = points
        .iter()
        .step_by(points.len().div_ceil(ROWS).max(1))
        .map(|point| {
            vec![
                format!("{:.2e}", point.rate),
                format!("{:.4}", point.loss),
                format!("{:.4}", point.smoothed),
            ]
        })
        .collect();
    let figures = table(
        "Some of the steps",
        &["rate", "batch loss", "smoothed loss"],
        &rows,
    );
    let sections = [
        Section {
            id: "plot",
            title: "Loss",
            content: plot,
        },
        Section {
            id: "table",
            title: "Figures",
            content: figures,
        },
    ];
    let footer = format!("trainer {}", env!("CARGO_PKG_VERSION"));
    document(
        &format!("{experiment}: learning rates"),
        &header,
        &sections,
        &footer,
    )
}
