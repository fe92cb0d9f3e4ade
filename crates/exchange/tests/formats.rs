//! What is written comes back.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::{network, small};
use exchange::archive::Archive;
use exchange::{ExchangeError, Format, Kind, Layout, Reading};
use model::{Activation, Output};
use serde_json::{Value, json};

const LAYOUTS: [Layout; 2] = [Layout::InOut, Layout::OutIn];
/// Formats that bring back every weight as it was.
const EXACT: [(Format, Kind); 4] = [
    (Format::Safetensors, Kind::Safetensors),
    (Format::Npz, Kind::Npz),
    (Format::Onnx, Kind::Onnx),
    (Format::Keras, Kind::Keras),
];

#[test]
fn exact_formats_bring_back_every_bit_and_all_that_is_known() {
    let shapes: [([usize; 2], &[usize]); 4] = [
        ([4, 5], &[7]),
        ([1, 3], &[3, 3]),
        ([3, 2], &[]),
        ([2, 2], &[5; 12]),
    ];
    let activations = [
        Activation::Relu,
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Gelu,
    ];
    for ((input, hidden), activation) in shapes.into_iter().zip(activations) {
        for output in [Output::Softmax, Output::Sigmoid] {
            let before = network(input, hidden, activation, output);
            for (format, kind) in EXACT {
                assert!(format.is_exact());
                for layout in LAYOUTS {
                    let bytes = exchange::write(&before, format, layout).unwrap();
                    let (found, mut after) = exchange::read(&bytes, &Reading::default()).unwrap();
                    after.about.layout = None;
                    assert_eq!((found, &after), (kind, &before), "{format:?} {layout:?}");
                    let again = exchange::write(&before, format, layout).unwrap();
                    assert!(again == bytes, "{format:?}: equal networks, equal bytes");
                }
            }
        }
    }
}

/// Keras knows no other spelling than its own. What it makes of such files is in docs/interop.md, by `make interop`.
#[test]
fn layers_of_a_keras_file_are_called_as_keras_calls_them() {
    for (activation, name) in [
        (Activation::Relu, "relu"),
        (Activation::Sigmoid, "sigmoid"),
        (Activation::Tanh, "tanh"),
        (Activation::Gelu, "gelu"),
    ] {
        for (output, last) in [
            (Output::Softmax, &[("Dense", "softmax")][..]),
            (
                Output::Sigmoid,
                &[
                    ("Dense", "linear"),
                    ("Activation", "log_sigmoid"),
                    ("Softmax", ""),
                ],
            ),
        ] {
            let network = network([2, 3], &[4], activation, output);
            let bytes = exchange::write(&network, Format::Keras, Layout::InOut).unwrap();
            let mut archive = Archive::open(&bytes, "zip").unwrap();
            let config: Value =
                serde_json::from_slice(&archive.read("config.json").unwrap()).unwrap();
            let layers = config["config"]["layers"].as_array().unwrap();
            assert_eq!(layers[0]["config"]["batch_shape"], json!([null, 2, 3]));
            let said = layers.iter().map(|layer| {
                let activation = &layer["config"]["activation"];
                let class = layer["class_name"].as_str().unwrap();
                (class, activation.as_str().unwrap_or_default())
            });
            let first = [("InputLayer", ""), ("Flatten", ""), ("Dense", name)];
            assert_eq!(said.collect::<Vec<_>>(), [&first[..], last].concat());
        }
    }
}

#[test]
fn f16_rounds_once_and_int8_to_half_a_scale() {
    let before = network([6, 5], &[8], Activation::Relu, Output::Softmax);
    for layout in LAYOUTS {
        let bytes = exchange::write(&before, Format::F16, layout).unwrap();
        let (_, after) = exchange::read(&bytes, &Reading::default()).unwrap();
        assert_eq!(after.tensors.len(), 4);
        for (a, b) in after.tensors.iter().zip(&before.tensors) {
            let rounded = |v: &f32| half::f16::from_f32(*v).to_f32();
            assert_eq!(a.values, b.values.iter().map(rounded).collect::<Vec<_>>());
        }
    }
    let bytes = exchange::write(&before, Format::Int8, Layout::InOut).unwrap();
    let (_, after) = exchange::read(&bytes, &Reading::default()).unwrap();
    assert_eq!(after.tensors.len(), 4);
    for (a, b) in after.tensors.iter().zip(&before.tensors) {
        if b.name.ends_with("bias") {
            assert_eq!(a, b);
            continue;
        }
        let largest = b.values.iter().fold(0f32, |m, w| m.max(w.abs()));
        let off = a.values.iter().zip(&b.values).map(|(a, b)| (a - b).abs());
        let off = off.fold(0f32, f32::max);
        assert!(off > 0.0 && off <= 0.501 * largest / 127.0, "{off}");
    }
    let mut large = small();
    large.tensors[2].values[2] = 1e6;
    let error = exchange::write(&large, Format::F16, Layout::InOut).unwrap_err();
    assert_eq!(
        error.to_string(),
        "layer 1 has 1000000; 16-bit floats end at 65504"
    );
}

#[test]
fn weights_that_are_no_numbers_are_refused() {
    for bad in [f32::NAN, f32::INFINITY] {
        let mut network = small();
        network.tensors[3].values[0] = bad;
        for (format, _) in EXACT {
            let bytes = exchange::write(&network, format, Layout::InOut).unwrap();
            let error = exchange::read(&bytes, &Reading::default()).unwrap_err();
            let expect = ExchangeError::NotFinite("layer 1".into());
            assert_eq!(error, expect, "{format:?}");
        }
    }
}
