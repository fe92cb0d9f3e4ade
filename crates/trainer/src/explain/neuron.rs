//! A neuron is a weighted sum: one neuron's weights, and its sum for one picture, term by term.

use model::Record;
use serde::Serialize;

use super::layers::Dense;
use super::subject::Subject;
use crate::drawing::panels::{self, Cells, Panel};
use crate::failure::Failure;

/// Terms of the sum that are listed.
pub const TERMS: usize = 10;

/// A neuron and its sum for one picture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Neuron {
    /// Its layer, counted from 1; the last one is the output layer.
    pub layer: usize,
    /// Number of layers.
    pub layers: usize,
    /// Its number in the layer, counted from 0.
    pub neuron: usize,
    /// The class, if it is an output neuron.
    pub class: Option<String>,
    /// Height and width of the picture that its weights make: that of the input in the first layer.
    pub size: [usize; 2],
    /// Number of inputs.
    pub inputs: usize,
    /// The largest terms of the sum, by size.
    pub terms: Vec<Term>,
    /// The sum of all other terms.
    pub others: f64,
    /// The bias.
    pub bias: f64,
    /// The weighted sum: all terms and the bias.
    pub sum: f64,
    /// What is made of the sum: ReLU, Sigmoid, Tanh, GELU, Softmax.
    pub function: &'static str,
    /// The activation: what is made of it.
    pub activation: f64,
    /// Its weights, `[inputs]`.
    pub weights: Vec<f32>,
    /// What each input adds to the sum, `[inputs]`.
    pub products: Vec<f32>,
}

/// One term of a weighted sum.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Term {
    /// Number of the input, counted from 0: a pixel, or a neuron of the layer before.
    pub input: usize,
    /// Row and column of the pixel, counted from 0, if it is one of a grey picture.
    pub pixel: Option<[usize; 2]>,
    /// The value of the input.
    pub value: f64,
    /// Its weight.
    pub weight: f64,
    /// Their product.
    pub product: f64,
}

/// Returns neuron `neuron` (counted from 0) of layer `layer` (counted from 1) of `record`'s network, with its sum for a
/// picture.
///
/// # Errors
/// When there is no such neuron (exit code 2), or the network has other layers than dense ones.
pub fn of(
    record: &Record,
    layer: usize,
    neuron: usize,
    subject: &Subject,
) -> Result<Neuron, Failure> {
    let network = Dense::of(record)?;
    check(&network, layer, neuron)?;
    let at = layer - 1;
    let missing = || Failure::failed("the network has no such neuron");
    let (weights, bias) = network.neuron(at, neuron).ok_or_else(missing)?;
    let passes = network.pass(&subject.pixels);
    let pass = passes.get(at).ok_or_else(missing)?;
    let value_of = |values: &[f64]| values.get(neuron).copied().unwrap_or_default();
    let size = size(record, at, weights.len());
    let is_pixel = at == 0 && size.iter().product::<usize>() == weights.len();
    let width = size[1];
    let all = pass.inputs.iter().zip(&weights).enumerate();
    let mut terms: Vec<Term> = all
        .map(|(input, (&value, &weight))| Term {
            input,
            pixel: is_pixel.then(|| [input / width, input % width]),
            value,
            weight: weight.into(),
            product: value * f64::from(weight),
        })
        .collect();
    let products = terms.iter().map(|term| term.product as f32).collect();
    terms.sort_by(|a, b| b.product.abs().total_cmp(&a.product.abs()));
    let others = terms.split_off(TERMS.min(terms.len()));
    Ok(Neuron {
        layer,
        layers: network.len(),
        neuron,
        class: class(record, &network, layer, neuron),
        size,
        inputs: weights.len(),
        others: others.iter().map(|term| term.product).sum(),
        terms,
        bias: bias.into(),
        sum: value_of(&pass.sums),
        function: network.function(at),
        activation: value_of(&pass.outputs),
        products,
        weights,
    })
}

impl Neuron {
    /// Returns a PNG of the picture, the weights, and what each pixel adds to the sum; only of the weights for a neuron
    /// behind the first layer. `titles` stand above the panels.
    ///
    /// # Errors
    /// When the PNG cannot be encoded.
    pub fn png(
        &self,
        heading: &str,
        titles: [&str; 3],
        subject: &Subject,
    ) -> Result<Vec<u8>, Failure> {
        let [height, width] = self.size;
        let signed = |title: &str, values| Panel {
            title: title.to_string(),
            note: String::new(),
            cells: Cells::Signed {
                values,
                size: self.size,
            },
        };
        let mut all = vec![signed(titles[1], &self.weights)];
        if self.layer == 1 {
            let size = [self.inputs / (height * width).max(1), height, width];
            let pixels = &subject.pixels;
            let picture = Panel {
                title: titles[0].to_string(),
                note: String::new(),
                cells: Cells::Picture { pixels, size },
            };
            all.insert(0, picture);
            all.push(signed(titles[2], &self.products));
        }
        panels::png(heading, &all)
    }
}

/// Checks that there is such a neuron.
fn check(network: &Dense, layer: usize, neuron: usize) -> Result<(), Failure> {
    let layers = network.len();
    if !(1..=layers).contains(&layer) {
        return Err(
            Failure::usage(format!("the network has no layer {layer}")).hint(format_args!(
                "layers are numbered 1 to {layers}, the outputs"
            )),
        );
    }
    let neurons = network.neurons(layer - 1);
    if neuron >= neurons {
        let last = neurons.saturating_sub(1);
        return Err(
            Failure::usage(format!("layer {layer} has no neuron {neuron}"))
                .hint(format_args!("its neurons are numbered 0 to {last}")),
        );
    }
    Ok(())
}

/// Returns height and width of the picture that the weights of a neuron make: the input's in the first layer, elsewhere
/// nearly a square.
fn size(record: &Record, layer: usize, inputs: usize) -> [usize; 2] {
    let [_, height, width] = record.metadata.architecture.input();
    if layer == 0 {
        return [height, width];
    }
    let side = (inputs as f64).sqrt().ceil() as usize;
    [inputs.div_ceil(side.max(1)), side]
}

fn class(record: &Record, network: &Dense, layer: usize, neuron: usize) -> Option<String> {
    let name = record.metadata.class_names.get(neuron);
    name.filter(|_| layer == network.len()).cloned()
}
