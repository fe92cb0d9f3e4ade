//! Runs that do not finish, and what they leave.

use std::process::Command;

use crate::fixtures::{on_tiny, tiny};
use crate::program::{Desk, Said, json_lines, read, read_json};

#[test]
fn a_training_that_diverges_fails_with_a_plain_message() {
    let desk = Desk::new();
    tiny(&desk);
    let sets = ["optimizer.name=sgd", "optimizer.learning_rate=1e30"];
    let said = desk.run(&on_tiny("run", &sets));
    assert_eq!(said.code, 1, "{}", said.stderr);
    assert_eq!(said.stdout, "");
    let message = "the training loss is ";
    assert!(
        said.stderr.contains(&format!("error: {message}")) && said.stderr.contains("\nhint: "),
        "{}",
        said.stderr
    );
    let manifest = read_json(&desk.path("run/manifest.json"));
    assert_eq!(manifest["status"], "failed");
    assert!(manifest["error"].as_str().unwrap().starts_with(message));
    assert!(!desk.path("run/model.bpk").exists());
}

/// One step is the whole training, and its loss was taken before the weights flew away.
#[test]
fn a_training_that_diverges_in_its_last_step_fails_too() {
    let desk = Desk::new();
    tiny(&desk);
    let last = ["training.epochs=1", "optimizer.learning_rate=1e38"];
    for (run, validation, batch_size) in [
        ("plain", "data.validation=0", "training.batch_size=600"),
        (
            "validated",
            "data.validation=100",
            "training.batch_size=500",
        ),
    ] {
        let said = desk.run(&on_tiny(
            run,
            &[&last[..], &[validation, batch_size]].concat(),
        ));
        assert_eq!(said.code, 1, "{run}: {}{}", said.stdout, said.stderr);
        assert!(
            said.stderr.contains("not a finite number"),
            "{run}: {}",
            said.stderr
        );
        let manifest = read_json(&desk.path(run).join("manifest.json"));
        assert_eq!(manifest["status"], "failed");
        let refused = desk.run(&["evaluate", run]);
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        assert!(refused.stderr.contains(" has failed"), "{}", refused.stderr);
    }
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_run_cleanly_and_it_cannot_be_used() {
    let desk = Desk::new();
    tiny(&desk);
    for (run, signal, code) in [("one", "-INT", 130), ("two", "-TERM", 143)] {
        let (child, stdout, line) = desk.start(&on_tiny(run, &["training.epochs=100000"]));
        assert!(line.starts_with("epoch      1/100000 "), "{line:?}");
        let id = child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &id])
                .status()
                .unwrap()
                .success()
        );
        let said = Said::of_child(child, Some(stdout));
        assert_eq!(said.code, code, "{signal}: {}", said.stderr);
        assert!(
            said.stderr.contains("hint: resume it: trainer resume "),
            "{}",
            said.stderr
        );

        let manifest = read_json(&desk.path(run).join("manifest.json"));
        assert_eq!(manifest["status"], "interrupted");
        assert_eq!(
            manifest["epochs"],
            json_lines(&read(&desk.path(run).join("metrics.jsonl"))).len(),
            "whole epochs"
        );
        assert!(!desk.path(run).join("model.bpk").exists());
        let refused = desk.run(&["evaluate", run]);
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""));
        assert!(
            refused.stderr.contains("was interrupted"),
            "{}",
            refused.stderr
        );
    }
}
