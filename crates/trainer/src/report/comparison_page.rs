//! The page of several runs: how they differ, and whether it is more than chance.

use experiment::Metric;
use maud::{Markup, html};

use super::chart::{self, Chart, Line};
use super::html::{Section, document, table};
use crate::comparison::Comparison;
use crate::run::epoch::EpochMetrics;

/// Returns the page as self-contained HTML.
pub fn html(comparison: &Comparison) -> String {
    let names: Vec<&str> = comparison.runs.iter().map(|c| c.run.run.as_str()).collect();
    let letters = comparison.letters();
    let header = html! {
        h1 { "Comparison of " (names.len()) " runs" }
        p { "The test images were used only after training; each run's manifest counts how often." }
    };
    let columns = |first: &str| -> Vec<String> {
        std::iter::once(first.to_string())
            .chain(letters.clone())
            .collect()
    };
    let section = |id, title, content| Section { id, title, content };
    let recall = table(
        "Share predicted correctly",
        &columns("class"),
        &comparison.classes(),
    );
    let sections = [
        section("runs", "Runs", runs(comparison)),
        section(
            "config",
            "What differs",
            config(comparison, &columns("key")),
        ),
        section(
            "results",
            "Results",
            table("Results", &columns("figure"), &comparison.metrics()),
        ),
        section("curves", "Learning curves", curves(comparison)),
        section("chance", "More than chance?", chance(comparison)),
        section("classes", "Recall of each class", recall),
    ];
    let title = format!("{}: comparison", names.join(", "));
    let footer = format!("trainer {}", env!("CARGO_PKG_VERSION"));
    document(&title, &header, &sections, &footer)
}

fn runs(comparison: &Comparison) -> Markup {
    let rows: Vec<Vec<String>> = comparison
        .letters()
        .into_iter()
        .zip(&comparison.runs)
        .map(|(letter, compared)| {
            let run = &compared.run;
            let (started, seed) = (run.started.strftime("%F %T UTC"), run.seed.to_string());
            vec![
                letter,
                run.run.clone(),
                started.to_string(),
                run.backend.clone(),
                seed,
            ]
        })
        .collect();
    table(
        "The runs",
        &["name", "run", "started", "backend", "seed"],
        &rows,
    )
}

fn config(comparison: &Comparison, columns: &[String]) -> Markup {
    let differing = comparison.settings();
    if differing.is_empty() {
        return html! { p { "The configs are the same." } };
    }
    table(
        "Keys of the config whose values differ",
        columns,
        &differing,
    )
}

fn curves(comparison: &Comparison) -> Markup {
    type Figure<'f> = &'f dyn Fn(&EpochMetrics) -> Option<f64>;
    let lines = |name: &str, dashed: bool, figure: Figure| -> Vec<Line> {
        let letters = comparison.letters().into_iter();
        let runs = letters.zip(&comparison.runs).enumerate();
        runs.map(|(color, (letter, compared))| Line {
            name: format!("{letter} {name}"),
            color,
            dashed,
            points: compared
                .epochs
                .iter()
                .filter_map(|e| Some((e.epoch as f64, figure(e)?)))
                .collect(),
        })
        .collect()
    };
    let chart = |metric: Metric| Chart {
        title: format!("{} of every run after each epoch", metric.title()),
        x: "epoch".to_string(),
        y: metric.title(),
        lines: [
            lines("training", false, &|epoch| epoch.train.get(metric)),
            lines("validation", true, &|epoch| epoch.validation(metric)),
        ]
        .concat(),
        mark: None,
    };
    html! {
        figure {
            div.charts { @for metric in Metric::all().filter(|m| m.in_line) { (chart::svg(&chart(metric))) } }
            figcaption {
                "Training figures are measured while the weights still change; validation figures, dashed, after \
                 the epoch. Point at a value to read it."
            }
        }
    }
}

fn chance(comparison: &Comparison) -> Markup {
    let letters = comparison.letters();
    let first = letters.first().cloned().unwrap_or_default();
    let rows: Vec<Vec<String>> = letters
        .iter()
        .skip(1)
        .zip(&comparison.tests)
        .map(|(letter, test)| {
            let verdict = if test.p < 0.05 { "yes" } else { "no" };
            vec![
                format!("{first} and {letter}"),
                test.only_first.to_string(),
                test.only_second.to_string(),
                if test.p < 1e-4 {
                    "below 0.0001".into()
                } else {
                    format!("{:.4}", test.p)
                },
                verdict.to_string(),
            ]
        })
        .collect();
    let header = [
        "runs",
        "only the first correct",
        "only the second correct",
        "p",
        "p below 0.05",
    ];
    html! {
        p {
            "McNemar's exact test on the test images: the probability of so uneven a number of images that only one of \
             the two gets right, if both were equally good."
            @if rows.len() > 1 { " Of " (rows.len()) " tests, one in twenty is below 0.05 by chance alone." }
        }
        (table("Images that only one of two runs gets right", &header, &rows))
    }
}
