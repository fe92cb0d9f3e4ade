//! What the tests share: small networks whose weights tell their places.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::path::{Path, PathBuf};

use exchange::Network;
use model::record::{BURN_VERSION, FORMAT_VERSION, PIXEL_DIVISOR};
use model::{Activation, Architecture, Metadata, MlpConfig, Output, Tensor};

/// Returns a network for images of `input` (height, width) with 3 classes.
pub fn network(
    input: [usize; 2],
    hidden: &[usize],
    activation: Activation,
    output: Output,
) -> Network {
    let architecture = Architecture::Mlp(MlpConfig {
        hidden: hidden.to_vec(),
        activation,
        output,
        ..MlpConfig::tutorial([1, input[0], input[1]], 3)
    });
    let fill = |shape: model::Shape| {
        let count: usize = shape.shape.iter().product();
        let value = |i: usize| ((i * 37 + shape.name.len()) % 101) as f32 / 50.0 - 1.0;
        shape.filled((0..count).map(value).collect())
    };
    let tensors: Vec<Tensor> = architecture.tensors().into_iter().map(fill).collect();
    let metadata = Metadata {
        format: FORMAT_VERSION,
        architecture,
        class_names: ["naïve \"café\"", "2", "[3]"].map(String::from).to_vec(),
        pixel_divisor: PIXEL_DIVISOR,
        dataset: "7".into(),
        dataset_sha256: "0".repeat(64),
        experiment: "true".into(),
        test: None,
        calibration: None,
        unknown: None,
        preparation: None,
        burn: BURN_VERSION.into(),
    };
    Network::of(tensors, &metadata)
}

/// Returns the folder of the files that other programs wrote.
pub fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}
