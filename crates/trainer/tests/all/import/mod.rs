//! `export` and `import` as a person uses them.

mod harmful;
pub mod interop;

use std::fs;

use serde_json::Value;

use crate::fixtures::{on_tiny, quick, tiny};
use crate::import::interop::fixture;
use crate::program::{Desk, arg, read_json};
use crate::transcript::Transcript;

#[test]
fn an_imported_run_is_a_run_like_any_other() {
    let desk = Desk::new();
    let source = &quick().folder;
    let said = desk.ok(&[
        "export",
        arg(source),
        "onnx",
        "--out",
        "model.onnx",
        "--json",
    ]);
    let [exported] = &said.json()[..] else {
        panic!("{said:?}")
    };
    assert_eq!(
        (&exported["images"], &exported["same_labels"]),
        (&1000.into(), &1000.into())
    );
    assert_eq!(exported["largest_difference"], 0.0);
    let said = desk.ok(&["import", "model.onnx", "--as", "mine", "--json"]);
    assert_eq!(said.stderr, "", "nothing is said with --json");
    let imported = &said.json()[0];
    let run = desk.path(imported["run"].as_str().unwrap());
    assert!(run.starts_with(desk.path("artifacts/mine")));

    let (manifest, before) = (
        read_json(&run.join("manifest.json")),
        read_json(&source.join("manifest.json")),
    );
    assert_eq!(manifest["status"], "finished");
    assert_eq!(manifest["test"], before["test"]);
    assert_eq!(manifest["images"], before["images"]);
    assert_eq!(manifest["imported"]["file"], "model.onnx");
    assert_eq!(manifest["imported"]["kind"], "onnx");
    let bytes = fs::read(desk.path("model.onnx")).unwrap();
    assert_eq!(
        manifest["imported"]["sha256"],
        trainer::run::folder::sha256(&bytes)
    );
    for file in ["predictions.csv", "gallery.png"] {
        let (ours, theirs) = (
            fs::read(run.join(file)).unwrap(),
            fs::read(source.join(file)).unwrap(),
        );
        assert!(ours == theirs, "{file} differs");
    }
    for command in [
        &["evaluate", "last"][..],
        &["predict", "last", "--test", "12"],
        &["evaluate", "mine"],
    ] {
        let there = [&command[..1], &[arg(source)], &command[2..]].concat();
        assert_eq!(
            desk.ok(command).stdout,
            desk.ok(&there).stdout,
            "{command:?}"
        );
    }
    desk.ok(&["gallery", "last", "--wrong"]);
    desk.ok(&["config", "show", "--config", arg(&run.join("config.toml"))]);
    let said = desk.run(&["resume", "last"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(
        said.stderr.contains("imported from model.onnx"),
        "{}",
        said.stderr
    );
}

#[test]
fn int8_is_a_quarter_of_the_size_and_costs_little() {
    let desk = Desk::new();
    let record = fs::metadata(quick().folder.join("model.bpk"))
        .unwrap()
        .len();
    let export = |format: &str| -> Value {
        let args = [
            "export",
            arg(&quick().folder),
            format,
            "--out",
            "out",
            "--json",
        ];
        desk.ok(&args).json().remove(0)
    };
    for (format, share) in [("f16", 0.51), ("int8", 0.27)] {
        let found = export(format);
        let accuracy = |of: &str| found[format!("accuracy_of_{of}")].as_f64().unwrap();
        assert_eq!(found["images"], 10_000);
        assert!(accuracy("run") - accuracy("file") <= 0.002, "{found}");
        assert!(
            found["bytes"].as_f64().unwrap() < share * record as f64,
            "{found}"
        );
    }
}

/// Another data set, other sizes, other classes: what the file says is enough, with its images.
#[test]
fn a_network_for_other_images() {
    let desk = Desk::new();
    tiny(&desk);
    desk.ok(&on_tiny(
        "run",
        &[
            "training.epochs=3",
            "model.hidden=[8, 8]",
            "model.activation=\"tanh\"",
        ],
    ));
    for (format, out) in [("npz", "out.npz"), ("safetensors", "out.safetensors")] {
        for layout in ["in-out", "out-in"] {
            desk.ok(&["export", "run", format, "--out", out, "--layout", layout]);
            let to = format!("{format}-{layout}");
            desk.ok(&[
                "import",
                out,
                "--as",
                "tiny",
                "--run-dir",
                &to,
                "--data-dir",
                "tiny",
            ]);
            let csv = |run: &str| desk.text(&format!("{run}/predictions.csv"));
            assert_eq!(csv(&to), csv("run"), "{to}");
            assert_eq!(
                desk.ok(&["evaluate", &to]).stdout,
                desk.ok(&["evaluate", "run"]).stdout
            );
        }
    }
    // Without the images it is a run all the same, which can be measured later.
    let said = desk.ok(&["import", "out.npz", "--as", "later"]);
    assert!(said.stderr.contains("not evaluated: "), "{}", said.stderr);
    assert_eq!(desk.run(&["evaluate", "last"]).code, 2);
    let later = desk.ok(&["evaluate", "last", "--data-dir", "tiny"]).stdout;
    assert_eq!(later, desk.ok(&["evaluate", "run"]).stdout);
}

#[test]
fn what_is_said_of_exports_and_imports() {
    let mut t = Transcript::new();
    tiny(&t.desk);
    t.desk.ok(&on_tiny("run", &["training.epochs=2"]));
    t.run(&["export", "run", "onnx", "--out", "model.onnx"]);
    t.run(&[
        "export",
        "run",
        "safetensors",
        "--out",
        "model.safetensors",
        "--quiet",
    ]);
    t.run(&[
        "import",
        "model.onnx",
        "--as",
        "tiny",
        "--run-dir",
        "there",
        "--data-dir",
        "tiny",
    ]);
    t.desk.write("torch.pt", fixture("torch.pt"));
    t.run(&["import", "torch.pt", "--as", "torch", "--run-dir", "torch"]);
    t.run(&[
        "import",
        "torch.pt",
        "--as",
        "torch",
        "--run-dir",
        "names",
        "--classes",
        "a,b,c,d,e,f,g,h,i,j",
        "--activation",
        "tanh",
        "--input",
        "14x56",
    ]);
    t.check("exports-and-imports");
}

#[test]
fn errors_of_exports_and_imports() {
    let mut t = Transcript::new();
    let run = arg(&quick().folder);
    t.error(2, &["export", run]);
    t.error(2, &["export", run, "tflite", "--out", "a"]);
    t.error(2, &["export", run, "keras", "--out", "model.h5"]);
    t.error(2, &["export", run, "onnx"]);
    t.error(
        2,
        &["export", run, "onnx", "--layout", "out-in", "--out", "a"],
    );
    t.error(2, &["export", "nosuch", "onnx", "--out", "a"]);
    t.error(2, &["export", run, "onnx", "--out", "nowhere/a.onnx"]);
    t.error(2, &["import", "model.onnx"]);
    t.error(1, &["import", "missing.onnx", "--as", "x"]);
    let h5 = b"\x89HDF\r\n\x1a\nrest";
    let files: [(&str, &[u8]); 6] = [
        ("empty", b""),
        ("words", b"no network at all"),
        ("model.h5", h5),
        ("model.npy", b"\x93NUMPY\x01\x00"),
        ("old.pt", b"\x80\x02\x8a\x0al\xfc\x9cF\xf9"),
        (
            "model.bpk",
            &fs::read(quick().folder.join("model.bpk")).unwrap(),
        ),
    ];
    for (name, bytes) in files {
        t.desk.write(name, bytes);
        t.error(1, &["import", name, "--as", "x"]);
    }
    t.desk.write("torch.pt", fixture("torch.pt"));
    let wrong: [(i32, &[&str]); 9] = [
        (2, &["--as", "a/b"]),
        (2, &["--as", "x", "--activation", "swish"]),
        (2, &["--as", "x", "--layout", "rows"]),
        (2, &["--as", "x", "--input", "784"]),
        (1, &["--as", "x", "--input", "10x10"]),
        (1, &["--as", "x", "--classes", "a,b"]),
        (1, &["--as", "x", "--classes", "a,b,c,d,e,f,g,h,i,a"]),
        (1, &["--as", "x", "--layout", "in-out"]),
        (2, &["--as", "x", "--run-dir", "taken"]),
    ];
    t.desk.write("taken/model.bpk", "a run");
    for (code, rest) in wrong {
        t.error(code, &[&["import", "torch.pt"], rest].concat());
    }
    t.error(
        2,
        &["import", "torch.pt", "--as", "x", "--data-dir", "nowhere"],
    );
    assert!(
        !t.desk.path("artifacts").exists(),
        "nothing is left of an import that fails"
    );
    t.check("errors-of-exports-and-imports");
}

#[test]
fn a_calibration_goes_along() {
    let desk = Desk::new();
    tiny(&desk);
    let sets = ["training.epochs=2", "data.validation=100"];
    desk.ok(&[&on_tiny("artifacts/tiny/a", &sets)[..], &["--quiet"]].concat());
    let answer = |run: &str| {
        let mut answer = desk
            .ok(&["predict", run, "--test", "3", "--json"])
            .json()
            .remove(0);
        assert_eq!(answer["calibrated"], true, "{run}");
        assert_ne!(answer["probabilities"], answer["raw_probabilities"]);
        answer["probabilities"].take()
    };
    for format in ["safetensors", "onnx", "npz"] {
        desk.ok(&["export", "tiny/a", format, "--out", "file"]);
        desk.ok(&[
            "import",
            "file",
            "--as",
            format,
            "--data-dir",
            "tiny",
            "--quiet",
        ]);
        assert_eq!(answer(&format!("{format}/")), answer("tiny/a"), "{format}");
    }
    // One that nothing comes to is refused.
    let file = fs::read(desk.path("file")).unwrap(); // an archive of NumPy, which has it as text
    let key = b"\"temperature\":";
    let at = file
        .windows(key.len())
        .position(|part| part == key)
        .unwrap()
        + key.len();
    let mut changed = file.clone();
    changed[at..at + 3].copy_from_slice(b"999");
    desk.write("changed", changed);
    let said = desk.run(&["import", "changed", "--as", "changed", "--data-dir", "tiny"]);
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (1, ""),
        "{}",
        said.stderr
    );
}
