//! A network as a `.keras` file, which `keras.models.load_model` of Keras 3 opens: a `Sequential` of the layers that
//! the notebook's model has.

use model::{Activation, Output};
use serde_json::{Value, json};

use super::{CLASSIFIER, CONFIG, LOG_SIGMOID, METADATA, WEIGHTS};
use crate::{About, ExchangeError, Network, archive, chain, hdf5};

/// The first Keras with this format. Its activation `gelu` is the exact one, in this and in every later version.
const KERAS_VERSION: &str = "3.0.0";

/// Keras's names of activations.
const ACTIVATIONS: [(Activation, &str); 4] = [
    (Activation::Relu, "relu"),
    (Activation::Sigmoid, "sigmoid"),
    (Activation::Tanh, "tanh"),
    (Activation::Gelu, "gelu"),
];

/// Returns the file of `network`, which takes pixels from 0 to 1, `[batch, height, width]`, and returns
/// probabilities, `[batch, classes]`.
///
/// # Errors
/// When the weights cannot be stored as HDF5.
pub fn write(network: &Network) -> Result<Vec<u8>, ExchangeError> {
    let about = About {
        layout: None, // Keras has one only
        ..network.about.clone()
    };
    let metadata = json!({ "keras_version": KERAS_VERSION, CLASSIFIER: about });
    let (layers, _) = network.tensors.as_chunks::<2>();
    let arrays = layers.iter().enumerate().flat_map(|(i, layer)| {
        let name = dense_name(i);
        let path = move |part| format!("layers/{name}/vars/{part}");
        layer
            .iter()
            .enumerate()
            .map(move |(part, tensor)| (path(part), tensor))
    });
    Ok(archive::write(&[
        (METADATA.into(), metadata.to_string().into()),
        (CONFIG.into(), config(network).to_string().into()),
        (WEIGHTS.into(), hdf5::write(arrays)?),
    ]))
}

/// Returns the name of dense layer `index`, which is also that of its weights: Keras numbers the layers of a class.
fn dense_name(index: usize) -> String {
    match index {
        0 => "dense".into(),
        _ => format!("dense_{index}"),
    }
}

/// Returns the description of the layers.
fn config(network: &Network) -> Value {
    let widths = chain::widths(&network.tensors);
    let input: Vec<Value> = match (network.about.input, &widths[..]) {
        (Some([height, width]), _) => vec![Value::Null, height.into(), width.into()],
        (None, [inputs, ..]) => vec![Value::Null, (*inputs).into()],
        (None, []) => Vec::new(),
    };
    let mut layers = vec![
        layer(
            "InputLayer",
            json!({ "name": "input_layer", "batch_shape": input }),
        ),
        layer("Flatten", json!({ "name": "flatten" })),
    ];
    let activation = network.about.activation.unwrap_or(Activation::Relu);
    let hidden = ACTIVATIONS.iter().find(|(known, _)| *known == activation);
    let hidden = hidden.map_or("linear", |(_, name)| *name);
    let is_softmax = network.about.output != Some(Output::Sigmoid);
    let last = widths.len().saturating_sub(2);
    for (i, units) in widths.iter().skip(1).enumerate() {
        let activation = match i {
            _ if i < last => hidden,
            _ if is_softmax => "softmax",
            _ => "linear",
        };
        let config = json!({ "name": dense_name(i), "units": units, "activation": activation });
        layers.push(layer("Dense", config));
    }
    if !is_softmax {
        // Sigmoids over their sum as a softmax, which stays exact when all of them are near 0.
        let config = json!({ "name": "activation", "activation": LOG_SIGMOID });
        layers.push(layer("Activation", config));
        layers.push(layer("Softmax", json!({ "name": "softmax" })));
    }
    json!({
        "module": "keras",
        "class_name": "Sequential",
        "config": { "name": "classifier", "layers": layers },
        "registered_name": null,
    })
}

fn layer(class: &str, mut config: Value) -> Value {
    if let Value::Object(entries) = &mut config {
        entries.insert("dtype".into(), "float32".into());
    }
    json!({
        "module": "keras.layers",
        "class_name": class,
        "config": config,
        "registered_name": null,
    })
}
