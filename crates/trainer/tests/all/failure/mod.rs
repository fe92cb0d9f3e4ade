//! Every kind of error, as a person sees it, with its exit code.

mod wrong;

use std::fs;

use image::{GrayImage, ImageFormat, Rgba, RgbaImage};

use crate::fixtures::{ON_TINY, TINY, copy_of_quick, noise_of, on_tiny, package, quick, tiny};
use crate::program::{Desk, arg};
use crate::transcript::Transcript;

#[cfg(feature = "tui")]
#[test]
fn errors_of_usage() {
    let mut t = Transcript::new();
    t.error(2, &["--epochs", "3"]);
    t.error(2, &["trian"]);
    t.error(2, &["--backend", "cuda"]);
    t.error(2, &["--seed", "-1"]);
    t.error(2, &["--set"]);
    t.error(2, &["evaluate"]);
    t.error(2, &["predict", "last"]);
    t.error(2, &["predict", "last", "a.png", "--test", "1"]);
    t.error(2, &["--quiet", "evaluate", "last"]);
    t.error(2, &["--tui", "--json"]);
    t.error(2, &["--tui"]);
    t.error(2, &["--config", "nowhere.toml"]);
    t.error(2, &["--set", "training.epoch=3"]);
    t.error(2, &["completions", "cmd"]);
    t.check("errors-of-usage");
}

#[test]
fn errors_of_naming_a_run() {
    let mut t = Transcript::new();
    for run in ["last", "nosuch", ""] {
        t.error(2, &["evaluate", run]);
    }
    for name in [
        "20260101-120000-aaaa",
        "20260101-130000-bbbb",
        "20260102-120000-cccc",
    ] {
        copy_of_quick(&t.desk.path("artifacts/fashion-mnist").join(name));
    }
    t.desk.write("empty/notes.txt", "no run");
    t.desk.write("words.txt", "no record");
    for run in [
        "nosuch",
        "",
        "20260101",
        "fashion-mnist/2026",
        "empty",
        "words.txt",
    ] {
        t.error(if run == "words.txt" { 1 } else { 2 }, &["evaluate", run]);
    }
    for command in ["predict", "gallery"] {
        let rest: &[&str] = if command == "predict" {
            &["--test", "0"]
        } else {
            &[]
        };
        t.error(2, &[&[command, "nosuch"], rest].concat());
    }
    t.check("errors-of-naming-a-run");
}

#[test]
fn errors_of_unfinished_and_damaged_runs() {
    let mut t = Transcript::new();
    let spoil = |desk: &Desk, run: &str, file: &str, bytes: &[u8]| {
        copy_of_quick(&desk.path(run));
        desk.write(&format!("{run}/{file}"), bytes);
    };
    let manifest = fs::read_to_string(quick().folder.join("manifest.json")).unwrap();
    let model = fs::read(quick().folder.join("model.bpk")).unwrap();
    for status in ["running", "failed", "interrupted"] {
        let changed = manifest.replace("\"finished\"", &format!("{status:?}"));
        let run = format!("{status}-run");
        spoil(&t.desk, &run, "manifest.json", changed.as_bytes());
        t.error(2, &["evaluate", &run]); // with a model: killed while it was being evaluated
        fs::remove_file(t.desk.path(&run).join("model.bpk")).unwrap();
        t.error(2, &["evaluate", &run]);
    }
    spoil(&t.desk, "bad-manifest", "manifest.json", b"{}");
    t.error(1, &["evaluate", "bad-manifest"]);
    copy_of_quick(&t.desk.path("no-model"));
    fs::remove_file(t.desk.path("no-model/model.bpk")).unwrap();
    t.error(1, &["evaluate", "no-model"]);

    let mut png = Vec::new();
    let picture = GrayImage::new(28, 28);
    picture
        .write_to(&mut std::io::Cursor::new(&mut png), ImageFormat::Png)
        .unwrap();
    let random: Vec<u8> = std::iter::repeat_with(noise_of(1)).take(4096).collect();
    let newer = replace(&model, b"\"format\":3", b"\"format\":9");
    let more = replace(&model, b"\"Sneaker\"", b"\"Sn\",\"er\"");
    let wider = replace(&model, b"\"hidden\":[128]", b"\"hidden\":[129]");
    let damages: [(&str, &[u8]); 8] = [
        ("truncated", &model[..model.len() - 1000]),
        ("header-only", &model[..16]),
        ("empty", b""),
        ("random", &random),
        ("png", &png),
        ("newer", &newer),
        ("eleven-names", &more),
        ("wider-network", &wider),
    ];
    for (run, bytes) in damages {
        spoil(&t.desk, run, "model.bpk", bytes);
        t.error(1, &["evaluate", run]);
        for rest in [&["predict", run, "--test", "0"][..], &["gallery", run]] {
            let said = t.desk.run(rest);
            assert_eq!((said.code, said.stdout.as_str()), (1, ""), "{rest:?}");
        }
    }
    t.check("errors-of-unfinished-and-damaged-runs");
}

/// Returns `bytes` with the one place where they are `old` changed.
fn replace(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let at = bytes
        .windows(old.len())
        .position(|window| window == old)
        .unwrap();
    [&bytes[..at], new, &bytes[at + old.len()..]].concat()
}

#[test]
fn errors_of_the_run_folder() {
    let mut t = Transcript::new();
    tiny(&t.desk);
    let once = ["training.epochs=1"];
    t.desk.ok(&on_tiny("run", &once));
    let before = fs::read(t.desk.path("run/manifest.json")).unwrap();
    t.error(2, &on_tiny("run", &once));
    assert!(
        fs::read(t.desk.path("run/manifest.json")).unwrap() == before,
        "the run was touched"
    );
    t.desk.write("file", "in the way");
    t.error(2, &on_tiny("file", &once));
    t.error(2, &on_tiny("file/run", &once));
    // A run that has just claimed the folder, and has no manifest yet.
    t.desk.write("claimed/metrics.jsonl", "");
    t.error(2, &on_tiny("claimed", &once));
    t.desk.write("artifacts", "in the way");
    t.error(2, &[&ON_TINY[..], &["--set", "training.epochs=1"]].concat());
    assert_eq!(t.desk.text("artifacts"), "in the way");
    t.check("errors-of-the-run-folder");
}

#[test]
fn errors_of_the_data_folder() {
    let mut t = Transcript::new();
    tiny(&t.desk);
    t.desk.write("empty/notes.txt", "nothing");
    t.desk.write(
        "partly/train-images-idx3-ubyte",
        data::idx::write_labels(&[0, 1]),
    );
    for dir in ["nowhere", "empty", "partly"] {
        t.error(2, &["--data-dir", dir]);
    }
    // Other files under the names of Fashion-MNIST's: of another size, and of the same, which may be damaged.
    t.run(&["data", "--data-dir", "tiny"]);
    fs::create_dir(t.desk.path("mnist")).unwrap();
    let labels = "train-labels-idx1-ubyte";
    for file in fs::read_dir(package()).unwrap().map(Result::unwrap) {
        let name = file.file_name().into_string().unwrap();
        if !name.starts_with(labels) {
            fs::copy(file.path(), t.desk.path("mnist").join(name)).unwrap();
        }
    }
    let mut damaged = [5; 60_000];
    damaged[..10].copy_from_slice(&[9, 0, 0, 3, 0, 2, 7, 2, 5, 5]);
    t.desk.write(
        &format!("mnist/{labels}"),
        data::idx::write_labels(&damaged),
    );
    t.error(2, &["--data-dir", "mnist"]);
    let said = t.run(&["data", "--data-dir", "mnist"]);
    assert_eq!((said.code, said.stdout.as_str()), (2, ""));
    t.error(2, &["--set", "data.name=mnist"]);
    fs::create_dir(t.desk.path("damaged")).unwrap();
    for file in fs::read_dir(t.desk.path("tiny")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), t.desk.path("damaged").join(file.file_name())).unwrap();
    }
    let labels = "damaged/train-labels-idx1-ubyte";
    let damaged = ["--data-dir", "damaged", "--set", "data.name=tiny"];
    t.desk
        .write(labels, &data::idx::write_labels(&[0; 600])[..300]);
    t.error(2, &damaged);
    t.desk.write(labels, data::idx::write_labels(&[0; 599]));
    t.error(2, &damaged);
    t.desk.write(labels, b"<!DOCTYPE html>");
    t.error(2, &damaged);
    let named = [&damaged[..], &["--set", "data.classes=[\"a\", \"b\"]"]].concat();
    t.desk.write(
        labels,
        fs::read(t.desk.path("tiny/train-labels-idx1-ubyte")).unwrap(),
    );
    t.error(2, &named);

    // Images of another size than the network takes.
    t.run(&["evaluate", arg(&quick().folder), "--data-dir", "tiny"]);
    t.desk.ok(&on_tiny("run", &["training.epochs=1"]));
    fs::remove_dir_all(t.desk.path("tiny")).unwrap();
    t.error(2, &["evaluate", "run"]);
    t.check("errors-of-the-data-folder");
}

#[test]
fn errors_of_an_experiment_that_does_not_fit_its_data() {
    let mut t = Transcript::new();
    tiny(&t.desk);
    let sets: [&[&str]; 5] = [
        &["training.batch_size=601"],
        &["data.validation=600"],
        &["data.validation=590"],
        &["model.hidden=[65536, 65536]"],
        &["early_stopping.patience=2"],
    ];
    for set in sets {
        t.error(2, &on_tiny("run", set));
        assert!(!t.desk.path("run").exists(), "{set:?} left a folder behind");
    }
    t.check("errors-of-fit");
}

#[test]
fn errors_of_pictures_do_not_keep_the_others_from_being_predicted() {
    let mut t = Transcript::new();
    tiny(&t.desk);
    t.desk.ok(&on_tiny("run", &["training.epochs=1"]));
    let [height, width, _] = TINY.map(|n| n as u32);
    let picture = RgbaImage::from_fn(width, height, |_, y| {
        Rgba([255, 255, 255, 255 * u8::from(y / 2 == 1)])
    });
    picture.save(t.desk.path("good.png")).unwrap();
    let png = fs::read(t.desk.path("good.png")).unwrap();
    t.desk.write("words.png", "no picture");
    t.desk.write("cut.png", &png[..png.len() / 2]);
    t.desk.write("nothing.png", "");
    let white = RgbaImage::from_pixel(width, height, Rgba([255; 4]));
    white.save(t.desk.path("white.png")).unwrap();
    t.desk
        .write("animated.gif", b"GIF89a\x01\x00\x01\x00\x00\x00\x00");
    fs::create_dir(t.desk.path("folder.png")).unwrap();
    let files = [
        "missing.png",
        "good.png",
        "words.png",
        "cut.png",
        "nothing.png",
        "white.png",
        "animated.gif",
        "folder.png",
        "good.png",
    ];
    let said = t.run(&[&["predict", "run"], &files[..]].concat());
    assert_eq!(said.code, 1);
    assert_eq!(
        said.stdout.matches("good.png: ").count(),
        2,
        "{}",
        said.stdout
    );
    let said = t
        .desk
        .run(&[&["predict", "run", "--json"], &files[..]].concat());
    assert_eq!((said.code, said.json().len()), (1, 2));

    t.error(2, &["predict", "run", "--test", "150"]);
    t.error(2, &["predict", "run", "--test", "-1"]);
    t.error(2, &["predict", "run", "--test", "99999999999999999999"]);
    t.check("errors-of-pictures");
}

/// A record may come from anybody. Its names are shown, and must not steer the terminal.
#[test]
fn control_characters_in_a_foreign_record_are_not_printed() {
    let desk = Desk::new();
    copy_of_quick(&desk.path("run"));
    let model = fs::read(quick().folder.join("model.bpk")).unwrap();
    let foreign = replace(&model, b"\"Sneaker\"", b"\"\\u001b[\"");
    desk.write("run/model.bpk", foreign);
    // `run` looks for escape characters in all that is said.
    let said = desk.run(&["predict", "run", "--test", "0"]);
    assert_eq!(
        said.stdout.contains("Ankle boot"),
        said.code == 0,
        "{said:?}"
    );
}
