//! What the tests share: small networks whose weights tell their places.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use exchange::Network;
use model::record::{BURN_VERSION, FORMAT_VERSION, PIXEL_DIVISOR};
use model::{Activation, Architecture, Metadata, MlpConfig, Output, Tensor, TestMetrics};

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
        test: Some(TestMetrics {
            figures: BTreeMap::from([("accuracy".into(), 0.1), ("loss".into(), 2.5)]),
            ece: None,
            calibrated_ece: None,
            unknown: None,
        }),
        calibration: None,
        unknown: None,
        preparation: None,
        burn: BURN_VERSION.into(),
    };
    Network::of(tensors, &metadata)
}

/// Returns a small network for files that are to be damaged.
pub fn small() -> Network {
    network([2, 3], &[4], Activation::Tanh, Output::Softmax)
}

/// Returns the folder of the files that other programs wrote.
pub fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

/// Returns `bytes` with some damage, mostly near their beginning, where they say what they are.
pub fn mutate(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d;
    let mut number = |below: usize| {
        // xorshift64*, Marsaglia 2003, <https://doi.org/10.18637/jss.v008.i14>
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % below.max(1)
    };
    let mut damaged = bytes.to_vec();
    for _ in 0..=number(4) {
        let reach = [64, 512, 4096, damaged.len()][number(4)].min(damaged.len());
        // A zip has its directory at the end.
        let at = if number(3) == 0 {
            damaged.len().saturating_sub(1 + number(reach))
        } else {
            number(reach)
        };
        match number(5) {
            0 => damaged[at] ^= 1 << number(8),
            1 => damaged[at] = [0, 1, 0x7f, 0x80, 0xff][number(5)],
            2 => drop(damaged.remove(at)),
            3 => damaged.truncate(at + 1),
            _ => damaged.insert(at, number(256) as u8),
        }
        if damaged.is_empty() {
            break;
        }
    }
    damaged
}
