//! `trainer summary`: a network layer by layer, as Keras's `model.summary()` shows it.

use ::data::fashion_mnist;
use experiment::Experiment;
use model::Architecture;
use serde_json::json;

use super::table;
use super::terminal::{self, Messages};
use crate::cli::{ExperimentArgs, SummaryArgs};
use crate::datasets::Wanted;
use crate::failure::{Failure, shown};
use crate::run::find;

/// Bytes of a weight, an `f32`.
const WEIGHT: usize = size_of::<f32>();

/// Prints the layers of a saved run's network, or of an experiment's network.
///
/// # Errors
/// When the run or the config is wrong, or the network exceeds a limit.
pub fn run(args: &SummaryArgs) -> Result<(), Failure> {
    let messages = Messages::of(args.output);
    let network = match &args.run {
        Some(run) => find::load(run)?.record.metadata.architecture,
        None => {
            let experiment = super::config::experiment(&ExperimentArgs {
                config: args.config.clone(),
                ..ExperimentArgs::default()
            })?;
            let (input, classes) = sizes(&experiment, messages)?;
            experiment.architecture(input, classes)
        }
    };
    network.validate()?;
    if args.output.json {
        print_json(&network)
    } else {
        print_text(&network)
    }
}

/// Returns channels, height and width of the experiment's images, and the number of classes. Those of
/// Fashion-MNIST are known; another data set is read. If it is not found, Fashion-MNIST's are assumed, with a
/// warning.
fn sizes(experiment: &Experiment, messages: Messages) -> Result<([usize; 3], usize), Failure> {
    let known = [1, fashion_mnist::HEIGHT, fashion_mnist::WIDTH];
    let data = &experiment.data;
    let folder = data
        .dir
        .as_ref()
        .filter(|_| data.name != fashion_mnist::NAME);
    let Some(folder) = folder else {
        return Ok((known, fashion_mnist::CLASS_NAMES.len()));
    };
    if folder.is_dir() {
        let data = Wanted::by(experiment).load(&mut messages.listener())?;
        return Ok((data.train.size(), data.train.classes()));
    }
    let classes = data.classes.as_ref();
    let classes = classes.map_or(fashion_mnist::CLASS_NAMES.len(), Vec::len);
    let [_, height, width] = known;
    messages.warn(format_args!(
        "there is no folder {}: images of {width}x{height} and {classes} classes are assumed",
        shown(folder)
    ));
    Ok((known, classes))
}

fn print_text(network: &Architecture) -> Result<(), Failure> {
    let row = |name: &str, output: String, parameters: usize, multiply_adds: usize| {
        let numbers = [parameters, multiply_adds, parameters * WEIGHT];
        let numbers = numbers.iter().map(usize::to_string);
        [name.to_string(), output]
            .into_iter()
            .chain(numbers)
            .collect()
    };
    let layers = network.summary();
    let [parameters, multiply_adds] = totals(network);
    let mut rows: Vec<Vec<String>> = vec![row("Input", chain(&network.input()), 0, 0)];
    for layer in &layers {
        let output = chain(&layer.output);
        rows.push(row(
            layer.kind,
            output,
            layer.parameters,
            layer.multiply_adds,
        ));
    }
    rows.push(row("total", String::new(), parameters, multiply_adds));
    let header = ["layer", "output", "parameters", "multiply-adds", "bytes"];
    table::write(&mut terminal::out(), &header, &[1], &rows)?;
    Ok(())
}

fn print_json(network: &Architecture) -> Result<(), Failure> {
    let [parameters, multiply_adds] = totals(network);
    let object = json!({
        "input": network.input(),
        "layers": network.summary(),
        "parameters": parameters,
        "multiply_adds": multiply_adds,
        "bytes": parameters * WEIGHT,
    });
    terminal::json(&object)?;
    Ok(())
}

/// Returns parameters and multiply-adds of all layers.
fn totals(network: &Architecture) -> [usize; 2] {
    let layers = network.summary();
    [
        layers.iter().map(|layer| layer.parameters).sum(),
        layers.iter().map(|layer| layer.multiply_adds).sum(),
    ]
}

/// Returns a shape as text: `1 x 28 x 28`.
fn chain(shape: &[usize]) -> String {
    let sides: Vec<String> = shape.iter().map(usize::to_string).collect();
    sides.join(" x ")
}
