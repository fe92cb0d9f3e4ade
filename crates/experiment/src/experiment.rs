//! A checked experiment, as the rest of the program uses it.
//!
//! A choice with its own settings is an enum that has exactly those settings, while the TOML
//! stays flat: `name = "adam"` beside `beta_1 = 0.9`. Defaults and ranges are in `reference.rs`.

use std::path::PathBuf;

use data::{Augmentation, Batches, Colours, ImageDataset};
use model::{Activation, Architecture, Init, Loss, MlpConfig};
use serde::Serialize;

use crate::{Backend, EngineChoice, Metric};

/// One complete experiment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Experiment {
    /// Name; its runs go to `artifacts/<name>/`. 1 to 64 letters, digits, `-`, `_`, `.`.
    pub name: String,
    /// The backend to compute on.
    pub backend: Backend,
    /// The engine to train with: the kernel or Burn.
    pub engine: EngineChoice,
    /// Seed of the weights, the order of the images and the validation split, 0 to 2⁶⁴ − 1.
    pub seed: u64,
    /// The images.
    pub data: Data,
    /// `[augmentation]`: how images are changed each time they are used for training.
    pub augmentation: Augmentation,
    /// The network.
    pub model: Model,
    /// How long to train, and with which loss.
    pub training: Training,
    /// How the weights are updated.
    pub optimizer: Optimizer,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// When to stop before the last epoch; `None` for never.
    pub early_stopping: Option<EarlyStopping>,
    /// What a stopped run resumes from.
    pub checkpoint: Checkpoint,
    /// What is measured at the end.
    pub evaluation: Evaluation,
    /// What is logged besides `metrics.jsonl`.
    pub log: Log,
}

/// `[data]`: the images.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Data {
    /// Data set; `fashion-mnist` checks the files' SHA-256, any other name is that of an import or, with `dir`, takes
    /// the files as they are.
    pub name: String,
    /// Folder with the four IDX files; `None` to search the usual places.
    pub dir: Option<PathBuf>,
    /// Images held out of the training images, 0 to images − 1.
    pub validation: usize,
    /// Height and width of the images, for picture files of another size; `None`: the size that all have.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_size")]
    pub size: Option<[usize; 2]>,
    /// Whether the images are grey or in colour.
    pub colours: Colours,
    /// The share of each class that becomes test images if the files have none, above 0 and below 1.
    pub test_share: f64,
    /// Whether a file that cannot be read is an error; otherwise it is left out.
    pub strict: bool,
    /// Class names, 2 to 256, all different; `None` for the data set's own, or numbers.
    pub classes: Option<Vec<String>>,
}

/// `[model]`: the network.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Model {
    /// Neurons of each hidden layer, first to last; empty for a linear classifier.
    pub hidden: Vec<usize>,
    /// Activation of the hidden layers.
    pub activation: Activation,
    /// Fraction of hidden activations set to zero during training, 0 ≤ dropout < 1.
    pub dropout: f64,
    /// Distribution of the initial weights.
    pub init: Init,
}

/// `[training]`: how long to train, and with which loss.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Training {
    /// Passes over the training images, 1 to 100,000.
    pub epochs: usize,
    /// Images per step, 1 to the number of training images.
    pub batch_size: usize,
    /// The loss to minimise.
    pub loss: Loss,
    /// Share of the label's ideal output that all classes have evenly, 0 ≤ smoothing < 1.
    /// Szegedy et al. 2016, <https://arxiv.org/abs/1512.00567>, section 7.
    pub label_smoothing: f64,
    /// What the loss of an image counts, by its class.
    pub class_weights: ClassWeights,
    /// Maximum norm of the gradient of all weights and biases together; a longer one is scaled down to it. 0: no
    /// limit. Pascanu et al. 2013, <https://arxiv.org/abs/1211.5063>, algorithm 1.
    pub clip_norm: f64,
    /// Memory of the moving average of the weights, 0 ≤ memory < 1: the average is evaluated and saved. 0: no average.
    pub ema: f64,
}

impl Training {
    /// Returns the maximum norm of the gradient, if there is one.
    pub fn clips_to(&self) -> Option<f32> {
        above_zero(self.clip_norm)
    }

    /// Returns the memory of the moving average of the weights, if there is one.
    pub fn averages_by(&self) -> Option<f32> {
        above_zero(self.ema)
    }
}

/// Returns a setting of which 0 means none.
fn above_zero(setting: f64) -> Option<f32> {
    (setting > 0.0).then_some(setting as f32)
}

/// What the loss of an image is multiplied by. The mean over a batch is still that over its images, as in Keras.
#[derive(Debug, Clone, PartialEq)]
pub enum ClassWeights {
    /// 1.
    None,
    /// Images / (classes with images × images of the class): every class counts the same in all, as with
    /// scikit-learn's `balanced`.
    Balanced,
    /// One weight for each class, 0 or more, not all 0.
    Of(Vec<f64>),
}

impl Serialize for ClassWeights {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_str("none"),
            Self::Balanced => serializer.serialize_str("balanced"),
            Self::Of(weights) => weights.serialize(serializer),
        }
    }
}

/// `[optimizer]`: how the weights are updated.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "name", rename_all = "lowercase")]
pub enum Optimizer {
    /// Adam, <https://arxiv.org/abs/1412.6980>; weight decay is an L2 penalty.
    Adam {
        /// Step size, above 0.
        learning_rate: f64,
        /// Decay rate of the mean gradient, 0 ≤ β₁ < 1.
        beta_1: f64,
        /// Decay rate of the mean squared gradient, 0 ≤ β₂ < 1.
        beta_2: f64,
        /// Added to the denominator after the bias correction, as in PyTorch, above 0.
        epsilon: f64,
        /// Strength of the penalty, 0 or more.
        weight_decay: f64,
    },
    /// Adam with decoupled weight decay, <https://arxiv.org/abs/1711.05101>.
    AdamW {
        /// Step size, above 0.
        learning_rate: f64,
        /// Decay rate of the mean gradient, 0 ≤ β₁ < 1.
        beta_1: f64,
        /// Decay rate of the mean squared gradient, 0 ≤ β₂ < 1.
        beta_2: f64,
        /// Added to the denominator after the bias correction, as in PyTorch, above 0.
        epsilon: f64,
        /// Fraction of each weight subtracted per step, times the learning rate, 0 or more.
        weight_decay: f64,
    },
    /// Gradient descent; weight decay is an L2 penalty.
    Sgd {
        /// Step size, above 0.
        learning_rate: f64,
        /// Momentum, 0 ≤ momentum < 1; 0 is plain gradient descent.
        momentum: f64,
        /// Whether to use Nesterov momentum; needs momentum above 0.
        nesterov: bool,
        /// Strength of the penalty, 0 or more.
        weight_decay: f64,
    },
}

/// `[schedule]`: how the learning rate changes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Schedule {
    /// Shape of the schedule after the warm-up.
    #[serde(flatten)]
    pub decay: Decay,
    /// Epochs over which the learning rate rises linearly from 0, 0 ≤ warm-up < epochs; 0 with `one_cycle`.
    pub warmup_epochs: f64,
}

/// The learning rate after the warm-up.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "name", rename_all = "lowercase")]
pub enum Decay {
    /// Constant.
    Constant,
    /// Falls along half a cosine wave to the last step.
    Cosine {
        /// Fraction of the learning rate left at the end, 0 to 1.
        final_fraction: f64,
    },
    /// Multiplied by `factor` at regular intervals.
    Step {
        /// Epochs between two reductions, above 0.
        every_epochs: f64,
        /// Factor the learning rate is multiplied by, above 0, at most 1.
        factor: f64,
    },
    /// Rises along half a cosine wave to the base rate, then falls along another to the last step: Smith & Topin 2018,
    /// <https://arxiv.org/abs/1708.07120>, in the form of PyTorch's `OneCycleLR`.
    #[serde(rename = "one_cycle")]
    OneCycle {
        /// Fraction of all steps in which it rises, above 0, below 1.
        rise: f64,
        /// Fraction of the learning rate at the first step, above 0, at most 1.
        initial_fraction: f64,
        /// Fraction of the learning rate left at the end, 0 to 1.
        final_fraction: f64,
    },
    /// Multiplied by `factor` whenever the validation loss has not improved for `patience` epochs, as Keras's
    /// `ReduceLROnPlateau`. Needs validation images.
    Plateau {
        /// Factor the learning rate is multiplied by, above 0, at most 1.
        factor: f64,
        /// Epochs in a row without improvement, 1 to 100,000.
        patience: usize,
        /// Fraction of the learning rate below which it is not reduced, 0 to 1.
        final_fraction: f64,
    },
}

/// `[early_stopping]`: when to stop before the last epoch. Needs images to validate with: `data.validation` above 0, or
/// files that set some aside.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EarlyStopping {
    /// Epochs in a row without improvement, 1 to 100,000.
    pub patience: usize,
    /// Metric on the validation images that must improve.
    pub metric: Metric,
    /// Smallest change that counts as an improvement, in units of the metric, 0 or more.
    pub min_delta: f64,
}

/// `[checkpoint]`: what a stopped run resumes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Checkpoint {
    /// How often one is written, besides at the end and on a stop.
    pub every: Every,
    /// How many of the newest checkpoints are kept, 1 to 1,000. Each also has the best epoch's weights.
    pub keep: usize,
}

/// `[evaluation]`: what is measured at the end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Evaluate on the test images after training. If not, `trainer evaluate` does it later: choosing between runs
    /// by their test results would make those results worthless.
    pub test: bool,
}

/// `[log]`: what is logged besides `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Log {
    /// Write an event file for TensorBoard.
    pub tensorboard: bool,
}

/// An interval; in TOML a text like `1 epoch`, `500 steps`, `30 s` or `never`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Every {
    /// Not at all.
    Never,
    /// Every so many epochs.
    Epochs(usize),
    /// Every so many steps.
    Steps(usize),
    /// Every so many seconds.
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

fn as_size<S: serde::Serializer>(size: &Option<[usize; 2]>, to: S) -> Result<S::Ok, S::Error> {
    match size {
        Some([height, width]) => to.collect_str(&format_args!("{height}x{width}")),
        None => to.serialize_none(),
    }
}

impl Experiment {
    /// Returns the experiment as a config file with every key that applies. Loading it gives an equal experiment.
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

impl Model {
    /// Returns the settings that describe a network; [`Experiment::architecture`] is the way back.
    pub fn of(architecture: &Architecture) -> Self {
        // Convolutions have no keys yet.
        let (hidden, init) = match architecture {
            Architecture::Mlp(mlp) => (&mlp.hidden, mlp.init),
            Architecture::Cnn(cnn) => (&cnn.hidden, cnn.init),
        };
        Self {
            hidden: hidden.clone(),
            activation: architecture.activation(),
            dropout: architecture.dropout(),
            init,
        }
    }
}

impl Schedule {
    /// Returns whether the learning rate of a step depends on the number of epochs, so that a training cannot be
    /// extended.
    pub fn depends_on_length(&self) -> bool {
        matches!(self.decay, Decay::Cosine { .. } | Decay::OneCycle { .. })
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
