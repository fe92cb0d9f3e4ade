//! Records that were written once, by the version that wrote format 1 first. They load for ever, and
//! give the probabilities they gave then. None of these files is ever written again.

use model::{Classifier, Record};
use serde::Deserialize;

use crate::fixtures;

/// Rounding: another processor sums in another order.
const TOLERANCE: f32 = 1e-6;

/// A record of format 1, and what it answered when it was written.
const RECORDS: [(&str, &[u8], &str); 2] = [
    (
        "ReLU, softmax",
        include_bytes!("relu-softmax.bpk"),
        include_str!("relu-softmax.json"),
    ),
    (
        "GELU, sigmoid",
        include_bytes!("gelu-sigmoid.bpk"),
        include_str!("gelu-sigmoid.json"),
    ),
];

/// `relu-softmax.json` and its like.
#[derive(Deserialize)]
struct Answers {
    class_names: Vec<String>,
    accuracy: f64,
    /// `[images, height, width]`
    pixels: Vec<u8>,
    /// `[images, classes]`
    probabilities: Vec<f32>,
}

#[test]
fn records_of_format_1_load_and_answer_as_they_did() {
    for (name, bytes, answers) in RECORDS {
        let expect: Answers = serde_json::from_str(answers).unwrap();
        let record = Record::from_bytes(bytes).unwrap();
        let classifier = Classifier::from_bytes(bytes).unwrap();
        for metadata in [&record.metadata, classifier.metadata()] {
            assert_eq!(metadata.class_names, expect.class_names, "{name}");
            assert_eq!(
                metadata.test.as_ref().unwrap().figure("accuracy"),
                expect.accuracy,
                "{name}"
            );
        }
        for found in [
            fixtures::predict(&record, &expect.pixels),
            classifier.predict(&expect.pixels).unwrap(),
        ] {
            assert_eq!(found.len(), expect.probabilities.len(), "{name}");
            for (found, expect) in found.iter().zip(&expect.probabilities) {
                assert!(
                    (found - expect).abs() < TOLERANCE,
                    "{name}: {found} {expect}"
                );
            }
        }
    }
}

/// A record of a later version is refused by its version number, before anything else in it is read.
#[test]
fn a_record_of_a_newer_format_is_refused() {
    let (old, new) = (b"\"format\":1", b"\"format\":9");
    for (name, bytes, _) in RECORDS {
        let at = bytes
            .windows(old.len())
            .position(|part| part == old)
            .unwrap();
        let newer = [&bytes[..at], new, &bytes[at + old.len()..]].concat();
        for error in [
            Record::from_bytes(&newer).unwrap_err(),
            Classifier::from_bytes(&newer).unwrap_err(),
        ] {
            let text = error.to_string();
            assert!(
                text.starts_with("the record has format version 9; "),
                "{name}: {text}"
            );
        }
    }
}
