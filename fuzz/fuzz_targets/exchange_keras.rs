//! A Keras model: an HDF5 file behind an even byte; behind an odd one a description of layers, in a sound zip with
//! a sound file of weights.
#![no_main]

use exchange::{Reading, archive, keras};
use libfuzzer_sys::fuzz_target;

const WEIGHTS: &[u8] = include_bytes!("../../crates/exchange/tests/cases/A46-keras-2.weights.h5");

fuzz_target!(|bytes: &[u8]| {
    let reading = Reading::default();
    let network = match bytes.split_first() {
        Some((kind, rest)) if kind % 2 == 0 => keras::read_hdf5(rest, &reading),
        Some((_, rest)) => {
            let zip = archive::write(&[
                ("config.json".into(), rest.to_vec()),
                ("model.weights.h5".into(), WEIGHTS.to_vec()),
            ]);
            keras::read_zip(&zip, &reading)
        }
        None => return,
    };
    if let Ok(network) = network {
        assert!(network.tensors.iter().all(|t| t.values.len() == t.shape.iter().product::<usize>()));
    }
});
