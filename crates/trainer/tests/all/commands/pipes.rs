//! stdout is data, stderr is talk, and a pipe may be closed or full.

use std::fs;
use std::process::Stdio;

use crate::fixtures::{on_tiny, quick, tiny};
use crate::program::{Desk, Said, arg};

#[test]
fn json_is_one_object_a_line_and_nothing_is_said_beside_it() {
    let desk = Desk::new();
    tiny(&desk);
    let run = arg(&quick().folder);
    let training = [&on_tiny("run", &["training.epochs=3"])[..], &["--json"]].concat();
    let check = |args: &[&str], lines: usize, keys: &[&str]| {
        let said = desk.ok(args);
        assert_eq!(said.stderr, "", "{args:?}");
        let objects = said.json();
        assert_eq!(objects.len(), lines, "{args:?}");
        for key in keys {
            assert!(!objects[lines - 1][key].is_null(), "{key} of {args:?}");
        }
    };
    check(
        &training,
        4,
        &["event", "run", "epochs", "test_accuracy", "test_loss"],
    );
    check(
        &["evaluate", run, "--json"],
        1,
        &["images", "accuracy", "loss", "per_class", "confusion"],
    );
    check(
        &["predict", run, "--test", "7", "--json"],
        1,
        &["file", "label", "probabilities", "true"],
    );
    check(
        &["data", "--json"],
        1,
        &["name", "place", "files", "classes", "training", "test"],
    );
    check(
        &["backends", "--json"],
        1,
        &["flex", "ndarray", "wgpu", "auto"],
    );
}

#[test]
fn quiet_says_nothing_on_stderr() {
    let desk = Desk::new();
    tiny(&desk);
    let train = [&on_tiny("run", &["training.epochs=1"])[..], &["--quiet"]].concat();
    for args in [
        &train[..],
        &["evaluate", "run", "--quiet"],
        &["gallery", "run", "--quiet"],
    ] {
        let said = desk.ok(args);
        assert_eq!(said.stderr, "", "{args:?}");
        assert_ne!(said.stdout, "", "{args:?}");
    }
}

/// `trainer evaluate last | head -1`
#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let desk = Desk::new();
    tiny(&desk);
    let run = arg(&quick().folder);
    let training = on_tiny("run", &["training.epochs=300"]);
    let commands: [&[&str]; 8] = [
        &training,
        &["evaluate", run],
        &["evaluate", run, "--json"],
        &["predict", run, "--test", "0"],
        &["data"],
        &["config", "show"],
        &["backends"],
        &["completions", "bash"],
    ];
    for args in commands {
        // A reader that takes one line, and one that is gone before the first.
        let (child, stdout, line) = desk.start(args);
        assert_ne!(line, "");
        drop(stdout);
        check_left_alone(Said::of_child(child, None), args);
        if args == training {
            fs::remove_dir_all(desk.path("run")).unwrap();
        }
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = desk.command(args);
        let child = command
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        check_left_alone(Said::of_child(child, None), args);
    }
    // The training did not stop when nobody looked.
    assert_eq!(desk.text("run/metrics.jsonl").lines().count(), 300);
    assert!(
        desk.text("run/manifest.json")
            .contains("\"status\": \"finished\"")
    );
}

fn check_left_alone(said: Said, args: &[&str]) {
    assert_eq!(said.code, 0, "{args:?}: {}", said.stderr);
    assert!(!said.stderr.contains("error"), "{args:?}: {}", said.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_stdout_is_an_error() {
    let desk = Desk::new();
    for args in [
        &["config", "show"][..],
        &["evaluate", arg(&quick().folder)],
        &["data"],
    ] {
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let mut command = desk.command(args);
        let child = command.stdout(full).stderr(Stdio::piped()).spawn().unwrap();
        let said = Said::of_child(child, None);
        assert_eq!(said.code, 1, "{args:?}: {}", said.stderr);
        assert!(
            said.stderr.contains("error: cannot write to stdout: "),
            "{}",
            said.stderr
        );
    }
}
