//! Calibrated probabilities and unknown pictures, of a real run with images held out.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use data::{Images, Request, fashion_mnist::FILES, idx};
use image::GrayImage;
use model::{Classifier, Reliability};
use serde_json::{Value, json};

use crate::fixtures::{copy_of_quick, fashion_mnist, on_tiny, quick, shared_folder, tiny};
use crate::foreign::{self, Picture, SIDE, auroc};
use crate::program::{Desk, Said, arg, read_json};

/// A finished run: the tutorial's network, two epochs, 5,000 images held out.
struct Validated {
    folder: PathBuf,
    said: Said,
}

/// Returns a run that was trained once for all tests. Nobody writes into it.
fn validated() -> &'static Validated {
    static RUN: OnceLock<Validated> = OnceLock::new();
    RUN.get_or_init(|| {
        let folder = shared_folder().join("trust");
        let sets = [
            "--set",
            "training.epochs=2",
            "--set",
            "data.validation=5000",
        ];
        let args = [&["--json"][..], &sets, &["--run-dir", arg(&folder)]].concat();
        let said = Desk::new().ok(&args);
        Validated { folder, said }
    })
}

fn classifier() -> Classifier {
    Classifier::from_bytes(&fs::read(validated().folder.join("model.bpk")).unwrap()).unwrap()
}

/// The first 2,000 test images.
fn garments() -> Vec<Picture> {
    let test = &fashion_mnist().test;
    (0..2_000).map(|i| test.image(i).to_vec()).collect()
}

/// Returns the strangeness of every picture, and the share that is found to be unknown.
fn strangeness(classifier: &Classifier, pictures: &[Picture]) -> (Vec<f32>, f64) {
    let answers = classifier.answers(&pictures.concat()).unwrap();
    let unknown = answers.iter().filter(|answer| answer.unknown).count();
    let strangeness = answers.iter().map(|a| a.strangeness.unwrap()).collect();
    (strangeness, unknown as f64 / pictures.len() as f64)
}

/// Writes pictures as a data set in IDX files and reads it back.
fn through_idx(pictures: &[Picture], labels: &[u8]) -> Vec<Picture> {
    let desk = Desk::new();
    for files in FILES.chunks(2) {
        let images = Images {
            count: pictures.len(),
            height: SIDE,
            width: SIDE,
            pixels: pictures.concat(),
        };
        desk.write(files[0].name, idx::write_images(&images));
        desk.write(files[1].name, idx::write_labels(labels));
    }
    let folder = desk.path("");
    let request = Request {
        dir: Some(&folder),
        ..Request::new("digits")
    };
    let test = data::load(&request, &mut |_| {}).unwrap().test;
    assert_eq!((test.len(), test.classes()), (pictures.len(), 10));
    (0..test.len()).map(|i| test.image(i).to_vec()).collect()
}

/// The figures are those of docs/trust.md, less a margin for other seeds.
#[test]
fn strange_pictures_are_told_from_garments() {
    let classifier = classifier();
    let garments = garments();
    let (known, rejected) = strangeness(&classifier, &garments);
    assert!(
        (0.03..0.08).contains(&rejected),
        "{rejected} of the garments"
    );
    let (digits, labels) = foreign::digits(1_000);
    let check = |what: &str, pictures: &[Picture], least_auroc: f64, least_found: f64| {
        let (strange, found) = strangeness(&classifier, pictures);
        let auroc = auroc(&known, &strange);
        assert!(auroc >= least_auroc, "{what}: AUROC {auroc}");
        assert!(found >= least_found, "{what}: {found} found");
    };
    check("noise", &foreign::noise(1_000), 0.999, 0.999);
    check("blurred noise", &foreign::clouds(1_000), 0.97, 0.9);
    check("inverted", &foreign::inverted(&garments), 0.999, 0.999);
    check("digits", &through_idx(&digits, &labels), 0.9, 0.4);
    check("heaps", &foreign::heaps(&garments), 0.95, 0.8);
    check("upside down", &foreign::upside_down(&garments), 0.7, 0.2);
}

/// Why the score is not the network's own confidence.
#[test]
fn the_network_itself_is_sure_of_inverted_pictures() {
    let sure = |pictures: &[Picture]| -> Vec<f32> {
        let answers = classifier().answers(&pictures.concat()).unwrap();
        answers.iter().map(|answer| 1.0 - answer.top[0].1).collect()
    };
    let garments = garments();
    let auroc = auroc(&sure(&garments), &sure(&foreign::inverted(&garments)));
    assert!(auroc < 0.9, "AUROC {auroc}");
}

#[test]
fn calibration_is_stored_measured_and_better_than_none() {
    let manifest = read_json(&validated().folder.join("manifest.json"));
    let (metadata, test) = (classifier().metadata().clone(), &manifest["test"]);
    let (calibration, unknown) = (metadata.calibration.unwrap(), metadata.unknown.unwrap());
    assert_eq!((calibration.images, unknown.images), (5_000, 5_000));
    assert!(
        (0.045..=0.05).contains(&unknown.rejected),
        "{}",
        unknown.rejected
    );
    assert!(
        (0.5..2.0).contains(&calibration.temperature),
        "{calibration:?}"
    );

    let stored = metadata.test.unwrap();
    let mut figures = json!({ "ece": stored.ece, "calibrated_ece": stored.calibrated_ece,
        "unknown": stored.unknown });
    for key in ["accuracy", "loss", "top_2_accuracy", "macro_f1"] {
        figures[key] = json!(stored.figure(key));
    }
    assert_eq!(figures, *test);
    let result = validated().said.json().pop().unwrap();
    assert_eq!(result["test_ece"], test["ece"]);
    assert_eq!(result["test_calibrated_ece"], test["calibrated_ece"]);
    assert_eq!(result["test_unknown"], test["unknown"]);

    let evaluated = Desk::new().ok(&["evaluate", arg(&validated().folder), "--json"]);
    let evaluation = evaluated.json().remove(0);
    assert_eq!(evaluation["accuracy"], test["accuracy"]);
    assert_eq!(evaluation["loss"], test["loss"]);
    let trust = &evaluation["trust"];
    for key in ["ece", "calibrated_ece", "unknown"] {
        assert_eq!(trust[key], test[key], "{key}");
    }
    for key in ["reliability", "calibrated_reliability"] {
        let bins: Reliability = serde_json::from_value(trust[key].clone()).unwrap();
        assert_eq!(
            bins.bins.iter().map(|bin| bin.images).sum::<usize>(),
            10_000
        );
    }
    // By chance alone a perfect network would have some 0.005 on 10,000 images.
    assert!(stored.calibrated_ece.unwrap() < 0.03, "{stored:?}");
}

#[test]
fn predictions_csv_is_raw_and_predict_shows_both() {
    let desk = Desk::new();
    let folder = &validated().folder;
    let mut csv = csv::Reader::from_path(folder.join("predictions.csv")).unwrap();
    let row = csv.records().next().unwrap().unwrap();
    let answer = &desk
        .ok(&["predict", arg(folder), "--test", "0", "--json"])
        .json()[0];
    let numbers = |key: &str| -> Vec<f64> { serde_json::from_value(answer[key].clone()).unwrap() };
    let (raw, calibrated) = (numbers("raw_probabilities"), numbers("probabilities"));
    let mut largest = 0f64;
    for ((raw, calibrated), stored) in raw.iter().zip(&calibrated).zip(row.iter().skip(3)) {
        assert!((raw - stored.parse::<f64>().unwrap()).abs() < 1e-6);
        largest = largest.max((raw - calibrated).abs());
    }
    assert!(largest > 1e-5, "calibrated probabilities are others");
    assert_eq!(answer["calibrated"], true);
    let test = fashion_mnist().test.image(0);
    for (ours, program) in classifier().predict(test).unwrap().iter().zip(&calibrated) {
        assert!(
            (f64::from(*ours) - program).abs() < 2e-6,
            "{ours} {program}"
        );
    }
}

#[test]
fn predict_says_unknown_to_a_digit_and_not_to_a_garment() {
    let desk = Desk::new();
    let save = |name: &str, pixels: Vec<u8>| {
        let picture = GrayImage::from_raw(SIDE as u32, SIDE as u32, pixels).unwrap();
        picture.save(desk.path(name)).unwrap();
    };
    save("noise.png", foreign::noise(1).remove(0));
    save("trouser.png", fashion_mnist().test.image(2).to_vec());
    let folder = arg(&validated().folder);
    let said = desk.ok(&["predict", folder, "noise.png", "trouser.png"]);
    let heading = |name: &str| said.stdout.lines().find(|l| l.starts_with(name)).unwrap();
    assert!(
        heading("noise.png").contains(": unknown: unlike the training images"),
        "{}",
        said.stdout
    );
    assert!(
        heading("trouser.png").contains(": Trouser ("),
        "{}",
        said.stdout
    );
    assert!(!said.stderr.contains("calibrated"), "{}", said.stderr);
    let said = desk.ok(&["predict", folder, "noise.png", "trouser.png", "--json"]);
    let unknown: Vec<Value> = said.json().iter().map(|a| a["unknown"].clone()).collect();
    assert_eq!(unknown, [json!(true), json!(false)]);
}

#[test]
fn without_images_held_out_there_is_neither_and_commands_say_so() {
    let desk = Desk::new();
    copy_of_quick(&desk.path("run"));
    for args in [&["evaluate", "run"][..], &["predict", "run", "--test", "0"]] {
        let said = desk.ok(args);
        let lines = said.stderr.lines();
        let missing: Vec<&str> = lines
            .filter(|line| line.contains("not calibrated"))
            .collect();
        assert_eq!(missing.len(), 1, "{}", said.stderr);
        assert!(
            missing[0].contains("--set data.validation=5000"),
            "{missing:?}"
        );
        assert!(missing[0].contains("configs/validated.toml"), "{missing:?}");
    }
    let answer = &desk.ok(&["predict", "run", "--test", "0", "--json"]).json()[0];
    assert_eq!(
        (&answer["unknown"], &answer["calibrated"]),
        (&Value::Null, &json!(false))
    );
    assert_eq!(answer["probabilities"], answer["raw_probabilities"]);
    let manifest = read_json(&quick().folder.join("manifest.json"));
    assert!(manifest["test"]["ece"].is_f64());
    assert_eq!(manifest["test"]["calibrated_ece"], Value::Null);
    assert!(!quick().folder.join("reliability.png").exists());
}

#[test]
fn the_reliability_diagram_is_drawn() {
    let png = fs::read(validated().folder.join("reliability.png")).unwrap();
    let picture = image::load_from_memory(&png).unwrap();
    assert_eq!((picture.width(), picture.height()), (1080, 698));
}

#[test]
fn equal_seeds_give_equal_bytes_with_images_held_out() {
    let desk = Desk::new();
    tiny(&desk);
    for (run, threads) in [("one", "1"), ("two", "2")] {
        let args = on_tiny(run, &["training.epochs=1", "data.validation=150"]);
        let said = Said::of(desk.command(&args).env("RAYON_NUM_THREADS", threads));
        assert_eq!(said.code, 0, "{}", said.stderr);
    }
    for name in ["model.bpk", "gallery.png", "reliability.png"] {
        let read = |run: &str| fs::read(desk.path(run).join(name)).unwrap();
        assert!(read("one") == read("two"), "{name} differs");
    }
}
