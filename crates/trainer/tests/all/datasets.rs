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
