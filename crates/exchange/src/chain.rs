//! A network as a row of steps, which every reader turns its file into, and what becomes of it here: dense
//! layers with one activation between them. A step that only scales and shifts is folded into the layer beside
//! it: (x · s + t) W + b = x (s · W) + (t W + b), and (x W + b) · s + t = x (W · s) + (b · s + t).

use model::record::PIXEL_DIVISOR;
use model::{Activation, Architecture, Init, MlpConfig, Output, Tensor, mlp};

use crate::{About, ExchangeError, Network, Scale};

/// A dense layer of a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layer {
    /// `[in, out]`, row-major.
    pub weight: Vec<f32>,
    /// `[out]`.
    pub bias: Vec<f32>,
}

/// x · scale + shift, for each value of an image or a layer's output.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Affine {
    /// One for all values; or one for each of equally long blocks of them, in turn.
    pub scale: Vec<f64>,
    /// As many as `scale`.
    pub shift: Vec<f64>,
    /// Values in a row that have the same scale and shift, where there are more than one.
    pub block: usize,
}

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

impl Layer {
    /// Returns the number of inputs.
    pub fn inputs(&self) -> usize {
        self.weight.len() / self.bias.len().max(1)
    }

    /// Takes over what happens to the inputs before.
    fn fold_before(&mut self, affine: &Affine) -> Result<(), ExchangeError> {
        affine.check(self.inputs())?;
        let outputs = self.bias.len().max(1);
        let mut bias: Vec<f64> = self.bias.iter().map(|&b| b.into()).collect();
        for (input, row) in self.weight.chunks_mut(outputs).enumerate() {
            let (scale, shift) = affine.at(input);
            for (weight, bias) in row.iter_mut().zip(&mut bias) {
                *bias += shift * f64::from(*weight);
                *weight = (f64::from(*weight) * scale) as f32;
            }
        }
        self.bias = bias.into_iter().map(|b| b as f32).collect();
        Ok(())
    }

    /// Takes over what happens to the outputs after.
    fn fold_after(&mut self, affine: &Affine) -> Result<(), ExchangeError> {
        let outputs = self.bias.len();
        affine.check(outputs)?;
        for row in self.weight.chunks_mut(outputs.max(1)) {
            for (output, weight) in row.iter_mut().enumerate() {
                *weight = (f64::from(*weight) * affine.at(output).0) as f32;
            }
        }
        for (output, bias) in self.bias.iter_mut().enumerate() {
            let (scale, shift) = affine.at(output);
            *bias = (f64::from(*bias) * scale + shift) as f32;
        }
        Ok(())
    }

    /// Returns a layer of two outputs for one of one: 0 and z, whose softmax is sigmoid(z).
    fn in_two_classes(&self) -> Self {
        Self {
            weight: self.weight.iter().flat_map(|&w| [0.0, w]).collect(),
            bias: self.bias.iter().flat_map(|&b| [0.0, b]).collect(),
        }
    }
}

impl Affine {
    /// Returns the same for every value.
    pub fn of(scale: f64, shift: f64) -> Self {
        Self {
            scale: vec![scale],
            shift: vec![shift],
            block: 1,
        }
    }

    /// Returns batch normalisation, (x - mean) / √(variance + epsilon) · gamma + beta, an entry an output.
    /// Ioffe & Szegedy 2015, <https://arxiv.org/abs/1502.03167>
    pub fn batch_normalization(
        mean: &[f32],
        variance: &[f32],
        gamma: Option<&[f32]>,
        beta: Option<&[f32]>,
        epsilon: f64,
    ) -> Self {
        let at = |values: Option<&[f32]>, i: usize, without: f64| {
            let value = values.and_then(|values| values.get(i));
            value.map_or(without, |&value| value.into())
        };
        let (mut scale, mut shift) = (Vec::new(), Vec::new());
        for (i, (&mean, &variance)) in mean.iter().zip(variance).enumerate() {
            let factor = at(gamma, i, 1.0) / (f64::from(variance) + epsilon).sqrt();
            scale.push(factor);
            shift.push(at(beta, i, 0.0) - f64::from(mean) * factor);
        }
        Self {
            scale,
            shift,
            block: 1,
        }
    }

    /// Returns this and then `next`, where both are the same for every value.
    pub fn then(&self, next: &Self) -> Option<Self> {
        let (&[s], &[t], &[next_s], &[next_t]) = (
            &self.scale[..],
            &self.shift[..],
            &next.scale[..],
            &next.shift[..],
        ) else {
            return None;
        };
        Some(Self::of(s * next_s, t * next_s + next_t))
    }

    /// Returns scale and shift of value `index`.
    fn at(&self, index: usize) -> (f64, f64) {
        let index = index / self.block.max(1) % self.scale.len().max(1);
        let of = |values: &[f64]| values.get(index).copied().unwrap_or_default();
        (of(&self.scale), of(&self.shift))
    }

    fn check(&self, values: usize) -> Result<(), ExchangeError> {
        let (count, block) = (self.scale.len(), self.block.max(1));
        let fits = count == 1 || values.is_multiple_of(count.saturating_mul(block).max(1));
        if fits && count > 0 {
            return Ok(());
        }
        Err(unsupported(format!(
            "{count} scales for {values} values of a layer"
        )))
    }

    /// Returns the median of the factors, without their signs.
    fn median_factor(&self) -> f64 {
        let mut factors: Vec<f64> = self.scale.iter().map(|scale| scale.abs()).collect();
        factors.sort_by(f64::total_cmp);
        factors.get(factors.len() / 2).copied().unwrap_or(1.0)
    }

    /// Returns whether nothing is changed, but for the rounding of 1/255.
    fn is_nothing(&self) -> bool {
        let is_one = self.scale.iter().all(|scale| (scale - 1.0).abs() < 1e-6);
        is_one && self.shift.iter().all(|shift| shift.abs() < 1e-7)
    }
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

/// Returns the activation of the hidden layers.
pub(crate) fn activation(architecture: &Architecture) -> Activation {
    let Architecture::Mlp(mlp) = architecture;
    mlp.activation
}

fn unsupported(what: String) -> ExchangeError {
    ExchangeError::Unsupported {
        what: format!("the file's network cannot run here: {what}"),
        hint: "dense layers with relu, sigmoid, tanh or gelu between all of them can; see docs/interop.md",
    }
}
