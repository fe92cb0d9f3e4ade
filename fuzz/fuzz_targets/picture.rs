//! A person's picture: PNG, JPEG, or neither.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(prepared) = data::picture::from_bytes(bytes.to_vec(), Path::new("picture"), 28, 28) {
        assert_eq!(prepared.pixels.len(), 28 * 28);
    }
});
