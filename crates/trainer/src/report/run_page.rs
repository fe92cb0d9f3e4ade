//! The page of one run: results, learning curves, mistakes.

use experiment::Metric;
use maud::{Markup, html};

use super::chart::{self, Chart, Line, thinned};
use super::html::{Section, details, document, missing, picture, table};
use super::{band, checks, tested};
use crate::drawing::weights::Sheet;
use crate::explain::checks::Checked;
use crate::predictions::Table;
use crate::run::epoch::EpochMetrics;
use crate::run::list::Summary;
use crate::run::{Manifest, query};

/// The content of a run's page; missing parts have a reason instead.
#[derive(Debug, Clone)]
pub struct RunPage {
    /// Summary of the run.
    pub run: Summary,
    /// Its manifest.
    pub manifest: Manifest,
    /// Its resolved config, TOML.
    pub config: Result<String, String>,
    /// Its finished epochs.
    pub epochs: Vec<EpochMetrics>,
    /// Whether the experiment is the tutorial's, which Keras was measured on.
    pub is_tutorial: bool,
    /// Its predictions for every test image.
    pub tested: Result<Table, String>,
    /// PNG of the first test images.
    pub gallery: Result<Vec<u8>, String>,
    /// PNG of the most confident mistakes.
    pub mistakes: Result<Vec<u8>, String>,
    /// The neurons of the first layer.
    pub neurons: Result<Sheet, String>,
    /// What the checks of its figures came to.
    pub checks: Checked,
}

/// Returns the page as self-contained HTML.
pub fn html(page: &RunPage) -> String {
    let (run, manifest) = (&page.run, &page.manifest);
    let mut sections = vec![
        section("result", "Result", result(page)),
        section("checks", "Checks", checks::list(&page.checks)),
        section("curves", "Learning curves", curves(run, &page.epochs)),
    ];
    match &page.tested {
        Ok(table) => {
            let evaluation = table.predictions.evaluate(&table.class_names);
            sections.extend([
                section("classes", "Classes", tested::classes(&evaluation)),
                section(
                    "confusion",
                    "Confusion matrix",
                    tested::confusion(&evaluation),
                ),
                section("reliability", "Reliability", tested::calibration(table)),
            ]);
        }
        Err(why) => {
            let note = missing("Classes, confusion matrix and reliability are", why);
            sections.push(section("classes", "Classes", note));
        }
    }
    sections.extend([
        section("gallery", "Test images", gallery(page)),
        section("mistakes", "Most confident mistakes", mistakes(page)),
        section(
            "neurons",
            "What the first layer looks for",
            neurons(&page.neurons),
        ),
        section("origin", "How to repeat it", origin(page)),
    ]);
    let [training, validation, test] = manifest.images;
    let header = html! {
        h1 { (run.run) }
        p {
            (manifest.dataset) ": " (training) " training, " (validation) " validation, " (test)
            " test images. " (manifest.parameters) " parameters. " (manifest.backend) " on "
            (manifest.processor) "."
        }
    };
    let footer = format!("trainer {}, Burn {}", manifest.version, manifest.burn);
    document(&format!("{}: report", run.run), &header, &sections, &footer)
}

fn section(id: &'static str, title: &'static str, content: Markup) -> Section {
    Section { id, title, content }
}

fn result(page: &RunPage) -> Markup {
    let run = &page.run;
    let decimals = |value: Option<f64>| value.map_or("none".into(), |value| format!("{value:.4}"));
    let metrics = || Metric::of_results();
    let name = |images: &str, metric: Metric| format!("{images} {}", metric.label);
    let tested = metrics().map(|metric| (name("Test", metric), decimals(run.test(metric))));
    let validated = metrics().filter_map(|metric| {
        let figure = run
            .validation(metric)
            .filter(|_| metric.in_line && metric != Metric::LOSS);
        Some((name("Validation", metric), decimals(Some(figure?))))
    });
    let mut figures: Vec<(String, String)> = tested.chain(validated).collect();
    figures.extend([
        ("Epochs".into(), run.epochs.to_string()),
        (
            "Training time".into(),
            run.seconds.map_or("none".into(), |s| format!("{s:.1} s")),
        ),
        ("Seed".into(), run.seed.to_string()),
        ("Status".into(), query::status(run)),
    ]);
    let keras = run.test(Metric::ACCURACY).zip(run.test(Metric::LOSS));
    html! {
        dl.figures { @for (name, value) in figures { div { dt { (name) } dd { (value) } } } }
        @if let Some(best) = run.best_epoch {
            p { "The weights are those of epoch " (best) ", the best on the validation images." }
        }
        @if let Some(error) = &page.manifest.error {
            p.missing.alarm { "It failed: " (error) }
        }
        @if let (true, Some((accuracy, loss))) = (page.is_tutorial, keras) {
            (band::against_keras(accuracy, loss))
        }
    }
}

fn curves(run: &Summary, epochs: &[EpochMetrics]) -> Markup {
    if epochs.is_empty() {
        return missing("Curves are", "no epoch was finished");
    }
    let line = |name: &str, color, figure: &dyn Fn(&EpochMetrics) -> Option<f64>| Line {
        name: name.to_string(),
        color,
        dashed: color > 0,
        points: epochs
            .iter()
            .filter_map(|e| Some((e.epoch as f64, figure(e)?)))
            .collect(),
    };
    let chart = |metric: Metric| Chart {
        title: format!("{} after each epoch", metric.title()),
        x: "epoch".to_string(),
        y: metric.title(),
        lines: vec![
            line("training", 0, &|epoch| epoch.train.get(metric)),
            line("validation", 1, &|epoch| epoch.validation(metric)),
        ],
        mark: run
            .best_epoch
            .map(|best| (best as f64, format!("best epoch {best}"))),
    };
    let has = |metric: &Metric| epochs.iter().any(|e| e.train.get(*metric).is_some());
    let all = "Training figures are measured while the weights still change, validation figures after the \
               epoch.";
    html! {
        figure {
            div.charts { @for metric in Metric::all().filter(has) { (chart::svg(&chart(metric))) } }
            figcaption { (all) " Point at a value to read it." }
        }
        (details("The numbers", &epoch_table(epochs)))
    }
}

fn epoch_table(epochs: &[EpochMetrics]) -> Markup {
    let shown = thinned(epochs);
    let optional = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.4}"));
    let row = |e: &EpochMetrics| -> Vec<String> {
        let train = Metric::all().map(|metric| optional(e.train.get(metric)));
        let validation = Metric::all().map(|metric| optional(e.validation(metric)));
        let others = [e.learning_rate.to_string(), format!("{:.2}", e.seconds)];
        let epoch = std::iter::once(e.epoch.to_string());
        epoch.chain(train).chain(validation).chain(others).collect()
    };
    let rows: Vec<Vec<String>> = shown.iter().map(row).collect();
    let named = |images: &str| -> Vec<String> {
        Metric::all()
            .map(|metric| format!("{images} {}", metric.label))
            .collect()
    };
    let header = [
        vec!["epoch".to_string()],
        named("training"),
        named("validation"),
        vec!["learning rate".to_string(), "seconds".to_string()],
    ]
    .concat();
    let caption = if shown.len() == epochs.len() {
        "Every epoch".to_string()
    } else {
        format!("{} of {} epochs", shown.len(), epochs.len())
    };
    table(&caption, &header, &rows)
}

fn gallery(page: &RunPage) -> Markup {
    let alt = "The first test images, each with its predicted label and probability above and its true label \
               below; wrong ones have a thick frame and a cross";
    match &page.gallery {
        Ok(png) => picture(png, alt, "gallery"),
        Err(why) => missing("The pictures are", why),
    }
}

fn mistakes(page: &RunPage) -> Markup {
    let alt =
        "The wrong predictions with the highest probability, highest first; they are listed below";
    html! {
        @match &page.mistakes {
            Ok(png) => (picture(png, alt, "gallery")),
            Err(why) => (missing("The pictures are", why)),
        }
        @if let Ok(table) = &page.tested { (details("The list", &tested::mistake_table(table))) }
    }
}

fn neurons(sheet: &Result<Sheet, String>) -> Markup {
    let sheet = match sheet {
        Ok(sheet) => sheet,
        Err(why) => return missing("The weights are", why),
    };
    let which = match (sheet.output, sheet.shown == sheet.neurons) {
        (true, true) => "Each class's weights".to_string(),
        (false, true) => format!("The weights of all {} hidden neurons", sheet.shown),
        (_, false) => format!(
            "The weights of the first {} of {} neurons",
            sheet.shown, sheet.neurons
        ),
    };
    html! {
        figure {
            (picture(&sheet.png, &format!("{which}, drawn as pictures of the input's size"), "neurons"))
            figcaption {
                (which) ", row by row, drawn where their pixels are: "
                span.scale {} " from negative over zero to positive, each neuron on its own scale. A light \
                pixel of an image activates the neuron where it is red and inhibits it where it is blue."
            }
        }
    }
}

fn origin(page: &RunPage) -> Markup {
    let manifest = serde_json::to_string_pretty(&page.manifest).unwrap_or_default();
    html! {
        @match &page.config {
            Ok(config) => (details("The resolved config", &html! { pre { code { (config) } } })),
            Err(why) => (missing("The config is", why)),
        }
        (details("The manifest", &html! { pre { code { (manifest) } } }))
    }
}
