//! The command line: commands, options and their help.

mod explain;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use data::samples::MOST;
use exchange::{Format, Layout, Scale};
use experiment::{Backend, EngineChoice};
use model::Activation;

use crate::explain::checks::Code;
use crate::run::query::Condition;

pub use explain::{
    ExplainAnswerArgs, ExplainArgs, ExplainCommand, ExplainCostArgs, ExplainCurvesArgs,
    ExplainNeuronArgs, ExplainRunArgs, ExplainStepArgs, PictureArgs,
};

/// Train, evaluate and use small image classifiers
///
/// The default command is `train`. Without arguments, it trains the experiment of the Keras notebook:
/// Fashion-MNIST, 784 → 128 ReLU → 10 softmax, Adam, 10 epochs.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, args_conflicts_with_subcommands = true, after_help = EXIT_CODES)]
pub struct Cli {
    /// The command; `train` if there is none.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Options of `train`.
    #[command(flatten)]
    pub train: TrainArgs,
}

impl Cli {
    /// Returns whether results are to be printed as JSON.
    pub fn json(&self) -> bool {
        self.command
            .as_ref()
            .map_or(self.train.show.output.json, Command::json)
    }
}

impl Command {
    fn json(&self) -> bool {
        match self {
            Self::Train(args) => args.show.output.json,
            Self::Resume(args) => args.show.output.json,
            Self::Repeat(args) => args.show.output.json,
            Self::Evaluate(args) => args.saved.output.json,
            Self::Predict(args) => args.saved.output.json,
            Self::Gallery(args) => args.saved.output.json,
            Self::Explain(command) => command.json(),
            Self::Export(args) => args.saved.output.json,
            Self::Report(args) => args.output.json,
            Self::Sweep(args) => args.output.json,
            Self::FindLr(args) => args.output.json,
            Self::Import(args) => args.output.json,
            Self::Data(args) => match &args.command {
                None => args.show.output.json,
                Some(DataCommand::Import(args)) => args.output.json,
                Some(DataCommand::Audit(args)) => args.output.json,
                Some(DataCommand::Sample(args)) => args.output.json,
            },
            Self::Summary(args) => args.output.json,
            Self::Backends(args) => args.json,
            Self::Verify(args) => args.json,
            Self::Runs(args) => match &args.command {
                None => args.list.json,
                Some(RunsCommand::Show(args)) => args.json,
                Some(RunsCommand::Compare(args)) => args.json,
                Some(RunsCommand::Export(_) | RunsCommand::Rm(_)) => false,
            },
            Self::Config(_) | Self::Serve(_) | Self::Completions { .. } => false,
        }
    }
}

const EXIT_CODES: &str = "\
RUN is a run's folder, a unique prefix of its name, a model.bpk file, or `last`.

Results go to stdout, everything else to stderr.

Exit codes: 0 done; 1 the run or an input failed; 2 wrong usage, config or environment; 130 stopped
by Ctrl-C; 143 stopped by SIGTERM.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train an experiment (the default command)
    Train(TrainArgs),
    /// Resume a run that was stopped, killed or failed, as if nothing had happened
    Resume(ResumeArgs),
    /// Measure a saved run on the test images: accuracy, per-class figures, confusion matrix
    Evaluate(EvaluateArgs),
    /// Predict pictures (PNG, JPEG) or test images with a saved run
    Predict(PredictArgs),
    /// Answer over HTTP with saved runs, until stopped
    Serve(ServeArgs),
    /// Draw test images with predicted and true labels
    Gallery(GalleryArgs),
    /// Explain a neuron, a cost, a step of training, an answer, or what is wrong with a run
    #[command(subcommand)]
    Explain(ExplainCommand),
    /// Write a run, or a comparison of several, as one HTML page
    Report(ReportArgs),
    /// List runs, or show, compare, export or remove them
    Runs(RunsArgs),
    /// Train many settings of an experiment, each with several seeds, and find the best
    Sweep(SweepArgs),
    /// Find a learning rate to start with: train briefly while it increases
    FindLr(FindLrArgs),
    /// Train a run again from its manifest and config, and say whether the result is identical
    Repeat(RepeatArgs),
    /// Check a run's manifest, files and checkpoints against their recorded hashes
    Verify(ShowRunArgs),
    /// Write a saved run's network for other programs: safetensors, ONNX, NumPy, Keras
    Export(ExportArgs),
    /// Make a run from a network trained by another program: safetensors, PyTorch, NumPy, ONNX
    Import(ImportArgs),
    /// Find the data set, download it if needed, check it and count its labels
    Data(DataArgs),
    /// Show a network layer by layer: output shapes, parameters, multiply-adds, bytes
    Summary(SummaryArgs),
    /// Show or check an experiment's config, or print the config schema
    #[command(subcommand)]
    Config(ConfigCommand),
    /// List the backends this machine can use
    Backends(OutputArgs),
    /// Print a shell completion script
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// `trainer config ...`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print the resolved experiment as TOML: every key, with defaults filled in
    Show(ExperimentArgs),
    /// Check an experiment; print what is wrong with it, if anything
    Check(ExperimentArgs),
    /// Print the JSON schema of configs, for completion and checks in editors
    Schema,
}

/// Which config.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigArgs {
    /// Experiment to use [default: configs/fashion-mnist.toml, or its built-in copy]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Override a key of the config, e.g. `--set optimizer.learning_rate=3e-4`
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Folder or file with the data: IDX, pictures in one folder per class, CSV, .npz or Parquet (overrides the config)
    #[arg(long, value_name = "D")]
    pub data_dir: Option<PathBuf>,
}

/// Which experiment.
#[derive(Debug, Clone, Default, Args)]
pub struct ExperimentArgs {
    /// Which config.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Backend to compute on (overrides the config)
    #[arg(long, value_name = "BACKEND", value_parser = backend())]
    pub backend: Option<Backend>,
    /// Engine to train with (overrides the config)
    #[arg(long, value_name = "ENGINE", value_parser = engine())]
    pub engine: Option<EngineChoice>,
    /// Seed for weights, order and split (overrides the config)
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub seed: Option<u64>,
}

/// `trainer train`
#[derive(Debug, Clone, Args)]
pub struct TrainArgs {
    /// Which experiment.
    #[command(flatten)]
    pub experiment: ExperimentArgs,
    /// Use D itself as the run folder [default: artifacts/EXPERIMENT/TIME-ID]
    #[arg(long, value_name = "D")]
    pub run_dir: Option<PathBuf>,
    /// How to show progress.
    #[command(flatten)]
    pub show: ShowArgs,
}

/// `trainer resume`
#[derive(Debug, Clone, Args)]
pub struct ResumeArgs {
    /// The run's folder, a unique prefix of its name, or `last`
    pub run: String,
    /// Override a key that may be changed: `training.epochs`, `checkpoint.every`, `checkpoint.keep`
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Folder or file with the data [default: where the run found them]
    #[arg(long, value_name = "D")]
    pub data_dir: Option<PathBuf>,
    /// How to show progress.
    #[command(flatten)]
    pub show: ShowArgs,
}

/// How to show the progress of a training.
#[derive(Debug, Clone, Copy, Args)]
pub struct ShowArgs {
    /// Show Burn's dashboard while training (needs a terminal)
    #[arg(long, conflicts_with_all = ["json", "quiet"])]
    pub tui: bool,
    /// How to print results.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// How to print results.
#[derive(Debug, Clone, Copy, Args)]
pub struct OutputArgs {
    /// Print only warnings and errors on stderr (results still go to stdout)
    #[arg(long)]
    pub quiet: bool,
    /// Print results as JSON, one object per line
    #[arg(long)]
    pub json: bool,
}

/// Which saved run, and where to compute.
#[derive(Debug, Args)]
pub struct SavedArgs {
    /// The run's folder, a unique prefix of its name, a model.bpk file, or `last`
    pub run: String,
    /// Backend to compute on
    #[arg(long, value_name = "BACKEND", default_value = "flex", value_parser = backend())]
    pub backend: Backend,
    /// Folder or file with the data [default: where the run found them]
    #[arg(long, value_name = "D")]
    pub data_dir: Option<PathBuf>,
    /// How to print results.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `trainer evaluate`
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// Which run.
    #[command(flatten)]
    pub saved: SavedArgs,
}

/// `trainer predict`
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// Which run.
    #[command(flatten)]
    pub saved: SavedArgs,
    /// Pictures to predict, PNG or JPEG, of any size
    #[arg(value_name = "IMAGE", required_unless_present = "test")]
    pub images: Vec<PathBuf>,
    /// Predict the test image with this number instead, counted from 0
    #[arg(
        long,
        value_name = "N",
        conflicts_with = "images",
        allow_negative_numbers = true
    )]
    pub test: Option<usize>,
}

/// `trainer gallery`
#[derive(Debug, Args)]
pub struct GalleryArgs {
    /// Which run.
    #[command(flatten)]
    pub saved: SavedArgs,
    /// Show the most confident mistakes instead of the first images
    #[arg(long)]
    pub wrong: bool,
    /// PNG file to write [default: gallery.png or mistakes.png in the run's folder]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// `trainer report`
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Runs: folders, unique prefixes of names, or `last`; several are compared with the first
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<String>,
    /// HTML file to write [default: report.html in the run's folder, or here for several runs]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Folder or file with the data [default: where the run found them]
    #[arg(long, value_name = "D")]
    pub data_dir: Option<PathBuf>,
    /// Leave out the check with this code, see `trainer explain run`; may be repeated
    #[arg(long, value_name = "CODE", value_parser = explain::code())]
    pub mute: Vec<Code>,
    /// How to print results.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `trainer runs`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct RunsArgs {
    /// What to do; list runs if there is no command.
    #[command(subcommand)]
    pub command: Option<RunsCommand>,
    /// Which runs to list.
    #[command(flatten)]
    pub list: ListArgs,
}

/// `trainer runs ...`
#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// Show one run: settings, epochs, results
    Show(ShowRunArgs),
    /// Compare runs with the first: config, metrics, curves, classes, McNemar's test
    Compare(CompareArgs),
    /// Export runs to an experiment tracker
    Export(ExportRunsArgs),
    /// Remove runs, after asking
    Rm(RemoveArgs),
}

/// Which runs, in which order.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only runs for which this is true, e.g. `--where "test_accuracy > 0.88"`; may be repeated
    #[arg(long = "where", value_name = "CONDITION")]
    pub conditions: Vec<Condition>,
    /// Sort by a field, or by `-FIELD` from high to low [default: -started]
    #[arg(long, value_name = "FIELD", allow_hyphen_values = true)]
    pub sort: Option<String>,
    /// List at most N runs
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Print JSON, one run per line
    #[arg(long)]
    pub json: bool,
    /// Print CSV
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
}

/// One run.
#[derive(Debug, Args)]
pub struct ShowRunArgs {
    /// The run's folder, a unique prefix of its name, or `last`
    pub run: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `trainer runs compare`
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Two runs or more; the others are compared with the first
    #[arg(required = true, num_args = 2.., value_name = "RUN")]
    pub runs: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `trainer runs export`
#[derive(Debug, Args)]
pub struct ExportRunsArgs {
    /// Experiment tracker to export to
    pub target: ExportTarget,
    /// Runs to export [default: all finished runs]
    #[arg(value_name = "RUN")]
    pub runs: Vec<String>,
    /// Address of the server
    #[arg(
        long,
        value_name = "URI",
        env = "MLFLOW_TRACKING_URI",
        hide_env_values = true,
        default_value = "http://127.0.0.1:5000"
    )]
    pub uri: String,
}

/// The experiment tracker to export to.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum ExportTarget {
    /// An MLflow server
    Mlflow,
}

/// `trainer runs rm`
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// The runs' folders, or unique prefixes of their names
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<String>,
    /// Do not ask for confirmation
    #[arg(long)]
    pub yes: bool,
}

/// `trainer sweep`
#[derive(Debug, Args)]
pub struct SweepArgs {
    /// An experiment with a `sweep` table; give it again to resume the sweep
    pub file: PathBuf,
    /// Trainings to run in parallel, one core each [default: one per core]
    #[arg(long, value_name = "N", value_parser = jobs)]
    pub jobs: Option<usize>,
    /// Override a key of the file, e.g. `--set sweep.seeds=5`
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Folder or file with the data: IDX, pictures in one folder per class, CSV, .npz or Parquet (overrides the file)
    #[arg(long, value_name = "D")]
    pub data_dir: Option<PathBuf>,
    /// How to print results.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `trainer find-lr`
#[derive(Debug, Args)]
pub struct FindLrArgs {
    /// Which experiment.
    #[command(flatten)]
    pub experiment: ExperimentArgs,
    /// The first learning rate
    #[arg(long, value_name = "RATE", default_value_t = 1e-6)]
    pub from: f64,
    /// The last learning rate
    #[arg(long, value_name = "RATE", default_value_t = 1.0)]
    pub to: f64,
    /// Number of steps from the first rate to the last
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub steps: usize,
    /// Also plot the test, as an HTML page
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// How to print results.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `trainer repeat`
#[derive(Debug, Args)]
pub struct RepeatArgs {
    /// The run's folder, a unique prefix of its name, or `last`
    pub run: String,
    /// Train into D [default: artifacts/EXPERIMENT/TIME-ID]
    #[arg(long, value_name = "D")]
    pub run_dir: Option<PathBuf>,
    /// Folder or file with the data [default: where the run found them]
    #[arg(long, value_name = "D")]
    pub data_dir: Option<PathBuf>,
    /// How to show progress.
    #[command(flatten)]
    pub show: ShowArgs,
}

/// `trainer serve`
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Runs, each named as its folder, or NAME=RUN; the first answers requests that name none
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<String>,
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Let pages of this origin, such as `https://example.org`, read answers in a browser, or of all: `*`
    #[arg(long, value_name = "ORIGIN")]
    pub allow_origin: Option<String>,
    /// Print only warnings and errors on stderr (the address still goes to stdout)
    #[arg(long)]
    pub quiet: bool,
}

/// `trainer export`
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Which run.
    #[command(flatten)]
    pub saved: SavedArgs,
    /// Format to write
    #[arg(value_parser = format())]
    pub format: Format,
    /// File to write
    #[arg(long, value_name = "PATH")]
    pub out: PathBuf,
    /// Order of a weight's dimensions, and tensor names to match (safetensors, f16, npz)
    #[arg(long, value_name = "LAYOUT", default_value = "in-out", value_parser = layout())]
    pub layout: Layout,
}

/// `trainer import`
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// File to read: .safetensors, .pt (a PyTorch state dict), .npz or .onnx
    pub file: PathBuf,
    /// Name of the experiment the run belongs to
    #[arg(long = "as", value_name = "NAME")]
    pub name: String,
    /// Use D itself as the run folder [default: artifacts/NAME/TIME-ID]
    #[arg(long, value_name = "D")]
    pub run_dir: Option<PathBuf>,
    /// Order of a weight's dimensions, if the shapes do not settle it
    #[arg(long, value_name = "LAYOUT", value_parser = layout())]
    pub layout: Option<Layout>,
    /// How the network expects its pixels: 0..1, 0..255, -1..1, or MEAN,DEVIATION of pixels from 0 to 1
    /// [default: the file's, or 0..1]
    #[arg(long, value_name = "SCALE", allow_hyphen_values = true)]
    pub scale: Option<Scale>,
    /// Names of the classes, in label order [default: the file's, or Fashion-MNIST's, or numbers]
    #[arg(long, value_name = "A,B,...", value_delimiter = ',')]
    pub classes: Option<Vec<String>>,
    /// Size of the images [default: the file's, or a square]
    #[arg(long, value_name = "HEIGHTxWIDTH", value_parser = size)]
    pub input: Option<[usize; 2]>,
    /// Activation of the hidden layers [default: the file's, or relu]
    #[arg(long, value_name = "NAME", value_parser = activation())]
    pub activation: Option<Activation>,
    /// Folder or file with its data set [default: the usual places, without download]
    #[arg(long, value_name = "D")]
    pub data_dir: Option<PathBuf>,
    /// How to print results.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Returns the number of trainings to run in parallel, 1 to 256.
fn jobs(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| (1..=256).contains(n));
    number.ok_or_else(|| "expected a number from 1 to 256".into())
}

/// Returns the height and width in a text like `28x28`.
fn size(text: &str) -> Result<[usize; 2], String> {
    let sizes = text
        .split_once('x')
        .map(|(height, width)| [height.parse(), width.parse()]);
    match sizes {
        Some([Ok(height), Ok(width)]) => Ok([height, width]),
        _ => Err("expected a height and a width in pixels, like 28x28".into()),
    }
}

/// Returns a parser for `choices` that shows each with its help. The libraries' own types do not use clap.
fn choice<T: Copy + Send + Sync + 'static>(
    choices: &'static [(&'static str, T)],
    help: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let shown = |(name, value): &(&'static str, T)| PossibleValue::new(*name).help(help(*value));
    PossibleValuesParser::new(choices.iter().map(shown)).try_map(move |text| {
        let chosen = choices.iter().find(|(name, _)| *name == text);
        chosen
            .map(|(_, value)| *value)
            .ok_or("not one of the names")
    })
}

fn backend() -> impl TypedValueParser<Value = Backend> {
    choice(&Backend::ALL, |backend| match backend {
        Backend::Flex => "Burn's own CPU backend",
        Backend::Ndarray => "Burn on the `ndarray` crate",
        Backend::Wgpu => "A GPU, through Vulkan, Metal or DirectX 12",
        Backend::Auto => "A GPU if there is one, else the CPU",
    })
}

fn engine() -> impl TypedValueParser<Value = EngineChoice> {
    choice(&EngineChoice::ALL, |engine| match engine {
        EngineChoice::Auto => "The kernel if it can train the experiment, else Burn",
        EngineChoice::Kernel => "One fused kernel, on the flex backend",
        EngineChoice::Burn => "Burn's operations, on any backend",
    })
}

fn format() -> impl TypedValueParser<Value = Format> {
    choice(&Format::ALL, |format| match format {
        Format::Safetensors => "safetensors, 32-bit floats",
        Format::Onnx => "ONNX, for onnxruntime and others",
        Format::Npz => "NumPy's archive of arrays",
        Format::F16 => "safetensors, 16-bit floats: half the size",
        Format::Int8 => "safetensors, weights in 8 bits: a quarter of the size",
        Format::Keras => "Keras 3's .keras, for keras.models.load_model",
    })
}

fn layout() -> impl TypedValueParser<Value = Layout> {
    choice(&Layout::ALL, |layout| match layout {
        Layout::InOut => "`[in, out]`, as Keras and this program store it",
        Layout::OutIn => "`[out, in]`, as PyTorch stores it",
    })
}

fn activation() -> impl TypedValueParser<Value = Activation> {
    let names = PossibleValuesParser::new(["relu", "sigmoid", "tanh", "gelu"]);
    names.map(|name| match name.as_str() {
        "sigmoid" => Activation::Sigmoid,
        "tanh" => Activation::Tanh,
        "gelu" => Activation::Gelu,
        _ => Activation::Relu,
    })
}

/// `trainer summary`
#[derive(Debug, Args)]
pub struct SummaryArgs {
    /// Run whose network to show [default: the experiment's network]
    #[arg(conflicts_with_all = ["config", "set", "data_dir"])]
    pub run: Option<String>,
    /// Which experiment.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// How to print results.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `trainer data`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DataArgs {
    /// What to do; show what is there if there is no command.
    #[command(subcommand)]
    pub command: Option<DataCommand>,
    /// What to show.
    #[command(flatten)]
    pub show: ShowDataArgs,
}

/// `trainer data ...`
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Write a data set once as IDX files, so that its name finds it from anywhere, and it loads at once
    Import(ImportDataArgs),
    /// Look for what may be wrong: duplicates, odd images, labels that are likely wrong
    Audit(AuditArgs),
    /// Write a small data set that this program draws, for lessons
    Sample(SampleArgs),
}

/// `trainer data` without a command.
#[derive(Debug, Args)]
pub struct ShowDataArgs {
    /// Which experiment's data.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// If a download is needed, take the four .gz files from this address
    #[arg(long, value_name = "URL")]
    pub from: Option<String>,
    /// List every file that was not read, with the reason
    #[arg(long)]
    pub verbose: bool,
    /// How to print results.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `trainer data import`
#[derive(Debug, Args)]
pub struct ImportDataArgs {
    /// Folder or file with the data: IDX, pictures in one folder per class, CSV, .npz or Parquet
    pub source: PathBuf,
    /// Name of the import: `--set data.name=NAME` trains on it
    #[arg(long = "as", value_name = "NAME")]
    pub name: String,
    /// Replace an import of this name
    #[arg(long)]
    pub force: bool,
    /// Experiment whose [data] says how the source is read [default: configs/fashion-mnist.toml]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Override a key of the config, e.g. `--set data.size=32x32`
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// How to print results.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `trainer data audit`
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Which experiment's data, and the network that judges its labels.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Networks to train: each judges the images that the others were trained on
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(2..=20))]
    pub folds: u8,
    /// Passes of each network over its images
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub epochs: u16,
    /// Also write a page that shows the suspicious images
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// How to print results.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `trainer data sample`
#[derive(Debug, Args)]
pub struct SampleArgs {
    /// What to draw
    pub what: SampleKind,
    /// Folder to write its four IDX files to
    #[arg(long, value_name = "D")]
    pub out: PathBuf,
    /// Number of training images
    #[arg(long, value_name = "N", default_value_t = 6000, value_parser = images())]
    pub train: usize,
    /// Number of test images
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = images())]
    pub test: usize,
    /// Seed that the pictures depend on
    #[arg(long, value_name = "N", default_value_t = 42)]
    pub seed: u64,
    /// How to print results.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// A data set that this program draws.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum SampleKind {
    /// The digits 0 to 9, drawn with strokes: no handwriting, and easier than MNIST
    Digits,
}

/// Returns a parser for a number of images.
fn images() -> impl TypedValueParser<Value = usize> {
    let number = clap::value_parser!(u32).range(10..=i64::from(MOST));
    number.map(|number| number as usize)
}
