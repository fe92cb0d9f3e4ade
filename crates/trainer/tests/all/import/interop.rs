//! The real things: files that PyTorch and Keras wrote load here, and Python's own packages read ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::fixtures::{on_tiny, package, quick, tiny};
use crate::program::{Desk, arg, json_lines, read_json};

/// What probabilities may differ by: other sums, in another order.
const CLOSE: f32 = 1e-5;

/// Returns a file that another program wrote, see scripts/interop/make_fixtures.py.
pub fn fixture(name: &str) -> Vec<u8> {
    let path = fixtures().join(name);
    fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop")
}

/// Returns the Python with the packages of scripts/interop/requirements.txt.
fn python() -> PathBuf {
    let folder = std::env::var_os("TRAINER_PYTHON").map(PathBuf::from);
    let folder = folder.or_else(|| Some(dirs::home_dir()?.join(".cache/trainer-python")));
    let python = folder.unwrap_or_default().join("bin/python");
    assert!(
        python.exists(),
        "{} is missing: these tests compare with Python's own packages; `make setup-python` installs them",
        python.display()
    );
    python
}

/// Returns the probabilities `[images, classes]` in a run's table.
fn table(run: &Path) -> Vec<Vec<f32>> {
    let mut csv = csv::Reader::from_path(run.join("predictions.csv")).unwrap();
    let row = |row: csv::StringRecord| row.iter().skip(3).map(|p| p.parse().unwrap()).collect();
    csv.records().map(|record| row(record.unwrap())).collect()
}

fn floats(bytes: &[u8]) -> Vec<Vec<f32>> {
    let (floats, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty() && floats.len().is_multiple_of(10));
    let rows = floats.chunks(10);
    rows.map(|row| row.iter().map(|f| f32::from_le_bytes(*f)).collect())
        .collect()
}

fn label(row: &[f32]) -> usize {
    trainer::evaluation::top(row).0
}

/// The same label for every image, and probabilities that are close.
fn compare(what: &str, ours: &[Vec<f32>], theirs: &[Vec<f32>]) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (i, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        assert_eq!(
            label(ours),
            label(theirs),
            "{what}, image {i}: {ours:?} {theirs:?}"
        );
        for (a, b) in ours.iter().zip(theirs) {
            assert!((a - b).abs() <= CLOSE, "{what}, image {i}: {a} and {b}");
        }
    }
}

#[test]
fn files_of_pytorch_and_keras_give_those_frameworks_answers() {
    let desk = Desk::new();
    let versions: Value = read_json(&fixtures().join("versions.json"));
    for framework in ["torch", "keras"] {
        assert!(versions[framework].is_string());
        let theirs = floats(&fixture(&format!("{framework}.answers")));
        assert_eq!(theirs.len(), 200);
        let mut files: Vec<PathBuf> = fs::read_dir(fixtures())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.file_stem().unwrap() == framework)
            .filter(|path| path.extension().unwrap() != "answers")
            .collect();
        files.sort();
        assert!(files.len() >= 3, "{files:?}");
        for file in files {
            let run = file.file_name().unwrap().to_str().unwrap();
            // A state dict and NumPy's arrays do not say what is between the layers.
            let says = ["onnx", "keras", "h5"].iter().any(|end| run.ends_with(end));
            let mut args = vec!["import", arg(&file), "--as", framework, "--run-dir", run];
            if framework == "torch" && !says {
                args.extend(["--activation", "tanh"]);
            }
            desk.ok(&args);
            compare(run, &table(&desk.path(run))[..200], &theirs);
        }
    }
}

#[test]
fn python_reads_every_export_and_gives_the_runs_answers() {
    let desk = Desk::new();
    let ours = table(&quick().folder);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/interop/answers.py");
    let formats = [
        ("safetensors", "safetensors"),
        ("onnx", "onnx"),
        ("npz", "npz"),
        ("keras", "keras"),
        ("f16", "safetensors"),
        ("int8", "safetensors"),
    ];
    for (format, end) in formats {
        let file = format!("{format}.{end}");
        desk.ok(&["export", arg(&quick().folder), format, "--out", &file]);
        let mut command = Command::new(python());
        command.args([arg(&script), &file, arg(&package()), "answers"]);
        desk.quieten(&mut command);
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "{file}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let theirs = floats(&fs::read(desk.path("answers")).unwrap());
        assert_eq!(theirs.len(), 10_000);
        // What was rounded is compared with what comes back of it.
        desk.ok(&["import", &file, "--as", "back", "--run-dir", format]);
        let back = table(&desk.path(format));
        compare(&file, &back, &theirs);
        if !["f16", "int8"].contains(&format) {
            compare(&file, &ours, &theirs);
            assert_eq!(back, ours, "{file} comes back with the same bits");
        }
    }
}

/// The real package reads what was logged: of a whole run, and of one that went on.
#[test]
fn tensorboard_reads_the_event_files() {
    let desk = Desk::new();
    tiny(&desk);
    let sets = [
        "training.epochs=3",
        "data.validation=60",
        "log.tensorboard=true",
    ];
    desk.ok(&on_tiny("run", &sets));
    desk.ok(&["resume", "run", "--set", "training.epochs=5"]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/interop/read_events.py");
    let said = Command::new(python())
        .arg(script)
        .arg(desk.path("run"))
        .output()
        .unwrap();
    assert!(
        said.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
    let read: Value = serde_json::from_slice(&said.stdout).unwrap();
    let epochs = json_lines(&desk.text("run/metrics.jsonl"));
    assert_eq!(epochs.len(), 5);
    for (tag, key) in [
        ("loss/train", "train_loss"),
        ("accuracy/train", "train_accuracy"),
        ("loss/validation", "validation_loss"),
        ("accuracy/validation", "validation_accuracy"),
        ("learning_rate", "learning_rate"),
    ] {
        let logged: Vec<(u64, f32)> = read[tag]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| (e[0].as_u64().unwrap(), e[1].as_f64().unwrap() as f32))
            .collect();
        let written: Vec<(u64, f32)> = epochs
            .iter()
            .map(|e| {
                (
                    e["epoch"].as_u64().unwrap(),
                    e[key].as_f64().unwrap() as f32,
                )
            })
            .collect();
        assert_eq!(logged, written, "{tag}");
    }
}
