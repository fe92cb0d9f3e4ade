//! NumPy's arrays: a zip as it comes behind an even byte; behind an odd one two arrays and a text in a sound zip.
#![no_main]

use exchange::{Reading, archive, npz};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    let third = rest.len() / 3;
    let zip = if kind % 2 == 0 {
        rest.to_vec()
    } else {
        let parts = ["W1.npy", "b1.npy", "metadata.npy"].into_iter().zip(rest.chunks(third + 1));
        let files: Vec<(String, Vec<u8>)> = parts.map(|(name, part)| (name.into(), part.to_vec())).collect();
        archive::write(&files)
    };
    if let Ok(network) = npz::read(&zip, &Reading::default()) {
        assert!(network.tensors.iter().all(|t| t.values.len() == t.shape.iter().product::<usize>()));
    }
});
