//! An experiment, checked: what the rest of the program reads.
//!
//! A choice with settings of its own is an enum that has exactly those settings, while the TOML
//! stays flat: `name = "adam"` beside `beta_1 = 0.9`. Defaults and ranges are in `reference.rs`.

use std::path::PathBuf;

use data::{Augmentation, Batches, ImageDataset};
use model::{Activation, Architecture, Init, Loss, MlpConfig};
use serde::Serialize;

use crate::{Backend, EngineChoice, Metric};

/// One complete experiment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Experiment {
    /// Name; the runs land in `artifacts/<name>/`. 1 to 64 letters, digits, `-`, `_`, `.`.
    pub name: String,
    /// What computes.
    pub backend: Backend,
    /// Who trains: the kernel or Burn.
    pub engine: EngineChoice,
    /// Seed of the weights, the order of the images and the validation split, 0 to 2⁶⁴ − 1.
    pub seed: u64,
    /// The images.
    pub data: Data,
    /// `[augmentation]`: how they are changed each time they are trained on.
    pub augmentation: Augmentation,
    /// The network.
    pub model: Model,
    /// How long and on what loss.
    pub training: Training,
    /// How the weights move.
    pub optimizer: Optimizer,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// When to stop before the last epoch; `None`: never.
    pub early_stopping: Option<EarlyStopping>,
    /// What a stopped run resumes from.
    pub checkpoint: Checkpoint,
    /// What is measured at the end.
    pub evaluation: Evaluation,
    /// What is written down besides `metrics.jsonl`.
    pub log: Log,
}

/// `[data]`: the images.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Data {
    /// Data set; `fashion-mnist` checks the files' SHA-256, any other name takes the IDX files in
    /// `dir` as they are.
    pub name: String,
    /// Folder with the four IDX files; `None`: search the usual places.
    pub dir: Option<PathBuf>,
    /// Images held out of the training images, 0 to images − 1.
    pub validation: usize,
    /// Class names, 2 to 256, all different; `None`: the data set's own, or numbers.
    pub classes: Option<Vec<String>>,
}

/// `[model]`: the network.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Model {
    /// Neurons of each hidden layer, first to last; empty for a linear classifier.
    pub hidden: Vec<usize>,
    /// Activation of the hidden layers.
    pub activation: Activation,
    /// Share of hidden activations set to zero while training, 0 ≤ dropout < 1.
    pub dropout: f64,
    /// How the weights start.
    pub init: Init,
}

/// `[training]`: how long and on what loss.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Training {
    /// Passes over the training images, 1 to 100,000.
    pub epochs: usize,
    /// Images in a step, 1 to the number of training images.
    pub batch_size: usize,
    /// What training minimises.
    pub loss: Loss,
}

/// `[optimizer]`: how the weights move.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "name", rename_all = "lowercase")]
pub enum Optimizer {
    /// Adam, <https://arxiv.org/abs/1412.6980>; weight decay is an L2 penalty.
    Adam {
        /// Step size, above 0.
        learning_rate: f64,
        /// Memory of the mean gradient, 0 ≤ β₁ < 1.
        beta_1: f64,
        /// Memory of the squared gradient, 0 ≤ β₂ < 1.
        beta_2: f64,
        /// Added to the divisor, above 0.
        epsilon: f64,
        /// Strength of the penalty, 0 or more.
        weight_decay: f64,
    },
    /// Adam with weight decay beside the gradient, <https://arxiv.org/abs/1711.05101>.
    AdamW {
        /// Step size, above 0.
        learning_rate: f64,
        /// Memory of the mean gradient, 0 ≤ β₁ < 1.
        beta_1: f64,
        /// Memory of the squared gradient, 0 ≤ β₂ < 1.
        beta_2: f64,
        /// Added to the divisor, above 0.
        epsilon: f64,
        /// Share of each weight taken off, times the learning rate, 0 or more.
        weight_decay: f64,
    },
    /// Gradient descent; weight decay is an L2 penalty.
    Sgd {
        /// Step size, above 0.
        learning_rate: f64,
        /// Memory of the step before, 0 ≤ momentum < 1; 0 is plain gradient descent.
        momentum: f64,
        /// Whether the gradient is taken one step of momentum ahead; needs momentum.
        nesterov: bool,
        /// Strength of the penalty, 0 or more.
        weight_decay: f64,
    },
}

/// `[schedule]`: how the learning rate changes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Schedule {
    /// What follows the warm-up.
    #[serde(flatten)]
    pub decay: Decay,
    /// Epochs in which the learning rate climbs from 0 in a straight line, 0 ≤ warm-up < epochs.
    pub warmup_epochs: f64,
}

/// The learning rate after the warm-up.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "name", rename_all = "lowercase")]
pub enum Decay {
    /// Stays as it is.
    Constant,
    /// Falls along half a cosine wave until the last step.
    Cosine {
        /// Share of the learning rate left at the end, 0 to 1.
        final_fraction: f64,
    },
    /// Is multiplied by `factor` every so often.
    Step {
        /// Epochs between two cuts, above 0.
        every_epochs: f64,
        /// What the learning rate is multiplied by, above 0, at most 1.
        factor: f64,
    },
}

/// `[early_stopping]`: when to stop before the last epoch. Needs `data.validation` above 0.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EarlyStopping {
    /// Epochs in a row without improvement, 1 to 100,000.
    pub patience: usize,
    /// What must improve, measured on the validation images.
    pub metric: Metric,
    /// Smallest change that counts as one, in units of the metric, 0 or more.
    pub min_delta: f64,
}

/// `[checkpoint]`: what a stopped run resumes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Checkpoint {
    /// How often one is written, besides at the end and when the run is stopped.
    pub every: Every,
    /// Newest checkpoints that are kept, 1 to 1,000. Each holds the best epoch's weights as well.
    pub keep: usize,
}

/// `[evaluation]`: what is measured at the end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Look at the test images after training. Without, `trainer evaluate` does so later: to choose between
    /// runs by what they come to on the test images would make those figures worthless.
    pub test: bool,
}

/// `[log]`: what is written down besides `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Log {
    /// Write an event file that TensorBoard reads.
    pub tensorboard: bool,
}

/// How often; in TOML a text like `1 epoch`, `500 steps`, `30 s` or `never`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Every {
    /// Not at all.
    Never,
    /// After so many epochs.
    Epochs(usize),
    /// After so many steps.
    Steps(usize),
    /// After so many seconds.
    Seconds(f64),
}

impl std::str::FromStr for Every {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "never" {
            return Ok(Self::Never);
        }
        let (number, unit) = text.split_once(' ').ok_or(())?;
        let count = || {
            number
                .parse()
                .ok()
                .filter(|n| (1..=1_000_000_000).contains(n))
        };
        match unit.trim() {
            "epoch" | "epochs" => count().map(Self::Epochs).ok_or(()),
            "step" | "steps" => count().map(Self::Steps).ok_or(()),
            "s" => {
                let seconds = number.parse().ok();
                let seconds = seconds.filter(|s: &f64| *s > 0.0 && *s <= 1e9);
                seconds.map(Self::Seconds).ok_or(())
            }
            _ => Err(()),
        }
    }
}

impl std::fmt::Display for Every {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let plural = |n: &usize| if *n == 1 { "" } else { "s" };
        match self {
            Self::Never => f.write_str("never"),
            Self::Epochs(n) => write!(f, "{n} epoch{}", plural(n)),
            Self::Steps(n) => write!(f, "{n} step{}", plural(n)),
            Self::Seconds(s) => write!(f, "{s} s"),
        }
    }
}

impl Serialize for Every {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Experiment {
    /// Returns the experiment as a config file with every key that applies. Loaded again it is equal.
    ///
    /// # Errors
    /// When `data.dir` is not UTF-8, which no loaded experiment can have.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// Returns the network for `input` = (channels, height, width) and a number of classes.
    pub fn architecture(&self, input: [usize; 3], classes: usize) -> Architecture {
        Architecture::Mlp(MlpConfig {
            input,
            hidden: self.model.hidden.clone(),
            classes,
            activation: self.model.activation,
            output: self.training.loss.output(),
            dropout: self.model.dropout,
            init: self.model.init,
        })
    }

    /// Returns the batches that it trains on: `images` in the order that the seed gives each epoch, augmented.
    pub fn batches(&self, images: ImageDataset) -> Batches {
        Batches::shuffled(images, self.training.batch_size, self.seed).augmented(self.augmentation)
    }
}

impl Optimizer {
    /// Returns the step size before any schedule.
    pub fn learning_rate(&self) -> f64 {
        match *self {
            Self::Adam { learning_rate, .. }
            | Self::AdamW { learning_rate, .. }
            | Self::Sgd { learning_rate, .. } => learning_rate,
        }
    }
}
