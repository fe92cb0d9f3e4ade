//! `trainer explain neuron`

use std::io::Write;

use super::{Opened, called, language, write_picture};
use crate::cli::ExplainNeuronArgs;
use crate::commands::{table, terminal};
use crate::explain::neuron::{self, Neuron, Term};
use crate::explain::{Language, Subject};
use crate::failure::Failure;

/// Prints a neuron's weighted sum for a picture.
///
/// # Errors
/// When the run, the picture or the neuron is not found, or the drawing cannot be written.
pub fn run(args: &ExplainNeuronArgs) -> Result<(), Failure> {
    let opened = Opened::new(&args.run, &args.common)?;
    let language = language(&args.common);
    let subject = opened.picture(&args.picture)?;
    let record = &opened.saved.record;
    let neuron = neuron::of(record, args.layer, args.neuron, &subject)?;
    if let Some(out) = &args.out {
        let heading = heading(&neuron, language);
        let titles = language.pick(
            ["picture", "weights", "weight × pixel"],
            ["imagem", "pesos", "peso × pixel"],
        );
        let png = neuron.png(&heading, titles, &subject)?;
        write_picture(out, &png, opened.messages)?;
    }
    if args.common.output.json {
        return Ok(terminal::json(&neuron)?);
    }
    print(&neuron, &subject, language)
}

fn heading(neuron: &Neuron, language: Language) -> String {
    let Neuron {
        layer,
        layers,
        neuron: number,
        class,
        ..
    } = neuron;
    match class {
        Some(class) => language.pick(
            format!("Output neuron {number}, \"{class}\""),
            format!("Neurônio de saída {number}, \"{class}\""),
        ),
        None => language.pick(
            format!("Neuron {number} of layer {layer} of {layers}"),
            format!("Neurônio {number} da camada {layer} de {layers}"),
        ),
    }
}

fn print(neuron: &Neuron, subject: &Subject, language: Language) -> Result<(), Failure> {
    let mut out = terminal::out();
    let (heading, name) = (heading(neuron, language), called(subject, language));
    writeln!(out, "{heading}: {name}\n")?;
    let header = language.pick(
        ["input", "value", "weight", "product"],
        ["entrada", "valor", "peso", "produto"],
    );
    table::write(&mut out, &header, &[], &rows(neuron, language))?;
    let Neuron {
        function,
        sum,
        activation,
        ..
    } = neuron;
    let called = language.pick("activation", "ativação");
    writeln!(out, "\n{called}: {function}({sum:.4}) = {activation:.4}")?;
    if *function == "Softmax" {
        let text = language.pick(
            "(Softmax divides e to this sum by the same of all output neurons)",
            "(a Softmax divide e elevado a esta soma pelo total de todos os neurônios de saída)",
        );
        writeln!(out, "{text}")?;
    }
    Ok(())
}

/// Returns the largest terms, then the others, the bias, and the sum of all.
fn rows(neuron: &Neuron, language: Language) -> Vec<Vec<String>> {
    let row = |term: &Term| {
        vec![
            input(neuron, term, language),
            format!("{:.4}", term.value),
            format!("{:+.4}", term.weight),
            format!("{:+.4}", term.product),
        ]
    };
    let count = neuron.inputs.saturating_sub(neuron.terms.len());
    let others = language.pick(
        format!("the other {count} inputs"),
        format!("as outras {count} entradas"),
    );
    let bias = language.pick("bias", "viés").to_string();
    let sum = language.pick("weighted sum", "soma ponderada").to_string();
    let ends = [
        (others, neuron.others),
        (bias, neuron.bias),
        (sum, neuron.sum),
    ];
    let end = |(name, value)| vec![name, String::new(), String::new(), format!("{value:+.4}")];
    let terms = neuron.terms.iter().map(row);
    terms.chain(ends.into_iter().map(end)).collect()
}

fn input(neuron: &Neuron, term: &Term, language: Language) -> String {
    let number = term.input;
    match term.pixel {
        Some([row, column]) => language.pick(
            format!("pixel at row {row}, column {column}"),
            format!("pixel na linha {row}, coluna {column}"),
        ),
        None if neuron.layer == 1 => {
            language.pick(format!("value {number}"), format!("valor {number}"))
        }
        None => language.pick(
            format!("neuron {number} of layer {}", neuron.layer - 1),
            format!("neurônio {number} da camada {}", neuron.layer - 1),
        ),
    }
}
