//! Files of other programs give those programs' answers on the first test images of Fashion-MNIST.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fs::{self, File};
use std::path::Path;
use std::sync::OnceLock;

use common::cases;
use exchange::about::{self, Told};
use exchange::{Kind, Reading, Scale};
use model::{Activation, Classifier, Record};
use serde_json::Value;

/// What probabilities may differ by.
const CLOSE: f64 = 1e-4;

/// Returns the pixels of the test images.
fn images() -> &'static [u8] {
    static IMAGES_OF_TEST: OnceLock<Vec<u8>> = OnceLock::new();
    IMAGES_OF_TEST.get_or_init(|| {
        let path = "/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz";
        let file = File::open(path).unwrap_or_else(|e| panic!("{path}: {e}"));
        let length = file.metadata().unwrap().len();
        data::idx::parse_images(Path::new(path), file, length)
            .unwrap()
            .pixels
    })
}

/// Reads a case's file and compares its answers; returns what was said.
fn check(file: &str, kind: Kind, reading: &Reading, told: &Told) -> Vec<String> {
    let path = cases().join(file);
    let bytes = fs::read(&path).unwrap();
    let read = exchange::read(&bytes, reading);
    let (found, network) = read.unwrap_or_else(|e| panic!("{file}: {e}; {}", e.hint()));
    assert_eq!(found, kind, "{file}");
    let mut notes = network.notes.clone();
    let (metadata, assumed) = about::metadata(&network, told).unwrap();
    notes.extend(assumed);
    let classes = metadata.class_names.len();
    let record = Record {
        metadata,
        weights: network.tensors,
    };
    let name = file.rsplit_once('.').unwrap().0.replace(".weights", "");
    let expected = fs::read(cases().join(format!("{name}.expected.json"))).unwrap();
    let expected: Value = serde_json::from_slice(&expected).unwrap();
    let count = expected["labels"].as_array().unwrap().len();
    assert!(count >= 20);
    let pixels = &images()[..count * 28 * 28];
    let ours = Classifier::new(record)
        .unwrap()
        .predict_raw(pixels)
        .unwrap();
    for (i, row) in ours.chunks(classes).enumerate() {
        let theirs = expected["probabilities"][i].as_array().unwrap();
        assert_eq!(theirs.len(), classes);
        for (a, b) in row.iter().zip(theirs) {
            let b = b.as_f64().unwrap();
            assert!(
                (f64::from(*a) - b).abs() <= CLOSE,
                "{file}, image {i}: {a} and {b}; {notes:?}"
            );
        }
        let label = row
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(b.1))
            .unwrap()
            .0;
        assert_eq!(expected["labels"][i], label, "{file}, image {i}");
    }
    notes
}

/// Returns what was said of a file of which nothing is told but its folder.
fn plain(file: &str, kind: Kind) -> Vec<String> {
    let folder = cases();
    let reading = Reading {
        folder: Some(&folder),
        ..Reading::default()
    };
    check(file, kind, &reading, &Told::default())
}

fn has(notes: &[String], part: &str) -> bool {
    notes.iter().any(|note| note.contains(part))
}

#[test]
fn pixels_of_another_scale() {
    for (file, scale) in [
        ("A2-normalised-half.pt", "-1..1"),
        ("A2-normalised-half.pt", "0.5,0.5"),
        ("A3-raw-bytes.pt", "0..255"),
    ] {
        let reading = Reading {
            scale: Some(scale.parse::<Scale>().unwrap()),
            ..Reading::default()
        };
        check(file, Kind::Torch, &reading, &Told::default());
    }
    plain("A4-normalised-inside.onnx", Kind::Onnx);
    let notes = plain("A5-rescaling-layer.onnx", Kind::Onnx);
    assert!(has(&notes, "from 0 to 255"), "{notes:?}");
}

#[test]
fn onnx_of_mainstream_exporters() {
    plain("A18-exported-by-default.onnx", Kind::Onnx);
    for file in ["A19-scikit-learn.onnx", "A19-scikit-learn-no-zipmap.onnx"] {
        let notes = plain(file, Kind::Onnx);
        assert!(has(&notes, "left out"), "{notes:?}");
    }
    plain("A20-batch-normalization.onnx", Kind::Onnx);
    plain("A21-alpha-beta.onnx", Kind::Onnx);
    plain("A22-gelu-opset-13.onnx", Kind::Onnx);
}

#[test]
fn state_dicts_with_something_beside_them() {
    let notes = plain("A23-net-acc-epoch.pt", Kind::Torch);
    assert!(has(&notes, "`acc`, `epoch`"), "{notes:?}");
    let notes = plain("A24-numpy-accuracy.pt", Kind::Torch);
    assert!(has(&notes, "`best_acc`"), "{notes:?}");
    let notes = plain("A25-lightning.ckpt", Kind::Torch);
    assert!(has(&notes, "`train_acc.confmat`"), "{notes:?}");
    plain("A26-before-1.6.pt", Kind::Torch);
    let notes = plain("A27-batch-normalization.pt", Kind::Torch);
    assert!(has(&notes, "epsilon of 1e-5"), "{notes:?}");
    let notes = plain("A28-one-output.pt", Kind::Torch);
    assert!(has(&notes, "two classes"), "{notes:?}");
}

/// PyTorch 2.15: torch.save(model), and a state dict with batch normalisation between layers and activations.
#[test]
fn whole_models_of_pytorch() {
    let notes = plain("t2-whole.pt", Kind::Torch);
    assert!(!has(&notes, "activation"), "its class says it: {notes:?}");
    let notes = plain("t2-whole-norms.pt", Kind::Torch);
    for part in [
        "`1` before the first layer",
        "`3` behind `2`",
        "`8` behind the activation of `6`",
    ] {
        assert!(has(&notes, part), "{part}: {notes:?}");
    }
    let notes = plain("t2-whole-class.pt", Kind::Torch);
    assert!(has(&notes, "`bn2` behind `fc2`"), "{notes:?}");
    let told = Told {
        activation: Some(Activation::Gelu),
        ..Told::default()
    };
    check("t2-norms.pt", Kind::Torch, &Reading::default(), &told);
}

#[test]
fn names_of_every_kind() {
    plain("A29-numpy-w1-b1.npz", Kind::Npz);
    plain("A30-scikit-learn.npz", Kind::Npz);
    let notes = plain("A31-names-are-words.safetensors", Kind::Safetensors);
    assert!(has(&notes, "by their shapes"), "{notes:?}");
}

#[test]
fn the_metadata_of_strangers() {
    let notes = plain("A32-own-metadata.safetensors", Kind::Safetensors);
    assert!(!has(&notes, "activation"), "{notes:?}");
    // An option wins.
    let told = Told {
        activation: Some(Activation::Relu),
        input: Some([28, 28]),
        ..Told::default()
    };
    check(
        "A32-own-metadata.safetensors",
        Kind::Safetensors,
        &Reading::default(),
        &told,
    );
}

#[test]
fn files_next_door() {
    plain("A45-big-endian.npz", Kind::Npz);
    for file in [
        "A46-keras-2.h5",
        "A46-keras-2.keras",
        "A46-keras-2.weights.h5",
    ] {
        let notes = plain(file, Kind::Keras);
        let is_assumed = has(&notes, "activation relu");
        assert_eq!(is_assumed, file.contains("weights"), "{file}: {notes:?}");
    }
    plain("A47-burn.bpk", Kind::Burn);
}

/// Keras 3.15: layers with names of their own, scales and batch normalisation in several places.
#[test]
fn files_of_keras_3() {
    for file in ["k3-norms.keras", "k3-norms.h5"] {
        let notes = plain(file, Kind::Keras);
        assert!(
            has(&notes, "from 0 to 255") && !has(&notes, "activation"),
            "{notes:?}"
        );
    }
    // Of the weights alone the widths decide: no layer is an activation.
    let notes = plain("k3-norms-between.weights.h5", Kind::Keras);
    for part in [
        "`batch_normalization` before the first layer",
        "`batch_normalization_1` behind the activation of `dense`",
        "`batch_normalization_2` behind the activation of `dense_1`",
        "`batch_normalization_3` behind `dense_2`, with Keras's epsilon of 1e-3",
    ] {
        assert!(has(&notes, part), "{part}: {notes:?}");
    }
    // These do not say whether the batch normalisation is before or behind the activation.
    let weights = fs::read(cases().join("k3-norms.weights.h5")).unwrap();
    let error = exchange::read(&weights, &exchange::Reading::default()).unwrap_err();
    let said = format!("{error}; {}", error.hint());
    assert!(
        said.contains("`batch_normalization` is before or behind an activation")
            && said.contains("model.save"),
        "{said}"
    );
    plain("k3-functional.keras", Kind::Keras);
    let tanh = Told {
        activation: Some(Activation::Tanh),
        ..Told::default()
    };
    check(
        "k3-functional.weights.h5",
        Kind::Keras,
        &Reading::default(),
        &tanh,
    );
}
