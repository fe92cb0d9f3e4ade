//! What is written comes back.
#![allow(clippy::unwrap_used)]

mod common;

use common::network;
use exchange::{Format, Layout};
use model::{Activation, Output};

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
            for format in [Format::Safetensors, Format::Npz, Format::Onnx] {
                for layout in [Layout::InOut, Layout::OutIn] {
                    let bytes = exchange::write(&before, format, layout).unwrap();
                    let (_, mut after) =
                        exchange::read(&bytes, &exchange::Reading::default()).unwrap();
                    after.about.layout = None;
                    assert_eq!(after, before, "{format:?} {layout:?}");
                    let again = exchange::write(&before, format, layout).unwrap();
                    assert!(again == bytes, "{format:?}: equal networks, equal bytes");
                }
            }
        }
    }
}

#[test]
fn rounded_formats_are_off_by_what_they_say() {
    let before = network([6, 5], &[8], Activation::Relu, Output::Softmax);
    for (format, share) in [(Format::F16, 0.0005), (Format::Int8, 0.501 / 127.0)] {
        let bytes = exchange::write(&before, format, Layout::InOut).unwrap();
        let (_, after) = exchange::read(&bytes, &exchange::Reading::default()).unwrap();
        for (a, b) in after.tensors.iter().zip(&before.tensors) {
            let largest = b.values.iter().fold(0f32, |m, w| m.max(w.abs()));
            let off = a.values.iter().zip(&b.values).map(|(a, b)| (a - b).abs());
            let off = off.fold(0f32, f32::max);
            assert!(off <= share * largest, "{format:?} {}: {off}", a.name);
        }
    }
}
