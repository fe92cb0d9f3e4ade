//! Records: round trip, equal bytes, and every way a file can be wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has found something, and says where"
)]

mod damage;
mod fixtures;
mod golden;
#[path = "../../data/tests/mutations/mod.rs"]
mod mutations;

use burn::tensor::{Bytes, DType, Device, Tensor};
use fixtures::{record, trusted};
use model::record::BURN_VERSION;
use model::{Activation, Architecture, Classifier, MlpConfig, Network, Record, RecordError};

fn small() -> MlpConfig {
    MlpConfig {
        hidden: vec![4],
        activation: Activation::Tanh,
        ..MlpConfig::tutorial([1, 2, 3], 3)
    }
}

#[test]
fn round_trip_keeps_metadata_and_predictions() {
    let tutorial = MlpConfig::tutorial([1, 28, 28], 10);
    let records = [
        record(&tutorial),
        trusted(&tutorial),
        record(&small()),
        trusted(&small()),
    ];
    for before in records {
        let config = before.metadata.architecture.clone();
        let bytes = before.to_bytes().unwrap();
        let after = Record::from_bytes(&bytes).unwrap();
        assert_eq!(before.metadata, after.metadata);
        let pixels: Vec<u8> = (0..3 * config.pixels()).map(|i| i as u8).collect();
        assert_eq!(
            fixtures::predict(&before, &pixels),
            fixtures::predict(&after, &pixels)
        );
        assert_eq!(
            after.to_bytes().unwrap(),
            bytes,
            "saving again gives the same bytes"
        );
    }
}

#[test]
fn equal_weights_give_equal_bytes() {
    assert_eq!(
        record(&small()).to_bytes().unwrap(),
        record(&small()).to_bytes().unwrap()
    );
}

#[test]
fn burn_reads_the_tensors_by_their_module_paths() {
    let bytes = record(&small()).to_bytes().unwrap();
    let reader = burn_pack::Reader::from_bytes(Bytes::from_bytes_vec(bytes)).unwrap();
    let expect = [
        "layers.0.bias",
        "layers.0.weight",
        "layers.1.bias",
        "layers.1.weight",
    ];
    assert_eq!(reader.tensor_names(), expect);
}

#[test]
fn the_burn_version_written_is_the_one_locked() {
    let lock = include_str!("../../../Cargo.lock");
    let burn = format!("name = \"burn\"\nversion = \"{BURN_VERSION}\"");
    assert!(
        lock.contains(&burn),
        "BURN_VERSION is not what Cargo.lock has"
    );
}

#[test]
fn predict_refuses_other_sizes() {
    let classifier = Classifier::new(record(&small())).unwrap();
    assert_eq!(classifier.predict(&[]).unwrap(), Vec::<f32>::new());
    let error = classifier.predict(&[0; 7]).unwrap_err();
    assert_eq!(
        error,
        RecordError::Input {
            found: 7,
            height: 2,
            width: 3
        }
    );
}

/// Returns a pack with `tensors` (name, shape, first value) and, if given, metadata.
fn pack(metadata: Option<&str>, tensors: &[(&str, &[usize], f32)]) -> Vec<u8> {
    let tensors = tensors
        .iter()
        .map(|(name, shape, first)| {
            let mut values = vec![0f32; shape.iter().product()];
            values[0] = *first;
            let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            let bytes = Bytes::from_bytes_vec(bytes);
            burn_pack::Tensor::new((*name).into(), DType::F32, shape.to_vec(), None, bytes)
        })
        .collect();
    let writer = burn_pack::Writer::new(tensors);
    let writer = match metadata {
        Some(json) => writer.with_metadata("classifier", json),
        None => writer,
    };
    writer.into_bytes().unwrap().to_vec()
}

#[test]
fn wrong_files_are_refused_with_their_reason() {
    let json = serde_json::to_string(&record(&small()).metadata).unwrap();
    let good: [(&str, &[usize], f32); 4] = [
        ("layers.0.weight", &[6, 4], 0.0),
        ("layers.0.bias", &[4], 0.0),
        ("layers.1.weight", &[4, 3], 0.0),
        ("layers.1.bias", &[3], 0.0),
    ];
    let with = |i: usize, tensor| {
        let mut tensors = good;
        tensors[i] = tensor;
        tensors
    };
    let replaced = |from: &str, to: &str| {
        assert!(json.contains(from), "{json}");
        json.replace(from, to)
    };
    assert!(Record::from_bytes(&pack(Some(&json), &good)).is_ok());

    let check = |bytes: &[u8], expect: &str| {
        let error = Record::from_bytes(bytes).expect_err(expect).to_string();
        assert!(
            error.contains(expect),
            "{error:?} should contain {expect:?}"
        );
    };
    check(b"", "not a readable Burn pack");
    check(b"\x89PNG\r\n\x1a\n 0123456789", "not a readable Burn pack");
    check(&pack(None, &good), "no `classifier` metadata");
    check(&pack(Some("{"), &good), "metadata cannot be read");
    check(
        &pack(Some(&replaced("\"format\":3", "\"format\":4")), &good),
        "format version 4; this program reads 1 to 3",
    );
    check(
        &pack(Some(&replaced("\"format\":3", "\"format\":0")), &good),
        "format version 0",
    );
    check(
        &pack(Some(&replaced("[4]", "[0]")), &good),
        "a hidden layer of 0 neurons",
    );
    check(
        &pack(Some(&replaced("[4]", "[65536,65536]")), &good),
        "more than 100000000 parameters",
    );
    check(
        &pack(Some(&replaced("\"tanh\"", "\"exec\"")), &good),
        "unknown variant `exec`",
    );
    check(
        &pack(Some(&replaced(",\"class 2\"", "")), &good),
        "names 2 classes for 3",
    );
    check(
        &pack(Some(&replaced("255.0", "0.0")), &good),
        "pixel divisor is 0",
    );
    check(&pack(Some(&json), &good[..3]), "no tensor `layers.1.bias`");
    check(
        &pack(Some(&json), &with(1, ("other", &[4], 0.0))),
        "no tensor `layers.0.bias`",
    );
    check(
        &pack(Some(&json), &with(0, ("layers.0.weight", &[4, 6], 0.0))),
        "expected F32 [6, 4]",
    );
    check(
        &pack(Some(&json), &with(0, good[0])[..]).repeat(1)[..20],
        "not a readable Burn pack",
    );
    check(
        &pack(
            Some(&json),
            &with(2, ("layers.1.weight", &[4, 3], f32::NAN)),
        ),
        "not a finite",
    );
    let mut extra = good.to_vec();
    extra.push(("layers.2.bias", &[3], 0.0));
    check(
        &pack(Some(&json), &extra),
        "`layers.2.bias` that the network does not have",
    );
}

#[test]
fn wrong_calibrations_and_thresholds_are_refused() {
    let metadata = trusted(&small()).metadata;
    let json = serde_json::to_string(&metadata).unwrap();
    let good: [(&str, &[usize], f32); 6] = [
        ("layers.0.weight", &[6, 4], 0.0),
        ("layers.0.bias", &[4], 0.0),
        ("layers.1.weight", &[4, 3], 0.0),
        ("layers.1.bias", &[3], 0.0),
        ("unknown.patterns", &[6, 1], 1.0),
        ("unknown.mean", &[6], 0.5),
    ];
    let replaced = |from: &str, to: &str| {
        assert!(json.contains(from), "{json}");
        json.replace(from, to)
    };
    let check = |json: &str, tensors: &[(&str, &[usize], f32)], expect: &str| {
        let error = Record::from_bytes(&pack(Some(json), tensors))
            .expect_err(expect)
            .to_string();
        assert!(
            error.contains(expect),
            "{error:?} should contain {expect:?}"
        );
    };
    assert!(Record::from_bytes(&pack(Some(&json), &good)).is_ok());
    for temperature in ["0.0", "-1.0", "1e300", "0.001"] {
        let json = replaced("1.75", temperature);
        check(&json, &good, "the record's calibration has values");
    }
    check(&replaced("0.125", "7.0"), &good, "calibration has values");
    check(
        &replaced("\"images\":100", "\"images\":-1"),
        &good,
        "cannot be read",
    );
    check(
        &replaced("\"residual\"", "\"energy\""),
        &good,
        "unknown variant `energy`",
    );
    for components in ["0", "33", "18446744073709551615"] {
        let json = replaced("\"components\":1", &format!("\"components\":{components}"));
        check(&json, &good, "threshold for unknown pictures has values");
    }
    let two = replaced("\"components\":1", "\"components\":2");
    check(&two, &good, "expected F32 [6, 2]");
    check(&json, &good[..4], "no tensor `unknown.mean`");
    let mut bad = good;
    bad[4].2 = f32::INFINITY;
    check(
        &json,
        &bad,
        "`unknown.patterns` holds a value that is not a finite number",
    );
    let mut broken = trusted(&small());
    if let Some(unknown) = &mut broken.metadata.unknown {
        unknown.patterns.pop();
    }
    assert!(matches!(broken.to_bytes(), Err(RecordError::Shape { .. })));
}

#[test]
fn format_1_is_read_and_written_as_the_newest() {
    let mut old = record(&small());
    let json = serde_json::to_string(&old.metadata).unwrap();
    // There was one kind of network, on grey images, and no calibration error.
    let mut older = json.clone();
    for (from, to) in [
        ("\"format\":3", "\"format\":1"),
        ("\"kind\":\"mlp\",", ""),
        ("\"input\":[1,2,3]", "\"input\":[2,3]"),
        (",\"ece\":0.1", ""),
    ] {
        assert!(older.contains(from), "{older}");
        older = older.replace(from, to);
    }
    let json = older;
    let tensors: [(&str, &[usize], f32); 4] = [
        ("layers.0.weight", &[6, 4], 0.5),
        ("layers.0.bias", &[4], 0.0),
        ("layers.1.weight", &[4, 3], 0.25),
        ("layers.1.bias", &[3], 0.0),
    ];
    let read = Record::from_bytes(&pack(Some(&json), &tensors)).unwrap();
    old.metadata.format = 1;
    if let Some(test) = &mut old.metadata.test {
        test.ece = None;
    }
    assert_eq!(read.metadata, old.metadata);
    let again = Record::from_bytes(&read.to_bytes().unwrap()).unwrap();
    assert_eq!(again.metadata.format, 3);
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = trusted(&small()).to_bytes().unwrap();
    for length in 0..bytes.len() - 1 {
        assert!(Record::from_bytes(&bytes[..length]).is_err(), "{length}");
    }
}

#[test]
fn dropout_acts_while_training_only() {
    let config = MlpConfig {
        dropout: 0.5,
        ..MlpConfig::tutorial([1, 4, 4], 3)
    };
    let plain = Device::flex();
    let outputs = |device: &Device| {
        let architecture = Architecture::Mlp(config.clone());
        let weights = architecture.init(1).unwrap();
        let model = Network::new(&architecture, weights, device).unwrap();
        let logits = || {
            model
                .forward(Tensor::<4>::ones([1, 1, 4, 4], device))
                .into_data()
        };
        (logits(), logits())
    };
    let (first, second) = outputs(&plain);
    assert_eq!(first, second);
    let (first, second) = outputs(&plain.autodiff());
    assert_ne!(first, second);
}
