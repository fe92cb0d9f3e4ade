//! Every key with its type, default, range and purpose. Files are checked and read by this table, and
//! `schema.rs` makes the editors' schema from it.
//!
//! The defaults are the notebook's: an empty file is the experiment of `configs/fashion-mnist.toml`.

use std::ops::Bound::{self, Excluded, Included, Unbounded};
use std::ops::RangeInclusive;

use data::fashion_mnist;
use data::{Colours, MAX_SHIFT};
use model::config::MAX_WIDTH;
use model::{Activation, Init, Loss};

use crate::{Backend, EngineChoice, Metric};

/// Most epochs, and most patience.
pub const MAX_EPOCHS: usize = 100_000;
/// Most images an IDX file can hold: its header counts them in 32 bits.
const MAX_IMAGES: u64 = u32::MAX as u64;
/// Most settings of a sweep.
pub(crate) const MAX_SETTINGS: usize = 1_000;

/// A table of the file; the nameless one has the keys above the first table.
pub(crate) struct Section {
    pub name: &'static str,
    pub about: &'static str,
    pub keys: &'static [Key],
}

/// A key.
pub(crate) struct Key {
    pub name: &'static str,
    pub kind: Kind,
    /// Its purpose, in one line.
    pub about: &'static str,
    /// The values of its table's `name` (of [model]: `kind`) that use this key; empty if all do.
    pub only_for: &'static [&'static str],
}

/// The type and range of a key's value, and its default.
pub(crate) enum Kind {
    Text(&'static str),
    /// A text without a default.
    OptionalText,
    /// A list of texts without a default.
    OptionalTexts,
    Flag(bool),
    Number(f64, Limit),
    Integer(u64, RangeInclusive<u64>),
    /// A list of whole numbers.
    Integers(&'static [u64], RangeInclusive<u64>),
    /// One of several names.
    Choice(&'static str, fn() -> Vec<&'static str>),
    /// One of several names, or a list of numbers.
    ChoiceOrNumbers(&'static str, &'static [&'static str], Limit),
    /// Keys of the experiment with lists of values or, with `ranges`, ranges to draw values from.
    Axes {
        ranges: bool,
    },
}

/// The numbers a key may have, and how they are described.
#[derive(Clone, Copy)]
pub(crate) struct Limit {
    pub range: (Bound<f64>, Bound<f64>),
    pub words: &'static str,
}

const POSITIVE: Limit = limit(Excluded(0.0), Unbounded, "above 0");
const NOT_NEGATIVE: Limit = limit(Included(0.0), Unbounded, "0 or more");
const BELOW_ONE: Limit = limit(Included(0.0), Excluded(1.0), "at least 0 and below 1");
const INSIDE: Limit = limit(Excluded(0.0), Excluded(1.0), "above 0 and below 1");
const SHARE: Limit = limit(Included(0.0), Included(1.0), "0 to 1");
const HALF: Limit = limit(Included(0.0), Included(0.5), "0 to 0.5");
const ANGLE: Limit = limit(Included(0.0), Included(180.0), "0 to 180");
const FACTOR: Limit = limit(Excluded(0.0), Included(1.0), "above 0 and at most 1");

pub(crate) const COLOURS: [(&str, Colours); 3] = [
    ("auto", Colours::Auto),
    ("grey", Colours::Grey),
    ("rgb", Colours::Rgb),
];
pub(crate) const ACTIVATIONS: [(&str, Activation); 4] = [
    ("relu", Activation::Relu),
    ("sigmoid", Activation::Sigmoid),
    ("tanh", Activation::Tanh),
    ("gelu", Activation::Gelu),
];
pub(crate) const INITS: [(&str, Init); 3] = [
    ("glorot_uniform", Init::GlorotUniform),
    ("he_uniform", Init::HeUniform),
    ("torch", Init::Torch),
];
pub(crate) const CLASS_WEIGHTS: [&str; 2] = ["none", "balanced"];
pub(crate) const LOSSES: [(&str, Loss); 2] = [
    ("cross_entropy", Loss::CrossEntropy),
    ("quadratic", Loss::Quadratic),
];

/// The tables in the order of `configs/fashion-mnist.toml`.
#[rustfmt::skip] // one key per line
pub(crate) static SECTIONS: &[Section] = &[
    Section { name: "", about: "One experiment, or a sweep of many", keys: &[
        key("name", Kind::Text(fashion_mnist::NAME), "Name of the experiment; its runs land in artifacts/<name>/"),
        key("backend", Kind::Choice("flex", || names(&Backend::ALL)), "Backend to compute on"),
        key("engine", Kind::Choice("auto", || names(&EngineChoice::ALL)), "Engine to train with: one fused kernel on the CPU, Burn's operations on any backend, or auto: the kernel where possible"),
        key("seed", Kind::Integer(42, 0..=u64::MAX), "Seed of the weights, the order of the images and the validation split"),
    ] },
    Section { name: "data", about: "The images", keys: &[
        key("name", Kind::Text(fashion_mnist::NAME), "Data set; fashion-mnist checks the files' SHA-256, another name is that of an import, or takes the files in `dir` as they are"),
        key("dir", Kind::OptionalText, "Folder or file with the images: IDX files, pictures in one folder per class, CSV, .npz or Parquet; without it the usual places are searched"),
        key("validation", Kind::Integer(0, 0..=MAX_IMAGES), "Images held out of the training images; 0 takes those that the files set aside for validation, if any"),
        key("size", Kind::OptionalText, "Height and width that pictures are fitted to, as 28x28; without it their own if all have one of at most 64, or 28x28"),
        key("colours", Kind::Choice("auto", || names(&COLOURS)), "Whether images are grey or in colour; auto takes what the files have"),
        key("test_share", Kind::Number(0.2, INSIDE), "Share of each class that becomes test images if the files have none"),
        key("strict", Kind::Flag(false), "Whether a picture that cannot be read is an error; otherwise it is left out and named"),
        key("take", Kind::Integer(0, 0..=MAX_IMAGES), "Training images to use, drawn by the seed before any are held out; 0 uses all"),
        key("shuffle_labels", Kind::Flag(false), "Whether the training images get each other's labels, so that there is nothing to learn but the images themselves"),
        key("classes", Kind::OptionalTexts, "Class names in the order of the labels, 2 to 256; without them the data set's own"),
    ] },
    Section { name: "augmentation", about: "How images are changed each time they are used for training", keys: &[
        key("shift", Kind::Integer(0, 0..=MAX_SHIFT as u64), "Largest shift of an image up, down, left or right, in pixels"),
        key("flip", Kind::Flag(false), "Whether half of the images are mirrored left to right"),
        key("rotation", Kind::Number(0.0, ANGLE), "Largest rotation of an image either way, in degrees"),
        key("zoom", Kind::Number(0.0, HALF), "Largest change of an image's size, as a share of it: 0.1 is 90 to 110 %"),
        key("noise", Kind::Number(0.0, SHARE), "Standard deviation of the noise added to every pixel, where 1 is white"),
        key("erasing", Kind::Number(0.0, SHARE), "Probability that a rectangle of an image is replaced by random pixels"),
    ] },
    Section { name: "model", about: "The network", keys: &[
        key("kind", Kind::Choice("mlp", || vec!["mlp", "cnn"]), "Kind of network: a multilayer perceptron, or convolutions before its layers"),
        key("channels", Kind::Integers(&[32, 64], 1..=MAX_WIDTH as u64), "Output channels of the convolutions of each block; after every block a max-pooling halves height and width").only_for(&["cnn"]),
        key("convolutions", Kind::Integer(1, 1..=16), "Convolutions of each block").only_for(&["cnn"]),
        key("kernel", Kind::Integer(3, 3..=5), "Rows and columns of the convolutions' kernels, 3 or 5").only_for(&["cnn"]),
        key("global_average", Kind::Flag(false), "Whether the dense layers see the mean of each channel; otherwise all values").only_for(&["cnn"]),
        key("hidden", Kind::Integers(&[128], 1..=MAX_WIDTH as u64), "Neurons of each hidden layer; [] for none"),
        key("activation", Kind::Choice("relu", || names(&ACTIVATIONS)), "Activation of the convolutions and the hidden layers"),
        key("dropout", Kind::Number(0.0, BELOW_ONE), "Fraction of hidden activations set to zero during training"),
        key("init", Kind::Choice("glorot_uniform", || names(&INITS)), "Distribution of the initial weights"),
    ] },
    Section { name: "training", about: "How long to train, and with which loss", keys: &[
        key("epochs", Kind::Integer(10, 1..=MAX_EPOCHS as u64), "Passes over the training images"),
        key("batch_size", Kind::Integer(32, 1..=MAX_IMAGES), "Images per step"),
        key("loss", Kind::Choice("cross_entropy", || names(&LOSSES)), "Loss to minimise"),
        key("label_smoothing", Kind::Number(0.0, BELOW_ONE), "Share of the label's ideal output that all classes have evenly"),
        key("class_weights", Kind::ChoiceOrNumbers("none", &CLASS_WEIGHTS, NOT_NEGATIVE), "What the loss of an image is multiplied by, by its class: nothing, so that all classes count the same in all, or one weight for each class"),
        key("clip_norm", Kind::Number(0.0, NOT_NEGATIVE), "Maximum norm of the gradient of all weights together; 0: no limit"),
        key("ema", Kind::Number(0.0, BELOW_ONE), "Memory of the moving average of the weights, which is then what is evaluated and saved, for example 0.999; 0: no average"),
    ] },
    // Adam's constants are Keras's, <https://keras.io/api/optimizers/adam/>; Burn's own epsilon is 1e-5. It is added
    // as in Burn and PyTorch, after the bias correction; docs/performance.md has both formulas.
    Section { name: "optimizer", about: "How the weights are updated", keys: &[
        key("name", Kind::Choice("adam", || vec!["adam", "adamw", "sgd"]), "Optimizer"),
        key("learning_rate", Kind::Number(1e-3, POSITIVE), "Step size"),
        key("beta_1", Kind::Number(0.9, BELOW_ONE), "Decay rate of the mean gradient").only_for(&["adam", "adamw"]),
        key("beta_2", Kind::Number(0.999, BELOW_ONE), "Decay rate of the mean squared gradient").only_for(&["adam", "adamw"]),
        key("epsilon", Kind::Number(1e-7, POSITIVE), "Added to the denominator").only_for(&["adam", "adamw"]),
        key("weight_decay", Kind::Number(0.0, NOT_NEGATIVE), "Strength of the L2 penalty; with adamw, the fraction of each weight subtracted per step, times the learning rate, by default 0.004"),
        key("momentum", Kind::Number(0.9, BELOW_ONE), "Momentum; 0 is plain gradient descent").only_for(&["sgd"]),
        key("nesterov", Kind::Flag(false), "Whether to use Nesterov momentum").only_for(&["sgd"]),
    ] },
    Section { name: "schedule", about: "How the learning rate changes", keys: &[
        key("name", Kind::Choice("constant", || vec!["constant", "cosine", "step", "one_cycle", "plateau"]), "Shape of the schedule after the warm-up"),
        key("warmup_epochs", Kind::Number(0.0, NOT_NEGATIVE), "Epochs over which the learning rate rises from 0, less than `training.epochs`"),
        key("final_fraction", Kind::Number(0.0, SHARE), "Fraction of the learning rate left at the end, or the least there can be").only_for(&["cosine", "one_cycle", "plateau"]),
        key("every_epochs", Kind::Number(5.0, POSITIVE), "Epochs between two reductions").only_for(&["step"]),
        key("factor", Kind::Number(0.5, FACTOR), "Factor the learning rate is multiplied by").only_for(&["step", "plateau"]),
        key("rise", Kind::Number(0.3, INSIDE), "Fraction of all steps in which the learning rate rises").only_for(&["one_cycle"]),
        key("initial_fraction", Kind::Number(0.04, FACTOR), "Fraction of the learning rate at the first step").only_for(&["one_cycle"]),
        key("patience", Kind::Integer(3, 1..=MAX_EPOCHS as u64), "Epochs in a row without a lower validation loss").only_for(&["plateau"]),
    ] },
    Section { name: "early_stopping", about: "When to stop before the last epoch; needs validation images: `data.validation` above 0, or files that set some aside; without this table, training never stops early", keys: &[
        key("patience", Kind::Integer(3, 1..=MAX_EPOCHS as u64), "Epochs in a row without improvement"),
        key("metric", Kind::Choice("loss", || names(&Metric::named())), "Metric on the validation images that must improve"),
        key("min_delta", Kind::Number(0.0, NOT_NEGATIVE), "Smallest change that counts as an improvement"),
    ] },
    Section { name: "checkpoint", about: "What a stopped run resumes from", keys: &[
        key("every", Kind::Text("1 epoch"), "How often one is written: \"2 epochs\", \"500 steps\", \"30 s\" or \"never\" (except at the end)"),
        key("keep", Kind::Integer(2, 1..=1_000), "How many of the newest checkpoints are kept"),
    ] },
    Section { name: "evaluation", about: "What is measured at the end", keys: &[
        key("test", Kind::Flag(true), "Evaluate on the test images after training; if not, `trainer evaluate` does it later"),
    ] },
    Section { name: "log", about: "What is logged besides metrics.jsonl", keys: &[
        key("tensorboard", Kind::Flag(false), "Write an event file for TensorBoard"),
    ] },
    Section { name: "sweep", about: "Many experiments in one file; needs `data.validation` above 0", keys: &[
        key("seeds", Kind::Integer(1, 1..=1_000), "Trainings of each setting, with `seed` and the seeds after it"),
        key("metric", Kind::Choice("accuracy", || names(&Metric::named())), "Metric on the validation images to compare settings by"),
        key("halving", Kind::Integer(2, 2..=10), "Successive halving: one in this many settings is trained further; without this key, all are trained to the end"),
        key("draws", Kind::Integer(10, 1..=MAX_SETTINGS as u64), "Settings drawn from [sweep.random]"),
        key("grid", Kind::Axes { ranges: false }, "Keys of the experiment with lists of values: every combination is a setting"),
        key("random", Kind::Axes { ranges: true }, "Keys of the experiment with lists of values, or ranges, to draw settings from"),
    ] },
];

impl Section {
    /// Returns the table called `name`.
    pub fn named(name: &str) -> Option<&'static Self> {
        SECTIONS.iter().find(|section| section.name == name)
    }

    /// Returns the key called `name`.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

impl Key {
    const fn only_for(mut self, names: &'static [&'static str]) -> Self {
        self.only_for = names;
        self
    }
}

const fn key(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key {
        name,
        kind,
        about,
        only_for: &[],
    }
}

const fn limit(least: Bound<f64>, most: Bound<f64>, words: &'static str) -> Limit {
    Limit {
        range: (least, most),
        words,
    }
}

fn names<T>(choices: &[(&'static str, T)]) -> Vec<&'static str> {
    choices.iter().map(|(name, _)| *name).collect()
}
