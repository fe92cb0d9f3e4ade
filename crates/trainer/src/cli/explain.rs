//! `trainer explain ...`

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use experiment::Metric;

use super::{OutputArgs, choice};
use crate::explain::Language;
use crate::explain::checks::Code;

/// `trainer explain ...`
#[derive(Debug, Subcommand)]
pub enum ExplainCommand {
    /// Show one neuron: its weights, and its weighted sum for a picture, term by term
    Neuron(ExplainNeuronArgs),
    /// Show what an answer costs, class by class: quadratic cost and cross-entropy
    Cost(ExplainCostArgs),
    /// Take one step of gradient descent on a test image: cost and outputs before and after
    Step(ExplainStepArgs),
    /// Show why a network gives this answer: occlusion map, hidden neurons, nearest training pictures
    Answer(ExplainAnswerArgs),
    /// Show the learning curves of a run: a metric on training and validation images, epoch by epoch
    Curves(ExplainCurvesArgs),
    /// Check a run: memorising, underfitting, no better than a linear network, and other problems
    Run(ExplainRunArgs),
}

impl ExplainCommand {
    /// Returns whether results are to be printed as JSON.
    pub fn json(&self) -> bool {
        match self {
            Self::Neuron(args) => args.common.output.json,
            Self::Cost(args) => args.common.output.json,
            Self::Step(args) => args.common.output.json,
            Self::Answer(args) => args.common.output.json,
            Self::Curves(args) => args.common.output.json,
            Self::Run(args) => args.common.output.json,
        }
    }
}

/// What every explanation has.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Language of the explanation [default: that of LC_ALL, LC_MESSAGES or LANG]
    #[arg(long, value_name = "LANG", value_parser = language())]
    pub lang: Option<Language>,
    /// Folder or file with the data [default: where the run found them]
    #[arg(long, value_name = "D")]
    pub data_dir: Option<PathBuf>,
    /// How to print results.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Which picture.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct PictureArgs {
    /// A picture of any size: PNG, JPEG, WebP, GIF, BMP or TIFF
    #[arg(value_name = "IMAGE")]
    pub image: Option<PathBuf>,
    /// The test image with this number, counted from 0
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub test: Option<usize>,
}

/// `trainer explain neuron`
#[derive(Debug, Args)]
pub struct ExplainNeuronArgs {
    /// The run's folder, a unique prefix of its name, a model.bpk file, or `last`
    pub run: String,
    /// Layer of the neuron, counted from 1; the last one is the output layer
    #[arg(long, value_name = "L", allow_negative_numbers = true)]
    pub layer: usize,
    /// Number of the neuron in its layer, counted from 0
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub neuron: usize,
    /// Which picture.
    #[command(flatten)]
    pub picture: PictureArgs,
    /// Also draw the picture, the weights and their products, as a PNG
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// What every explanation has.
    #[command(flatten)]
    pub common: ExplainArgs,
}

/// `trainer explain cost`
#[derive(Debug, Args)]
pub struct ExplainCostArgs {
    /// The run's folder, a unique prefix of its name, a model.bpk file, or `last`
    #[arg(required_unless_present = "predicted", requires = "test")]
    pub run: Option<String>,
    /// The test image with this number, counted from 0
    #[arg(
        long,
        value_name = "N",
        requires = "run",
        allow_negative_numbers = true
    )]
    pub test: Option<usize>,
    /// Outputs to work the cost out for, one for each class: 0.32,0.51,...
    #[arg(
        long,
        value_name = "A,B,...",
        value_delimiter = ',',
        requires = "label",
        conflicts_with = "run"
    )]
    pub predicted: Option<Vec<f64>>,
    /// The right class of these outputs, counted from 0
    #[arg(
        long,
        value_name = "N",
        requires = "predicted",
        allow_negative_numbers = true
    )]
    pub label: Option<usize>,
    /// What every explanation has.
    #[command(flatten)]
    pub common: ExplainArgs,
}

/// `trainer explain step`
#[derive(Debug, Args)]
pub struct ExplainStepArgs {
    /// The run's folder, a unique prefix of its name, a model.bpk file, or `last`
    pub run: String,
    /// The test image with this number, counted from 0
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub test: usize,
    /// The learning rate
    #[arg(
        long,
        value_name = "RATE",
        default_value_t = 0.1,
        allow_negative_numbers = true
    )]
    pub rate: f64,
    /// What every explanation has.
    #[command(flatten)]
    pub common: ExplainArgs,
}

/// `trainer explain answer`
#[derive(Debug, Args)]
pub struct ExplainAnswerArgs {
    /// The run's folder, a unique prefix of its name, a model.bpk file, or `last`
    pub run: String,
    /// Which picture.
    #[command(flatten)]
    pub picture: PictureArgs,
    /// Also draw the occlusion map and the nearest training pictures, as a PNG
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// What every explanation has.
    #[command(flatten)]
    pub common: ExplainArgs,
}

/// `trainer explain curves`
#[derive(Debug, Args)]
pub struct ExplainCurvesArgs {
    /// The run's folder, a unique prefix of its name, or `last`
    pub run: String,
    /// What to show: loss, accuracy, top_2_accuracy or macro_f1
    #[arg(long, value_name = "METRIC", default_value = "accuracy", value_parser = metric())]
    pub metric: Metric,
    /// Also draw the curves, as an SVG
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// What every explanation has.
    #[command(flatten)]
    pub common: ExplainArgs,
}

/// `trainer explain run`
#[derive(Debug, Args)]
pub struct ExplainRunArgs {
    /// The run's folder, a unique prefix of its name, `last`, or the name of a sweep
    pub run: String,
    /// Leave out the check with this code; may be repeated
    #[arg(long, value_name = "CODE", value_parser = code())]
    pub mute: Vec<Code>,
    /// What every explanation has.
    #[command(flatten)]
    pub common: ExplainArgs,
}

fn language() -> impl TypedValueParser<Value = Language> {
    choice(&Language::ALL, |language| match language {
        Language::English => "English",
        Language::Portuguese => "Português",
    })
}

fn metric() -> impl TypedValueParser<Value = Metric> {
    let names = PossibleValuesParser::new(Metric::all().map(|metric| metric.key));
    names.try_map(|name| {
        let mut all = Metric::all();
        all.find(|metric| metric.key == name).ok_or("no metric")
    })
}

/// Returns a parser for the codes of checks.
pub(super) fn code() -> impl TypedValueParser<Value = Code> {
    choice(&Code::ALL, |_| "")
}
