//! Where runs land, and how they are found again.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::fixtures::{ON_TINY, copy_of_quick, on_tiny, tiny};
use crate::program::{Desk, Said, arg, json_lines, read_json};

#[test]
fn without_run_dir_a_run_lands_in_artifacts_and_is_the_last_one() {
    let desk = Desk::new();
    tiny(&desk);
    desk.ok(&[&ON_TINY[..], &["--set", "training.epochs=1", "--quiet"]].concat());
    let runs: Vec<_> = fs::read_dir(desk.path("artifacts/tiny")).unwrap().collect();
    assert_eq!(runs.len(), 1);
    let name = runs[0].as_ref().unwrap().file_name().into_string().unwrap();
    // 20260131-235959-0a1b
    let shape: String = name
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    assert!(
        shape.starts_with("00000000-000000-") && name.len() == 20,
        "{name}"
    );

    let path = Path::new("artifacts/tiny").join(&name);
    for run in [
        "last",
        arg(&path),
        &name,
        &name[..19],
        &format!("tiny/{}", &name[..4]),
    ] {
        let said = desk.ok(&["evaluate", run]);
        assert!(
            said.stdout.starts_with("test accuracy "),
            "{run}: {}",
            said.stdout
        );
    }
}

/// The start in the manifest decides, not the name: clocks change, and --run-dir names anything.
#[test]
fn last_is_the_finished_run_that_started_last() {
    let desk = Desk::new();
    let place = |run: &str, started: &str, status: &str| {
        copy_of_quick(&desk.path(run));
        let path = desk.path(run).join("manifest.json");
        let mut manifest = read_json(&path);
        manifest["started"] = started.into();
        manifest["status"] = status.into();
        fs::write(path, manifest.to_string()).unwrap();
    };
    place(
        "artifacts/c/20260103-000000-0000",
        "2026-01-01T00:00:00Z",
        "finished",
    );
    place("artifacts/b/newest", "2026-01-02T00:00:00Z", "finished");
    place(
        "artifacts/a/20260104-000000-0000",
        "2026-01-04T00:00:00Z",
        "running",
    );
    let said = desk.ok(&["gallery", "last"]);
    assert_eq!(said.stdout, "artifacts/b/newest/gallery.png\n");
}

/// The record is enough: neither the run's config nor its manifest is needed to use it.
#[test]
fn a_record_works_without_the_rest_of_its_run() {
    let desk = Desk::new();
    copy_of_quick(&desk.path("run"));
    let accuracy = |run: &str| {
        let said = desk.ok(&["evaluate", run, "--json"]);
        said.json()[0]["accuracy"].clone()
    };
    let expect = read_json(&desk.path("run/manifest.json"))["test"]["accuracy"].clone();
    desk.write("run/config.toml", "name = 3");
    assert_eq!(accuracy("run"), expect);
    fs::remove_file(desk.path("run/config.toml")).unwrap();
    assert_eq!(accuracy("run"), expect);
    fs::rename(desk.path("run/model.bpk"), desk.path("alone.bpk")).unwrap();
    assert_eq!(accuracy("alone.bpk"), expect);
}

#[test]
fn two_runs_never_share_a_folder() {
    let desk = Desk::new();
    tiny(&desk);
    let args = on_tiny("run", &["training.epochs=300"]);
    let start = || {
        let mut command = desk.command(&args);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let children = [start(), start(), start()];
    let said = children.map(|child| Said::of_child(child, None));
    let mut codes = said.each_ref().map(|said| said.code);
    codes.sort_unstable();
    assert_eq!(codes, [0, 2, 2], "{said:?}");
    let epochs = json_lines(&desk.text("run/metrics.jsonl"));
    let numbers: Vec<u64> = epochs
        .iter()
        .map(|e| e["epoch"].as_u64().unwrap())
        .collect();
    assert!(numbers.into_iter().eq(1..=300));
    assert_eq!(
        read_json(&desk.path("run/manifest.json"))["status"],
        "finished"
    );
}

#[test]
fn the_manifest_names_the_commit_of_the_working_directory() {
    let desk = Desk::new();
    tiny(&desk);
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command
            .args([
                "-c",
                "user.name=nobody",
                "-c",
                "user.email=nobody@example.org",
            ])
            .args(args);
        desk.quieten(&mut command);
        let output = command.output().expect("git is needed: apt install git");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_string()
    };
    let commit = |run: &str| {
        desk.ok(&[&on_tiny(run, &["training.epochs=1"])[..], &["--quiet"]].concat());
        read_json(&desk.path(run).join("manifest.json"))["git_commit"].clone()
    };
    assert_eq!(commit("outside"), Value::Null);
    desk.write("notes.txt", "one");
    for args in [
        &["init", "--quiet"][..],
        &["add", "notes.txt"],
        &["commit", "--quiet", "-m", "one"],
    ] {
        git(args);
    }
    let head = git(&["rev-parse", "HEAD"]);
    assert_eq!(commit("clean"), head);
    desk.write("notes.txt", "two");
    assert_eq!(commit("changed"), format!("{head}-dirty"));
}

/// The clock may have been far ahead once: `last` is the run made last all the same.
#[test]
fn last_is_the_run_made_last_whatever_the_clock_said() {
    let desk = Desk::new();
    tiny(&desk);
    let train = |seed: &str| {
        let args = [
            &ON_TINY[..],
            &["--set", "training.epochs=1", "--seed", seed, "--quiet"],
        ]
        .concat();
        desk.ok(&args);
    };
    let last = || desk.ok(&["runs", "show", "last", "--json"]).json()[0].clone();
    train("42");
    let first = last();
    let folder = desk.path(first["folder"].as_str().unwrap());
    let path = folder.join("manifest.json");
    let mut manifest = read_json(&path);
    manifest["started"] = "2150-06-01T00:00:00Z".into();
    fs::write(&path, manifest.to_string()).unwrap();
    fs::rename(&folder, folder.with_file_name("21500601-000000-0000")).unwrap();
    train("5");
    assert_eq!(last()["seed"], 5);
    // The count is found again when its file is lost.
    fs::remove_file(desk.path("artifacts/.last-number")).unwrap();
    train("6");
    assert_eq!(last()["seed"], 6);
}
