//! Tests of the public API. `main.rs` has what several of them need.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has found something, and says where"
)]

mod batches;
mod damage;
mod dataset;
mod idx;
mod loader;
#[path = "../mutations/mod.rs"]
mod mutations;
mod other_data_sets;
mod samples;
mod source;
mod subset;

use std::io::Write;
use std::path::Path;

use data::Images;
use data::fashion_mnist::DEBIAN_FOLDER;
use flate2::{Compression, write::GzEncoder};

/// The published files, from the distribution's package.
fn package() -> &'static Path {
    let dir = Path::new(DEBIAN_FOLDER);
    assert!(
        dir.is_dir(),
        "these tests read {DEBIAN_FOLDER}: run `apt install dataset-fashion-mnist`"
    );
    dir
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Images whose pixels count on from image to image, so that no two are equal.
fn images(count: usize, height: usize, width: usize) -> Images {
    let pixels = (0..count * height * width).map(|i| (i % 251) as u8);
    Images {
        count,
        height,
        width,
        pixels: pixels.collect(),
    }
}
