//! One real epoch of the tutorial's experiment, and everything it leaves behind.

use std::collections::BTreeSet;
use std::fs;

use model::{Architecture, Record};
use serde_json::{Value, json};
use trainer::evaluation::top;
use trainer::run::folder::sha256;

use crate::fixtures::{fashion_mnist, quick};
use crate::program::{Desk, Said, arg, json_lines, read, read_json};

fn manifest() -> Value {
    read_json(&quick().folder.join("manifest.json"))
}

fn record() -> Record {
    let bytes = fs::read(quick().folder.join("model.bpk")).unwrap();
    Record::from_bytes(&bytes).unwrap()
}

#[test]
fn one_real_epoch_reaches_82_percent() {
    let accuracy = manifest()["test"]["accuracy"].as_f64().unwrap();
    assert!(accuracy >= 0.82, "test accuracy {accuracy}");
}

#[test]
fn a_run_leaves_these_files_and_no_others() {
    let files: BTreeSet<String> = fs::read_dir(&quick().folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let expect = [
        "checkpoints",
        "config.toml",
        "gallery.png",
        "lock",
        "manifest.json",
        "metrics.jsonl",
        "model.bpk",
        "predictions.csv",
    ];
    assert_eq!(files, expect.map(String::from).into());
}

#[test]
fn the_manifest_says_what_ran_on_what() {
    let manifest = manifest();
    let expect = json!({
        "status": "finished",
        "experiment": "fashion-mnist",
        "run": "quick",
        "version": env!("CARGO_PKG_VERSION"),
        "burn": "0.22.1",
        "backend": "flex",
        "seed": 42,
        "dataset": "fashion-mnist",
        "images": [60_000, 0, 10_000],
        "parameters": 101_770,
        "epochs": 1,
        "best_epoch": null,
        "error": null,
    });
    for (key, value) in expect.as_object().unwrap() {
        assert_eq!(&manifest[key], value, "{key}");
    }
    let command = manifest["command"].as_array().unwrap();
    assert!(command.contains(&json!("training.epochs=1")), "{command:?}");
    let processor = manifest["processor"].as_str().unwrap();
    assert!(processor.starts_with("CPU, "), "{processor}");
    let time = |key: &str| -> jiff::Timestamp {
        let text = manifest[key].as_str().unwrap();
        text.parse().unwrap()
    };
    let seconds = manifest["training_seconds"].as_f64().unwrap();
    let wall = time("ended").duration_since(time("started")).as_secs_f64();
    assert!(0.0 < seconds && seconds < wall, "{seconds} of {wall}");
}

#[test]
fn the_manifests_hashes_are_those_of_the_files() {
    let manifest = manifest();
    let files = manifest["files_sha256"].as_object().unwrap();
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    let expect = [
        "config.toml",
        "gallery.png",
        "metrics.jsonl",
        "model.bpk",
        "predictions.csv",
    ];
    assert_eq!(names, expect);
    for (name, hash) in files {
        let bytes = fs::read(quick().folder.join(name)).unwrap();
        assert_eq!(*hash, sha256(&bytes), "{name}");
    }
    let data = manifest["dataset_sha256"].as_object().unwrap();
    for file in data::fashion_mnist::FILES {
        let (_, hash) = data
            .iter()
            .find(|(name, _)| name.starts_with(file.name))
            .unwrap();
        assert_eq!(hash, file.sha256, "{}", file.name);
    }
}

#[test]
fn manifest_record_stdout_and_evaluate_give_the_same_test_figures() {
    let manifest = manifest();
    let (accuracy, loss) = (&manifest["test"]["accuracy"], &manifest["test"]["loss"]);
    let stored = record().metadata.test.unwrap();
    assert_eq!(
        (
            &json!(stored.figure("accuracy")),
            &json!(stored.figure("loss"))
        ),
        (accuracy, loss)
    );

    let lines = quick().said.json();
    let result = lines.last().unwrap();
    assert_eq!(result["event"], "result");
    assert_eq!(result["run"], arg(&quick().folder));
    assert_eq!(
        (&result["test_accuracy"], &result["test_loss"]),
        (accuracy, loss)
    );

    let evaluated = Desk::new().ok(&["evaluate", arg(&quick().folder), "--json"]);
    let evaluation = &evaluated.json()[0];
    assert_eq!(
        (&evaluation["accuracy"], &evaluation["loss"]),
        (accuracy, loss)
    );
    let confusion: Vec<Vec<u64>> = serde_json::from_value(evaluation["confusion"].clone()).unwrap();
    assert!(confusion.iter().all(|row| row.iter().sum::<u64>() == 1000));
    let right: u64 = (0..10).map(|class| confusion[class][class]).sum();
    assert_eq!(json!(right as f64 / 10_000.0), *accuracy);
}

#[test]
fn metrics_have_one_line_an_epoch_the_one_that_json_printed() {
    let stored = json_lines(&read(&quick().folder.join("metrics.jsonl")));
    assert_eq!(stored.len(), 1);
    let epoch = &stored[0];
    assert_eq!(
        (&epoch["epoch"], &epoch["learning_rate"]),
        (&json!(1), &json!(0.001))
    );
    let loss = epoch["train_loss"].as_f64().unwrap();
    assert!(
        (0.45..0.55).contains(&loss),
        "loss of the first epoch {loss}"
    );

    let mut printed = quick().said.json();
    assert_eq!(printed.len(), 2, "one epoch, one result");
    let printed = printed[0].as_object_mut().unwrap();
    assert_eq!(printed.remove("event"), Some(json!("epoch")));
    assert_eq!(Some(&*printed), epoch.as_object());
}

#[test]
fn predictions_have_a_row_an_image_and_probabilities_that_sum_to_1() {
    let classes = &fashion_mnist().class_names;
    let mut csv = csv::Reader::from_path(quick().folder.join("predictions.csv")).unwrap();
    let header: Vec<&str> = csv.headers().unwrap().iter().collect();
    let expect = ["index", "true", "predicted"];
    let expect = expect.into_iter().chain(classes.iter().map(String::as_str));
    assert!(header.iter().copied().eq(expect), "{header:?}");

    let (mut rows, mut right) = (0, 0);
    for (i, row) in csv.records().enumerate() {
        let row = row.unwrap();
        let probabilities: Vec<f32> = row.iter().skip(3).map(|p| p.parse().unwrap()).collect();
        assert_eq!(row[0], i.to_string());
        assert_eq!(row[1], classes[usize::from(fashion_mnist().test.label(i))]);
        assert_eq!(row[2], classes[top(&probabilities).0], "row {i}");
        let sum: f32 = probabilities.iter().sum();
        assert!((sum - 1.0).abs() < 1e-5, "row {i} sums to {sum}");
        rows += 1;
        right += usize::from(row[1] == row[2]);
    }
    assert_eq!(rows, 10_000);
    assert_eq!(
        manifest()["test"]["accuracy"],
        json!(f64::from(right as u32) / 10_000.0)
    );
}

#[test]
fn the_record_alone_says_what_it_is() {
    let metadata = record().metadata;
    let Architecture::Mlp(mlp) = &metadata.architecture else {
        panic!("another network: {:?}", metadata.architecture);
    };
    assert_eq!(mlp.input, [1, 28, 28]);
    assert_eq!(mlp.hidden, [128]);
    assert_eq!(metadata.class_names, data::fashion_mnist::CLASS_NAMES);
    assert_eq!(metadata.pixel_divisor, 255.0);
    assert_eq!(metadata.dataset, "fashion-mnist");
    assert_eq!(
        metadata.dataset_sha256,
        data::fashion_mnist::FILES[0].sha256
    );
    assert_eq!(metadata.experiment, "fashion-mnist");
}

/// The config of the run, its seed, and any number of threads: the same bytes.
#[test]
fn a_runs_own_config_gives_the_same_model_byte_by_byte_on_one_thread() {
    let desk = Desk::new();
    let config = quick().folder.join("config.toml");
    let args = ["--config", arg(&config), "--run-dir", "again", "--quiet"];
    let said = Said::of(desk.command(&args).env("RAYON_NUM_THREADS", "1"));
    assert_eq!(said.code, 0, "{}", said.stderr);
    for name in ["model.bpk", "predictions.csv", "gallery.png", "config.toml"] {
        let (first, again) = (quick().folder.join(name), desk.path("again").join(name));
        assert!(
            fs::read(first).unwrap() == fs::read(again).unwrap(),
            "{name} differs"
        );
    }
}

#[test]
fn training_accuracy_is_exact_with_a_short_last_batch() {
    let desk = Desk::new();
    // 8 batches of 7,000 and one of 4,000: a mean of means would be no multiple of 1/60,000.
    let sets = [
        "--set",
        "training.epochs=1",
        "--set",
        "training.batch_size=7000",
    ];
    desk.ok(&[&sets[..], &["--quiet", "--run-dir", "run"]].concat());
    let epoch = &json_lines(&desk.text("run/metrics.jsonl"))[0];
    let right = epoch["train_accuracy"].as_f64().unwrap() * 60_000.0;
    assert!(
        (right - right.round()).abs() < 1e-6,
        "{right} of 60,000 are right"
    );
    assert!(
        right > 6_000.0,
        "{right} of 60,000 are right, less than by chance"
    );
}

#[test]
fn a_validation_split_is_held_out_and_chooses_the_epoch() {
    let desk = Desk::new();
    let sets = [
        "training.epochs=2",
        "training.batch_size=500",
        "data.validation=5000",
    ];
    let mut args = vec!["--json", "--run-dir", "run"];
    args.extend(sets.iter().flat_map(|set| ["--set", set]));
    let said = desk.ok(&args);

    let manifest = read_json(&desk.path("run/manifest.json"));
    assert_eq!(manifest["images"], json!([55_000, 5_000, 10_000]));
    let epochs = json_lines(&desk.text("run/metrics.jsonl"));
    let losses: Vec<f64> = epochs
        .iter()
        .map(|e| e["validation_loss"].as_f64().unwrap())
        .collect();
    assert_eq!(losses.len(), 2);
    let best = if losses[1] < losses[0] { 2 } else { 1 };
    assert_eq!(manifest["best_epoch"], best);
    assert_eq!(said.json().last().unwrap()["best_epoch"], best);
    for epoch in &epochs {
        for (key, of) in [
            ("train_accuracy", 55_000.0),
            ("validation_accuracy", 5_000.0),
        ] {
            let right = epoch[key].as_f64().unwrap() * of;
            assert!(
                (right - right.round()).abs() < 1e-6,
                "{key}: {right} of {of}"
            );
        }
    }
}

/// The images are held once, as bytes: 47 MB, not 188.
#[cfg(target_os = "linux")]
#[test]
fn a_training_takes_less_than_400_mb() {
    let desk = Desk::new();
    let args = ["--set", "training.epochs=5", "--run-dir", "run"];
    let (mut child, stdout, line) = desk.start(&args);
    assert!(line.starts_with("epoch 1/5 "), "{line:?}");
    let status = read(format!("/proc/{}/status", child.id()).as_ref());
    child.kill().unwrap();
    Said::of_child(child, Some(stdout));
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(
        (60_000..400_000).contains(&kilobytes),
        "at most {kilobytes} kB"
    );
}
