//! Runs as a collection: listed, chosen, compared, checked, trained again, removed.

use std::fs;
use std::time::Instant;

use serde_json::Value;

use crate::fixtures::{ON_TINY, on_tiny, tiny};
use crate::program::{Desk, Said, read_json};

/// Trains three runs on the tiny data set in a fresh folder: of 2, 2 and 1 epochs.
fn three_runs() -> Desk {
    let desk = Desk::new();
    tiny(&desk);
    let runs: [(&str, &[&str]); 3] = [
        ("artifacts/tiny/a", &["training.epochs=2"]),
        (
            "artifacts/tiny/b",
            &[
                "training.epochs=2",
                "model.hidden=[3]",
                "data.validation=60",
            ],
        ),
        (
            "artifacts/tiny/c",
            &[
                "training.epochs=1",
                "optimizer.learning_rate=1e-6",
                "seed=7",
            ],
        ),
    ];
    for (folder, sets) in runs {
        desk.ok(&[&on_tiny(folder, sets)[..], &["--quiet"]].concat());
    }
    desk
}

/// Returns the names of the runs that are listed, in order.
fn names(said: &Said) -> Vec<String> {
    let name = |run: &Value| run["run"].as_str().unwrap().to_string();
    said.json().iter().map(name).collect()
}

#[test]
fn runs_are_listed_chosen_and_ordered() {
    let desk = three_runs();
    let list = |args: &[&str]| names(&desk.ok(&[&["runs", "--json"], args].concat()));
    assert_eq!(list(&[]), ["tiny/c", "tiny/b", "tiny/a"]); // newest first
    assert_eq!(list(&["--limit", "1"]), ["tiny/c"]);
    assert_eq!(list(&["--sort", "epochs", "--limit", "1"]), ["tiny/c"]);
    assert_eq!(
        list(&["--where", "epochs >= 2", "--sort", "run"]),
        ["tiny/a", "tiny/b"]
    );
    assert_eq!(
        list(&["--where", "optimizer.learning_rate < 1e-4"]),
        ["tiny/c"]
    );
    assert_eq!(list(&["--where", "model.hidden ~ 3]"]), ["tiny/b"]);
    let both = ["--where", "epochs=2", "--where", "validation_accuracy > 0"];
    assert_eq!(list(&both), ["tiny/b"]);
    assert_eq!(list(&["--where", "status != finished"]), [""; 0]);
    // Without a value is last, up and down.
    assert_eq!(list(&["--sort", "validation_loss"])[0], "tiny/b");
    assert_eq!(list(&["--sort", "-validation_loss"])[0], "tiny/b");
    // The worst is the one that hardly learnt.
    assert_eq!(list(&["--sort", "test_accuracy"])[0], "tiny/c");

    let said = desk.ok(&["runs"]);
    let line = said
        .stdout
        .lines()
        .find(|line| line.starts_with("tiny/b"))
        .unwrap();
    assert!(
        line.contains("hidden=[3]") && line.contains("validation=60"),
        "{line}"
    );
    assert!(line.ends_with("finished"), "{line}");

    let csv = desk.ok(&["runs", "--csv"]).stdout;
    let mut table = csv::Reader::from_reader(csv.as_bytes());
    assert_eq!(table.headers().unwrap().get(0), Some("run"));
    assert_eq!(table.records().map(Result::unwrap).count(), 3);
}

#[test]
fn a_wrong_condition_or_field_says_what_can_be_written() {
    let desk = three_runs();
    for (args, word) in [
        (&["--where", "test_accuracy"][..], "test_accuracy > 0.88"),
        (&["--where", "> 3"], "test_accuracy > 0.88"),
        (&["--where", "acuracy > 3"], "runs have no field `acuracy`"),
        (&["--sort", "nothing"], "runs have no field `nothing`"),
        (&["--limit", "x"], "invalid value"),
        (&["--json", "--csv"], "cannot be used with"),
    ] {
        let said = desk.run(&[&["runs"], args].concat());
        assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{args:?}");
        assert!(said.stderr.contains(word), "{}", said.stderr);
    }
}

#[test]
fn a_killed_run_is_called_killed() {
    let desk = three_runs();
    let path = desk.path("artifacts/tiny/a/manifest.json");
    let mut manifest = read_json(&path);
    manifest["status"] = "running".into();
    fs::write(&path, manifest.to_string()).unwrap();
    let said = desk.ok(&["runs", "--where", "status = killed", "--json"]);
    assert_eq!(names(&said), ["tiny/a"]);
}

/// The index is beside the runs; what it says is what the folders say.
#[test]
fn the_index_is_rebuilt_whatever_happens_to_it() {
    let desk = three_runs();
    let listed = || desk.ok(&["runs", "--json"]).stdout;
    let before = listed();
    let index = desk.path("artifacts/.index.json");
    assert!(index.is_file());
    for content in ["", "{}", "{\"version\":1,\"runs\":[[[0,0],{}]]}", "\u{0}"] {
        fs::write(&index, content).unwrap();
        assert_eq!(listed(), before);
    }
    fs::remove_file(&index).unwrap();
    assert_eq!(listed(), before);
    fs::write(desk.path("artifacts/tiny/b/manifest.json"), "{").unwrap();
    let said = desk.ok(&["runs", "--json"]);
    assert_eq!(names(&said), ["tiny/c", "tiny/a"]);
    assert!(
        said.stderr.contains("manifest is damaged"),
        "{}",
        said.stderr
    );
}

#[test]
fn ten_thousand_runs_are_listed_in_a_moment() {
    let desk = three_runs();
    let manifest = read_json(&desk.path("artifacts/tiny/a/manifest.json"));
    let config = desk.text("artifacts/tiny/a/config.toml");
    for i in 0..10_000 {
        let mut manifest = manifest.clone();
        manifest["epochs"] = i.into();
        let folder = format!("artifacts/many/{i:05}");
        desk.write(&format!("{folder}/manifest.json"), manifest.to_string());
        desk.write(&format!("{folder}/config.toml"), &config);
    }
    let query = ["runs", "--json", "--sort", "-epochs", "--limit", "1"];
    let first = Instant::now();
    assert_eq!(names(&desk.ok(&query)), ["many/09999"]);
    let (first, again) = (first.elapsed(), Instant::now());
    assert_eq!(names(&desk.ok(&query)), ["many/09999"]);
    let again = again.elapsed();
    println!("10,000 runs: {first:?} to read, {again:?} with the index");
    assert!(again.as_secs_f64() < 2.0, "{again:?}");
}

#[test]
fn one_run_is_shown_with_its_epochs() {
    let desk = three_runs();
    let said = desk.ok(&["runs", "show", "tiny/b"]);
    for words in [
        "status         finished",
        "model.hidden = [3]",
        "val. accuracy",
    ] {
        assert!(said.stdout.contains(words), "{}", said.stdout);
    }
    let json = desk
        .ok(&["runs", "show", "tiny/b", "--json"])
        .json()
        .remove(0);
    assert_eq!(json["metrics"].as_array().unwrap().len(), 2);
    assert_eq!(json["settings"]["model.hidden"], "[3]");
}

#[test]
fn runs_are_compared() {
    let desk = three_runs();
    let said = desk.ok(&["runs", "compare", "tiny/a", "tiny/b", "tiny/c"]);
    for words in [
        "A  tiny/a",
        "model.hidden",
        "test accuracy",
        "training loss, ",
        "validation loss, ",
        "recall",
        "(McNemar, exact)",
    ] {
        assert!(said.stdout.contains(words), "{words}: {}", said.stdout);
    }
    let json = desk
        .ok(&["runs", "compare", "tiny/a", "tiny/c", "--json"])
        .json()
        .remove(0);
    let test = &json["mcnemar"][0];
    // The images that a alone gets right and those that c alone does make the difference in accuracy.
    let accuracy = |run: usize| json["runs"][run]["run"]["test_accuracy"].as_f64().unwrap();
    let count = |key: &str| test[key].as_f64().unwrap();
    let difference = (count("only_first") - count("only_second")) / 150.0;
    assert!(
        (accuracy(0) - accuracy(1) - difference).abs() < 1e-9,
        "{json}"
    );
    let same = desk
        .ok(&["runs", "compare", "tiny/a", "tiny/a", "--json"])
        .json()
        .remove(0);
    assert_eq!(same["mcnemar"][0]["p"], 1.0);
    let said = desk.run(&["runs", "compare", "tiny/a"]);
    assert_eq!(said.code, 2, "{}", said.stderr);
}

#[test]
fn a_run_verifies_until_something_is_changed() {
    let desk = three_runs();
    let said = desk.ok(&["verify", "tiny/b"]);
    for name in [
        "config.toml",
        "model.bpk",
        "predictions.csv",
        "gallery.png",
        "checkpoints/",
    ] {
        assert!(
            said.stdout.contains(&format!("ok       {name}")),
            "{}",
            said.stdout
        );
    }
    let path = desk.path("artifacts/tiny/b/predictions.csv");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen('0', "1", 1)).unwrap();
    let said = desk.run(&["verify", "tiny/b"]);
    assert_eq!(said.code, 1);
    assert!(
        said.stdout.contains("DAMAGED  predictions.csv"),
        "{}",
        said.stdout
    );
    // A name in a manifest leads nowhere else.
    let path = desk.path("artifacts/tiny/a/manifest.json");
    let mut manifest = read_json(&path);
    manifest["files_sha256"]["../b/model.bpk"] = "00".into();
    fs::write(&path, manifest.to_string()).unwrap();
    let said = desk.run(&["verify", "tiny/a"]);
    assert_eq!(said.code, 1);
    assert!(
        said.stderr.contains("is not the name of a file"),
        "{}",
        said.stderr
    );
}

#[test]
fn a_run_is_repeated_byte_for_byte() {
    let desk = three_runs();
    let said = desk.ok(&["repeat", "tiny/b", "--run-dir", "again"]);
    assert!(said.stdout.contains("identical: record"), "{}", said.stdout);
    let model = |folder: &str| fs::read(desk.path(folder).join("model.bpk")).unwrap();
    assert_eq!(model("again"), model("artifacts/tiny/b"));

    // Something else comes out where something else was recorded.
    let path = desk.path("artifacts/tiny/a/model.bpk");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    let said = desk.run(&["repeat", "tiny/a", "--run-dir", "other", "--quiet"]);
    assert_eq!(said.code, 1);
    assert!(
        said.stderr.contains("not identical: model.bpk differ"),
        "{}",
        said.stderr
    );

    // A changed config is no longer the run's.
    let path = desk.path("artifacts/tiny/c/config.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("seed = 7", "seed = 8")).unwrap();
    let said = desk.run(&["repeat", "tiny/c"]);
    assert_eq!((said.code, said.stdout.as_str()), (2, ""));
    assert!(
        said.stderr.contains("has changed since the run wrote it"),
        "{}",
        said.stderr
    );
}

#[test]
fn runs_are_removed_when_somebody_says_so() {
    let desk = three_runs();
    let said = desk.run(&["runs", "rm", "tiny/a"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("add --yes"), "{}", said.stderr);
    assert!(desk.path("artifacts/tiny/a").is_dir());
    desk.ok(&["runs", "rm", "tiny/a", "tiny/c", "--yes"]);
    assert!(!desk.path("artifacts/tiny/a").exists());
    assert_eq!(names(&desk.ok(&["runs", "--json"])), ["tiny/b"]);
    let said = desk.run(&["runs", "rm", "tiny/b", "nosuch", "--yes"]);
    assert_eq!(said.code, 2);
    assert!(desk.path("artifacts/tiny/b").is_dir(), "all or none");

    // Where nothing was ever trained there are no runs.
    let empty = Desk::new();
    tiny(&empty);
    assert_eq!(empty.ok(&["runs"]).stdout, "");
    empty.ok(&[&ON_TINY[..], &["--set", "training.epochs=1", "--quiet"]].concat());
    assert_eq!(empty.ok(&["runs", "--json"]).json().len(), 1);
}
