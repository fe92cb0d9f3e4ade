//! A safetensors file. What is accepted are weights.
#![no_main]

use exchange::{Reading, safetensors};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(network) = safetensors::read(bytes, &Reading::default()) {
        assert!(network.tensors.iter().all(|t| t.values.len() == t.shape.iter().product::<usize>()));
    }
});
