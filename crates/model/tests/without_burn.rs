//! What inference needs, tested without Burn: records are read, written and refused, and they answer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that panics has found something, and says where"
)]

mod records;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use model::pack::{self, Scalar};
use model::record::{tensors_from_bytes, tensors_to_bytes};
use model::{
    Activation, Architecture, Classifier, Loss, Metadata, MlpConfig, Output, Record, RecordError,
    Tensor, Unknown,
};
use records::record;
use serde_json::Value;

/// The records that are kept for ever; those of format 2 say more in their answers.
const GOLDEN: [&str; 5] = [
    "relu-softmax",
    "gelu-sigmoid",
    "v2-plain",
    "v2-softmax",
    "v2-sigmoid",
];

fn golden(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    fs::read(folder.join(name)).unwrap()
}

fn small() -> MlpConfig {
    MlpConfig {
        hidden: vec![4],
        activation: Activation::Tanh,
        ..MlpConfig::tutorial([1, 2, 3], 3)
    }
}

fn floats(value: &Value) -> Vec<f32> {
    let values = value.as_array().unwrap().iter();
    values.map(|value| value.as_f64().unwrap() as f32).collect()
}

fn close(ours: &[f32], theirs: &[f32], what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert!((ours - theirs).abs() < 2e-6, "{what}: {ours} {theirs}");
    }
}

#[test]
fn golden_records_answer_as_they_did() {
    for name in GOLDEN {
        let expect: Value = serde_json::from_slice(&golden(&format!("{name}.json"))).unwrap();
        let classifier = Classifier::from_bytes(&golden(&format!("{name}.bpk"))).unwrap();
        let numbers = expect["pixels"].as_array().unwrap().iter();
        let pixels: Vec<u8> = numbers.map(|p| p.as_u64().unwrap() as u8).collect();
        let ours = classifier.predict(&pixels).unwrap();
        close(&ours, &floats(&expect["probabilities"]), name);
        if let Some(raw) = expect.get("raw_probabilities") {
            close(
                &classifier.predict_raw(&pixels).unwrap(),
                &floats(raw),
                name,
            );
            let answers = classifier.answers(&pixels).unwrap();
            assert_eq!(answers.len(), 4);
            for (i, answer) in answers.iter().enumerate() {
                let size = pixels.len() / 4;
                let alone = classifier.answer(&pixels[i * size..][..size]).unwrap();
                assert_eq!(&alone, answer);
                assert_eq!(expect["unknown"][i], answer.unknown, "{name} {i}");
                match expect["strangeness"][i].as_f64() {
                    Some(far) => close(&[answer.strangeness.unwrap()], &[far as f32], name),
                    None => assert_eq!(answer.strangeness, None),
                }
                for (place, &(class, p)) in answer.top.iter().enumerate() {
                    assert_eq!(p, ours[3 * i + class]);
                    assert!(place == 0 || answer.top[place - 1].1 >= p);
                }
            }
        }
    }
}

#[test]
fn golden_records_are_written_as_they_were_and_in_the_newest_format() {
    for name in GOLDEN {
        let bytes = golden(&format!("{name}.bpk"));
        let read = pack::read(&bytes).unwrap();
        // A record has its layers in order, weight before bias, and then what belongs to unknown pictures.
        let place = |tensor: &Tensor| {
            let name = tensor.name.replace(".weight", ".0");
            let name = name.replace("unknown.mean", "unknown.0");
            (!name.starts_with("layers"), name)
        };
        let mut tensors = read.tensors;
        tensors.sort_by_key(place);
        assert_eq!(pack::write(&tensors, &read.metadata).unwrap(), bytes);

        let old = Record::from_bytes(&bytes).unwrap();
        let new = Record::from_bytes(&old.to_bytes().unwrap()).unwrap();
        assert_eq!(new.weights, old.weights);
        let format = old.metadata.format;
        assert_eq!(
            Metadata {
                format,
                ..new.metadata
            },
            old.metadata,
            "{name}"
        );
        assert!(format < 3);
        assert_eq!(old.metadata.architecture.input()[0], 1);
    }
}

/// Cut off anywhere, or with any bit of its head and metadata turned over, a record is an error or one that works.
#[test]
fn damaged_records_are_errors_or_records() {
    let good = golden("v2-softmax.bpk");
    let check = |bytes: &[u8]| match (Record::from_bytes(bytes), Classifier::from_bytes(bytes)) {
        (Ok(record), Ok(classifier)) => {
            let pixels = record.metadata.architecture.pixels();
            let classes = record.metadata.class_names.len();
            assert_eq!(classifier.predict(&vec![9; pixels]).unwrap().len(), classes);
            true
        }
        (Err(a), Err(b)) => {
            assert_eq!(a, b);
            assert!(!a.to_string().chars().any(char::is_control), "{a}");
            false
        }
        (one, _) => panic!("only one reads it: {one:?}"),
    };
    for length in 0..good.len() {
        assert!(!check(&good[..length]), "{length}");
    }
    assert!(!check(&[&good[..], &[0]].concat()));
    let mut accepted = 0;
    for bit in 0..8 * 1024 {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        accepted += usize::from(check(&bytes));
    }
    assert!((1..4096).contains(&accepted), "{accepted}"); // letters of names
}

/// What a record says is checked, whatever it is.
#[test]
fn wrong_metadata_is_refused_with_its_reason() {
    let good = Record::from_bytes(&golden("v2-softmax.bpk")).unwrap();
    let pack = pack::read(&good.to_bytes().unwrap()).unwrap();
    let json = &pack.metadata["classifier"];
    let read = |from: &str, to: &str| {
        assert!(json.contains(from), "{from} in {json}");
        let entries = BTreeMap::from([("classifier".to_string(), json.replace(from, to))]);
        Record::from_bytes(&pack::write(&pack.tensors, &entries).unwrap())
    };
    assert_eq!(
        read("\"experiment\":\"unit\"", "\"experiment\":\"other\"")
            .unwrap()
            .metadata
            .experiment,
        "other"
    );
    let long = "x".repeat(257);
    let name = |name: &str| format!("\"class 0\",\"{name}\"");
    for (from, to, expect) in [
        (
            "\"format\":3",
            "\"format\":4",
            "format version 4; this program reads 1 to 3",
        ),
        ("\"format\":3", "\"format\":0", "format version 0"),
        (
            "\"format\":3",
            "\"format\":4294967299",
            "format version 4294967295",
        ),
        ("\"format\":3", "\"form\":3", "it has no format"),
        ("[5]", "[0]", "a hidden layer of 0 neurons"),
        ("[5]", "[65536,65536]", "more than 100000000 parameters"),
        ("[1,6,8]", "[2,6,8]", "images of 2 channels"),
        ("[1,6,8]", "[1,8,8]", "expected F32 [64, 5]"),
        ("\"dropout\":0.0", "\"dropout\":1.0", "dropout of 1"),
        ("\"relu\"", "\"exec\"", "unknown variant `exec`"),
        (",\"class 2\"", "", "names 2 classes for 3"),
        (&name("class 1"), &name(""), "class name \"\" is empty"),
        (
            &name("class 1"),
            &name(&long),
            "is empty, too long or has control characters",
        ),
        (
            &name("class 1"),
            &name("\\n"),
            "class name \"\\n\" is empty",
        ),
        ("255.0", "1.0", "pixel divisor is 1"),
        (
            "1.75",
            "0.01",
            "calibration has values that no training produces",
        ),
        ("1.75", "21.0", "calibration has values"),
        ("0.125", "1.5", "calibration has values"),
        ("0.03125", "-0.5", "calibration has values"),
        (
            "\"rejected\":0.04",
            "\"rejected\":1.5",
            "threshold for unknown pictures has values",
        ),
        (
            "\"threshold\":0.0",
            "\"threshold\":7.0",
            "threshold for unknown pictures has values",
        ),
        (
            "\"components\":2",
            "\"components\":0",
            "threshold for unknown pictures has values",
        ),
        (
            "\"components\":2",
            "\"components\":17",
            "threshold for unknown pictures has values",
        ),
        (
            "\"components\":2",
            "\"components\":3",
            "expected F32 [48, 3]",
        ),
    ] {
        let error = read(from, to).expect_err(to).to_string();
        assert!(
            error.contains(expect),
            "{error:?} should contain {expect:?}"
        );
    }
    assert!(read(&name("class 1"), &name(&long[1..])).is_ok());
    let without = pack::write(&pack.tensors, &BTreeMap::new()).unwrap();
    assert_eq!(Record::from_bytes(&without), Err(RecordError::NoMetadata));
}

#[test]
fn wrong_tensors_are_refused_with_their_reason() {
    let architecture = Architecture::Mlp(small());
    let good = record(&small());
    assert_eq!(architecture.check(&good.weights), Ok(()));
    let bytes = tensors_to_bytes(&good.weights).unwrap();
    assert_eq!(
        tensors_from_bytes(&bytes, &architecture).unwrap(),
        good.weights
    );
    let check = |change: fn(&mut Vec<Tensor>), expect: &str| {
        let mut broken = good.clone();
        change(&mut broken.weights);
        let said = |error: RecordError| {
            let error = error.to_string();
            assert!(
                error.contains(expect),
                "{error:?} should contain {expect:?}"
            );
        };
        said(broken.to_bytes().unwrap_err());
        said(architecture.check(&broken.weights).unwrap_err());
        // What can be written is refused when it is read.
        if let Ok(bytes) = pack::write(&broken.weights, &BTreeMap::new())
            && !expect.contains("F32")
        {
            assert!(
                tensors_from_bytes(&bytes, &architecture).is_err(),
                "{expect}"
            );
        }
    };
    check(|t| drop(t.pop()), "no tensor `layers.1.bias`");
    check(
        |t| {
            t.push(t[0].clone());
            t[4].name = "layers.2.weight".into();
        },
        "`layers.2.weight` that the network does not have",
    );
    check(|t| t[1].name = "other".into(), "no tensor `layers.0.bias`");
    check(
        |t| t[0].shape.reverse(),
        "is F32 [4, 6], expected F32 [6, 4]",
    );
    check(|t| t[1].values.truncate(3), "is 3 values, expected F32 [4]");
    check(
        |t| t[1].values[0] = f32::INFINITY,
        "`layers.0.bias` holds a value that is not",
    );
    let mut broken = good.weights.clone();
    broken[2].values[1] = f32::NAN;
    let error = tensors_to_bytes(&broken).unwrap_err();
    assert_eq!(error, RecordError::NotFinite("layers.1.weight".into()));
}

/// The numbers of a network by hand: [2 x 2] → 2 neurons → 2 classes.
#[test]
fn a_network_computes_what_it_says() {
    let config = MlpConfig {
        hidden: vec![2],
        ..MlpConfig::tutorial([1, 2, 2], 2)
    };
    let values = [
        vec![1.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.0],
        vec![0.0, 0.5],
        vec![1.0, 0.0, 0.0, 2.0],
        vec![0.25, 0.0],
    ];
    let architecture = Architecture::Mlp(config.clone());
    let tensors: Vec<Tensor> = architecture
        .tensors()
        .into_iter()
        .zip(values)
        .map(|(shape, values)| shape.filled(values))
        .collect();
    assert_eq!(config.from_layers(config.layers(tensors.clone())), tensors);
    let forward = architecture.forward(tensors.clone()).unwrap();
    // 1·1 − 1·1 = 0 and 0.2 + 0.5 = 0.7; then 0.25 and 1.4.
    let pixels = [255, 51, 255, 0];
    close(&forward.logits(&pixels, 1), &[0.25, 1.4], "logits");
    let second = 1.0 / (1.0 + (0.25f32 - 1.4).exp());
    close(
        &forward.probabilities(&pixels, 1),
        &[1.0 - second, second],
        "softmax",
    );

    let first = architecture.first_layer(&tensors).unwrap();
    assert_eq!(
        (first.neurons, first.size, first.is_output),
        (2, [2, 2], false)
    );
    assert_eq!(first.neuron(0), [1.0, 0.0, -1.0, 0.0]);
    assert_eq!(first.neuron(1), [0.0, 1.0, 0.0, 0.0]);
    assert!(first.neuron(9).is_empty());
    assert!(architecture.first_layer(&[]).is_none());
}

#[test]
fn every_activation_and_output_is_its_own() {
    let mut seen: Vec<Vec<f32>> = Vec::new();
    for activation in [
        Activation::Relu,
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Gelu,
    ] {
        for output in [Output::Softmax, Output::Sigmoid] {
            let config = MlpConfig {
                activation,
                output,
                ..small()
            };
            let record = record(&config);
            assert_eq!(record.metadata.architecture.output(), output);
            let classifier = Classifier::new(record).unwrap();
            let ours = classifier.predict(&[0, 50, 100, 150, 200, 250]).unwrap();
            assert!((ours.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            assert!(!seen.contains(&ours), "{activation:?} {output:?}");
            seen.push(ours);
        }
    }
    let names = [
        Activation::Relu,
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Gelu,
    ]
    .map(Activation::name);
    assert_eq!(names, ["ReLU", "Sigmoid", "Tanh", "GELU"]);
    assert_eq!(
        [Output::Softmax, Output::Sigmoid].map(Output::name),
        ["Softmax", "Sigmoid"]
    );
    for (loss, output) in [
        (Loss::CrossEntropy, Output::Softmax),
        (Loss::Quadratic, Output::Sigmoid),
    ] {
        assert_eq!((loss.output(), Loss::of(output)), (output, loss));
        let architecture = Architecture::Mlp(MlpConfig { output, ..small() });
        assert_eq!(architecture.loss(), loss);
    }
    let mut logits = [3f32.ln(), 0.0];
    Output::Softmax.probabilities(&mut logits, 2);
    close(&logits, &[0.75, 0.25], "softmax");
    let losses = Loss::CrossEntropy.of_logits(&[3f32.ln(), 0.0], &[0], 2);
    close(&losses, &[-(0.75f32.ln())], "cross-entropy");
    close(
        &Loss::Quadratic.of_logits(&[0.0, 0.0], &[0], 2),
        &[0.5],
        "quadratic",
    );
}

#[test]
fn a_network_is_described() {
    let config = MlpConfig {
        dropout: 0.25,
        ..MlpConfig::tutorial([1, 28, 28], 10)
    };
    let architecture = Architecture::Mlp(config);
    assert_eq!(architecture.chain(), "784 -> 128 -> 10");
    assert_eq!(architecture.parameters(), Some(101_770));
    assert_eq!((architecture.pixels(), architecture.classes()), (784, 10));
    assert_eq!(architecture.input(), [1, 28, 28]);
    let summary = architecture.summary();
    let rows: Vec<_> = summary
        .iter()
        .map(|layer| {
            (
                layer.kind,
                layer.output[0],
                layer.parameters,
                layer.multiply_adds,
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("Flatten", 784, 0, 0),
            ("Dense", 128, 100_480, 100_352),
            ("ReLU", 128, 0, 0),
            ("Dropout", 128, 0, 0),
            ("Dense", 10, 1290, 1280),
            ("Softmax", 10, 0, 0),
        ]
    );
    let plain = Architecture::Mlp(small()).summary();
    assert!(plain.iter().all(|layer| layer.kind != "Dropout"));
}

#[test]
fn images_of_another_size_are_refused() {
    let classifier = Classifier::new(record(&small())).unwrap();
    assert!(classifier.predict(&[]).unwrap().is_empty());
    assert_eq!(classifier.predict(&[0; 12]).unwrap().len(), 6);
    let wrong = |found| RecordError::Input {
        found,
        height: 2,
        width: 3,
    };
    for found in [1, 5, 7] {
        let pixels = vec![0; found];
        assert_eq!(classifier.predict(&pixels), Err(wrong(found)));
        assert_eq!(classifier.predict_raw(&pixels), Err(wrong(found)));
        assert_eq!(classifier.answers(&pixels), Err(wrong(found)));
        assert_eq!(classifier.answer(&pixels), Err(wrong(found)));
    }
    assert_eq!(classifier.answer(&[0; 12]), Err(wrong(12)));
}

#[test]
fn threads_change_no_bit() {
    let classifier = Classifier::new(record(&small())).unwrap();
    let pixels: Vec<u8> = (0..6 * 700)
        .map(|i| (i * 7919 % 1009 % 256) as u8)
        .collect();
    let expect = classifier.predict(&pixels).unwrap();
    for threads in [0, 1, 3] {
        let classifier = classifier.clone().with_threads(threads);
        assert_eq!(classifier.predict(&pixels).unwrap(), expect);
    }
}

/// The mean, one pattern, and the rest of a picture that neither explains.
#[test]
fn strangeness_is_what_the_patterns_leave() {
    let unknown: Unknown = serde_json::from_str(
        r#"{"score":"residual","threshold":0.3,"rejected":0.05,"images":100,"components":1}"#,
    )
    .unwrap();
    let unknown = Unknown {
        mean: vec![0.0, 0.0, 0.0, 0.2],
        patterns: vec![0.6, 0.8, 0.0, 0.0],
        ..unknown
    };
    // Along the pattern: nothing is left. Across it, or beside the mean: everything.
    assert!(unknown.strangeness(&[153, 204, 0, 51]) < 1e-3);
    assert!((unknown.strangeness(&[0, 0, 255, 51]) - 0.5).abs() < 1e-5);
    assert!((unknown.strangeness(&[0, 0, 0, 0]) - 0.1).abs() < 1e-5);
    // 1 along the first pixel: 0.6 of it is explained, 0.8 is left.
    assert!((unknown.strangeness(&[255, 0, 0, 51]) - 0.4).abs() < 1e-5);
    assert!(unknown.is_beyond(0.31) && !unknown.is_beyond(0.3));
}

#[test]
fn numbers_of_a_pack_are_unsigned_where_they_can_be() {
    assert_eq!(Scalar::Int(7).unsigned(), Some(7));
    assert_eq!(Scalar::UInt(u64::MAX).unsigned(), Some(u64::MAX));
    assert_eq!(Scalar::Int(-1).unsigned(), None);
    let metadata = Record::from_bytes(&golden("v2-softmax.bpk"))
        .unwrap()
        .metadata;
    let test = metadata.test.unwrap();
    assert_eq!(test.figure("accuracy"), 0.5);
    assert!(test.figure("none").is_nan());
}
