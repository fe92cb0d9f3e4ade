//! Each check of a run finds what it is for, and nothing where there is nothing.

use serde_json::Value;

use crate::fixtures::{black, noise, on_tiny, tiny};
use crate::program::Desk;

/// Trains on the folder `data` with these settings and returns what the checks say.
fn check(data: &str, sets: &[&str]) -> Value {
    let desk = desk(data);
    train(&desk, data, sets);
    checked(&desk, &[])
}

fn desk(data: &str) -> Desk {
    let desk = Desk::new();
    match data {
        "noise" => noise(&desk),
        "black" => black(&desk),
        _ => tiny(&desk),
    }
    desk
}

fn train(desk: &Desk, data: &str, sets: &[&str]) {
    let mut args = on_tiny("run", sets);
    args[1] = data;
    desk.ok(&args);
}

fn checked(desk: &Desk, args: &[&str]) -> Value {
    let said = desk.ok(&[&["explain", "run", "run", "--json"], args].concat());
    said.json().remove(0)
}

fn has(checked: &Value, list: &str, code: &str) -> bool {
    let all = checked[list].as_array().unwrap().iter();
    all.into_iter()
        .any(|entry| entry["code"] == code || entry == code)
}

#[track_caller]
fn finds(checked: &Value, code: &str) {
    assert!(has(checked, "found", code), "{code}: {checked:#}");
    let found = checked["found"].as_array().unwrap().iter();
    for entry in found {
        for text in ["what", "advice"] {
            assert!(entry[text].as_str().unwrap().len() > 20, "{entry}");
        }
        assert!(!entry["figures"].as_object().unwrap().is_empty(), "{entry}");
    }
}

#[track_caller]
fn is_clear(checked: &Value, code: &str) {
    assert!(has(checked, "clear", code), "{code}: {checked:#}");
}

#[test]
fn a_good_run_has_no_findings() {
    let found = check("tiny", &["training.epochs=5"]);
    for code in [
        "memorising",
        "majority",
        "imbalanced",
        "missing-class",
        "duplicates",
    ] {
        is_clear(&found, code);
    }
    for code in ["best-is-last", "small-validation", "sweep-edge"] {
        assert!(has(&found, "not_checked", code), "{found:#}");
    }
}

#[test]
fn labels_by_chance_are_memorised_to_no_use() {
    let found = check("noise", &["training.epochs=200"]);
    for code in ["memorising", "majority", "calibration"] {
        finds(&found, code);
    }
    is_clear(&found, "underfitting");
}

#[test]
fn a_learning_rate_that_is_far_too_small() {
    let sets = [
        "training.epochs=2",
        "optimizer.learning_rate=1e-8",
        "data.validation=60",
    ];
    let found = check("tiny", &sets);
    for code in ["majority", "linear", "learning-rate"] {
        finds(&found, code);
    }
}

#[test]
fn an_end_that_comes_too_early() {
    let sets = [
        "training.epochs=2",
        "data.validation=60",
        "optimizer.learning_rate=3e-4",
    ];
    let found = check("tiny", &sets);
    finds(&found, "best-is-last");
    finds(&found, "underfitting");
}

/// The best epoch is an early one, where the gap is small: it is seen at the end.
#[test]
fn validation_images_that_are_too_few_and_a_gap_that_opens_later() {
    let found = check("noise", &["training.epochs=200", "data.validation=30"]);
    finds(&found, "small-validation");
    finds(&found, "memorising");
}

#[test]
fn images_in_training_and_test() {
    finds(&check("black", &["training.epochs=1"]), "duplicates");
}

#[test]
fn classes_that_are_rare_or_missing() {
    let sets = [
        "training.epochs=1",
        "data.classes=[\"a\", \"b\", \"c\", \"d\"]",
        "data.take=5",
        "training.batch_size=5",
        "seed=1",
    ];
    let found = check("tiny", &sets);
    finds(&found, "missing-class");
    let mut rare = Vec::new();
    for seed in 1..8 {
        let seed = format!("seed={seed}");
        let found = check("tiny", &[&sets[..4], &[seed.as_str()]].concat());
        rare.push(has(&found, "found", "imbalanced"));
    }
    assert!(rare.contains(&true) && rare.contains(&false), "{rare:?}");
}

#[test]
fn the_best_setting_of_a_sweep_at_its_edge() {
    let rates = "[sweep]\n[sweep.grid]\noptimizer.learning_rate = [1e-6, 1e-5, 1e-2]\n";
    let desk = crate::sweep::desk(rates);
    desk.ok(&["sweep", "s.toml"]);
    let found = desk.ok(&["explain", "run", "s", "--json"]).json().remove(0);
    finds(&found, "sweep-edge");
    let run = "artifacts/s/002-seed42";
    let found = desk.ok(&["explain", "run", run, "--json"]).json().remove(0);
    finds(&found, "sweep-edge");
}

#[test]
fn a_check_can_be_muted_in_both_commands() {
    let desk = desk("noise");
    train(&desk, "noise", &["training.epochs=200"]);
    let muted = checked(&desk, &["--mute", "memorising", "--mute", "duplicates"]);
    for list in ["found", "clear", "not_checked"] {
        assert!(!has(&muted, list, "memorising") && !has(&muted, list, "duplicates"));
    }
    finds(&muted, "majority");
    desk.ok(&["report", "run"]);
    let page = desk.text("run/report.html");
    assert!(page.contains("<code>memorising</code>") && page.contains("<code>majority</code>"));
    desk.ok(&["report", "run", "--mute", "memorising"]);
    let page = desk.text("run/report.html");
    assert!(!page.contains("<code>memorising</code>") && page.contains("<code>majority</code>"));
    let wrong = desk.run(&["explain", "run", "run", "--mute", "overfitting"]);
    assert_eq!(wrong.code, 2);
}

/// Without the data, the checks of figures are made, and the others say what they lack.
#[test]
fn without_the_data_half_of_the_checks_are_made() {
    let desk = desk("tiny");
    train(&desk, "tiny", &["training.epochs=1"]);
    std::fs::remove_dir_all(desk.path("tiny")).unwrap();
    let found = checked(&desk, &[]);
    for code in [
        "linear",
        "imbalanced",
        "missing-class",
        "learning-rate",
        "duplicates",
    ] {
        assert!(has(&found, "not_checked", code), "{found:#}");
    }
    is_clear(&found, "memorising");
    let text = desk.ok(&["explain", "run", "run", "--lang", "pt"]).stdout;
    assert!(text.contains("linear: não verificado: "), "{text}");
}

/// The documentation has every code, and no other.
#[test]
fn every_code_is_documented() {
    let text = include_str!("../../../../../docs/checks.md");
    let documented: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let codes = trainer::explain::checks::Code::ALL.map(|(name, _)| name);
    assert_eq!(documented, codes);
}
