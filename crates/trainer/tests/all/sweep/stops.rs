//! Sweeps that are killed, stopped, begun twice: what is resumed comes to the same.

use std::fs;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{Desk, read_json};
use crate::sweep::{desk, manifest, result};

/// Long enough to be stopped: some two seconds on two cores.
const LONG: &str = "[sweep]\nseeds = 2\n[sweep.grid]\noptimizer.learning_rate = [1e-3, 0.01]\nmodel.hidden = [[8], [64]]\n";

/// Trains them longer than the file says.
const LONGER: [&str; 7] = [
    "sweep",
    "s.toml",
    "--json",
    "--set",
    "training.epochs=60",
    "--set",
    "training.batch_size=4",
];

fn start(desk: &Desk, args: &[&str]) -> Child {
    desk.command(args)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn finish(desk: &Desk) -> Value {
    result(&desk.ok(&LONGER))
}

/// Returns the bytes of every record of the sweep.
fn records(desk: &Desk) -> Vec<Vec<u8>> {
    let run =
        |setting| [42, 43].map(|seed| format!("artifacts/s/{setting:03}-seed{seed}/model.bpk"));
    (1..=4)
        .flat_map(run)
        .map(|path| fs::read(desk.path(&path)).unwrap())
        .collect()
}

#[test]
fn a_sweep_that_was_killed_goes_on_where_it_was() {
    let undisturbed = desk(LONG);
    let expected = finish(&undisturbed);
    let desk = desk(LONG);
    for moment in [150, 400, 300, 250] {
        let mut sweep = start(&desk, &LONGER);
        sleep(Duration::from_millis(moment));
        sweep.kill().unwrap();
        sweep.wait().unwrap();
    }
    // Its data may move meanwhile.
    fs::rename(desk.path("tiny"), desk.path("moved")).unwrap();
    let args = [&LONGER[..], &["--data-dir", "moved"]].concat();
    assert_eq!(result(&desk.ok(&args)), expected);
    assert!(
        records(&desk) == records(&undisturbed),
        "another record came of it"
    );
}

/// Returns when the first training of the sweep has finished an epoch.
fn wait_for_an_epoch(desk: &Desk) {
    let begun = desk.path("artifacts/s/001-seed42/metrics.jsonl");
    let deadline = Instant::now() + Duration::from_secs(20);
    while !begun.exists() && Instant::now() < deadline {
        sleep(Duration::from_millis(10));
    }
}

/// Sends the sweep's process, and no other, a signal; checks that it ends with `code` in time.
fn stop(sweep: Child, signal: &str, code: i32) {
    let id = sweep.id().to_string();
    let asked = Instant::now();
    let killed = std::process::Command::new("kill")
        .args([signal, &id])
        .status()
        .unwrap();
    assert!(killed.success());
    let said = sweep.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&said.stderr);
    assert_eq!(said.status.code(), Some(code), "{stderr}");
    assert!(
        asked.elapsed() < Duration::from_secs(4),
        "{:?}",
        asked.elapsed()
    );
    assert!(
        stderr.contains("hint: run the same command again to resume"),
        "{stderr}"
    );
}

#[test]
fn a_sweep_that_was_asked_to_stop_ends_its_trainings() {
    for (signal, code) in [("-TERM", 143), ("-INT", 130)] {
        let desk = desk(LONG);
        let sweep = start(&desk, &LONGER);
        wait_for_an_epoch(&desk);
        stop(sweep, signal, code);
        assert_eq!(
            read_json(&desk.path("artifacts/s/sweep.json"))["status"],
            "interrupted"
        );
        // Nothing goes on behind its back.
        for run in desk.ok(&["runs", "--json"]).json() {
            let held = trainer::run::lock::is_held(&desk.path(run["folder"].as_str().unwrap()));
            assert!(!held, "{run}");
        }
        assert_eq!(finish(&desk)["test_looks"], 1);
    }
}

/// Trainings that would take minutes write a checkpoint and end; none has to be killed, which would leave it
/// "running" in its manifest.
#[test]
fn a_signal_to_the_sweep_alone_reaches_its_trainings() {
    let desk = desk(LONG);
    let endless = [&LONGER[..], &["--set", "training.epochs=100000"]].concat();
    let sweep = start(&desk, &endless);
    wait_for_an_epoch(&desk);
    stop(sweep, "-TERM", 143);
    let run = manifest(&desk, "001-seed42");
    assert_eq!(run["status"], "interrupted");
}

#[test]
fn a_second_sweep_of_the_same_name_is_refused_while_the_first_runs() {
    let desk = desk(LONG);
    let mut first = start(&desk, &LONGER);
    let deadline = Instant::now() + Duration::from_secs(20);
    while !desk.path("artifacts/s/sweep.json").exists() && Instant::now() < deadline {
        sleep(Duration::from_millis(10));
    }
    let second = desk.run(&LONGER);
    assert_eq!(second.code, 2, "{}", second.stderr);
    let holder = format!("is being written by process {}", first.id());
    assert!(second.stderr.contains(&holder), "{}", second.stderr);
    first.kill().unwrap();
    first.wait().unwrap();
}
