//! A Keras file as steps, layer by layer.

use model::{Activation, Output, Tensor};
use serde_json::Value;

use super::{CLASSIFIER, CONFIG, EPSILON, FORMAT, LOG_SIGMOID, METADATA, WEIGHTS, weights};
use crate::archive::Archive;
use crate::chain::{self, Affine, Layer, Step};
use crate::error::printable;
use crate::hdf5::{self, Content};
use crate::{About, ExchangeError, Network, Reading, about, layout, spelling};

/// Longest description of the layers, in bytes; one of 65 layers has 50,000. In memory it is twenty times as long.
const MAX_CONFIG: usize = 1 << 20;
/// Layers that change nothing about answers.
const PASSING: [&str; 8] = [
    "InputLayer",
    "Flatten",
    "Reshape",
    "Dropout",
    "AlphaDropout",
    "GaussianDropout",
    "GaussianNoise",
    "ActivityRegularization",
];

/// Returns the network of a `.keras` file.
///
/// # Errors
/// [`ExchangeError`] says what is wrong with the file, or which layer cannot run here.
pub fn read_zip(bytes: &[u8], reading: &Reading) -> Result<Network, ExchangeError> {
    let mut archive = Archive::open(bytes, FORMAT)?;
    let config = archive.read(CONFIG)?;
    let config = String::from_utf8_lossy(&config).into_owned();
    let content = hdf5::read(&archive.read(WEIGHTS)?)?;
    let (about, mut notes) = own_metadata(&mut archive)?;
    let mut network = of_layers(content, &config, about, reading)?;
    network.notes.append(&mut notes);
    Ok(network)
}

/// Returns what this program has written into the metadata of a `.keras` file, and what is to be said of it.
fn own_metadata(archive: &mut Archive) -> Result<(About, Vec<String>), ExchangeError> {
    if !archive.names().any(|name| name == METADATA) {
        return Ok((About::default(), Vec::new()));
    }
    let text = archive.read(METADATA)?;
    if text.len() > about::MAX_TEXT {
        return Err(ExchangeError::damaged(FORMAT, "its metadata is too long"));
    }
    // Keras does not read this file either: whatever else is in it says nothing of answers.
    let metadata: Value = serde_json::from_slice(&text).unwrap_or_default();
    let own = metadata.get(CLASSIFIER).map(Value::to_string);
    Ok(About::from_entries(
        own.iter().map(|text| (about::KEY, text.as_str())),
    ))
}

/// Returns the network of an HDF5 file. One without a description of its layers is read by its names.
///
/// # Errors
/// [`ExchangeError`] says what is wrong with the file, or which layer cannot run here.
pub fn read_hdf5(bytes: &[u8], reading: &Reading) -> Result<Network, ExchangeError> {
    let mut content = hdf5::read(bytes)?;
    if let Some(config) = content.config.take() {
        return of_layers(content, &config, About::default(), reading);
    }
    let scale = weights::unknown_scale(&content.groups).filter(|_| reading.scale.is_none());
    let mut network = if weights::has_norms(&content) {
        weights::network(content, reading)?
    } else {
        let mut network = layout::network(content.tensors, reading, About::default())?;
        network.leave_out(content.left_out);
        network
    };
    network.notes.extend(scale.map(String::from));
    Ok(network)
}

fn of_layers(
    content: Content,
    config: &str,
    mut about: About,
    reading: &Reading,
) -> Result<Network, ExchangeError> {
    let damaged = |reason: String| ExchangeError::damaged(FORMAT, reason);
    if config.len() > MAX_CONFIG {
        return Err(damaged("its description is too long".into()));
    }
    let config: Value =
        serde_json::from_str(config).map_err(|e| damaged(format!("its description: {e}")))?;
    let layers = config
        .pointer("/config/layers")
        .or_else(|| config.pointer("/config"));
    let layers = layers.and_then(Value::as_array);
    let layers = layers.ok_or_else(|| unsupported("it is no Sequential model".into()))?;
    let mut weights = Weights {
        tensors: content.tensors,
        counts: Vec::new(),
    };
    let mut steps = Vec::new();
    let mut layers = layers.iter().map(class_and_config).peekable();
    while let Some((kind, config)) = layers.next() {
        for key in ["batch_input_shape", "batch_shape"] {
            about.input = about.input.or(config.get(key).and_then(spelling::size));
        }
        if is_log_sigmoid(kind, config) && layers.next_if(|(kind, _)| *kind == "Softmax").is_some()
        {
            steps.push(Step::Output(Output::Sigmoid));
        } else {
            steps.extend(of_layer(kind, config, &mut weights)?);
        }
    }
    let mut network = chain::network(steps, reading.scale, about)?;
    network.leave_out(content.left_out);
    Ok(network)
}

fn class_and_config(layer: &Value) -> (&str, &Value) {
    let class = layer.get("class_name").and_then(Value::as_str);
    let config = layer.get("config").unwrap_or(&Value::Null);
    (class.unwrap_or_default(), config)
}

/// Returns whether a layer, with a softmax behind it, makes neurons' sigmoids divided by their sum.
fn is_log_sigmoid(kind: &str, config: &Value) -> bool {
    let activation = config.get("activation").and_then(Value::as_str);
    kind == "Activation" && activation == Some(LOG_SIGMOID)
}

/// Returns the steps that one layer is.
fn of_layer(kind: &str, config: &Value, weights: &mut Weights) -> Result<Vec<Step>, ExchangeError> {
    let name = config
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let shown = || format!("the layer {} (`{}`)", printable(kind), printable(name));
    let refuse = |why: &str| Err(unsupported(format!("{} {why}", shown())));
    let number = |key: &str| config.get(key).and_then(Value::as_f64);
    match kind {
        _ if PASSING.contains(&kind) => Ok(Vec::new()),
        "Rescaling" => match (number("scale"), number("offset").unwrap_or(0.0)) {
            (Some(scale), offset) => Ok(vec![Step::Affine(Affine::of(scale, offset))]),
            (None, _) => refuse("has more than one scale"),
        },
        "Dense" => {
            let mut steps = vec![Step::Dense(dense(weights.of(kind, name), &shown)?)];
            steps.extend(activation(config, &shown)?);
            Ok(steps)
        }
        "BatchNormalization" => {
            let step = normalization(weights.of(kind, name), config);
            step.map_or_else(
                || refuse("has not its four lists of numbers"),
                |step| Ok(vec![step]),
            )
        }
        "Activation" => Ok(activation(config, &shown)?.into_iter().collect()),
        "ReLU"
            if ["max_value", "negative_slope", "threshold"]
                .iter()
                .all(|key| number(key).unwrap_or(0.0) == 0.0) =>
        {
            Ok(vec![Step::Activation(Some(Activation::Relu))])
        }
        "Softmax" => Ok(vec![Step::Output(Output::Softmax)]),
        _ => refuse("is none that runs here"),
    }
}

/// Returns the step of a layer's activation, if it has any.
fn activation(config: &Value, shown: &dyn Fn() -> String) -> Result<Option<Step>, ExchangeError> {
    let value = config.get("activation").unwrap_or(&Value::Null);
    // Keras 3 may write an object of a class.
    let value = value.get("class_name").unwrap_or(value);
    match value.as_str() {
        None | Some("linear") => Ok(None),
        Some("softmax" | "log_softmax") => Ok(Some(Step::Output(Output::Softmax))),
        Some(name) => match spelling::activation(value) {
            Some(activation) => Ok(Some(Step::Activation(Some(activation)))),
            None => Err(unsupported(format!(
                "{} has the activation {}",
                shown(),
                printable(name)
            ))),
        },
    }
}

/// Returns a dense layer of its kernel `[in, out]` and its bias.
pub(super) fn dense(
    tensors: Vec<Tensor>,
    shown: &dyn Fn() -> String,
) -> Result<Layer, ExchangeError> {
    let (mut kernel, mut bias) = (None, None);
    for tensor in tensors {
        match tensor.shape[..] {
            [_, outputs] if kernel.is_none() => kernel = Some((outputs, tensor.values)),
            [_] if bias.is_none() => bias = Some(tensor.values),
            _ => return Err(unsupported(format!("{} has other weights", shown()))),
        }
    }
    let Some((outputs, weight)) =
        kernel.filter(|(outputs, weight)| *outputs > 0 && !weight.is_empty())
    else {
        return Err(unsupported(format!(
            "{} has no weights in the file",
            shown()
        )));
    };
    let bias = bias.unwrap_or_else(|| vec![0.0; outputs]);
    if bias.len() != outputs {
        return Err(unsupported(format!(
            "{} has a bias of another size",
            shown()
        )));
    }
    Ok(Layer { weight, bias })
}

/// Returns a batch normalisation of gamma and beta, where it has them, mean and variance, in this order.
fn normalization(tensors: Vec<Tensor>, config: &Value) -> Option<Step> {
    let has = |key: &str| config.get(key).and_then(Value::as_bool).unwrap_or(true);
    let named = |end: &str| {
        tensors
            .iter()
            .find(|tensor| tensor.name.trim_end_matches(":0").ends_with(end))
    };
    let values = |tensor: &Tensor| tensor.values.clone();
    let (gamma, beta, mean, variance) = match named("/moving_mean") {
        Some(mean) => (
            named("/gamma").map(values),
            named("/beta").map(values),
            values(mean),
            values(named("/moving_variance")?),
        ),
        None => {
            let mut rest = tensors.iter().map(values);
            let gamma = if has("scale") { rest.next() } else { None };
            let beta = if has("center") { rest.next() } else { None };
            (gamma, beta, rest.next()?, rest.next()?)
        }
    };
    let epsilon = config
        .get("epsilon")
        .and_then(Value::as_f64)
        .unwrap_or(EPSILON);
    let step =
        Affine::batch_normalization(&mean, &variance, gamma.as_deref(), beta.as_deref(), epsilon);
    (mean.len() == variance.len()).then_some(Step::Affine(step))
}

/// The arrays of a file that no layer has taken.
struct Weights {
    tensors: Vec<Tensor>,
    /// How many layers of each class there were.
    counts: Vec<(String, usize)>,
}

impl Weights {
    /// Takes the arrays of a layer: those with its name in their path, or, as Keras 3 has it, with its class's
    /// name and a number.
    fn of(&mut self, kind: &str, name: &str) -> Vec<Tensor> {
        let class = snake_case(kind);
        let index = match self.counts.iter_mut().find(|(known, _)| *known == class) {
            Some((_, count)) => {
                *count += 1;
                *count
            }
            None => {
                self.counts.push((class.clone(), 0));
                0
            }
        };
        let numbered = if index == 0 {
            class
        } else {
            format!("{class}_{index}")
        };
        let has = |tensor: &Tensor, part: &str| tensor.name.split('/').any(|other| other == part);
        // Of `vars` the names are numbers, which start from 0 in each file.
        let is_by_class = self.tensors.iter().any(|tensor| has(tensor, "vars"));
        let wanted = match self.tensors.iter().any(|tensor| has(tensor, name)) {
            true if !is_by_class => name,
            _ => &numbered,
        };
        let (taken, left) = std::mem::take(&mut self.tensors)
            .into_iter()
            .partition(|tensor| has(tensor, wanted));
        self.tensors = left;
        taken
    }
}

/// Returns a class's name as its layers are called: `BatchNormalization` is batch_normalization.
fn snake_case(class: &str) -> String {
    crate::names::words(class).join("_")
}

fn unsupported(what: String) -> ExchangeError {
    ExchangeError::Unsupported {
        what: format!("the Keras model cannot run here: {what}"),
        hint: "Flatten, Rescaling, Dense, BatchNormalization and Dropout with relu, sigmoid, tanh or gelu can; see \
               docs/interop.md",
    }
}
