//! Answers on the CPU against Burn's own operations.
#![allow(clippy::unwrap_used)]

mod fixtures;

use fixtures::record;
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
                    ..MlpConfig::tutorial([28, 28], 10)
                };
                let record = record(&config);
                let classifier = Classifier::from_bytes(&record.to_bytes().unwrap()).unwrap();
                assert_eq!(classifier.metadata(), &record.metadata);
                let pixels = pixels(70 * 784);
                let theirs = record.predict(&pixels).unwrap().concat();
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
fn the_same_bits_alone_among_others_and_on_any_number_of_threads() {
    let bytes = record(&MlpConfig::tutorial([28, 28], 10))
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
    let bytes = record(&MlpConfig::tutorial([28, 28], 10))
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
