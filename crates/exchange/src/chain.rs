//! A network as a row of steps, which every reader turns its file into, and what becomes of it here: dense
//! layers with one activation between them. A step that only scales and shifts is folded into the layer beside
//! it (`fold`).

mod fold;

use model::record::PIXEL_DIVISOR;
use model::{Activation, Architecture, Init, MlpConfig, Output, Tensor, mlp};

use crate::{About, ExchangeError, Network, Scale};

pub(crate) use fold::{Affine, Layer};

/// What happens to an image, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// x W + b.
    Dense(Layer),
    /// x · scale + shift.
    Affine(Affine),
    /// An activation; `None` where the file does not say which.
    Activation(Option<Activation>),
    /// What turns the last layer's outputs into probabilities.
    Output(Output),
}

/// Returns the network that `steps` make up. `scale` is what its pixels are brought to before; where nobody says
/// it and the network itself begins with a scale, that tells.
///
/// # Errors
/// When they are no chain of dense layers with one activation.
pub(crate) fn network(
    steps: impl IntoIterator<Item = Step>,
    scale: Option<Scale>,
    about: About,
) -> Result<Network, ExchangeError> {
    let mut chain = Chain {
        scale: scale.or(about.pixel_divisor.and_then(Scale::of_divisor)),
        ..Chain::default()
    };
    for step in steps {
        chain.take(step)?;
    }
    chain.finish(about)
}

/// A network that makes this little of its pixels at first takes bytes: it divides by 255, or by a deviation.
const FACTOR_OF_BYTES: f64 = 0.05;

/// A network as far as its steps have been taken.
#[derive(Default)]
struct Chain {
    layers: Vec<Layer>,
    /// The activation after the last layer.
    after: Option<Option<Activation>>,
    /// Scales and shifts that wait for the next layer.
    waiting: Vec<Affine>,
    /// Of the hidden layers.
    activation: Option<Activation>,
    output: Option<Output>,
    /// What pixels are brought to before the first step.
    scale: Option<Scale>,
    notes: Vec<String>,
}

impl Chain {
    fn take(&mut self, step: Step) -> Result<(), ExchangeError> {
        if self.output.is_some() {
            return Err(unsupported("something follows the probabilities".into()));
        }
        match step {
            Step::Dense(layer) => self.dense(layer),
            Step::Affine(affine) => self.affine(affine),
            Step::Output(output) if self.after.is_none() && self.waiting.is_empty() => {
                self.output = Some(output);
                Ok(())
            }
            Step::Output(_) => Err(unsupported(
                "probabilities are made of something else than a layer's outputs".into(),
            )),
            Step::Activation(activation) => {
                let is_first = self.layers.is_empty();
                if is_first || self.after.is_some() || !self.waiting.is_empty() {
                    return Err(unsupported("an activation does not follow a layer".into()));
                }
                self.after = Some(activation);
                Ok(())
            }
        }
    }

    fn affine(&mut self, affine: Affine) -> Result<(), ExchangeError> {
        match self.layers.last_mut() {
            Some(layer) if self.after.is_none() => return layer.fold_after(&affine),
            _ => {}
        }
        self.wait(affine);
        Ok(())
    }

    fn dense(&mut self, mut layer: Layer) -> Result<(), ExchangeError> {
        if let Some(before) = self.layers.last() {
            if before.bias.len() != layer.inputs() {
                return Err(unsupported(format!(
                    "a layer of {} inputs follows one of {} outputs",
                    layer.inputs(),
                    before.bias.len()
                )));
            }
            let Some(activation) = self.after.take() else {
                return Err(unsupported(
                    "two layers follow each other without an activation".into(),
                ));
            };
            let before = activation.and_then(|activation| self.activation.replace(activation));
            if before.is_some() && before != activation {
                return Err(unsupported(
                    "the hidden layers have different activations".into(),
                ));
            }
        }
        if self.layers.is_empty() {
            self.scale_pixels();
        }
        for affine in self.waiting.drain(..).rev() {
            if !affine.is_nothing() {
                layer.fold_before(&affine)?;
            }
        }
        self.layers.push(layer);
        Ok(())
    }

    /// Puts the scale of the pixels in front of what waits for the first layer.
    fn scale_pixels(&mut self) {
        let factors = self.waiting.iter().map(Affine::median_factor);
        let is_of_bytes = !self.waiting.is_empty() && factors.product::<f64>() < FACTOR_OF_BYTES;
        if self.scale.is_none() && is_of_bytes {
            self.scale = Some(Scale::BYTES);
            self.notes
                .push("the network scales its pixels itself, from 0 to 255".into());
        }
        let waiting = std::mem::take(&mut self.waiting);
        let front = self.scale.map(Scale::step);
        for affine in front.into_iter().chain(waiting) {
            self.wait(affine);
        }
    }

    /// Keeps a scale for the next layer.
    fn wait(&mut self, affine: Affine) {
        let both = self.waiting.last().and_then(|last| last.then(&affine));
        match (self.waiting.last_mut(), both) {
            (Some(last), Some(both)) => *last = both,
            _ => self.waiting.push(affine),
        }
    }

    fn finish(mut self, mut about: About) -> Result<Network, ExchangeError> {
        let output = match (self.after, self.output) {
            (None, output) => output,
            (Some(Some(Activation::Sigmoid)), None) => Some(Output::Sigmoid),
            (Some(activation), _) => {
                let name = activation.map_or("an activation", Activation::name);
                return Err(unsupported(format!("{name} after the last layer")));
            }
        };
        if !self.waiting.is_empty() {
            return Err(unsupported("a scale after the last layer".into()));
        }
        about.activation = self.activation.or(about.activation);
        about.output = output.or(about.output);
        about.pixel_divisor = about.pixel_divisor.map(|_| PIXEL_DIVISOR);
        let mut notes = self.notes;
        if let Some(last) = self.layers.last_mut().filter(|last| last.bias.len() == 1) {
            if output == Some(Output::Softmax) {
                return Err(unsupported("the softmax of one output is always 1".into()));
            }
            *last = last.in_two_classes();
            about.output = Some(Output::Softmax);
            notes.push(
                "one output: taken for two classes, 0 and 1, the sigmoid being the probability of 1"
                    .into(),
            );
        }
        Ok(Network {
            tensors: tensors(self.layers),
            about,
            notes,
        })
    }
}

/// Returns the tensors of dense layers, first to last, as they are called here.
fn tensors(layers: Vec<Layer>) -> Vec<Tensor> {
    let inputs = layers.first().map(Layer::inputs);
    let outputs = layers.iter().map(|layer| layer.bias.len());
    let widths: Vec<usize> = inputs.into_iter().chain(outputs).collect();
    let values = layers
        .into_iter()
        .flat_map(|layer| [layer.weight, layer.bias]);
    let shapes = mlp::shapes(&widths).into_iter();
    shapes
        .zip(values)
        .map(|(shape, values)| shape.filled(values))
        .collect()
}

/// Returns the widths from the inputs to the classes, `[layers + 1]`.
pub(crate) fn widths(tensors: &[Tensor]) -> Vec<usize> {
    let shapes = tensors.iter().map(|tensor| &tensor.shape[..]);
    let weights = shapes.filter_map(|shape| <[usize; 2]>::try_from(shape).ok());
    let first = weights.clone().take(1).map(|[inputs, _]| inputs);
    first.chain(weights.map(|[_, outputs]| outputs)).collect()
}

/// Returns the shape of the network with these `tensors`, for images of `input` (height, width).
///
/// # Errors
/// When they are none, or the network breaks a limit.
pub(crate) fn architecture(
    tensors: &[Tensor],
    input: [usize; 2],
    activation: Activation,
    output: Output,
) -> Result<Architecture, ExchangeError> {
    let [_, hidden @ .., classes] = &widths(tensors)[..] else {
        return Err(ExchangeError::Chain("there is none".into()));
    };
    let [height, width] = input;
    let architecture = Architecture::Mlp(MlpConfig {
        input: [1, height, width],
        hidden: hidden.to_vec(),
        classes: *classes,
        activation,
        output,
        dropout: 0.0,
        init: Init::GlorotUniform,
    });
    let limits = architecture.validate();
    limits.map_err(|e| ExchangeError::Unsupported {
        what: format!("the file's network cannot run here: {e}"),
        hint: "see docs/interop.md for what can",
    })?;
    Ok(architecture)
}

fn unsupported(what: String) -> ExchangeError {
    ExchangeError::Unsupported {
        what: format!("the file's network cannot run here: {what}"),
        hint: "dense layers with relu, sigmoid, tanh or gelu between all of them can; see docs/interop.md",
    }
}
