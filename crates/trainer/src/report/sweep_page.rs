//! The page of a sweep: its settings, best first, and how certain that order is.

use maud::{Markup, html};

use super::chart::{self, Axis, Chart, Line, short};
use super::html::{Section, details, document, table};
use crate::sweep::Outcome;

/// Maximum number of settings whose curves are drawn: each has its own colour.
pub const MOST_CURVES: usize = chart::COLORS;
/// Maximum number of settings in the picture of the intervals.
const MOST_INTERVALS: usize = 40;

/// The content of a sweep's page.
#[derive(Debug, Clone)]
pub struct SweepPage {
    /// The sweep's name.
    pub name: String,
    /// Headline figures: name and value.
    pub figures: Vec<(&'static str, String)>,
    /// The conclusions, as sentences.
    pub conclusions: Vec<String>,
    /// What the settings are compared by: `validation accuracy`.
    pub measure: String,
    /// The settings, best first.
    pub outcomes: Vec<Outcome>,
    /// The settings as table rows.
    pub rows: Vec<Vec<String>>,
    /// Header of the table.
    pub header: Vec<String>,
    /// For the best settings: number, and (epoch, mean of the metric over the seeds).
    pub curves: Vec<(usize, Vec<(f64, f64)>)>,
    /// The best setting as an experiment, TOML.
    pub config: Option<String>,
    /// The sweep's own file, JSON.
    pub manifest: String,
}

/// Returns the page as self-contained HTML.
pub fn html(page: &SweepPage) -> String {
    let header = html! {
        h1 { "Sweep " (page.name) }
        @for line in &page.conclusions { p { (line) } }
    };
    let section = |id, title, content| Section { id, title, content };
    let result = html! {
        dl.figures { @for (name, value) in &page.figures { div { dt { (name) } dd { (value) } } } }
    };
    let note = html! {
        p.note {
            "Mean ± standard deviation over the seeds, measured on the validation images after the epoch whose \
             weights were kept. The best of many settings looks a little better there than it is; its figures on \
             the test images do not."
        }
    };
    let settings = html! {
        (note)
        div.settings { (table("Settings, best first", &page.header, &page.rows)) }
    };
    let sections = [
        section("result", "Result", result),
        section("settings", "Settings", settings),
        section("intervals", "How certain that is", intervals(page)),
        section("curves", "Learning curves", curves(page)),
        section("origin", "How to repeat it", origin(page)),
    ];
    let footer = format!("trainer {}", env!("CARGO_PKG_VERSION"));
    document(
        &format!("Sweep {}: report", page.name),
        &header,
        &sections,
        &footer,
    )
}

fn curves(page: &SweepPage) -> Markup {
    let chart = Chart {
        title: format!("{} of the best settings after each epoch", page.measure),
        x: "epoch".to_string(),
        y: page.measure.clone(),
        lines: (0..)
            .zip(&page.curves)
            .map(|(color, (setting, points))| Line {
                name: format!("setting {setting}"),
                color,
                dashed: false,
                points: points.clone(),
            })
            .collect(),
        mark: None,
    };
    html! {
        figure {
            div.charts { (chart::svg(&chart)) }
            figcaption { "Means over the seeds, of the best settings. Point at a value to read it." }
        }
    }
}

// In user units.
const LEFT: f64 = 84.0;
const RIGHT: f64 = 600.0;
const WIDTH: f64 = 620.0;
const TOP: f64 = 12.0;
const ROW: f64 = 22.0;

/// Returns a picture with each training as a dot and the confidence interval of the mean as a bar.
fn intervals(page: &SweepPage) -> Markup {
    let shown: Vec<&Outcome> = page
        .outcomes
        .iter()
        .filter(|outcome| outcome.spread.is_some())
        .take(MOST_INTERVALS)
        .collect();
    let figures = shown.iter().flat_map(|outcome| {
        let ends = outcome
            .spread
            .and_then(|spread| spread.interval)
            .into_iter()
            .flatten();
        outcome.scores.iter().map(|(_, score)| *score).chain(ends)
    });
    let figures: Vec<f64> = figures
        .filter(|figure| figure.abs() <= f64::from(f32::MAX))
        .collect();
    let across = Axis::measuring(figures.iter().copied());
    let x = |value: f64| short(LEFT + across.share(value) * (RIGHT - LEFT));
    let bottom = TOP + ROW * shown.len() as f64;
    html! {
        figure {
            svg.chart.intervals viewBox={ "0 0 " (WIDTH) " " (bottom + 44.0) } role="img" {
                title { (page.measure) " of every training, with the 95 % interval of each setting's mean" }
                @for tick in &across.ticks {
                    line.grid x1=(x(*tick)) x2=(x(*tick)) y1=(TOP) y2=(bottom) {}
                    text.tick x=(x(*tick)) y=(bottom + 17.0) text-anchor="middle" { (across.label(*tick)) }
                }
                text.tick x=((LEFT + RIGHT) / 2.0) y=(bottom + 37.0) text-anchor="middle" { (page.measure) }
                @for (row, outcome) in shown.iter().enumerate() {
                    @let y = TOP + ROW * (row as f64 + 0.5);
                    text.tick x=(LEFT - 10.0) y=(y) dy="0.35em" text-anchor="end" { "setting " (outcome.setting) }
                    g.setting {
                        title { (words(outcome)) }
                        @if let Some([low, high]) = outcome.spread.and_then(|spread| spread.interval) {
                            rect.within x=(x(low)) y=(y - 6.0) width=(short(x(high) - x(low))) height="12" {}
                        }
                        @for (_, score) in &outcome.scores { circle.training cx=(x(*score)) cy=(y) r="3" {} }
                        @if let Some(spread) = outcome.spread {
                            line.mean x1=(x(spread.mean)) x2=(x(spread.mean)) y1=(y - 8.0) y2=(y + 8.0) {}
                        }
                    }
                }
            }
            figcaption {
                "Each dot is a training, the line their mean, the bar the 95 % confidence interval of the \
                 mean. Settings whose intervals overlap can still differ: the table's test pairs trainings of the \
                 same seed."
                @if page.outcomes.len() > shown.len() { " " (shown.len()) " of " (page.outcomes.len()) " settings." }
            }
        }
    }
}

fn words(outcome: &Outcome) -> String {
    let scores: Vec<String> = outcome
        .scores
        .iter()
        .map(|(seed, score)| format!("seed {seed}: {score:.4}"))
        .collect();
    let values: Vec<String> = outcome
        .values
        .iter()
        .map(|(key, value)| format!("{key} = {value}"))
        .collect();
    format!("{}; {}", values.join(", "), scores.join(", "))
}

fn origin(page: &SweepPage) -> Markup {
    html! {
        @if let Some(config) = &page.config {
            (details("The best setting as an experiment", &html! { pre { code { (config) } } }))
        }
        (details("The sweep", &html! { pre { code { (page.manifest) } } }))
    }
}
