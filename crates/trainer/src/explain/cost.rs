//! What a wrong answer costs: the notebook's table, class by class, and its sum.

use model::Record;
use serde::Serialize;

use super::layers::outputs;
use super::subject::Subject;
use crate::engine::Predictor;
use crate::failure::Failure;

/// Decimals of a figure as it is handed on: floating-point noise is behind them.
const DECIMALS: f64 = 1e12;

/// The cost of an answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cost {
    /// The right class.
    pub label: usize,
    /// The class with the largest output.
    pub predicted: usize,
    /// One row for each class, in label order.
    pub rows: Vec<Row>,
    /// The quadratic cost: the sum of the squared errors.
    pub quadratic: f64,
    /// The sum of the outputs: 1 for probabilities.
    pub total: f64,
    /// The cross-entropy: minus the natural logarithm of the right class's share of the outputs.
    pub cross_entropy: f64,
}

/// One class of the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Name of the class.
    pub class: String,
    /// The output, 0 to 1.
    pub output: f64,
    /// What it should be: 1 for the right class, 0 for all others.
    pub ideal: f64,
    /// How far off it is.
    pub error: f64,
    /// The square of that.
    pub squared: f64,
}

/// Returns the cost of these `outputs` `[classes]` if `label` is the right class.
///
/// # Errors
/// When there are fewer than two outputs or not as many as names, one is not a number from 0 to 1, all are 0, or there
/// is no class `label` (exit code 2).
pub fn of_outputs(values: &[f64], label: usize, names: &[String]) -> Result<Cost, Failure> {
    check(values, label, names)?;
    let rows: Vec<Row> = values
        .iter()
        .zip(names)
        .enumerate()
        .map(|(class, (&output, name))| {
            let ideal = f64::from(u8::from(class == label));
            let error = rounded(output - ideal);
            Row {
                class: name.clone(),
                output,
                ideal,
                error,
                squared: rounded(error * error),
            }
        })
        .collect();
    let total: f64 = values.iter().sum();
    let of_label = values.get(label).copied().unwrap_or_default();
    let highest = values.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    Ok(Cost {
        label,
        predicted: highest.map_or(0, |(class, _)| class),
        quadratic: rounded(rows.iter().map(|row| row.squared).sum()),
        total: rounded(total),
        cross_entropy: rounded(-(of_label / total).ln()) + 0.0, // never -0
        rows,
    })
}

/// Returns what `record`'s answer to a picture costs.
///
/// # Errors
/// When the label of the picture is not known (exit code 2), or the device fails.
pub fn of_answer(
    record: &Record,
    predictor: &Predictor,
    subject: &Subject,
) -> Result<Cost, Failure> {
    let label = label_of(subject)?;
    let outputs = network_outputs(record, predictor, &subject.pixels)?;
    of_outputs(&outputs, label, &record.metadata.class_names)
}

/// Returns the outputs of the network for a picture `[classes]`: neurons from 0 to 1, or probabilities, before any
/// calibration.
///
/// # Errors
/// When the device fails.
pub(super) fn network_outputs(
    record: &Record,
    predictor: &Predictor,
    pixels: &[u8],
) -> Result<Vec<f64>, Failure> {
    let logits: Vec<f64> = predictor
        .logits(pixels)?
        .into_iter()
        .map(f64::from)
        .collect();
    Ok(outputs(&logits, record.metadata.architecture.output()))
}

/// Returns the label of a picture.
///
/// # Errors
/// When it is not known (exit code 2).
pub(super) fn label_of(subject: &Subject) -> Result<usize, Failure> {
    subject.label.ok_or_else(|| {
        Failure::usage(format!("{} has no label to compare with", subject.name))
            .hint("explain a test image: --test N")
    })
}

fn check(values: &[f64], label: usize, names: &[String]) -> Result<(), Failure> {
    if values.len() < 2 || values.len() != names.len() {
        let message = format!("{} outputs for {} classes", values.len(), names.len());
        return Err(Failure::usage(message).hint("give an output for each class, 2 or more"));
    }
    if let Some(wrong) = values.iter().find(|value| !(0.0..=1.0).contains(*value)) {
        return Err(Failure::usage(format!("{wrong} is not an output"))
            .hint("an output neuron has a value from 0 to 1"));
    }
    if label >= values.len() {
        let last = values.len() - 1;
        return Err(Failure::usage(format!("there is no class {label}"))
            .hint(format_args!("classes are numbered 0 to {last}")));
    }
    if values.iter().sum::<f64>() == 0.0 {
        return Err(Failure::usage("all outputs are 0").hint("give at least one above 0"));
    }
    Ok(())
}

fn rounded(x: f64) -> f64 {
    if x.is_finite() {
        (x * DECIMALS).round() / DECIMALS
    } else {
        x
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|class| class.to_string()).collect()
    }

    #[test]
    fn the_notebooks_example_costs_2_7359_to_the_last_digit() {
        let outputs = [0.32, 0.51, 0.45, 0.21, 0.67, 0.13, 0.04, 0.89, 0.83, 0.28];
        let cost = of_outputs(&outputs, 2, &names(10)).unwrap();
        assert_eq!(cost.quadratic, 2.7359);
        assert_eq!((cost.label, cost.predicted, cost.total), (2, 7, 4.33));
        let squares: Vec<f64> = cost.rows.iter().map(|row| row.squared).collect();
        let expected = [
            0.1024, 0.2601, 0.3025, 0.0441, 0.4489, 0.0169, 0.0016, 0.7921, 0.6889, 0.0784,
        ];
        assert_eq!(squares, expected);
        assert!((cost.cross_entropy - (4.33f64 / 0.45).ln()).abs() < 1e-9);
    }

    #[test]
    fn a_right_answer_costs_nothing() {
        let cost = of_outputs(&[0.0, 1.0], 1, &names(2)).unwrap();
        assert_eq!((cost.quadratic, cost.cross_entropy), (0.0, 0.0));
        assert!(cost.cross_entropy.is_sign_positive());
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for (outputs, label, classes) in [
            (vec![0.5], 0, 1),
            (vec![0.5, 1.5], 0, 2),
            (vec![0.5, f64::NAN], 0, 2),
            (vec![0.5, 0.5], 2, 2),
            (vec![0.5, 0.5], 0, 3),
            (vec![0.0, 0.0], 0, 2),
        ] {
            assert!(of_outputs(&outputs, label, &names(classes)).is_err());
        }
    }
}
