//! A run that was killed once, by the version that wrote checkpoints of format 1 first, with its data.
//! `resume` continues from it for ever. None of these files is ever written again.

use std::path::Path;

use serde_json::Value;

use crate::fixtures::copy;
use crate::program::{Desk, read_json};

/// Rounding: another processor sums in another order, in every step.
const TOLERANCE: f64 = 1e-4;

/// 75 + 30 images of 6 x 5 pixels, 60 to train on, in steps of 7; killed after 6 steps of the second of
/// three epochs. `expected.json` has what the version of then said after `resume`.
#[test]
fn a_run_killed_under_checkpoint_format_1_is_gone_on_with() {
    let desk = Desk::new();
    let golden = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden"));
    copy(golden, &desk.path(""));
    let said = desk.ok(&["resume", "run", "--data-dir", "data"]);
    assert!(
        said.stderr.contains("at epoch 2, step 7"),
        "{}",
        said.stderr
    );
    let manifest = read_json(&desk.path("run/manifest.json"));
    assert_eq!(manifest["status"], "finished");
    assert_eq!(manifest["epochs"], 3);
    let expect = read_json(&desk.path("expected.json"));
    let images = expect["probabilities"].as_array().unwrap();
    assert_eq!(images.len(), 4);
    for (i, probabilities) in images.iter().enumerate() {
        let said = desk.ok(&["predict", "run", "--test", &i.to_string(), "--json"]);
        let found = floats(&said.json()[0]["probabilities"]);
        let expect = floats(probabilities);
        assert_eq!(found.len(), expect.len());
        for (found, expect) in found.iter().zip(&expect) {
            assert!(
                (found - expect).abs() < TOLERANCE,
                "test image {i}: {found} {expect}"
            );
        }
    }
}

fn floats(values: &Value) -> Vec<f64> {
    let values = values.as_array().unwrap().iter();
    values.map(|value| value.as_f64().unwrap()).collect()
}
