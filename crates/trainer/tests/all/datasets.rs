//! Data as people have it: what is trained on it, and what is said of it.

use std::fs;

use data::{Images, fashion_mnist::FILES, idx};
use image::GrayImage;
use model::Record;

use crate::fixtures::fashion_mnist;
use crate::program::{Desk, Said, arg, read_json};

/// Images of the two sets that are written as IDX files and as pictures.
const COUNTS: [usize; 2] = [600, 200];

/// Writes the first images of Fashion-MNIST as IDX files into `idx`, and as pictures into `pictures`, a class a
/// folder, numbered in their order.
fn both_forms(desk: &Desk) {
    let set = fashion_mnist();
    for ((images, count), (files, part)) in [&set.train, &set.test]
        .into_iter()
        .zip(COUNTS)
        .zip(FILES.chunks(2).zip(["train", "test"]))
    {
        let pixels = (0..count).flat_map(|i| images.image(i).to_vec()).collect();
        let labels: Vec<u8> = (0..count).map(|i| images.label(i)).collect();
        let bytes = idx::write_images(&Images {
            count,
            height: 28,
            width: 28,
            pixels,
        });
        desk.write(&format!("idx/{}", files[0].name), bytes);
        desk.write(
            &format!("idx/{}", files[1].name),
            idx::write_labels(&labels),
        );
        for (i, label) in labels.iter().enumerate() {
            let folder = desk.path(&format!("pictures/{part}/{label}"));
            fs::create_dir_all(&folder).unwrap();
            let picture = GrayImage::from_raw(28, 28, images.image(i).to_vec()).unwrap();
            picture.save(folder.join(format!("{i}.png"))).unwrap();
        }
    }
}

fn weights(desk: &Desk, run: &str) -> Vec<model::Tensor> {
    let bytes = fs::read(desk.path(run).join("model.bpk")).unwrap();
    Record::from_bytes(&bytes).unwrap().weights
}

#[test]
fn a_folder_of_pictures_trains_to_the_weights_of_the_same_idx_files() {
    let desk = Desk::new();
    both_forms(&desk);
    let sets = ["--set", "training.epochs=2", "--quiet", "--data-dir"];
    for (run, dir, more) in [
        ("from-idx", "idx", &["--set", "data.name=idx"][..]),
        ("from-pictures", "pictures", &[]),
    ] {
        desk.ok(&[&sets[..], &[dir, "--run-dir", run], more].concat());
    }
    assert!(weights(&desk, "from-idx") == weights(&desk, "from-pictures"));
    let manifest = read_json(&desk.path("from-pictures/manifest.json"));
    assert_eq!(manifest["dataset"], "pictures");
    assert_eq!(manifest["images"], serde_json::json!([600, 0, 200]));
    // Every command finds the pictures again by itself.
    for args in [
        &["evaluate", "from-pictures"][..],
        &["gallery", "from-pictures"],
        &["report", "from-pictures"],
        &["resume", "from-pictures", "--set", "training.epochs=3"],
    ] {
        desk.ok(args);
    }
}

/// Returns the pictures that lie in the repository: three shapes, 24 each.
fn shapes() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shapes")
}

#[test]
fn a_folder_is_all_that_a_person_names() {
    let desk = Desk::new();
    let said = desk.ok(&["--data-dir", arg(&shapes()), "--set", "training.epochs=30"]);
    assert!(said.stderr.contains("data    shapes: "), "{}", said.stderr);
    let run = fs::read_dir(desk.path("artifacts/shapes"))
        .unwrap()
        .flatten()
        .next()
        .unwrap();
    let manifest = read_json(&run.path().join("manifest.json"));
    assert_eq!(manifest["experiment"], "shapes");
    // A fifth of each class is for the test, and the same fifth for every seed and command.
    let evaluated = desk.ok(&["evaluate", "last", "--json"]).json();
    assert_eq!(evaluated[0]["accuracy"], manifest["test"]["accuracy"]);
    assert!(
        evaluated[0]["accuracy"].as_f64().unwrap() > 0.8,
        "{evaluated:?}"
    );
    let answer =
        |name: &str| -> Said { desk.ok(&["predict", "last", arg(&shapes().join(name)), "--json"]) };
    for (name, label) in [
        ("ring/ring-03.png", "ring"),
        ("bar/bar-04.png", "bar"),
        ("cross/cross-05.png", "cross"),
    ] {
        assert_eq!(answer(name).json()[0]["label"], label);
    }
}

#[test]
fn data_says_what_was_understood_and_left_out() {
    let desk = Desk::new();
    for (kind, count) in [("ring", 12), ("bar", 1)] {
        for i in 0..count {
            let name = format!("{kind}/{kind}-{i:02}.png");
            desk.write(
                &format!("mine/{name}"),
                fs::read(shapes().join(&name)).unwrap(),
            );
        }
    }
    desk.write("mine/bar/notes.txt", "not a picture");
    desk.write("mine/bar/broken.png", "\u{89}PNG\r\n\u{1a}\n no more");
    let said = desk.ok(&["data", "--data-dir", "mine", "--verbose"]);
    assert!(said.stdout.contains("mine: pictures"), "{}", said.stdout);
    assert!(said.stdout.contains("40x40, grey"), "{}", said.stdout);
    assert!(said.stdout.contains("broken.png"), "{}", said.stdout);
    assert!(said.stderr.contains("warning: "), "{}", said.stderr);
    let json = desk
        .ok(&["data", "--data-dir", "mine", "--json"])
        .json()
        .remove(0);
    assert_eq!(json["classes"], serde_json::json!(["bar", "ring"]));
    assert!(!json["warnings"].as_array().unwrap().is_empty(), "{json}");
    let strict = desk.run(&["--data-dir", "mine", "--set", "data.strict=true"]);
    assert_eq!(strict.code, 2);
    assert!(strict.stderr.contains("broken.png"), "{}", strict.stderr);
}

/// Returns a folder or file of the reported cases.
fn case(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases")
        .join(name);
    arg(&path).to_string()
}

/// Photographs of digits for a network whose digits are placed as MNIST's, and upright letters for one that was
/// trained on EMNIST's files, whose images are transposed.
#[test]
fn pictures_are_prepared_as_the_training_images_were() {
    for (data, name, epochs, pictures) in [
        (
            "A1-digits",
            "digits",
            "20",
            &[
                ("A1-digit-000-4.jpg", "4"),
                ("A1-digit-001-4.jpg", "4"),
                ("A1-digit-002-7.jpg", "7"),
            ][..],
        ),
        (
            "A8-emnist-letters",
            "emnist-letters",
            "30",
            &[
                ("A8-letter-K.png", "K"),
                ("A8-letter-L.png", "L"),
                ("A8-letter-Y.png", "Y"),
            ],
        ),
    ] {
        let desk = Desk::new();
        let (epochs, name) = (
            format!("training.epochs={epochs}"),
            format!("data.name={name}"),
        );
        let dir = case(data);
        desk.ok(&[
            "--data-dir",
            &dir,
            "--set",
            &name,
            "--set",
            &epochs,
            "--run-dir",
            "run",
            "--quiet",
        ]);
        for (picture, label) in pictures {
            let said = desk.ok(&["predict", "run", &case(picture), "--json"]);
            assert_eq!(
                said.json()[0]["label"],
                *label,
                "{picture}: {}",
                said.stderr
            );
        }
    }
}

/// Returns the program with a cache of its own, and where imports are in it.
fn importing(desk: &Desk, args: &[&str]) -> Said {
    let mut command = desk.command(args);
    Said::of(command.env("XDG_CACHE_HOME", desk.path("cache")))
}

/// Writes pictures in colour, two classes, without a test part.
fn coloured_pictures(desk: &Desk, folder: &str) {
    let mut next = crate::fixtures::noise_of(3);
    for i in 0..60 {
        let class = if i % 3 == 0 { "a" } else { "b" };
        let dir = desk.path(&format!("{folder}/{class}"));
        fs::create_dir_all(&dir).unwrap();
        let picture =
            image::RgbImage::from_fn(10, 12, |_, _| image::Rgb([0, 1, 2].map(|_| next())));
        picture.save(dir.join(format!("{i}.png"))).unwrap();
    }
}

#[test]
fn training_from_an_import_gives_the_weights_of_its_source() {
    let desk = Desk::new();
    coloured_pictures(&desk, "source");
    let said = importing(&desk, &["data", "import", "source", "--as", "mine"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(
        said.stdout
            .contains("mine: 48 training, 0 validation, 12 test images of 10x12 in colour")
    );
    let sets = [
        "--quiet",
        "--set",
        "training.epochs=2",
        "--set",
        "augmentation.shift=2",
        "--set",
        "data.validation=8",
    ];
    for (run, more) in [
        ("from-source", ["--data-dir", "source"]),
        ("from-import", ["--set", "data.name=mine"]),
    ] {
        let said = importing(&desk, &[&sets[..], &more, &["--run-dir", run]].concat());
        assert_eq!(said.code, 0, "{}", said.stderr);
    }
    assert!(weights(&desk, "from-source") == weights(&desk, "from-import"));
    for args in [
        &["evaluate", "from-import"][..],
        &["resume", "from-import", "--set", "training.epochs=3"],
        &["data", "--set", "data.name=mine"],
    ] {
        let said = importing(&desk, args);
        assert_eq!(said.code, 0, "{args:?}: {}", said.stderr);
    }
    let unknown = importing(&desk, &["data", "--set", "data.name=yours"]);
    assert_eq!(unknown.code, 2);
    assert!(
        unknown.stderr.contains("or use an import: mine"),
        "{}",
        unknown.stderr
    );
}

#[test]
fn an_import_is_whole_or_not_there() {
    let desk = Desk::new();
    let source = crate::fixtures::package();
    let import = ["data", "import", arg(&source), "--as", "mine"];
    let imports = desk.path("cache/trainer-data");
    // Killed while it writes.
    let mut child = desk
        .command(&import)
        .env("XDG_CACHE_HOME", desk.path("cache"))
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !imports.join(".writing").exists() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!imports.join("mine").exists(), "it was killed too late");
    // No room: a limit on the size of files stands for a full disk.
    let limited = "trap '' XFSZ; ulimit -f 20; exec \"$@\"";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", limited, "sh", crate::program::TRAINER]);
    desk.quieten(command.args(import));
    let said = Said::of(command.env("XDG_CACHE_HOME", desk.path("cache")));
    assert_eq!(said.code, 1, "{}", said.stderr);
    assert!(said.stderr.contains("cannot be written"), "{}", said.stderr);
    let names = || -> Vec<String> {
        let entries = fs::read_dir(&imports).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(), [".lock"]);
    // Then as if nothing had happened; a second time only by force; never under the published name.
    assert_eq!(importing(&desk, &import).code, 0);
    assert_eq!(names(), [".lock", "mine"]);
    let again = importing(&desk, &import);
    assert_eq!(again.code, 2);
    assert!(again.stderr.contains("--force"), "{}", again.stderr);
    assert_eq!(
        importing(&desk, &[&import[..], &["--force"]].concat()).code,
        0
    );
    let published = [
        "data",
        "import",
        arg(&source),
        "--as",
        "fashion-mnist",
        "--force",
    ];
    assert_eq!(importing(&desk, &published).code, 2);
    assert_eq!(names(), [".lock", "mine"]);
    let said = importing(&desk, &["data", "--set", "data.name=mine", "--json"]);
    let json = said.json().remove(0);
    assert_eq!(json["classes"][9], "Ankle boot");
    assert_eq!(json["training"][0], 6000);
}

#[test]
fn early_stopping_watches_the_validation_part_of_the_files() {
    let desk = Desk::new();
    coloured_pictures(&desk, "whole");
    for part in ["train", "val", "test"] {
        coloured_pictures(&desk, &format!("parts/{part}"));
    }
    let stopping = [
        "--quiet",
        "--set",
        "early_stopping.patience=1",
        "--data-dir",
    ];
    let said = desk.run(&[&stopping[..], &["whole"]].concat());
    assert_eq!(said.code, 2);
    assert!(
        said.stderr.contains("and the files have none"),
        "{}",
        said.stderr
    );
    let run = ["parts", "--run-dir", "run", "--set", "training.epochs=40"];
    desk.ok(&[&stopping[..], &run].concat());
    let manifest = read_json(&desk.path("run/manifest.json"));
    assert_eq!(manifest["images"], serde_json::json!([60, 60, 60]));
    let metrics = desk.text("run/metrics.jsonl");
    assert!(metrics.contains("validation_loss"), "{metrics}");
}

/// IDX files under the published names that are certainly not the published ones.
#[test]
fn idx_files_of_another_set_need_no_name() {
    let desk = Desk::new();
    both_forms(&desk);
    let said = desk.ok(&["--data-dir", "idx", "--set", "training.epochs=1"]);
    assert!(said.stderr.contains("taken as \"idx\""), "{}", said.stderr);
    assert!(desk.path("artifacts/idx").is_dir());
    // A network that was trained on Fashion-MNIST does not take them for it.
    let quick = crate::fixtures::quick();
    let said = desk.run(&["evaluate", arg(&quick.folder), "--data-dir", "idx"]);
    assert_eq!(said.code, 2);
}

/// scikit-learn's digits (tests/digits) as an archive, a table and pictures: the same images, the same weights.
#[test]
fn digits_are_the_same_in_every_form() {
    let desk = Desk::new();
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/digits/digits.npz");
    let request = data::Request {
        dir: Some(&source),
        ..data::Request::new("digits")
    };
    let set = data::load(&request, &mut |_| {}).unwrap();
    assert_eq!(set.counts(0), [400, 0, 100]);
    for (part, images) in [("train", &set.train), ("test", &set.test)] {
        let mut table = String::from("label,pixels...\n");
        for i in 0..images.len() {
            let (pixels, label) = (images.image(i), images.label(i));
            let row: Vec<String> = pixels.iter().map(u8::to_string).collect();
            table += &format!("{label},{}\n", row.join(","));
            let folder = desk.path(&format!("pictures/{part}/{label}"));
            fs::create_dir_all(&folder).unwrap();
            let picture = GrayImage::from_raw(8, 8, pixels.to_vec()).unwrap();
            picture.save(folder.join(format!("{i}.png"))).unwrap();
        }
        let header: Vec<String> = (0..64).map(|i| format!("pixel{i}")).collect();
        let table = table.replace("pixels...", &header.join(","));
        desk.write(&format!("tables/digits_{part}.csv"), table);
    }
    let sets = ["--quiet", "--set", "training.epochs=5", "--data-dir"];
    for (run, dir) in [
        ("archive", arg(&source)),
        ("table", "tables"),
        ("pictures-run", "pictures"),
    ] {
        desk.ok(&[&sets[..], &[dir, "--run-dir", run]].concat());
    }
    assert!(weights(&desk, "archive") == weights(&desk, "table"));
    assert!(weights(&desk, "archive") == weights(&desk, "pictures-run"));
    let manifest = read_json(&desk.path("archive/manifest.json"));
    assert!(
        manifest["test"]["accuracy"].as_f64().unwrap() > 0.7,
        "{manifest}"
    );
}
