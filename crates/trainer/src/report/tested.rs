//! A run's predictions for the test images, as parts of its page.

use maud::{Markup, html};
use model::Reliability;

use super::html::{details, missing, scrolling, table};
use super::reliability_svg;
use crate::drawing::surest_mistakes;
use crate::evaluation::Evaluation;
use crate::predictions::Table;

/// Maximum number of classes for which the confusion matrix is shown.
const MOST_CLASSES: usize = 50;
/// Number of confusions listed as text.
const WORST: usize = 5;

/// Returns precision, recall and F1 of each class.
pub fn classes(evaluation: &Evaluation) -> Markup {
    let rows: Vec<Vec<String>> = evaluation
        .per_class
        .iter()
        .map(|c| {
            let figures = [c.precision, c.recall, c.f1].map(|figure| format!("{figure:.4}"));
            let name = std::iter::once(c.class.clone());
            name.chain(figures).chain([c.images.to_string()]).collect()
        })
        .collect();
    let header = ["class", "precision", "recall", "F1", "images"];
    html! {
        p {
            "Precision: of the images predicted to be of a class, the share that is. Recall: of the images of \
             a class, the share that is predicted so. F1: their harmonic mean."
        }
        (table("Each class on the test images", &header, &rows))
    }
}

/// Returns the confusion matrix and the most frequent confusions.
pub fn confusion(evaluation: &Evaluation) -> Markup {
    let names: Vec<&str> = evaluation
        .per_class
        .iter()
        .map(|c| c.class.as_str())
        .collect();
    let name = |class: usize| names.get(class).copied().unwrap_or_default();
    let confusions = confusions(evaluation);
    let most = confusions.first().map_or(0, |(.., count)| *count);
    let caption = "Test images by true class (row) and predicted class (column)";
    html! {
        @if confusions.is_empty() { p { "Every test image is predicted correctly." } }
        @else { p { "Most frequent confusions:" } }
        ol {
            @for (actual, predicted, count) in confusions.iter().take(WORST) {
                li { (name(*actual)) " taken for " (name(*predicted)) ": " (count) }
            }
        }
        @if names.len() > MOST_CLASSES {
            (missing("The matrix is", "there are too many classes; predictions.csv has every prediction"))
        } @else {
            (scrolling(caption, &html! {
                table.confusion {
                    caption { (caption) }
                    thead { tr { th scope="col" { "true class" } @for name in &names { th scope="col" { (name) } } } }
                    tbody {
                        @for (actual, row) in evaluation.confusion.iter().enumerate() {
                            tr {
                                th scope="row" { (name(actual)) }
                                @for (predicted, count) in row.iter().enumerate() {
                                    @if actual == predicted { (cell("hit", *count, row.iter().sum())) }
                                    @else { (cell("miss", *count, most)) }
                                }
                            }
                        }
                    }
                }
            }))
            p.note {
                "Blue: right, by its share of the row. Orange: wrong, by its share of the most frequent confusion."
            }
        }
    }
}

/// Returns the confusions as true class, predicted class and number of images, most frequent first.
fn confusions(evaluation: &Evaluation) -> Vec<(usize, usize, usize)> {
    let rows = evaluation.confusion.iter().enumerate();
    let cells = rows.flat_map(|(a, row)| row.iter().enumerate().map(move |(p, n)| (a, p, *n)));
    let mut wrong: Vec<_> = cells.filter(|(a, p, n)| a != p && *n > 0).collect();
    wrong.sort_by_key(|&(actual, predicted, count)| (usize::MAX - count, actual, predicted));
    wrong
}

/// Returns a cell of the matrix, coloured by the square root of its share of `of`, so that small shares show.
/// Text on the strongest colour, 0.6 of it, is still easy to read.
fn cell(class: &str, count: usize, of: usize) -> Markup {
    let class = if count == 0 { "none" } else { class };
    let share = 0.6 * (count as f64 / of.max(1) as f64).sqrt();
    html! { td class=(class) style={ "--share:" (format!("{share:.2}")) } { (count) } }
}

/// Returns the reliability diagram with its numbers.
pub fn calibration(tested: &Table) -> Markup {
    let predictions = &tested.predictions;
    let reliability = Reliability::measure(
        &predictions.probabilities,
        &predictions.labels,
        predictions.classes,
    );
    let bins = &reliability.bins;
    let filled = bins.iter().enumerate().filter(|(_, bin)| bin.images > 0);
    let rows: Vec<Vec<String>> = filled
        .map(|(i, bin)| {
            let figures = [bin.confidence, bin.accuracy].map(|figure| format!("{figure:.4}"));
            let range = std::iter::once(reliability_svg::range(i));
            range
                .chain([bin.images.to_string()])
                .chain(figures)
                .collect()
        })
        .collect();
    let header = ["confidence", "images", "mean confidence", "accuracy"];
    html! {
        p {
            "Raw probabilities. Expected calibration error, " (bins.len()) " bins: "
            strong { (format!("{:.4}", reliability.ece())) } "."
        }
        figure {
            (reliability_svg::svg(bins))
            figcaption {
                "Bars: accuracy of the predictions in each bin of confidence, the probability of the predicted \
                 class. Strokes: their mean confidence. For a calibrated network, both are on the diagonal. \
                 Below: number of images."
            }
        }
        (details("The numbers", &table("Bins of equal width", &header, &rows)))
    }
}

/// Returns the most confident mistakes as a table.
pub fn mistake_table(tested: &Table) -> Markup {
    let name = |class: usize| tested.class_names.get(class).cloned().unwrap_or_default();
    let (wrong, count) = surest_mistakes(&tested.predictions);
    let rows: Vec<Vec<String>> = wrong
        .iter()
        .map(|&i| {
            let (class, probability) = tested.predictions.top(i);
            let label = tested
                .predictions
                .labels
                .get(i)
                .copied()
                .unwrap_or_default();
            vec![
                i.to_string(),
                name(class),
                format!("{probability:.4}"),
                name(label.into()),
            ]
        })
        .collect();
    let caption = format!("The {} most confident of {count} mistakes", rows.len());
    table(
        &caption,
        &["test image", "predicted", "probability", "true"],
        &rows,
    )
}
