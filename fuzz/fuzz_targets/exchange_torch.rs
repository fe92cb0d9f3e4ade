//! A PyTorch checkpoint: a file as it comes behind an even byte; behind an odd one a pickle in a sound zip, with
//! a storage of zeros.
#![no_main]

use exchange::{Reading, archive, torch};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    let file = if kind % 2 == 0 {
        rest.to_vec()
    } else {
        archive::write(&[
            ("a/data.pkl".into(), rest.to_vec()),
            ("a/data/0".into(), vec![0; 1 << 12]),
        ])
    };
    if let Ok(network) = torch::read(&file, &Reading::default()) {
        assert!(network.tensors.iter().all(|t| t.values.len() == t.shape.iter().product::<usize>()));
    }
});
