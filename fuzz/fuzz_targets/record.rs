//! A saved model. What is accepted must answer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use model::Classifier;

/// A picture of more pixels takes too long to be tried a million times.
const MOST_PIXELS: usize = 1 << 16;

fuzz_target!(|bytes: &[u8]| {
    let Ok(classifier) = Classifier::from_bytes(bytes) else {
        return;
    };
    let architecture = &classifier.metadata().architecture;
    if architecture.pixels() <= MOST_PIXELS {
        let answer = classifier.predict(&vec![128; architecture.pixels()]);
        assert_eq!(
            answer.expect("one picture of the right size").len(),
            architecture.classes()
        );
    }
});
