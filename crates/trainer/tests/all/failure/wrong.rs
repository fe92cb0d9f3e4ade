//! Every way to be wrong, through the program itself: one `error:` line with the cause, a way out, the
//! right exit code, nothing on stdout, and no trace in the folder.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use data::fashion_mnist::FILES;

use crate::configs::errors::{BAD, Bad, load_text};
use crate::fixtures::{copy, on_tiny, tiny};
use crate::program::{Desk, Said, TRAINER};

/// Arguments, exit code, and what the line that begins with `error:` says.
type Row<'a> = (&'a [&'a str], i32, &'a str);

/// What clap says itself ends like this.
const CLAP: &str = "For more information, try '--help'.";

/// Arguments that are none, or do not go together.
#[rustfmt::skip]
const USAGE: &[Row] = &[
    (&["--epochs", "3"], 2, "unexpected argument '--epochs'"),
    (&["-x"], 2, "unexpected argument '-x'"),
    (&["trian"], 2, "unrecognized subcommand 'trian'"),
    (&[""], 2, "unrecognized subcommand ''"),
    (&["-"], 2, "unrecognized subcommand '-'"),
    (&["a\nb"], 2, "unrecognized subcommand 'a"),
    (&["train", "now"], 2, "unexpected argument 'now'"),
    (&["train", "--test", "3"], 2, "unexpected argument '--test'"),
    (&["--backend"], 2, "a value is required for '--backend <BACKEND>'"),
    (&["--backend", ""], 2, "a value is required for '--backend <BACKEND>'"),
    (&["--backend", "cuda"], 2, "invalid value 'cuda' for '--backend <BACKEND>'"),
    (&["--backend", "FLEX"], 2, "invalid value 'FLEX'"),
    (&["--backend", "flex,wgpu"], 2, "invalid value 'flex,wgpu'"),
    (&["--backend", "flex", "--backend", "flex"], 2, "cannot be used multiple times"),
    (&["--seed"], 2, "a value is required for '--seed <N>'"),
    (&["--seed", ""], 2, "'--seed <N>'"),
    (&["--seed", "-1"], 2, "invalid value '-1' for '--seed <N>'"),
    (&["--seed", "1.5"], 2, "invalid value '1.5' for '--seed <N>'"),
    (&["--seed", "x"], 2, "invalid value 'x' for '--seed <N>'"),
    (&["--seed", "0x10"], 2, "invalid value '0x10' for '--seed <N>'"),
    (&["--seed", "18446744073709551616"], 2, "number too large"),
    (&["--seed", "1", "--seed", "2"], 2, "cannot be used multiple times"),
    (&["--config"], 2, "a value is required for '--config <FILE>'"),
    (&["--config", ""], 2, "a value is required for '--config <FILE>'"),
    (&["--config", "a", "--config", "b"], 2, "cannot be used multiple times"),
    (&["--run-dir"], 2, "a value is required for '--run-dir <D>'"),
    (&["--run-dir", ""], 2, "a value is required for '--run-dir <D>'"),
    (&["--data-dir"], 2, "a value is required for '--data-dir <D>'"),
    (&["--data-dir", ""], 2, "a value is required for '--data-dir <D>'"),
    (&["--set"], 2, "a value is required for '--set <KEY=VALUE>'"),
    (&["--json=yes"], 2, "unexpected value 'yes' for '--json'"),
    (&["--json", "--json"], 2, "cannot be used multiple times"),
    (&["--quiet", "--quiet"], 2, "cannot be used multiple times"),
    #[cfg(feature = "tui")]
    (&["--tui"], 2, "--tui needs a terminal on stdout"),
    (&["--tui", "--json"], 2, "'--tui' cannot be used with '--json'"),
    (&["--tui", "--quiet"], 2, "'--tui' cannot be used with '--quiet'"),
    (&["--quiet", "evaluate", "run"], 2, "'evaluate' cannot be used with '--quiet'"),
    (&["resume"], 2, "required arguments were not provided"),
    (&["resume", "run", "now"], 2, "unexpected argument 'now'"),
    (&["resume", "run", "--seed", "1"], 2, "unexpected argument '--seed'"),
    (&["resume", "run", "--backend", "flex"], 2, "unexpected argument '--backend'"),
    (&["resume", "run", "--run-dir", "x"], 2, "unexpected argument '--run-dir'"),
    #[cfg(feature = "tui")]
    (&["resume", "run", "--tui"], 2, "--tui needs a terminal on stdout"),
    (&["evaluate"], 2, "required arguments were not provided"),
    (&["evaluate", "run", "now"], 2, "unexpected argument 'now'"),
    (&["evaluate", "run", "--backend", "tpu"], 2, "invalid value 'tpu'"),
    (&["evaluate", "run", "--set", "seed=1"], 2, "unexpected argument '--set'"),
    (&["predict"], 2, "required arguments were not provided"),
    (&["predict", "run"], 2, "required arguments were not provided"),
    (&["predict", "run", "a.png", "--test", "1"], 2, "cannot be used with '--test <N>'"),
    (&["predict", "run", "--test"], 2, "a value is required for '--test <N>'"),
    (&["predict", "run", "--test", ""], 2, "'--test <N>'"),
    (&["predict", "run", "--test", "-1"], 2, "invalid value '-1' for '--test <N>'"),
    (&["predict", "run", "--test", "1.0"], 2, "invalid value '1.0' for '--test <N>'"),
    (&["predict", "run", "--test", "all"], 2, "invalid value 'all' for '--test <N>'"),
    (&["predict", "run", "--test", "99999999999999999999"], 2, "number too large"),
    (&["predict", "run", "--test", "1", "--test", "2"], 2, "cannot be used multiple times"),
    (&["predict", "run", "--test", "150"], 2, "there is no test image 150"),
    (&["predict", "run", "--test", "18446744073709551615"], 2, "there is no test image 1844"),
    (&["gallery"], 2, "required arguments were not provided"),
    (&["gallery", "run", "now"], 2, "unexpected argument 'now'"),
    (&["gallery", "run", "--out"], 2, "a value is required for '--out <FILE>'"),
    (&["gallery", "run", "--out", ""], 2, "a value is required for '--out <FILE>'"),
    (&["gallery", "run", "--wrong=3"], 2, "unexpected value '3' for '--wrong'"),
    (&["data", "now"], 2, "unrecognized subcommand 'now'"),
    (&["data", "--from"], 2, "a value is required for '--from <URL>'"),
    (&["data", "--seed", "3"], 2, "unexpected argument '--seed'"),
    (&["config", "shwo"], 2, "unrecognized subcommand 'shwo'"),
    (&["config", "show", "my.toml"], 2, "unexpected argument 'my.toml'"),
    (&["config", "check", "--json"], 2, "unexpected argument '--json'"),
    (&["backends", "wgpu"], 2, "unexpected argument 'wgpu'"),
    (&["completions"], 2, "required arguments were not provided"),
    (&["completions", "cmd"], 2, "invalid value 'cmd' for '<SHELL>'"),
    (&["help", "nosuch"], 2, "unrecognized subcommand 'nosuch'"),
];

/// Paths that are not what they should be. `LONG` stands for a name of 300 letters.
#[rustfmt::skip]
const PATHS: &[Row] = &[
    (&["--config", "nowhere.toml"], 2, "cannot read nowhere.toml: there is no such file"),
    (&["--config", "../nowhere/x.toml"], 2, "there is no such file"),
    (&["--config", "empty"], 2, "cannot read empty: it is a folder"),
    (&["--config", "words.txt/x.toml"], 2, "cannot read words.txt/x.toml: "),
    (&["--config", "loop"], 2, "cannot read loop: "),
    (&["--config", "LONG"], 2, "cannot read aaa"),
    (&["--config", "a\nb.toml"], 2, "cannot read a\\nb.toml: there is no such file"),
    (&["--config", "\u{1b}[31m.toml"], 2, "cannot read \\u{1b}[31m.toml"),
    (&["--config", "words.txt"], 2, "words.txt:1:"),
    (&["--config", "latin.toml"], 2, "latin.toml:1: this is not UTF-8 text"),
    (&["--config", "large.toml"], 2, "large.toml is larger than 1 MiB"),
    (&["--config", "/dev/zero"], 2, "cannot read /dev/zero: it is not a regular file"),
    (&["--config", "run/model.bpk"], 2, "run/model.bpk:1: this is not UTF-8 text"),
    (&["--config", "run/manifest.json"], 2, "run/manifest.json:1:1"),
    (&["config", "show", "--config", "nowhere.toml"], 2, "there is no such file"),
    (&["config", "check", "--config", "nowhere.toml"], 2, "there is no such file"),
    (&["data", "--config", "nowhere.toml"], 2, "there is no such file"),
    (&["--data-dir", "nowhere"], 2, "nowhere: there is no such folder"),
    (&["--data-dir", "empty"], 2, "empty: missing train-images-idx3-ubyte, "),
    (&["--data-dir", "words.txt"], 2, "words.txt: is a file of another kind"),
    (&["--data-dir", "loop"], 2, "loop: there is no such folder"),
    (&["--data-dir", "LONG"], 2, ": there is no such folder"),
    (&["--data-dir", "/dev/null"], 2, "/dev/null: there is no such folder"),
    (&["--data-dir", "tiny", "--set", "data.classes=[\"a\", \"b\"]"], 2, "but there are 2 classes (0 to 1)"),
    (&["--data-dir", "a\nb"], 2, "`data.dir` has a control character"),
    (&["data", "--data-dir", "nowhere"], 2, "nowhere: there is no such folder"),
    (&["data", "--data-dir", "empty", "--json"], 2, "empty: missing"),
    (&["--data-dir", "swapped", "--set", "data.name=tiny"], 2, "(this is an image file)"),
    (&["--data-dir", "crossed", "--set", "data.name=tiny"], 2, "there are 600 images and 150 labels"),
    (&["--data-dir", "hollow", "--set", "data.name=tiny"], 2, "is cut off: the content ends after 0 bytes"),
    (&["--data-dir", "webpage", "--set", "data.name=tiny"], 2, "this is not an IDX file but a web page"),
    (&["--data-dir", "gzipped", "--set", "data.name=tiny"], 2, "cannot be decompressed"),
    (&["--data-dir", "boasting", "--set", "data.name=tiny"], 2, "are missing"),
    (&["data", "--data-dir", "boasting", "--set", "data.name=tiny"], 2, "are missing"),
    (&["--data-dir", "tiny", "--set", "data.name=tiny", "--set", "data.classes=[\"a\", \"b\"]"], 2, "there are 2 classes"),
    (&["evaluate", "run", "--data-dir", "nowhere"], 2, "nowhere: there is no such folder"),
    (&["evaluate", "run", "--data-dir", "empty"], 2, "empty: missing"),
    (&["predict", "run", "--test", "0", "--data-dir", "swapped"], 2, "(this is an image file)"),
    (&["gallery", "run", "--data-dir", "webpage"], 2, "this is not an IDX file but a web page"),
    (&["resume", "run", "--set", "training.epochs=2", "--data-dir", "nowhere"], 2, "nowhere: there is no such folder"),
    (&["resume", "run", "--set", "training.epochs=2", "--data-dir", "crossed"], 2, "there are 600 images and 150 labels"),
    (&["evaluate", "damaged"], 1, "damaged/model.bpk: not a readable Burn pack"),
    (&["evaluate", "modelless"], 1, "cannot read modelless/model.bpk"),
    (&["evaluate", "unmanaged"], 1, "unmanaged/manifest.json is damaged"),
    (&["resume", "unmanaged"], 1, "unmanaged/manifest.json is damaged"),
    (&["evaluate", "endless"], 2, "endless is a folder, but not a run"),
    (&["resume", "endless"], 2, "endless is a folder, but not a run"),
    (&["predict", "run", "missing.png"], 1, "missing.png: cannot be read: "),
    (&["predict", "run", "empty"], 1, "empty: cannot be read: not a regular file"),
    (&["predict", "run", "words.txt"], 1, "words.txt: is not a PNG, JPEG, WebP, GIF, BMP or TIFF picture"),
    (&["predict", "run", "words.txt/x.png"], 1, "words.txt/x.png: cannot be read: "),
    (&["predict", "run", "/dev/zero"], 1, "/dev/zero: cannot be read: not a regular file"),
    (&["predict", "run", "loop"], 1, "loop: cannot be read: "),
    (&["predict", "run", "LONG"], 1, ": cannot be read: "),
    (&["predict", "run", "tiny/train-images-idx3-ubyte"], 1, "is not a PNG, JPEG, WebP, GIF, BMP or TIFF picture"),
    (&["predict", "run", "a\nb.png", "--json"], 1, "a\\nb.png: cannot be read: "),
    (&["gallery", "run", "--out", "nowhere/x.png"], 1, "cannot write nowhere/x.png: "),
    (&["gallery", "run", "--out", "empty"], 1, "cannot write empty: "),
    (&["gallery", "run", "--out", "words.txt/x.png"], 1, "cannot write words.txt/x.png: "),
    (&["gallery", "run", "--out", "LONG"], 1, "cannot write aaa"),
    (&["gallery", "run", "--out", "/proc/x.png"], 1, "cannot write /proc/x.png: "),
];

/// Settings that would lead out of `artifacts/`, or to a run folder that cannot be. Each is a training
/// on `tiny`.
#[rustfmt::skip]
const FOLDERS: &[Row] = &[
    (&["--set", "name=../escaped"], 2, "`name` begins with a `.`"),
    (&["--set", "name=.."], 2, "`name` begins with a `.`"),
    (&["--set", "name=."], 2, "`name` begins with a `.`"),
    (&["--set", "name=a/b"], 2, "`name` has a character a folder name should not have"),
    (&["--set", "name=/escaped"], 2, "`name` has a character a folder name should not have"),
    (&["--set", "name=a\\b"], 2, "`name` has a character a folder name should not have"),
    (&["--set", "name=a b"], 2, "`name` has a character a folder name should not have"),
    (&["--set", "name=\u{e9}"], 2, "`name` has a character a folder name should not have"),
    (&["--set", "name=\"a\\nb\""], 2, "`name` has a control character"),
    (&["--set", "name=\"a\\u0000b\""], 2, "`name` has a control character"),
    (&["--set", "name=\"\\u001b[31m\""], 2, "`name` has a control character"),
    (&["--set", "name=LONG"], 2, "`name` has more than 64 characters"),
    (&["--set", "name=\"\""], 2, "`name` has an empty text"),
    (&["--run-dir", "run"], 2, "run already holds a run"),
    (&["--run-dir", "run/."], 2, "already holds a run"),
    (&["--run-dir", "empty/../run"], 2, "already holds a run"),
    (&["--run-dir", "words.txt"], 2, "cannot create the run folder words.txt"),
    (&["--run-dir", "words.txt/run"], 2, "cannot create the run folder words.txt/run"),
    (&["--run-dir", "loop"], 2, "loop is a link"),
    (&["--run-dir", "LONG"], 2, "cannot create the run folder aaa"),
    (&["--run-dir", "/proc/run"], 2, "cannot create the run folder /proc/run"),
    (&["--run-dir", "/dev/null"], 2, "cannot create the run folder /dev/null"),
    (&["--set", "training.batch_size=601"], 2, "`training.batch_size` is 601"),
    (&["--set", "data.validation=600"], 2, "`data.validation` holds out 600 of 600"),
    (&["--set", "data.validation=4294967295"], 2, "`data.validation` holds out 4294967295"),
    (&["--set", "model.hidden=[65536, 65536]"], 2, "more than 100000000 parameters"),
    (&["--set", "early_stopping.patience=2"], 2, "early stopping watches the validation images"),
];

/// What is no run, for every command that takes one.
const RUNS: &[&str] = &[
    "",
    "last",
    "nosuch",
    "..",
    ".",
    "/",
    "empty",
    "tiny",
    "run/nosuch",
    "words.txt/run",
    "loop",
    "LONG",
    "/dev/null",
    "*",
    "~",
    "a\nb",
    "\u{1b}[2J",
    "run/model.bpk/x",
    "../run",
];

/// Changes that `resume` refuses, and runs it cannot resume.
#[rustfmt::skip]
const RESUME: &[Row] = &[
    (&["resume", "run/model.bpk"], 2, "run/model.bpk is not a run folder"),
    (&["resume", "words.txt"], 2, "words.txt is not a run folder"),
    (&["resume", "run", "--set", "seed=7"], 2, "the experiment differs from the one the run was started with"),
    (&["resume", "run", "--set", "backend=ndarray"], 2, "the experiment differs from the one the run was started with"),
    (&["resume", "run", "--set", "training.epochs=0"], 2, "`training.epochs` is 0"),
    (&["resume", "run", "--set", "optimizer.learning_rate=1"], 2, "the experiment differs from the one"),
    (&["resume", "run", "--set", "nonsense"], 2, "expected `=` and a value after the key"),
    (&["resume", "run", "--set", "sede=7"], 2, "unknown key `sede`"),
];

/// Returns a folder with a finished run and much that is none.
fn workplace() -> Desk {
    let desk = Desk::new();
    tiny(&desk);
    desk.ok(&on_tiny("run", &["training.epochs=1", "model.hidden=[4]"]));
    desk.write("empty/notes.txt", "nothing");
    desk.write("words.txt", "no picture, no config, no record\n");
    desk.write("latin.toml", b"name = 'caf\xe9'\n");
    desk.write("large.toml", vec![b'#'; (1 << 20) + 1]);
    symlink("loop", desk.path("loop")).unwrap();
    for copied in ["damaged", "modelless", "unmanaged", "endless"] {
        copy(&desk.path("run"), &desk.path(copied));
    }
    desk.write("damaged/model.bpk", "no record");
    desk.write("unmanaged/manifest.json", "{\"status\": 3}");
    fs::remove_file(desk.path("modelless/model.bpk")).unwrap();
    fs::remove_file(desk.path("endless/manifest.json")).unwrap();
    symlink("/dev/zero", desk.path("endless/manifest.json")).unwrap();
    let tiny = FILES.map(|file| fs::read(desk.path("tiny").join(file.name)).unwrap());
    let boast = [&tiny[0][..4], &[0xff; 4], &tiny[0][8..]].concat();
    let folders: [(&str, [&[u8]; 4]); 6] = [
        ("swapped", [&tiny[1], &tiny[0], &tiny[3], &tiny[2]]),
        ("crossed", [&tiny[0], &tiny[3], &tiny[2], &tiny[1]]),
        ("hollow", [b""; 4]),
        ("webpage", [b"<!DOCTYPE html>"; 4]),
        ("gzipped", [b"\x1f\x8b\x08 and then nothing"; 4]),
        ("boasting", [&boast, &tiny[1], &tiny[2], &tiny[3]]),
    ];
    for (folder, files) in folders {
        for (file, bytes) in FILES.iter().zip(files) {
            desk.write(&format!("{folder}/{}", file.name), bytes);
        }
    }
    desk
}

/// Returns every path below `folder` with its size; locks come and go.
fn tree(folder: &Path) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let (path, meta) = (entry.path(), entry.metadata().unwrap());
        if meta.is_dir() {
            found.extend(tree(&path));
        }
        let size = if meta.is_file() && !path.ends_with("lock") {
            meta.len()
        } else {
            0
        };
        found.insert(path, size);
    }
    found
}

/// Returns what is wrong with what the program said about a mistake.
fn faults(said: &Said, code: i32, cause: &str) -> Vec<&'static str> {
    let is_error = |line: &&str| line.starts_with("error: ");
    let errors: Vec<&str> = said.stderr.lines().filter(is_error).collect();
    let is_hint = |line: &&str| {
        line.strip_prefix("hint: ")
            .is_some_and(|hint| hint.len() > 5)
    };
    let hints = said.stderr.lines().filter(is_hint).count();
    let is_claps = code == 2 && said.stderr.trim_end().ends_with(CLAP);
    let is_control = |c: char| c.is_control() && c != '\n';
    // With `--json`, the error is on stdout as well.
    let is_event = |line: &str| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        event["event"] == "error" && event["code"] == code
    };
    let checks = [
        (said.code == code, "another exit code"),
        (said.stdout.lines().all(is_event), "something on stdout"),
        (errors.len() == 1, "not one line of error"),
        (
            errors
                .iter()
                .all(|error| error.contains(cause) && error.len() > 15),
            "no cause",
        ),
        (hints == 1 || is_claps && hints == 0, "no way out"),
        (!said.stderr.contains(is_control), "control characters"),
    ];
    let failed = checks.into_iter().filter(|(holds, _)| !holds);
    failed.map(|(_, fault)| fault).collect()
}

/// Runs all rows, on every core, and looks at what each said and that nothing was left behind.
fn check_all(desk: &Desk, rows: &[(Vec<OsString>, i32, &str)]) {
    let before = tree(&desk.path(""));
    let workers = thread::available_parallelism().map_or(2, usize::from);
    let work = |worker: usize| {
        let mut found = String::new();
        for (args, code, cause) in rows.iter().skip(worker).step_by(workers) {
            let said = desk.run(args);
            let faults = faults(&said, *code, cause);
            if !faults.is_empty() {
                found += &format!("{args:?}: {faults:?}, {cause:?}: {said:#?}\n");
            }
        }
        found
    };
    let found: String = thread::scope(|scope| {
        let work = &work;
        let workers: Vec<_> = (0..workers).map(|w| scope.spawn(move || work(w))).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .collect()
    });
    assert!(found.is_empty(), "{found}");
    assert_eq!(tree(&desk.path("")), before, "something was written");
    println!("{} wrong invocations", rows.len());
}

fn words(args: &[&str]) -> Vec<OsString> {
    let long = "a".repeat(300);
    args.iter()
        .map(|arg| arg.replace("LONG", &long).into())
        .collect()
}

#[test]
fn arguments_and_paths() {
    let desk = workplace();
    let mut rows: Vec<(Vec<OsString>, i32, &str)> = Vec::new();
    for (args, code, cause) in [USAGE, PATHS, RESUME].concat() {
        rows.push((words(args), code, cause));
    }
    for (args, code, cause) in FOLDERS {
        let on_tiny = [
            "--data-dir",
            "tiny",
            "--set",
            "data.name=tiny",
            "--set",
            "training.epochs=1",
        ];
        rows.push((words(&[&on_tiny[..], args].concat()), *code, cause));
    }
    for run in RUNS {
        for command in ["evaluate", "predict", "gallery", "resume"] {
            let rest: &[&str] = if command == "predict" {
                &["--test", "0"]
            } else {
                &[]
            };
            rows.push((words(&[&[command, *run], rest].concat()), 2, ""));
        }
    }
    for (before, code, cause) in [
        (&["--config"][..], 2, "cannot read caf"),
        (&["--data-dir"], 2, " is not UTF-8"),
        (&["--seed"], 2, "invalid UTF-8"),
        (&["--set"], 2, "invalid UTF-8"),
        (&["evaluate"], 2, "invalid UTF-8"),
        (&["resume"], 2, "invalid UTF-8"),
        (&["predict", "run"], 1, ": cannot be read: "),
        (
            &["gallery", "run", "--out", "/proc/x.png", "--data-dir"],
            2,
            "there is no such folder",
        ),
    ] {
        let not_utf8 = OsString::from_vec(b"caf\xe9".to_vec());
        rows.push(([words(before), vec![not_utf8]].concat(), code, cause));
    }
    check_all(&desk, &rows);
    assert!(!desk.path("../escaped").exists() && !Path::new("/escaped").exists());
}

/// The table of wrong configs, in files: said by the program as the library says it.
#[test]
fn configs() {
    let desk = Desk::new();
    let mut rows = Vec::new();
    let causes: Vec<String> = BAD
        .iter()
        .map(|Bad(text, overrides, ..)| {
            load_text(text, overrides)
                .unwrap_err()
                .message()
                .to_string()
        })
        .collect();
    for (i, (Bad(text, overrides, ..), cause)) in BAD.iter().zip(&causes).enumerate() {
        let file = format!("{i}.toml");
        desk.write(&file, text);
        // By turns: the three commands that read an experiment, and the one that needs no name.
        let command: &[&str] = [&["config", "check"][..], &["train"], &["data"], &[]][i % 4];
        let mut args = words(&[command, &["--config", &file]].concat());
        for set in *overrides {
            args.extend(words(&["--set", set]));
        }
        rows.push((args, 2, cause.as_str()));
    }
    assert!(rows.len() >= 150, "{} rows", rows.len());
    check_all(&desk, &rows);
}

/// `config` alone lists what there is, on stderr.
#[test]
fn a_command_of_commands() {
    let said = Desk::new().run(&["config"]);
    assert_eq!((said.code, said.stdout.as_str()), (2, ""));
    assert!(
        said.stderr.contains("show") && said.stderr.contains("check"),
        "{}",
        said.stderr
    );
}

/// stdin is not read, and a stdout that is closed takes everything, as /dev/null does.
#[test]
fn closed_streams() {
    let desk = Desk::new();
    for streams in ["<&-", ">&-", "<&- >&- 2>&-"] {
        for args in [
            "config show",
            "config check",
            "backends",
            "completions bash",
            "data",
        ] {
            let mut command = Command::new("sh");
            command.args(["-c", &format!("exec \"$0\" {args} {streams}"), TRAINER]);
            desk.quieten(&mut command);
            let said = Said::of(&mut command);
            assert_eq!(said.code, 0, "{args} {streams}: {}", said.stderr);
        }
    }
}

/// A full disk behind stdout, for every command that prints.
#[cfg(target_os = "linux")]
#[test]
fn no_room_for_results() {
    let desk = workplace();
    let rows: [&[&str]; 8] = [
        &["config", "show"],
        &[
            "data",
            "--data-dir",
            "tiny",
            "--set",
            "data.name=tiny",
            "--json",
        ],
        &["evaluate", "run"],
        &["evaluate", "run", "--json"],
        &["predict", "run", "--test", "0"],
        &["gallery", "run"],
        &["backends"],
        &["completions", "zsh"],
    ];
    for row in rows {
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let mut command = desk.command(row);
        let child = command.stdout(full).stderr(Stdio::piped()).spawn().unwrap();
        let said = Said::of_child(child, None);
        let faults = faults(&said, 1, "cannot write to stdout: ");
        assert!(faults.is_empty(), "{row:?}: {faults:?}: {said:#?}");
    }
}
