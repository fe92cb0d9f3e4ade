//! A build without some of the features: what needs one of them is an error that names it, the rest works.
//!
//! `cargo test -p trainer --no-default-features --features flex --test left_out`
#![cfg(not(all(
    feature = "wgpu",
    feature = "ndarray",
    feature = "tui",
    feature = "mlflow",
    feature = "serve"
)))]
#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has found something, and says where"
)]

use std::path::Path;
use std::process::{Command, Output};

use data::fashion_mnist::FILES;
use data::{Images, idx};

/// Arguments, and the feature that they need.
const LEFT_OUT: &[(&[&str], &str)] = &[
    #[cfg(not(feature = "wgpu"))]
    (&["--backend", "wgpu"], "wgpu"),
    #[cfg(not(feature = "ndarray"))]
    (&["--backend", "ndarray"], "ndarray"),
    #[cfg(not(feature = "tui"))]
    (&["--tui"], "tui"),
    #[cfg(not(feature = "mlflow"))]
    (&["runs", "export", "mlflow"], "mlflow"),
    #[cfg(not(feature = "serve"))]
    (&["serve", "last"], "serve"),
];

#[test]
fn what_needs_a_feature_names_it() {
    let desk = tempfile::tempdir().unwrap();
    tiny(&desk.path().join("tiny"));
    for (args, feature) in LEFT_OUT {
        let is_training = args.first().is_some_and(|arg| arg.starts_with("--"));
        let args = if is_training {
            [&ON_TINY, *args].concat()
        } else {
            args.to_vec()
        };
        let said = run(desk.path(), &args);
        let stderr = String::from_utf8(said.stderr).unwrap();
        assert_eq!(said.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains("error: this build has no "), "{stderr}");
        assert!(
            stderr.contains(&format!("--features flex,{feature}")),
            "{stderr}"
        );
        assert!(!desk.path().join("run").exists(), "{args:?} left a run");
    }
}

#[test]
#[cfg(not(feature = "wgpu"))]
fn without_wgpu_a_config_that_names_it_is_valid_and_auto_is_flex() {
    let desk = tempfile::tempdir().unwrap();
    tiny(&desk.path().join("tiny"));
    let checked = run(desk.path(), &["config", "check", "--backend", "wgpu"]);
    assert_eq!(checked.status.code(), Some(0));
    let listed = String::from_utf8(run(desk.path(), &["backends"]).stdout).unwrap();
    assert!(
        listed.contains("\nwgpu     not in this build; "),
        "{listed}"
    );
    assert!(listed.ends_with("auto     is flex here\n"), "{listed}");
    let trained = run(
        desk.path(),
        &[&ON_TINY[..], &["--backend", "auto"]].concat(),
    );
    let stderr = String::from_utf8(trained.stderr).unwrap();
    assert!(trained.status.success(), "{stderr}");
    assert!(stderr.contains("\nbackend flex on CPU, "), "{stderr}");
}

const ON_TINY: [&str; 8] = [
    "--data-dir",
    "tiny",
    "--run-dir",
    "run",
    "--set",
    "data.name=tiny",
    "--set",
    "training.epochs=1",
];

/// Writes 64 + 64 images of 2 x 2 pixels, one class light and one dark.
fn tiny(folder: &Path) {
    let labels: Vec<u8> = (0..64).map(|i| i % 2).collect();
    let pixels = labels.iter().flat_map(|label| [label * 255; 4]).collect();
    let images = Images {
        count: 64,
        height: 2,
        width: 2,
        pixels,
    };
    std::fs::create_dir(folder).unwrap();
    for file in FILES {
        let bytes = if file.name.contains("images") {
            idx::write_images(&images)
        } else {
            idx::write_labels(&labels)
        };
        std::fs::write(folder.join(file.name), bytes).unwrap();
    }
}

fn run(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trainer"));
    command.args(args).current_dir(folder).output().unwrap()
}
