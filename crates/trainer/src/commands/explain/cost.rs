//! `trainer explain cost`

use std::io::Write;

use model::Output;

use super::{Opened, called, language};
use crate::cli::ExplainCostArgs;
use crate::commands::{table, terminal};
use crate::engine::Predictor;
use crate::explain::Language;
use crate::explain::cost::{self, Cost, Row};
use crate::failure::Failure;

/// Prints what an answer costs, class by class.
///
/// # Errors
/// When the run or the test image is not found, or the outputs are none (exit code 2).
pub fn run(args: &ExplainCostArgs) -> Result<(), Failure> {
    let language = language(&args.common);
    let json = args.common.output.json;
    if let (Some(run), Some(number)) = (&args.run, args.test) {
        let opened = Opened::new(run, &args.common)?;
        let subject = opened.test_image(&opened.data()?, number)?;
        let record = &opened.saved.record;
        let architecture = &record.metadata.architecture;
        let predictor = Predictor::new(architecture, record.weights.clone(), &opened.compute);
        let predictor = predictor.map_err(Failure::caused_by)?;
        let cost = cost::of_answer(record, &predictor, &subject)?;
        if json {
            return Ok(terminal::json(&cost)?);
        }
        let minimised = match architecture.output() {
            Output::Softmax => Minimised::CrossEntropy,
            Output::Sigmoid => Minimised::Quadratic,
        };
        writeln!(terminal::out(), "{}\n", called(&subject, language))?;
        return print(&cost, Some(minimised), language);
    }
    let outputs = args.predicted.as_deref().unwrap_or_default();
    let names: Vec<String> = (0..outputs.len()).map(|class| class.to_string()).collect();
    let cost = cost::of_outputs(outputs, args.label.unwrap_or_default(), &names)?;
    if json {
        return Ok(terminal::json(&cost)?);
    }
    print(&cost, None, language)
}

/// Which of the two costs the network was trained to lower.
#[derive(Clone, Copy, PartialEq)]
enum Minimised {
    Quadratic,
    CrossEntropy,
}

fn print(cost: &Cost, minimised: Option<Minimised>, language: Language) -> Result<(), Failure> {
    let mut out = terminal::out();
    let header = language.pick(
        ["class", "predicted", "ideal", "error", "squared", ""],
        ["classe", "previsto", "ideal", "erro", "quadrado", ""],
    );
    table::write(&mut out, &header, &[5], &rows(cost, language))?;
    let is = |which| match minimised {
        Some(minimised) if minimised == which => {
            language.pick("  <- what training lowers", "  <- o que o treino diminui")
        }
        _ => "",
    };
    let name = language.pick("quadratic cost", "custo quadrático");
    let (quadratic, mark) = (cost.quadratic, is(Minimised::Quadratic));
    writeln!(out, "\n{name}: {quadratic:.4}{mark}")?;
    let name = language.pick("cross-entropy", "entropia cruzada");
    let right = cost.rows.get(cost.label).map_or(0.0, |row| row.output);
    let (right, total) = (digits(right), digits(cost.total));
    let (entropy, mark) = (cost.cross_entropy, is(Minimised::CrossEntropy));
    writeln!(out, "{name}: -ln({right} / {total}) = {entropy:.4}{mark}")?;
    Ok(())
}

/// Returns a row for each class; the right and the predicted one are marked.
fn rows(cost: &Cost, language: Language) -> Vec<Vec<String>> {
    let row = |(class, row): (usize, &Row)| {
        let mark = match (class == cost.label, class == cost.predicted) {
            (true, true) => {
                language.pick("<- right, and predicted", "<- valor correto, e previsto")
            }
            (true, false) => language.pick("<- right", "<- valor correto"),
            (false, true) => language.pick("<- predicted", "<- valor previsto"),
            (false, false) => "",
        };
        vec![
            row.class.clone(),
            digits(row.output),
            digits(row.ideal),
            digits(row.error),
            format!("{:.4}", row.squared),
            mark.to_string(),
        ]
    };
    cost.rows.iter().enumerate().map(row).collect()
}

/// Returns a figure with two decimals if that is all of it, else with four.
fn digits(figure: f64) -> String {
    let short = format!("{figure:.2}");
    let is_all = short
        .parse::<f64>()
        .is_ok_and(|two| (two - figure).abs() < 1e-9);
    if is_all {
        short
    } else {
        format!("{figure:.4}")
    }
}
