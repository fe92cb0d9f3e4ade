//! Runs that are stopped, killed or damaged, and go on as if nothing had happened.
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fixtures::{copy, noise_of, on_tiny, tiny};
use crate::program::{Desk, Said, json_lines, read, read_json};

/// Small batches of many epochs, so that there is a moment to hit, with all that a checkpoint must keep.
const SETS: [&str; 6] = [
    "training.epochs=300",
    "training.batch_size=7",
    "data.validation=100",
    "optimizer.name=adamw",
    "schedule.name=step",
    "early_stopping.patience=1000",
];

/// Returns what must be equal, byte for byte, however often a run was stopped.
fn results(run: &Path) -> (Vec<u8>, Vec<Value>, String) {
    let model = fs::read(run.join("model.bpk")).unwrap();
    let mut epochs = json_lines(&read(&run.join("metrics.jsonl")));
    for epoch in &mut epochs {
        epoch.as_object_mut().unwrap().remove("seconds").unwrap();
    }
    (model, epochs, read(&run.join("predictions.csv")))
}

fn start(desk: &Desk, args: &[&str]) -> Child {
    let mut command = desk.command(args);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn signal(child: &Child, signal: &str) {
    let id = child.id().to_string();
    Command::new("kill").args([signal, &id]).status().unwrap();
}

/// Returns the run's checkpoints, oldest first.
fn checkpoints(run: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(run.join("checkpoints")).unwrap().flatten();
    let mut sets: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    sets.sort();
    sets
}

/// What a training can have besides plain steps.
const EVERYTHING: [&str; 8] = [
    "training.label_smoothing=0.1",
    "training.class_weights=balanced",
    "training.clip_norm=0.5",
    "training.ema=0.95",
    "model.dropout=0.2",
    "model.activation=gelu",
    "schedule.name=plateau",
    "schedule.patience=1",
];

#[test]
fn killed_at_any_moment_a_run_comes_to_the_same_bytes() {
    // The kernel, and Burn's operations; both with dropout, which draws random numbers; the other backend.
    let fused = [&EVERYTHING[..], &["training.epochs=60"]].concat();
    let burn = [&EVERYTHING[..], &["training.epochs=12", "engine=burn"]].concat();
    let cnn = [
        "model.kind=cnn",
        "model.channels=[5, 16]",
        "model.dropout=0.2",
    ];
    let burn_cnn = [&cnn[..], &["training.epochs=6", "engine=burn"]].concat();
    let cnn = [&cnn[..], &["training.epochs=30"]].concat();
    let kinds: &[(&str, &[&str], &str)] = &[
        ("fused", &[], "5 steps"),
        ("by the clock", &[], "0.02 s"),
        (
            "fused, images changed",
            &[
                "augmentation.shift=2",
                "augmentation.rotation=15",
                "augmentation.erasing=0.5",
                "training.epochs=60",
            ],
            "5 steps",
        ),
        (
            "burn, images changed",
            &["augmentation.shift=2", "engine=burn", "training.epochs=12"],
            "3 steps",
        ),
        (
            "burn",
            &["model.dropout=0.3", "engine=burn", "training.epochs=12"],
            "3 steps",
        ),
        (
            "fused, with dropout",
            &["model.dropout=0.3", "training.epochs=60"],
            "5 steps",
        ),
        ("fused, with everything", &fused, "5 steps"),
        ("fused, convolutions", &cnn, "5 steps"),
        ("burn, convolutions", &burn_cnn, "3 steps"),
        ("burn, with everything", &burn, "3 steps"),
        #[cfg(feature = "ndarray")]
        (
            "ndarray",
            &["backend=ndarray", "training.epochs=8"],
            "1 epoch",
        ),
    ];
    let desk = Desk::new();
    tiny(&desk);
    let mut chance = noise_of(11);
    for (kind, more, every) in kinds {
        let sets = [&SETS[..], *more].concat();
        desk.ok(&on_tiny(&format!("{kind}, whole"), &sets));
        let run = format!("{kind}, killed");
        let every = format!("checkpoint.every={every}");
        let train = on_tiny(&run, &[&sets[..], &[&every]].concat()).join("\n");
        let mut args: Vec<&str> = train.split('\n').collect();
        let mut kills = 0;
        loop {
            let mut child = start(&desk, &args);
            // The first ones come early, later ones leave time to get on.
            let pause = u64::from(chance()) * (1 + kills) / 4;
            let until = Instant::now() + Duration::from_millis(pause + 5);
            let ended = loop {
                if let Some(status) = child.try_wait().unwrap() {
                    break Some(status);
                }
                if kills < 12 && Instant::now() > until {
                    signal(&child, if kills % 3 == 2 { "-TERM" } else { "-KILL" });
                    kills += 1;
                    child.wait().unwrap();
                    break None;
                }
                sleep(Duration::from_millis(2));
            };
            if let Some(status) = ended {
                let said = Said::of_child(child, None);
                assert!(status.success(), "{kind}: {}", said.stderr);
                break;
            }
            match fs::read_to_string(desk.path(&run).join("manifest.json")) {
                // Killed between its last word and its end.
                Ok(manifest) if manifest.contains("\"finished\"") => break,
                Ok(_) => args = vec!["resume", &run],
                Err(_) => {} // killed before there was a run
            }
        }
        assert!(
            results(&desk.path(&run)) == results(&desk.path(&format!("{kind}, whole"))),
            "{kind}, after {kills} kills"
        );
        let manifest = read_json(&desk.path(&run).join("manifest.json"));
        assert_eq!(manifest["status"], "finished");
    }
}

#[test]
fn stopped_in_the_middle_of_an_epoch_it_goes_on_with_the_next_step() {
    let desk = Desk::new();
    tiny(&desk);
    desk.ok(&on_tiny("whole", &SETS));
    let (child, stdout, _) = desk.start(&on_tiny("stopped", &SETS));
    let asked = Instant::now();
    signal(&child, "-INT");
    let said = Said::of_child(child, Some(stdout));
    assert!(asked.elapsed() < Duration::from_secs(2));
    assert_eq!(said.code, 130, "{}", said.stderr);
    let refused = desk.run(&["evaluate", "stopped"]);
    assert!(refused.stderr.contains("hint: resume it: trainer resume "));
    let sets = checkpoints(&desk.path("stopped"));
    let last = read_json(&sets[sets.len() - 1].join("state.json"));
    let place = format!(
        "epoch {}, step {}",
        last["epoch"],
        last["step"].as_u64().unwrap() + 1
    );
    let said = desk.ok(&["resume", "stopped"]);
    assert!(said.stderr.contains(&place), "{place}: {}", said.stderr);
    assert!(results(&desk.path("stopped")) == results(&desk.path("whole")));
}

/// There is no moving average before the first step: it begins with the weights after that.
#[test]
fn stopped_before_the_first_step_it_averages_the_same_weights() {
    let desk = Desk::new();
    tiny(&desk);
    for engine in ["engine=burn", "engine=kernel"] {
        let sets = ["training.epochs=2", "training.ema=0.9", engine];
        desk.ok(&on_tiny("whole", &sets));
        let mut hits = 0;
        for attempt in 0..40 {
            let run = format!("stopped-{attempt}");
            let mut child = start(&desk, &on_tiny(&run, &sets));
            // From the manifest to the first step it is a few milliseconds.
            let manifest = desk.path(&run).join("manifest.json");
            while !manifest.exists() && child.try_wait().unwrap().is_none() {
                sleep(Duration::from_micros(100));
            }
            sleep(Duration::from_micros(200 * attempt));
            signal(&child, "-TERM");
            let said = Said::of_child(child, None);
            let first = desk
                .path(&run)
                .join("checkpoints/epoch-000001-step-000000000");
            if said.code == 143 && first.exists() && checkpoints(&desk.path(&run)).len() == 1 {
                hits += 1;
                desk.ok(&["resume", &run]);
                assert!(
                    results(&desk.path(&run)) == results(&desk.path("whole")),
                    "{engine}"
                );
            }
            if hits == 2 {
                break;
            }
        }
        assert!(
            hits > 0,
            "{engine}: no run was stopped before its first step"
        );
        fs::remove_dir_all(desk.path("whole")).unwrap();
        for attempt in 0..40 {
            let _ = fs::remove_dir_all(desk.path(&format!("stopped-{attempt}")));
        }
    }
}

/// Then an epoch goes on behind its last step, with nothing left of it but its validation.
#[test]
fn stopped_while_it_validates_it_comes_to_the_same_metrics() {
    let desk = Desk::new();
    tiny(&desk);
    let sets = [
        "training.epochs=40",
        "training.batch_size=9",
        "data.validation=591",
        "model.dropout=0.3",
        "engine=burn",
        "schedule.name=cosine",
    ];
    desk.ok(&on_tiny("whole", &sets));
    let mut hits = 0;
    for attempt in 0..60 {
        let run = format!("stopped-{attempt}");
        let (child, stdout, _) = desk.start(&on_tiny(&run, &sets));
        sleep(Duration::from_millis(attempt % 7));
        signal(&child, "-TERM");
        if Said::of_child(child, Some(stdout)).code != 143 {
            continue; // it had ended
        }
        let set = checkpoints(&desk.path(&run)).pop().unwrap();
        if read_json(&set.join("state.json"))["step"] == 1 {
            hits += 1; // of one step an epoch, so that most stops are in the validation
        }
        desk.ok(&["resume", &run]);
        assert!(
            results(&desk.path(&run)) == results(&desk.path("whole")),
            "{run}"
        );
        if hits == 3 {
            return;
        }
    }
    panic!("only {hits} of 60 stops came while it validated");
}

/// Returns a run stopped after some epochs, with two checkpoints.
fn stopped(desk: &Desk, run: &str) {
    tiny(desk);
    let (child, mut stdout, _) = desk.start(&on_tiny(run, &SETS));
    let mut line = String::new();
    for _ in 0..20 {
        std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
    }
    signal(&child, "-INT");
    assert_eq!(Said::of_child(child, Some(stdout)).code, 130);
}

#[test]
fn a_damaged_checkpoint_is_passed_over_with_a_warning() {
    let desk = Desk::new();
    stopped(&desk, "stopped");
    desk.ok(&on_tiny("whole", &SETS));
    let whole = results(&desk.path("whole"));
    let files = [
        "state.json",
        "weights.bpk",
        "first-moments.bpk",
        "second-moments.bpk",
    ];
    for (i, file) in files
        .iter()
        .chain(&["manifest.json", "best.bpk"])
        .enumerate()
    {
        let run = format!("damaged {i}");
        copy(&desk.path("stopped"), &desk.path(&run));
        let sets = checkpoints(&desk.path(&run));
        assert_eq!(sets.len(), 2);
        let path = sets[1].join(file);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        match i % 2 {
            0 => bytes[middle] ^= 1,
            _ => bytes.truncate(middle),
        }
        fs::write(&path, bytes).unwrap();
        let said = desk.ok(&["resume", &run]);
        assert!(
            said.stderr.contains("warning: the checkpoint "),
            "{file}: {}",
            said.stderr
        );
        assert!(results(&desk.path(&run)) == whole, "{file}");
    }
    // Without any that can be read, training starts at the beginning.
    copy(&desk.path("stopped"), &desk.path("none"));
    for set in checkpoints(&desk.path("none")) {
        fs::write(set.join("state.json"), "{}").unwrap();
    }
    let said = desk.ok(&["resume", "none"]);
    assert!(
        said.stderr.contains("starts at the beginning"),
        "{}",
        said.stderr
    );
    assert!(results(&desk.path("none")) == whole);
}

#[test]
fn what_a_manifest_names_never_becomes_a_path_unchecked() {
    let desk = Desk::new();
    stopped(&desk, "run");
    let sets = checkpoints(&desk.path("run"));
    for (name, problem) in [
        ("../../config.toml", "an unknown file"),
        ("/etc/passwd", "an unknown file"),
    ] {
        let manifest = serde_json::json!({"format": 1, "sha256": {name: "00"}}).to_string();
        fs::write(sets[1].join("manifest.json"), manifest).unwrap();
        copy(&desk.path("run"), &desk.path("copy"));
        let said = desk.ok(&["resume", "copy"]);
        assert!(said.stderr.contains(problem), "{}", said.stderr);
        fs::remove_dir_all(desk.path("copy")).unwrap();
    }
    fs::write(
        sets[1].join("manifest.json"),
        "{\"format\":3,\"sha256\":{}}",
    )
    .unwrap();
    let said = desk.run(&["resume", "run"]);
    assert_eq!(said.code, 2);
    assert!(
        said.stderr
            .contains("has format version 3; this program reads 1 to 2\nhint: "),
        "{}",
        said.stderr
    );
}

#[test]
fn more_epochs_are_a_safe_change_and_others_are_refused() {
    let desk = Desk::new();
    tiny(&desk);
    desk.ok(&on_tiny("long", &["training.epochs=9"]));
    desk.ok(&on_tiny("run", &["training.epochs=4"]));
    let said = desk.ok(&["resume", "run"]);
    assert_eq!(said.stdout, "");
    assert!(
        said.stderr
            .contains("is finished; to train it longer: --set training.epochs=N"),
        "{}",
        said.stderr
    );
    for (set, lines) in [
        ("seed=7", "  - seed = 42\n  + seed = 7\n"),
        (
            "training.batch_size=8",
            "  - batch_size = 32\n  + batch_size = 8\n",
        ),
        ("training.epochs=2", "  - epochs = 4\n  + epochs = 2\n"),
    ] {
        let said = desk.run(&["resume", "run", "--set", set]);
        assert_eq!(said.code, 2, "{set}");
        assert!(said.stderr.contains(lines), "{set}: {}", said.stderr);
    }
    desk.ok(&["resume", "run", "--set", "training.epochs=9"]);
    assert!(results(&desk.path("run")) == results(&desk.path("long")));
    let wave = ["training.epochs=4", "schedule.name=cosine"];
    desk.ok(&on_tiny("wave", &wave));
    let said = desk.run(&["resume", "wave", "--set", "training.epochs=9"]);
    assert_eq!(said.code, 2, "a longer cosine is another one");
}

#[test]
fn one_run_folder_has_one_writer() {
    let desk = Desk::new();
    tiny(&desk);
    let args = on_tiny("run", &SETS);
    let children: Vec<Child> = (0..16).map(|_| start(&desk, &args)).collect();
    let said: Vec<Said> = children
        .into_iter()
        .map(|child| Said::of_child(child, None))
        .collect();
    assert_eq!(said.iter().filter(|said| said.code == 0).count(), 1);
    for said in said.iter().filter(|said| said.code != 0) {
        let is_clear = said.stderr.contains("run is being written by process ")
            || said.stderr.contains("run already holds a run");
        assert!(said.code == 2 && is_clear, "{}", said.stderr);
    }
    assert_eq!(
        read_json(&desk.path("run/manifest.json"))["status"],
        "finished"
    );
}

#[test]
fn divergence_never_reaches_a_checkpoint() {
    let desk = Desk::new();
    tiny(&desk);
    for (run, more) in [("fused", "engine=kernel"), ("burn", "engine=burn")] {
        let sets = [
            "optimizer.learning_rate=1e6",
            "training.batch_size=8",
            "checkpoint.every=1 step",
            more,
        ];
        let said = desk.run(&on_tiny(run, &sets));
        assert_eq!(said.code, 1, "{}", said.stderr);
        let message = " at epoch 1, step ";
        let at = said
            .stderr
            .find(message)
            .unwrap_or_else(|| panic!("{}", said.stderr));
        assert!(
            said.stderr[at..].contains("(training images "),
            "{}",
            said.stderr
        );
        for set in checkpoints(&desk.path(run)) {
            let state = read_json(&set.join("state.json"));
            assert!(state["loss"].as_f64().unwrap().is_finite(), "{state}");
        }
    }
}

#[test]
fn only_so_many_checkpoints_are_kept_and_never_means_one_at_the_end() {
    let desk = Desk::new();
    tiny(&desk);
    let sets = ["training.epochs=8", "checkpoint.keep=3"];
    desk.ok(&on_tiny("three", &sets));
    let kept = checkpoints(&desk.path("three"));
    assert!((1..=3).contains(&kept.len()), "{kept:?}"); // a busy disk leaves some out
    desk.ok(&on_tiny(
        "never",
        &["training.epochs=8", "checkpoint.every=never"],
    ));
    let kept = checkpoints(&desk.path("never"));
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(kept[0].ends_with("epoch-000009-step-000000000"), "{kept:?}");
}

#[test]
fn steps_that_end_with_an_epoch_and_runs_without_checkpoints() {
    let desk = Desk::new();
    tiny(&desk);
    // 600 images in steps of 100: the sixth step is the last of its epoch.
    let sets = [
        "training.epochs=100000",
        "training.batch_size=100",
        "checkpoint.every=6 steps",
    ];
    let (mut child, stdout, _) = desk.start(&on_tiny("steps", &sets));
    sleep(Duration::from_millis(500));
    signal(&child, "-KILL");
    child.wait().unwrap();
    drop(stdout);
    assert!(!checkpoints(&desk.path("steps")).is_empty());

    // Without a checkpoint a run starts at the beginning, and is still the same run.
    fs::remove_dir_all(desk.path("steps/checkpoints")).unwrap();
    fs::write(desk.path("steps/.writing-Left01"), "half").unwrap();
    let said = desk.run(&["resume", "steps", "--set", "seed=7"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("  + seed = 7\n"), "{}", said.stderr);
    desk.ok(&["resume", "steps", "--set", "training.epochs=3"]);
    assert!(!desk.path("steps/.writing-Left01").exists());
    desk.ok(&on_tiny(
        "plain",
        &["training.epochs=3", "training.batch_size=100"],
    ));
    assert!(results(&desk.path("steps")) == results(&desk.path("plain")));

    fs::remove_dir_all(desk.path("steps/checkpoints")).unwrap();
    let said = desk.run(&["resume", "steps"]);
    assert_eq!(said.code, 2);
    assert!(
        said.stderr.contains("is finished and has no checkpoint"),
        "{}",
        said.stderr
    );
    let config = desk
        .text("steps/config.toml")
        .replace("seed = 42", "seed = 43");
    desk.write("steps/config.toml", config);
    let said = desk.run(&["resume", "steps"]);
    assert!(
        said.stderr.contains("has changed since the run wrote it"),
        "{}",
        said.stderr
    );
}
