//! Why this answer: which part of the picture it depends on, which hidden neurons speak for it, and which training
//! pictures look most alike to the network.

mod nearest;
mod occlusion;

use data::ImageDataset;
use model::Record;
use serde::Serialize;

use super::layers::Dense;
use super::subject::Subject;
use crate::drawing::panels::{self, Cells, Panel};
use crate::evaluation::{class_name, top};
use crate::failure::Failure;
use crate::inference::Inference;

pub use nearest::Neighbour;
pub use occlusion::Occlusion;

/// Hidden neurons that are listed.
pub const NEURONS: usize = 8;

/// Why a network answers as it does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reasons {
    /// The class of the answer.
    pub class: usize,
    /// Its name.
    pub name: String,
    /// The true class, if it is known.
    pub label: Option<usize>,
    /// Probability of every class, calibrated if the record has a calibration, `[classes]`.
    pub probabilities: Vec<f32>,
    /// Names of the classes.
    pub class_names: Vec<String>,
    /// Whether the picture is unlike the training images; `None` without a threshold.
    pub unknown: Option<bool>,
    /// What covering a part of the picture does to the probability of the answer.
    pub occlusion: Occlusion,
    /// What the neurons of the last hidden layer say for the answer; `None` without a hidden layer of a dense network.
    pub hidden: Option<Hidden>,
    /// The training pictures that look most alike to the network, nearest first.
    pub nearest: Vec<Neighbour>,
}

/// What the neurons of the last hidden layer say for one class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hidden {
    /// Those that say most, by size.
    pub neurons: Vec<Voice>,
    /// What all of them say together.
    pub total: f64,
    /// The bias of the class.
    pub bias: f64,
    /// Their sum: what the output neuron makes its answer of.
    pub sum: f64,
}

/// What one hidden neuron says for a class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Voice {
    /// Its number in the layer, counted from 0.
    pub neuron: usize,
    /// Its activation.
    pub activation: f64,
    /// The weight from it to the class.
    pub weight: f64,
    /// Their product: what it adds to the sum.
    pub contribution: f64,
}

/// Returns why `record`'s network answers as it does to a picture. `train` are the images it was trained on.
///
/// # Errors
/// When the picture does not fit the network, or the device fails.
pub fn of(
    record: &Record,
    inference: &Inference,
    train: &ImageDataset,
    subject: &Subject,
) -> Result<Reasons, Failure> {
    let answer = inference.pixels(&subject.pixels)?;
    let (class, _) = top(&answer.raw);
    let metadata = &record.metadata;
    let input = metadata.architecture.input();
    Ok(Reasons {
        class,
        name: class_name(&metadata.class_names, class)?.to_string(),
        label: subject.label,
        occlusion: occlusion::of(inference, &subject.pixels, input, class)?,
        hidden: hidden(record, subject, class),
        nearest: nearest::of(record, train, subject)?,
        probabilities: answer.probabilities,
        class_names: metadata.class_names.clone(),
        unknown: answer.unknown,
    })
}

/// Returns what the last hidden layer says for a class.
fn hidden(record: &Record, subject: &Subject, class: usize) -> Option<Hidden> {
    let network = Dense::of(record).ok()?;
    let last = network.len().checked_sub(1).filter(|&last| last > 0)?;
    let passes = network.pass(&subject.pixels);
    let pass = passes.get(last)?;
    let (weights, bias) = network.neuron(last, class)?;
    let voices = pass.inputs.iter().zip(&weights).enumerate();
    let mut neurons: Vec<Voice> = voices
        .map(|(neuron, (&activation, &weight))| Voice {
            neuron,
            activation,
            weight: weight.into(),
            contribution: activation * f64::from(weight),
        })
        .collect();
    let total = neurons.iter().map(|voice| voice.contribution).sum();
    neurons.sort_by(|a, b| b.contribution.abs().total_cmp(&a.contribution.abs()));
    neurons.truncate(NEURONS);
    Some(Hidden {
        neurons,
        total,
        bias: bias.into(),
        sum: *pass.sums.get(class)?,
    })
}

/// The texts of the picture of [`Reasons::png`].
#[derive(Debug, Clone)]
pub struct Titles {
    /// Above everything.
    pub heading: String,
    /// Above the picture.
    pub picture: String,
    /// Above the occlusion map.
    pub occlusion: String,
    /// Above each of the nearest training pictures, with its number in place of `{}`.
    pub nearest: String,
}

impl Reasons {
    /// Returns a PNG: the picture, the occlusion map on it, and the nearest training pictures with their labels.
    ///
    /// # Errors
    /// When the PNG cannot be encoded.
    pub fn png(
        &self,
        titles: &Titles,
        subject: &Subject,
        train: &ImageDataset,
    ) -> Result<Vec<u8>, Failure> {
        let size = train.size();
        let name = |class: usize| self.class_names.get(class).cloned().unwrap_or_default();
        let pixels = &subject.pixels;
        let mut all = vec![
            Panel {
                title: titles.picture.clone(),
                note: self.label.map(name).unwrap_or_default(),
                cells: Cells::Picture { pixels, size },
            },
            Panel {
                title: titles.occlusion.clone(),
                note: self.name.clone(),
                cells: Cells::Heat {
                    pixels,
                    size,
                    values: &self.occlusion.fall,
                },
            },
        ];
        all.extend(self.nearest.iter().map(|near| Panel {
            title: titles.nearest.replace("{}", &near.index.to_string()),
            note: name(near.label),
            cells: Cells::Picture {
                pixels: train.image(near.index),
                size,
            },
        }));
        panels::png(&titles.heading, &all)
    }
}
