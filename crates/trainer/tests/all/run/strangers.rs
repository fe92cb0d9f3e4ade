//! Run folders that came from elsewhere: no link in them is followed, nothing in them is waited for, and only
//! what a run wrote is removed.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fixtures::{copy, on_tiny, tiny};
use crate::program::{Desk, Said, read_json};

/// Text that a terminal obeys: it would colour, change the title, delete what is above, turn the direction.
const ESCAPES: &str = "\u{1b}[31m\u{1b}]0;title\u{7}\u{9b}2J\u{202e}end";

/// Longest that any command may take on the tiny data set.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with the tiny data set, the finished run `run` of it with checkpoints, and a file that is not ours.
fn desk_with_run() -> Desk {
    let desk = Desk::new();
    tiny(&desk);
    let sets = [
        "training.epochs=3",
        "data.validation=60",
        "log.tensorboard=true",
    ];
    desk.ok(&[&on_tiny("run", &sets)[..], &["--quiet"]].concat());
    desk.write("precious", "nobody's but mine\n");
    desk
}

/// Commands that read or write the run of that name, and may fail.
fn commands(run: &str) -> Vec<Vec<&str>> {
    vec![
        vec!["evaluate", run, "--data-dir", "tiny"],
        vec!["gallery", run, "--data-dir", "tiny"],
        vec!["report", run, "--data-dir", "tiny"],
        vec!["predict", run, "--test", "1", "--data-dir", "tiny"],
        vec!["verify", run],
        vec!["repeat", run, "--run-dir", "again"],
        vec!["resume", run, "--set", "training.epochs=4"],
        vec!["runs", "show", run],
        vec!["runs", "compare", run, "other"],
        vec!["export", run, "--to", "npz", "--out", "out.npz"],
        vec!["summary", run],
        vec!["runs", "rm", run, "--yes"],
    ]
}

/// Runs a command that must end by itself.
fn ends(desk: &Desk, args: &[&str]) -> Said {
    let mut command = desk.command(args);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("{args:?} does not end");
        }
        sleep(Duration::from_millis(5));
    }
    Said::of_child(child, None)
}

/// Returns the files of the run, those of its newest checkpoint with their folders.
fn files(desk: &Desk) -> Vec<String> {
    let mut files = names(&desk.path("run"));
    files.retain(|name| name != "checkpoints");
    let sets = names(&desk.path("run/checkpoints"));
    let set = format!("checkpoints/{}", sets.last().unwrap());
    let parts = names(&desk.path("run").join(&set)).into_iter();
    files.extend(parts.map(|name| format!("{set}/{name}")));
    files
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Puts the run back as it was in `kept`.
fn restore(desk: &Desk) {
    for folder in ["run", "again"] {
        let _ = fs::remove_dir_all(desk.path(folder));
    }
    copy(&desk.path("kept"), &desk.path("run"));
}

#[test]
fn a_link_in_a_run_is_not_followed() {
    let desk = desk_with_run();
    copy(&desk.path("run"), &desk.path("kept"));
    copy(&desk.path("run"), &desk.path("other"));
    let precious = fs::read(desk.path("precious")).unwrap();
    let links = files(&desk).into_iter().chain([
        "lock".to_string(),
        "gallery.png".into(),
        "report.html".into(),
    ]);
    for name in links {
        for args in commands("run") {
            restore(&desk);
            let path = desk.path("run").join(&name);
            let _ = fs::remove_file(&path);
            symlink(desk.path("precious"), &path).unwrap();
            desk.run(&args);
            let now = fs::read(desk.path("precious")).unwrap();
            assert_eq!(now, precious, "{args:?} with {name}");
        }
    }
}

#[test]
fn a_linked_checkpoint_folder_is_left_alone() {
    let desk = desk_with_run();
    copy(&desk.path("run"), &desk.path("other"));
    let set = names(&desk.path("run/checkpoints")).pop().unwrap();
    for folder in [
        set.as_str(),
        ".old-epoch-000001-step-000000001",
        ".writing-a1B2c3",
        "epoch-mine",
    ] {
        desk.write(&format!("elsewhere/{folder}/thesis.txt"), "mine");
        desk.write(&format!("elsewhere/{folder}/state.json"), "mine");
    }
    copy(&desk.path("run"), &desk.path("kept"));
    for args in commands("run") {
        restore(&desk);
        fs::remove_dir_all(desk.path("run/checkpoints")).unwrap();
        symlink(desk.path("elsewhere"), desk.path("run/checkpoints")).unwrap();
        desk.run(&args);
        for folder in names(&desk.path("elsewhere")) {
            let left = names(&desk.path("elsewhere").join(&folder));
            assert_eq!(left, ["state.json", "thesis.txt"], "{args:?}: {folder}");
        }
        assert_eq!(names(&desk.path("elsewhere")).len(), 4, "{args:?}");
    }
}

/// What is in a checkpoint's folder and no part of it outlives the checkpoint.
#[test]
fn what_is_not_a_runs_own_outlives_its_checkpoints() {
    let desk = desk_with_run();
    let set = names(&desk.path("run/checkpoints")).remove(0);
    for name in [
        format!("{set}/thesis.txt"),
        "epoch-1/a".into(),
        ".old-mine/a".into(),
        ".writing-mine/a".into(),
    ] {
        desk.write(&format!("run/checkpoints/{name}"), "mine");
    }
    desk.write("run/.writing-mine", "mine");
    desk.ok(&[
        "resume",
        "run",
        "--set",
        "training.epochs=8",
        "--set",
        "checkpoint.keep=1",
        "--quiet",
    ]);
    for name in [
        ".writing-mine",
        "checkpoints/epoch-1/a",
        "checkpoints/.old-mine/a",
        "checkpoints/.writing-mine/a",
    ] {
        assert_eq!(desk.text(&format!("run/{name}")), "mine");
    }
    let kept = [set.clone(), format!(".old-{set}")].map(|set| {
        desk.path("run/checkpoints")
            .join(set)
            .join("thesis.txt")
            .exists()
    });
    assert!(kept.contains(&true), "{kept:?}");
}

#[test]
fn a_pipe_in_a_run_is_not_waited_for() {
    let desk = desk_with_run();
    copy(&desk.path("run"), &desk.path("kept"));
    copy(&desk.path("run"), &desk.path("other"));
    for name in files(&desk).into_iter().chain(["lock".to_string()]) {
        for args in commands("run") {
            restore(&desk);
            let path = desk.path("run").join(&name);
            let _ = fs::remove_file(&path);
            assert!(
                Command::new("mkfifo")
                    .arg(&path)
                    .status()
                    .unwrap()
                    .success()
            );
            ends(&desk, &args);
        }
    }
    let fifo = desk.path("config.toml");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    let said = ends(&desk, &["--config", "config.toml"]);
    assert_eq!(said.code, 2);
    assert!(
        said.stderr.contains("it is not a regular file"),
        "{}",
        said.stderr
    );
}

#[test]
fn rm_removes_what_a_run_wrote_and_nothing_else() {
    let desk = desk_with_run();
    copy(&desk.path("run"), &desk.path("kept"));

    // Alone in its folder, a run goes with it, however the folder is named.
    for (place, name) in [
        (".", "run"),
        (".", "./run/"),
        ("run", "."),
        ("run/checkpoints", ".."),
    ] {
        restore(&desk);
        let mut command = desk.command(&["runs", "rm", name, "--yes"]);
        command.current_dir(desk.path(place));
        let said = Said::of(&mut command);
        assert_eq!(said.code, 0, "{place} {name}: {}", said.stderr);
        assert!(!desk.path("run").exists(), "{place} {name}");
    }

    // A thesis stays, whatever it is called and however deep it lies.
    restore(&desk);
    let mine = [
        "thesis.tex",
        "notes/model.bpk",
        "checkpoints/thesis.tex",
        "model.bpk.bak",
        "events.out.tfevents.mine",
    ];
    for name in mine {
        desk.write(&format!("run/{name}"), "mine");
    }
    let said = desk.ok(&["runs", "rm", "run", "--yes"]);
    assert!(said.stderr.contains("run is kept"), "{}", said.stderr);
    assert!(said.stderr.contains("thesis.tex"), "{}", said.stderr);
    for name in mine {
        assert_eq!(desk.text(&format!("run/{name}")), "mine");
    }
    assert_eq!(
        names(&desk.path("run")),
        [
            "checkpoints",
            "events.out.tfevents.mine",
            "model.bpk.bak",
            "notes",
            "thesis.tex"
        ]
    );

    // A link is no run, with or without a slash.
    fs::remove_dir_all(desk.path("run")).unwrap();
    restore(&desk);
    symlink(desk.path("run"), desk.path("link")).unwrap();
    let before = names(&desk.path("run"));
    for name in ["link", "link/"] {
        let said = desk.run(&["runs", "rm", name, "--yes"]);
        assert_eq!(said.code, 2, "{}", said.stderr);
        assert!(said.stderr.contains("is a link"), "{}", said.stderr);
        let mut left = names(&desk.path("run"));
        left.retain(|name| name != "lock" || before.contains(name));
        assert_eq!(left, before);
    }
}

#[test]
fn a_run_begins_in_a_folder_of_its_own() {
    let desk = Desk::new();
    tiny(&desk);
    desk.write("thesis/config.toml", "mine");
    for dir in ["thesis", "tiny", "."] {
        let said = desk.run(&on_tiny(dir, &["training.epochs=1"]));
        assert_eq!(said.code, 2, "{}", said.stderr);
        assert!(said.stderr.contains("is not empty"), "{}", said.stderr);
    }
    assert_eq!(desk.text("thesis/config.toml"), "mine");
    assert_eq!(names(&desk.path("thesis")), ["config.toml"]);
    // One that is empty, or has what a run left that was killed as it began, is taken.
    fs::create_dir(desk.path("empty")).unwrap();
    desk.write("begun/lock", "1\n");
    desk.write("begun/config.toml", "");
    for dir in ["empty", "begun", "new/folder"] {
        desk.ok(&on_tiny(dir, &["training.epochs=1"]));
    }
    // So is none behind a link.
    fs::create_dir(desk.path("target")).unwrap();
    symlink(desk.path("target"), desk.path("link")).unwrap();
    let said = desk.run(&on_tiny("link", &["training.epochs=1"]));
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("link is a link"), "{}", said.stderr);
    assert_eq!(names(&desk.path("target")), [""; 0]);
}

/// Fails when a terminal would obey anything that was printed.
fn assert_harmless(said: &Said, args: &[&str]) {
    for text in [&said.stdout, &said.stderr] {
        let obeyed =
            |c: &char| c.is_control() && *c != '\n' || ('\u{202a}'..='\u{202e}').contains(c);
        let found = text.chars().find(obeyed);
        assert_eq!(found, None, "{args:?}: {text:?}");
    }
}

/// Adds the escapes to every text in `value` but those of `but`.
fn poison(value: &mut Value, but: &[&str]) {
    match value {
        Value::String(text) => text.push_str(ESCAPES),
        Value::Array(values) => values.iter_mut().for_each(|value| poison(value, but)),
        Value::Object(entries) => {
            let taken = std::mem::take(entries);
            for (key, mut value) in taken {
                if but.contains(&key.as_str()) {
                    entries.insert(key, value);
                } else {
                    poison(&mut value, but);
                    entries.insert(key.clone(), value.clone());
                    if key.contains('.') || key == "files_sha256" {
                        entries.insert(key + ESCAPES, value);
                    }
                }
            }
        }
        _ => {}
    }
}

#[test]
fn nothing_in_a_run_reaches_the_terminal_as_it_is() {
    let desk = desk_with_run();
    copy(&desk.path("run"), &desk.path("kept"));
    copy(&desk.path("run"), &desk.path("other"));
    copy(&desk.path("run"), &desk.path("artifacts/tiny/one"));
    let strange = format!("artifacts/{ESCAPES}/{ESCAPES}");
    copy(&desk.path("run"), &desk.path(&strange));
    let poisoned = |name: &str, but: &[&str]| {
        let mut value = read_json(&desk.path("run").join(name));
        poison(&mut value, but);
        fs::write(desk.path("run").join(name), value.to_string()).unwrap();
    };
    let check = |run: &str| {
        for args in commands(run) {
            assert_harmless(&desk.run(&args), &args);
            let json = [&args[..], &["--json"]].concat();
            assert_harmless(&desk.run(&json), &json);
        }
    };
    // The manifest, whole and as no manifest; every text of it that is read back as a text.
    for but in [&["status", "started", "resumed", "ended"][..], &[]] {
        restore(&desk);
        poisoned("manifest.json", but);
        check("run");
    }
    // Every other file that is text.
    for name in ["config.toml", "metrics.jsonl", "predictions.csv"] {
        restore(&desk);
        let text = desk.text(&format!("run/{name}"));
        for (from, to) in [
            ("\n", format!("{ESCAPES}\n")),
            ("name = \"", format!("name = \"{ESCAPES}")),
            ("\"epoch\"", format!("\"{ESCAPES}\":1,\"epoch\"")),
        ] {
            fs::write(desk.path("run").join(name), text.replacen(from, &to, 1)).unwrap();
            check("run");
            restore(&desk);
        }
        fs::write(desk.path("run").join(name), ESCAPES).unwrap();
        check("run");
    }
    // Names of folders, files and arguments.
    check(&strange);
    check(ESCAPES);
    let picture = format!("{ESCAPES}.png");
    desk.write(&picture, ESCAPES);
    let list: [&[&str]; 8] = [
        &["runs"],
        &["runs", "--json"],
        &["runs", "--where", &format!("{ESCAPES} = 1")],
        &["predict", "other", &picture],
        &["predict", "other", &picture, "--json"],
        &["import", &picture, "--as", "x"],
        &["--config", &picture],
        &["--data-dir", ESCAPES, "--set", ESCAPES],
    ];
    for args in list {
        assert_harmless(&desk.run(args), args);
    }
}

#[test]
fn numbers_of_a_sweep_are_checked() {
    let desk = Desk::new();
    tiny(&desk);
    desk.write(
        "s.toml",
        "name = \"s\"\n[data]\nname = \"tiny\"\ndir = \"tiny\"\nvalidation = 60\n[training]\nepochs = 1\n\
         [sweep]\nseeds = 1\n[sweep.grid]\nmodel.hidden = [[2], [3]]\n",
    );
    desk.ok(&["sweep", "s.toml", "--quiet"]);
    let path = desk.path("artifacts/s/sweep.json");
    let sweep = read_json(&path);
    for (key, value) in [
        ("epochs", serde_json::json!([u64::MAX, 1])),
        ("epochs", serde_json::json!([0, 1])),
        ("epochs", serde_json::json!([100_001, 1])),
        ("best", serde_json::json!(3)),
        ("seeds", serde_json::json!(vec![1; 100_000])),
    ] {
        let mut changed = sweep.clone();
        changed[key] = value;
        fs::write(&path, changed.to_string()).unwrap();
        let said = ends(&desk, &["report", "s"]);
        assert_eq!(said.code, 1, "{key}");
        assert!(said.stderr.contains("is damaged"), "{}", said.stderr);
    }
}
