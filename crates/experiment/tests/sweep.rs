//! Where a sweep's validation images come from.
#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has found something, and says where"
)]

use experiment::{ConfigError, Source, Sweep, load_sweep};

fn sweep(data: &str) -> Result<Sweep, ConfigError> {
    let text = format!("[data]\n{data}\n[sweep.grid]\noptimizer.learning_rate = [0.1, 0.2]\n");
    let label = "s.toml".into();
    load_sweep(Source { label, text }, &[])
}

/// Files of one's own may set images aside for validation, which is known once they are read; Fashion-MNIST's do not.
#[test]
fn settings_are_compared_on_images_held_out_or_set_aside() {
    let error = sweep("validation = 0").unwrap_err().to_string();
    assert!(error.contains("`data.validation` is 0"), "{error}");
    for data in [
        "validation = 100",
        "dir = \"photographs\"\nvalidation = 100",
    ] {
        sweep(data).unwrap().check_data(1000, 0, 10).unwrap();
    }
    for data in ["dir = \"photographs\"", "name = \"an-import\""] {
        let sweep = sweep(data).unwrap();
        sweep.check_data(1000, 50, 10).unwrap();
        let error = sweep.check_data(1000, 0, 10).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("and the files have none"), "{error}");
    }
}
