//! Answers on the CPU against Burn's own operations.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that panics has found something, and says where"
)]

mod fixtures;

use fixtures::{record, trusted};
use model::{Activation, Classifier, MlpConfig, Output, RecordError};

/// Rounding: sums of 784 products in another order.
const TOLERANCE: f32 = 2e-6;

fn pixels(count: usize) -> Vec<u8> {
    (0..count).map(|i| (i * 7919 % 1009 % 256) as u8).collect()
}

#[test]
fn equal_to_burns_operations_for_every_kind_of_network() {
    let activations = [
        Activation::Relu,
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Gelu,
    ];
    for activation in activations {
        for output in [Output::Softmax, Output::Sigmoid] {
            for hidden in [vec![], vec![128], vec![40, 17]] {
                let config = MlpConfig {
                    hidden,
                    activation,
                    output,
                    ..MlpConfig::tutorial([1, 28, 28], 10)
                };
                let record = record(&config);
                let classifier = Classifier::from_bytes(&record.to_bytes().unwrap()).unwrap();
                assert_eq!(classifier.metadata(), &record.metadata);
                let pixels = pixels(70 * 784);
                let theirs = fixtures::predict(&record, &pixels);
                let ours = classifier.predict(&pixels).unwrap();
                assert_eq!(ours.len(), theirs.len());
                for (ours, theirs) in ours.iter().zip(&theirs) {
                    assert!(
                        (ours - theirs).abs() < TOLERANCE,
                        "{config:?}: {ours} {theirs}"
                    );
                }
            }
        }
    }
}

#[test]
fn calibrated_and_raw_are_those_of_the_record() {
    for output in [Output::Softmax, Output::Sigmoid] {
        let config = MlpConfig {
            output,
            ..MlpConfig::tutorial([1, 28, 28], 10)
        };
        let record = trusted(&config);
        let classifier = Classifier::from_bytes(&record.to_bytes().unwrap()).unwrap();
        assert_eq!(classifier.metadata(), &record.metadata);
        let pixels = pixels(20 * 784);
        let calibrated = classifier.predict(&pixels).unwrap();
        let raw = classifier.predict_raw(&pixels).unwrap();
        let theirs_calibrated = fixtures::predict(&record, &pixels);
        let theirs_raw = fixtures::predict_raw(&record, &pixels);
        for (ours, theirs) in [(&calibrated, &theirs_calibrated), (&raw, &theirs_raw)] {
            for (ours, theirs) in ours.iter().zip(theirs) {
                assert!(
                    (ours - theirs).abs() < TOLERANCE,
                    "{output:?}: {ours} {theirs}"
                );
            }
        }
        // The temperature is 1.75: less sure, in the same order.
        for (calibrated, raw) in calibrated.chunks(10).zip(raw.chunks(10)) {
            let (class, p) = model::calibration::top(raw);
            let (same, less) = model::calibration::top(calibrated);
            assert!(class == same && less < p, "{raw:?} {calibrated:?}");
            let power = raw.iter().map(|p| p.powf(1.0 / 1.75));
            let total: f32 = power.clone().sum();
            for (power, calibrated) in power.zip(calibrated) {
                assert!((power / total - calibrated).abs() < TOLERANCE);
            }
        }
    }
}

#[test]
fn an_answer_has_the_classes_in_order_and_knows_what_is_unknown() {
    let record = trusted(&MlpConfig::tutorial([1, 28, 28], 10));
    let classifier = Classifier::from_bytes(&record.to_bytes().unwrap()).unwrap();
    let slope: Vec<u8> = (0..784).map(|at| 255 - (at / 10) as u8).collect();
    let known = classifier.answer(&slope).unwrap();
    assert!(!known.unknown, "{known:?}");
    let strange = classifier.answer(&pixels(784)).unwrap();
    assert!(
        strange.unknown && strange.strangeness > known.strangeness,
        "{strange:?}"
    );

    let probabilities = classifier.predict(&slope).unwrap();
    assert_eq!(known.top.len(), 10);
    assert!(known.top.is_sorted_by(|a, b| a.1 >= b.1), "{known:?}");
    for (class, p) in &known.top {
        assert_eq!(probabilities[*class], *p);
    }
    let together = classifier.answers(&[slope, pixels(784)].concat()).unwrap();
    assert_eq!(together, [known, strange]);
    for found in [0, 783, 2 * 784] {
        assert!(classifier.answer(&vec![0; found]).is_err());
    }

    let plain = MlpConfig::tutorial([1, 28, 28], 10);
    let plain = Classifier::from_bytes(&fixtures::record(&plain).to_bytes().unwrap()).unwrap();
    let answer = plain.answer(&pixels(784)).unwrap();
    assert_eq!((answer.unknown, answer.strangeness), (false, None));
}

#[test]
fn the_same_bits_alone_among_others_and_on_any_number_of_threads() {
    let bytes = record(&MlpConfig::tutorial([1, 28, 28], 10))
        .to_bytes()
        .unwrap();
    let classifier = Classifier::from_bytes(&bytes).unwrap().with_threads(1);
    let pixels = pixels(700 * 784);
    let together = classifier.predict(&pixels).unwrap();
    let alone: Vec<f32> = pixels
        .chunks(784)
        .flat_map(|image| classifier.predict(image).unwrap())
        .collect();
    assert_eq!(together, alone);
    for threads in [0, 2, 3, 100] {
        let classifier = classifier.clone().with_threads(threads);
        assert_eq!(
            classifier.predict(&pixels).unwrap(),
            together,
            "{threads} threads"
        );
    }
}

#[test]
fn no_images_and_half_an_image() {
    let bytes = record(&MlpConfig::tutorial([1, 28, 28], 10))
        .to_bytes()
        .unwrap();
    let classifier = Classifier::from_bytes(&bytes).unwrap();
    assert!(classifier.predict(&[]).unwrap().is_empty());
    let error = classifier.predict(&[0; 1000]).unwrap_err();
    assert!(matches!(
        error,
        RecordError::Input {
            found: 1000,
            height: 28,
            width: 28
        }
    ));
    assert!(Classifier::from_bytes(b"no record").is_err());
}
