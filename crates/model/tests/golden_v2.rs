//! Records that were written once, in format 2: they must load for ever, and say the same.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that panics has found something, and says where"
)]

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use model::{Classifier, Record};
use serde::Deserialize;

/// `NAME.json` beside `NAME.bpk`.
#[derive(Deserialize)]
struct Expected {
    /// Grey bytes `[images, height, width]`.
    pixels: Vec<u8>,
    /// `[images, classes]`.
    probabilities: Vec<f32>,
    /// `[images, classes]`.
    raw_probabilities: Vec<f32>,
    /// `[images]`, `null` where the record has no threshold.
    strangeness: Vec<Option<f32>>,
    /// `[images]`.
    unknown: Vec<bool>,
}

/// Sums may be taken in another order one day.
fn close(what: &str, ours: &[f32], expected: &[f32]) {
    assert_eq!(ours.len(), expected.len(), "{what}");
    for (ours, expected) in ours.iter().zip(expected) {
        assert!((ours - expected).abs() < 2e-6, "{what}: {ours} {expected}");
    }
}

#[test]
fn golden_records_of_format_2_say_what_they_said() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for name in ["v2-plain", "v2-softmax", "v2-sigmoid"] {
        let file = |extension| fs::read(golden.join(name).with_extension(extension)).unwrap();
        let bytes = file("bpk");
        let expected: Expected = serde_json::from_slice(&file("json")).unwrap();
        let classifier = Classifier::from_bytes(&bytes).unwrap();
        let record = Record::from_bytes(&bytes).unwrap();
        let pixels = &expected.pixels;
        assert_eq!(record.metadata.format, 2);
        assert_eq!(record.metadata.calibration.is_some(), name != "v2-plain");
        close(
            name,
            &classifier.predict(pixels).unwrap(),
            &expected.probabilities,
        );
        close(
            name,
            &fixtures::predict(&record, pixels),
            &expected.probabilities,
        );
        let raw = &expected.raw_probabilities;
        close(name, &classifier.predict_raw(pixels).unwrap(), raw);
        let answers = classifier.answers(pixels).unwrap();
        assert_eq!(answers.len(), expected.unknown.len());
        for (i, answer) in answers.iter().enumerate() {
            assert_eq!(answer.unknown, expected.unknown[i], "{name} {i}");
            let both = answer.strangeness.into_iter().zip(expected.strangeness[i]);
            assert_eq!(
                answer.strangeness.is_some(),
                expected.strangeness[i].is_some()
            );
            both.for_each(|(ours, expected)| close(name, &[ours], &[expected]));
        }
    }
}
