//! An IDX file of images or of labels, plain: as it comes.
#![no_main]

use std::path::Path;

use data::idx::{parse_images, parse_labels};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let length = bytes.len() as u64;
    if let Ok(images) = parse_images(Path::new("images"), bytes, length) {
        let size = images.height * images.width;
        assert_eq!(images.pixels.len(), images.count * size);
    }
    if let Ok(labels) = parse_labels(Path::new("labels"), bytes, length) {
        assert!(labels.len() < bytes.len());
    }
});
