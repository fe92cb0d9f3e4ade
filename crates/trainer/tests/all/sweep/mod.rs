//! Sweeps, on 600 images of 6 x 5 pixels: settings trained in processes of their own.

mod errors;
mod stops;

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::fixtures::{on_tiny, tiny};
use crate::program::{Desk, Said, json_lines, read_json};

const BASE: &str = r#"
name = "s"
[data]
name = "tiny"
dir = "tiny"
validation = 60
[training]
epochs = 4
batch_size = 60
"#;

/// Returns a folder with the tiny data set and the file `s.toml`: [`BASE`], and `sweep` below it.
pub fn desk(sweep: &str) -> Desk {
    let desk = Desk::new();
    tiny(&desk);
    desk.write("s.toml", format!("{BASE}{sweep}"));
    desk
}

pub const TWO_RATES: &str =
    "[sweep]\nseeds = 5\n[sweep.grid]\noptimizer.learning_rate = [1e-6, 0.01]\n";

/// Returns the last line of a sweep's JSON.
pub fn result(said: &Said) -> Value {
    let last = said.json().pop().unwrap();
    assert_eq!(last["event"], "sweep", "{last}");
    last
}

fn setting(result: &Value, number: u64) -> &Value {
    let settings = result["settings"].as_array().unwrap();
    settings.iter().find(|s| s["setting"] == number).unwrap()
}

pub fn manifest(desk: &Desk, run: &str) -> Value {
    read_json(&desk.path(&format!("artifacts/s/{run}/manifest.json")))
}

#[test]
fn a_sweep_finds_the_best_setting_and_looks_at_the_test_images_once() {
    let desk = desk(TWO_RATES);
    let said = desk.ok(&["sweep", "s.toml", "--json"]);
    let found = result(&said);
    assert_eq!(
        (&found["best"], &found["test_looks"]),
        (&2.into(), &1.into())
    );
    assert_eq!(found["settings"][0]["setting"], 2, "the best comes first");

    // Scores are the runs' own figures, mean and deviation are theirs.
    let best = setting(&found, 2);
    let mut scores = Vec::new();
    for score in best["scores"].as_array().unwrap() {
        let (seed, score) = (&score[0], score[1].as_f64().unwrap());
        let run = desk.text(&format!("artifacts/s/002-seed{seed}/metrics.jsonl"));
        let epochs = json_lines(&run);
        let loss = |epoch: &Value| epoch["validation_loss"].as_f64().unwrap();
        let kept = epochs
            .iter()
            .min_by(|a, b| loss(a).total_cmp(&loss(b)))
            .unwrap();
        assert_eq!(kept["validation_accuracy"].as_f64(), Some(score));
        scores.push(score);
    }
    assert_eq!(scores.len(), 5);
    let mean = scores.iter().sum::<f64>() / 5.0;
    assert!((best["spread"]["mean"].as_f64().unwrap() - mean).abs() < 1e-12);
    let test = &setting(&found, 1)["against_best"];
    assert!(test["difference"].as_f64().unwrap() < -0.2, "{test}");
    assert!(test["p"].as_f64().unwrap() < 0.05, "{test}");

    // The test images were looked at with the best setting's runs alone.
    for run in [42, 43, 44, 45, 46].map(|seed| format!("001-seed{seed}")) {
        let manifest = manifest(&desk, &run);
        assert_eq!(manifest["status"], "finished");
        assert_eq!(
            (&manifest["test"], &manifest["test_looks"]),
            (&Value::Null, &0.into())
        );
        assert!(
            !desk
                .path(&format!("artifacts/s/{run}/predictions.csv"))
                .exists()
        );
    }
    let mut accuracy = 0.0;
    for run in [42, 43, 44, 45, 46].map(|seed| format!("002-seed{seed}")) {
        let manifest = manifest(&desk, &run);
        assert_eq!(manifest["test_looks"], 1);
        assert_eq!(manifest["processor"], "CPU, 1 thread");
        accuracy += manifest["test"]["accuracy"].as_f64().unwrap() / 5.0;
    }
    assert!((found["test"]["accuracy"]["mean"].as_f64().unwrap() - accuracy).abs() < 1e-12);

    // The same command again trains nothing, looks at nothing and says the same.
    let before = desk.text("artifacts/s/002-seed42/manifest.json");
    let again = desk.ok(&["sweep", "s.toml", "--json"]);
    assert_eq!(result(&again), found);
    assert_eq!(desk.text("artifacts/s/002-seed42/manifest.json"), before);

    let text = desk.ok(&["sweep", "s.toml"]);
    for part in [
        "setting  sets                seeds  epochs  validation accuracy",
        "best on the validation images: setting 2, learning_rate=0.01\n",
        "better than each of 1 other setting by more than chance\n",
        "(5 seeds; the test images were used once)\n",
    ] {
        assert!(
            text.stdout.contains(part),
            "{part:?} is not in {}",
            text.stdout
        );
    }
    // Its trainings are runs like any other.
    assert_eq!(
        desk.ok(&["runs", "--json", "--where", "experiment = s"])
            .json()
            .len(),
        10
    );
    desk.ok(&["verify", "artifacts/s/002-seed43"]);

    // More seeds are added to those that are there.
    let more = result(&desk.ok(&["sweep", "s.toml", "--json", "--set", "sweep.seeds=6"]));
    assert_eq!(setting(&more, 1)["scores"].as_array().unwrap().len(), 6);
    assert_eq!(more["test_looks"], 2);
    assert_eq!(
        manifest(&desk, "002-seed42")["test_looks"],
        1,
        "what was measured stands"
    );
    assert!(
        manifest(&desk, "002-seed42")["resumed"]
            .as_array()
            .unwrap()
            .is_empty()
    );

    // Another sweep does not go into its folder.
    for (set, what) in [
        ("sweep.seeds=2", "different seeds"),
        ("sweep.metric=loss", "a different metric"),
        ("sweep.halving=2", "a different halving"),
        ("training.epochs=5", "different settings"),
        ("model.hidden=[7]", "a different experiment"),
    ] {
        let said = desk.run(&["sweep", "s.toml", "--set", "sweep.seeds=6", "--set", set]);
        assert_eq!(
            (said.code, said.stdout.as_str()),
            (2, ""),
            "{set}: {}",
            said.stderr
        );
        assert!(
            said.stderr.contains(&format!("is a sweep with {what}")),
            "{}",
            said.stderr
        );
        assert!(said.stderr.contains("--set name=NAME"), "{}", said.stderr);
    }
}

#[test]
fn with_halving_few_settings_are_trained_to_the_end() {
    let desk = desk(
        "[sweep]\nhalving = 3\nmetric = \"loss\"\n[sweep.grid]\n\
         optimizer.learning_rate = [1e-6, 0.003, 0.01]\nmodel.hidden = [[4], [8], [16]]\n",
    );
    let found = result(&desk.ok(&["sweep", "s.toml", "--json", "--set", "training.epochs=9"]));
    let settings = found["settings"].as_array().unwrap();
    let epochs: Vec<u64> = settings
        .iter()
        .map(|s| s["epochs"].as_u64().unwrap())
        .collect();
    assert_eq!(epochs, [9, 3, 3, 1, 1, 1, 1, 1, 1]);
    for setting in settings {
        let run = format!("{:03}-seed42", setting["setting"].as_u64().unwrap());
        let done = manifest(&desk, &run)["epochs"].as_u64();
        assert_eq!(done, setting["epochs"].as_u64());
        assert_eq!(setting["given_up"], done != Some(9));
    }
    // Trained in three parts, the best is what it would be trained at once.
    let best = found["best"].as_u64().unwrap();
    let config = format!("artifacts/s/settings/{best:03}.toml");
    let set = [
        "--set",
        "training.epochs=9",
        "--run-dir",
        "whole",
        "--quiet",
    ];
    desk.ok(&[&["train", "--config", &config], &set[..]].concat());
    desk.ok(&["evaluate", "whole", "--json"]);
    let model = |run: &str| fs::read(desk.path(run).join("model.bpk")).unwrap();
    assert!(model("whole") == model(&format!("artifacts/s/{best:03}-seed42")));
}

/// A training that fails in a later round has done its part in the earlier ones, and one that was stopped
/// there is not asked for its first epochs again.
#[test]
fn rounds_stay_what_they_were_whatever_comes_later() {
    let desk = desk(
        "[sweep]\nhalving = 2\nmetric = \"loss\"\n[sweep.grid]\n\
         optimizer.learning_rate = [1e-6, 1e-5, 0.003, 0.01]\n",
    );
    let sweep = || result(&desk.ok(&["sweep", "s.toml", "--json", "--set", "training.epochs=12"]));
    let rounds = |found: &Value| -> Vec<(u64, u64)> {
        let settings = found["settings"].as_array().unwrap().iter();
        settings
            .map(|s| {
                (
                    s["setting"].as_u64().unwrap(),
                    s["epochs"].as_u64().unwrap(),
                )
            })
            .collect()
    };
    let mark = |setting: u64, status: &str| {
        let file = desk.path(&format!("artifacts/s/{setting:03}-seed42/manifest.json"));
        let mut manifest = read_json(&file);
        manifest["status"] = status.into();
        fs::write(file, manifest.to_string()).unwrap();
    };
    let before = rounds(&sweep());
    assert_eq!(
        before.iter().map(|of| of.1).collect::<Vec<_>>(),
        [12, 6, 3, 3]
    );
    mark(before[0].0, "interrupted");
    mark(before[1].0, "failed");
    assert_eq!(rounds(&sweep()), before);
}

#[test]
fn random_settings_are_within_their_ranges_and_the_same_every_time() {
    let sweep = "[sweep]\ndraws = 12\n[sweep.random]\n\
                 optimizer.learning_rate = { from = 1e-3, to = 1e-1, log = true }\n\
                 training.batch_size = { from = 20, to = 23 }\n\
                 model.activation = [\"relu\", \"tanh\"]\n";
    let settings = |seed: &str| {
        let desk = desk(sweep);
        let seed = format!("seed={seed}");
        let quick = ["--set", "training.epochs=1", "--set", &seed];
        let found = result(&desk.ok(&[&["sweep", "s.toml", "--json"], &quick[..]].concat()));
        let mut settings = found["settings"].as_array().unwrap().clone();
        settings.sort_by_key(|setting| setting["setting"].as_u64());
        settings
            .iter()
            .map(|setting| setting["values"].clone())
            .collect::<Vec<Value>>()
    };
    let drawn = settings("1");
    assert_eq!(drawn.len(), 12);
    let value = |setting: &Value, at: usize| setting[at][1].as_str().unwrap().to_string();
    for setting in &drawn {
        assert_eq!(setting[0][0], "optimizer.learning_rate");
        let rate: f64 = value(setting, 0).parse().unwrap();
        assert!((1e-3..=1e-1).contains(&rate), "{rate}");
        assert!((20..=23).contains(&value(setting, 1).parse::<i64>().unwrap()));
    }
    let below = drawn
        .iter()
        .filter(|s| value(s, 0).parse::<f64>().unwrap() < 1e-2)
        .count();
    assert!(
        (3..=9).contains(&below),
        "log: half of the draws are in the lower decade, here {below}"
    );
    let seen: BTreeSet<String> = drawn.iter().map(|setting| value(setting, 2)).collect();
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert_eq!(settings("1"), drawn);
    assert_ne!(settings("2"), drawn);
}

#[test]
fn a_setting_that_fails_does_not_end_the_sweep() {
    let desk = desk("[sweep]\nseeds = 2\n[sweep.grid]\noptimizer.learning_rate = [1e30, 0.01]\n");
    let said = desk.ok(&["sweep", "s.toml", "--json"]);
    let found = result(&said);
    assert_eq!(
        (&found["best"], &setting(&found, 1)["failed"]),
        (&2.into(), &2.into())
    );
    let failed = said
        .json()
        .into_iter()
        .filter(|line| line["event"] == "failed")
        .count();
    assert_eq!(failed, 2, "{}", said.stdout);

    let all_bad = self::desk("[sweep.grid]\noptimizer.learning_rate = [1e30, 1e31]\n");
    let said = all_bad.run(&["sweep", "s.toml"]);
    assert_eq!(said.code, 1, "{}", said.stderr);
    assert!(
        said.stderr
            .contains("error: no setting was trained to the end"),
        "{}",
        said.stderr
    );
    assert_eq!(
        read_json(&all_bad.path("artifacts/s/sweep.json"))["status"],
        "failed"
    );
}

#[test]
fn a_run_can_wait_with_its_look_at_the_test_images() {
    let desk = Desk::new();
    tiny(&desk);
    let said = desk.ok(&on_tiny(
        "run",
        &["training.epochs=2", "evaluation.test=false"],
    ));
    assert!(!said.stdout.contains("test accuracy"), "{}", said.stdout);
    assert!(
        said.stderr.contains("the test images were not used"),
        "{}",
        said.stderr
    );
    let looks = || read_json(&desk.path("run/manifest.json"))["test_looks"].as_u64();
    assert_eq!(looks(), Some(0));
    assert!(!desk.path("run/predictions.csv").exists());

    let first = desk.ok(&["evaluate", "run", "--json"]);
    assert_eq!(looks(), Some(1));
    let manifest = read_json(&desk.path("run/manifest.json"));
    assert_eq!(manifest["test"]["accuracy"], first.json()[0]["accuracy"]);
    assert!(desk.path("run/predictions.csv").exists() && desk.path("run/gallery.png").exists());
    assert_eq!(desk.ok(&["evaluate", "run", "--json"]).stdout, first.stdout);
    desk.ok(&["gallery", "run", "--wrong"]);
    assert_eq!(looks(), Some(3));
    desk.ok(&["verify", "run"]);
    // It is the run that looks at once.
    desk.ok(&[
        &on_tiny("at-once", &["training.epochs=2"])[..],
        &["--quiet"],
    ]
    .concat());
    for file in [
        "model.bpk",
        "predictions.csv",
        "gallery.png",
        "metrics.jsonl",
    ] {
        let bytes = |run: &str| fs::read(desk.path(run).join(file)).unwrap();
        assert!(
            file == "metrics.jsonl" || bytes("run") == bytes("at-once"),
            "{file}"
        );
    }
    // Trained longer, it has no result again.
    desk.ok(&["resume", "run", "--quiet", "--set", "training.epochs=3"]);
    let manifest = read_json(&desk.path("run/manifest.json"));
    assert_eq!(
        (&manifest["test"], &manifest["test_looks"]),
        (&Value::Null, &3.into())
    );
    assert!(!desk.path("run/predictions.csv").exists() && !desk.path("run/gallery.png").exists());
    desk.ok(&["verify", "run"]);
}

/// What the disk or a person does to a training says nothing about its setting.
#[test]
fn a_training_that_fails_for_another_reason_ends_the_sweep_until_that_is_mended() {
    let desk = desk(TWO_RATES);
    // A folder where a file should be.
    fs::create_dir_all(desk.path("artifacts/s/002-seed44/metrics.jsonl/in-the-way")).unwrap();
    let said = desk.run(&["sweep", "s.toml", "--jobs", "1"]);
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (1, ""),
        "{}",
        said.stderr
    );
    assert!(
        said.stderr
            .contains("error: the training artifacts/s/002-seed44: "),
        "{}",
        said.stderr
    );
    assert!(said.stderr.contains("hint: "), "{}", said.stderr);
    let sweep = || read_json(&desk.path("artifacts/s/sweep.json"));
    assert_eq!(
        (&sweep()["status"], &sweep()["test_looks"]),
        (&"failed".into(), &0.into())
    );

    fs::remove_dir_all(desk.path("artifacts/s/002-seed44")).unwrap();
    let before = desk.text("artifacts/s/001-seed42/manifest.json");
    assert_eq!(result(&desk.ok(&["sweep", "s.toml", "--json"]))["best"], 2);
    assert_eq!(desk.text("artifacts/s/001-seed42/manifest.json"), before);
    assert_eq!(
        (&sweep()["status"], &sweep()["error"]),
        (&"finished".into(), &Value::Null)
    );
}
