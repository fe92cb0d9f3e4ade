//! What each chapter of `docs/tutorial` says happens, happens.

use std::sync::OnceLock;

use serde_json::Value;

use crate::fixtures::shared_folder;
use crate::program::{Desk, arg};

const CONFIGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs");

/// Returns a folder with the digits that the program draws.
fn digits() -> String {
    static FOLDER: OnceLock<String> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            let folder = shared_folder().join("digits");
            let args = ["data", "sample", "digits", "--out", arg(&folder)];
            Desk::new().ok(&args);
            arg(&folder).to_string()
        })
        .clone()
}

fn config(name: &str) -> String {
    format!("{CONFIGS}/{name}.toml")
}

/// Trains a shipped config into the folder `run` and returns the result.
fn train(desk: &Desk, name: &str, data: Option<&str>, sets: &[&str]) -> Value {
    let config = config(name);
    let mut args = vec!["--json", "--config", &config, "--run-dir", "run"];
    args.extend(data.into_iter().flat_map(|data| ["--data-dir", data]));
    args.extend(sets.iter().flat_map(|set| ["--set", set]));
    desk.ok(&args).json().pop().unwrap()
}

fn explain(desk: &Desk, args: &[&str]) -> Value {
    let said = desk.ok(&[&["explain"], args, &["--json"]].concat());
    said.json().remove(0)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value}"))
}

/// Returns the last epoch's line of `metrics.jsonl`.
fn last_epoch(desk: &Desk) -> Value {
    let text = desk.text("run/metrics.jsonl");
    crate::program::json_lines(&text).pop().unwrap()
}

#[test]
fn chapter_1_a_neuron_hopes_for_its_digit_and_not_for_one_that_is_alike() {
    let desk = Desk::new();
    train(&desk, "neurons", Some(&digits()), &["model.hidden=[]"]);
    let neuron = |class: &str, image: &str| {
        explain(
            &desk,
            &[
                "neuron", "run", "--layer", "1", "--neuron", class, "--test", image,
            ],
        )
    };
    let (own, other) = (neuron("2", "2"), neuron("9", "4"));
    assert!(number(&own["activation"]) > 0.5, "{own}");
    assert!(number(&other["activation"]) < 0.2, "{other}");
    let lowest = |neuron: &Value| {
        let weights = neuron["weights"].as_array().unwrap().iter();
        weights.map(number).fold(0.0, f64::min)
    };
    assert!(lowest(&other) < -0.3, "{}", lowest(&other));
    let sigmoid = 1.0 / (1.0 + (-number(&own["sum"])).exp());
    assert!((sigmoid - number(&own["activation"])).abs() < 1e-9);
}

#[test]
fn chapter_2_the_largest_of_ten_outputs_is_the_answer() {
    let desk = Desk::new();
    let list = "0.67,0.55,0.34,0.22,0.86,0.95,0.11,0.09,0.04,0.18";
    let cost = explain(&desk, &["cost", "--predicted", list, "--label", "5"]);
    assert_eq!(cost["predicted"], 5);
    let result = train(&desk, "neurons", Some(&digits()), &["training.epochs=30"]);
    assert!(number(&result["test_accuracy"]) > 0.95, "{result}");
}

#[test]
fn chapter_3_the_example_costs_2_7359_and_training_lowers_the_cost_of_a_real_picture() {
    let desk = Desk::new();
    let list = "0.32,0.51,0.45,0.21,0.67,0.13,0.04,0.89,0.83,0.28";
    let cost = explain(&desk, &["cost", "--predicted", list, "--label", "2"]);
    assert_eq!(cost["quadratic"], 2.7359);
    let few = ["data.take=320", "training.epochs=2"];
    train(&desk, "neurons", Some(&digits()), &few);
    let young = number(&explain(&desk, &["cost", "run", "--test", "2"])["quadratic"]);
    let other = Desk::new();
    train(&other, "neurons", Some(&digits()), &["training.epochs=30"]);
    let trained = number(&explain(&other, &["cost", "run", "--test", "2"])["quadratic"]);
    assert!(young > 0.5 && trained < 0.1, "{young} {trained}");
}

#[test]
fn chapter_4_a_step_lowers_the_cost_and_a_large_one_raises_that_of_the_others() {
    let desk = Desk::new();
    let few = ["data.take=320", "training.epochs=2"];
    train(&desk, "neurons", Some(&digits()), &few);
    let step = explain(&desk, &["step", "run", "--test", "2", "--rate", "0.3"]);
    let [before, after] = [0, 1].map(|i| number(&step["cost"][i]));
    assert!(after < before, "{step}");
    let right = |i: usize| number(&step["outputs"][i][2]);
    assert!(right(1) > right(0), "{step}");
    let trials = step["trials"].as_array().unwrap();
    let (smallest, largest) = (&trials[0], &trials[trials.len() - 1]);
    let others = number(&step["others"][1][0]);
    assert!(
        before - number(&smallest["cost"]) < 0.02,
        "hardly any change: {step}"
    );
    assert!(
        number(&largest["others"]) > others,
        "the others lose: {step}"
    );
}

#[test]
fn chapter_5_one_picture_teaches_one_answer_and_batches_are_in_between() {
    let desk = Desk::new();
    let result = train(&desk, "one-picture", None, &[]);
    assert_eq!(number(&last_epoch(&desk)["train_accuracy"]), 1.0);
    assert!(
        (number(&result["test_accuracy"]) - 0.1).abs() < 0.02,
        "{result}"
    );
    let evaluation = desk.ok(&["evaluate", "run", "--json"]).json().remove(0);
    let confusion = evaluation["confusion"].as_array().unwrap();
    let answers = |class: usize| confusion.iter().map(|row| number(&row[class])).sum::<f64>();
    let most = (0..10).map(answers).fold(0.0, f64::max);
    assert!(most > 9000.0, "one answer for {most} of 10,000 pictures");
    let accuracy = |batch: &str| {
        let set = format!("training.batch_size={batch}");
        let result = train(&Desk::new(), "neurons", Some(&digits()), &[&set]);
        number(&result["test_accuracy"])
    };
    assert!(accuracy("32") > accuracy("6000") + 0.1);
}

#[test]
fn chapter_6_labels_that_mean_nothing_are_learnt_by_heart() {
    let desk = Desk::new();
    let sets = ["data.take=1500", "data.validation=500"];
    let result = train(&desk, "memorise", None, &sets);
    let last = last_epoch(&desk);
    assert!(number(&last["train_accuracy"]) > 0.99, "{last}");
    // 500 guesses among ten classes: 0.1, standard deviation 0.013
    assert!(number(&last["validation_accuracy"]) < 0.16, "{last}");
    assert!(number(&result["test_accuracy"]) < 0.16, "{result}");
    let checks = explain(&desk, &["run", "run"]);
    let found = checks["found"].as_array().unwrap();
    assert!(
        found.iter().any(|finding| finding["code"] == "memorising"),
        "{checks}"
    );
}

#[test]
fn chapter_7_cross_entropy_and_relu_learn_faster() {
    let accuracy = |sets: &[&str]| {
        let plain = ["training.epochs=2", "optimizer.learning_rate=0.1"];
        let sets = [&plain[..], sets].concat();
        number(&train(&Desk::new(), "neurons", None, &sets)["test_accuracy"])
    };
    let essay = accuracy(&[]);
    let entropy = accuracy(&["training.loss=cross_entropy"]);
    let both = accuracy(&["training.loss=cross_entropy", "model.activation=relu"]);
    assert!(
        essay < entropy && entropy < both,
        "{essay} {entropy} {both}"
    );
}

#[test]
fn chapter_8_deeper_networks_fit_the_training_images_better() {
    let fit = |name: &str| {
        let desk = Desk::new();
        train(&desk, name, None, &["training.epochs=5"]);
        number(&last_epoch(&desk)["train_loss"])
    };
    let (one, three) = (fit("fashion-mnist"), fit("deep"));
    assert!(three < one, "{one} {three}");
    let desk = Desk::new();
    let summary = desk
        .ok(&["summary", "--config", &config("deep-5"), "--json"])
        .stdout;
    assert_eq!(summary.matches("\"Dense\"").count(), 6, "{summary}");
}

#[test]
fn chapter_9_a_dense_layer_must_learn_each_place_anew() {
    let accuracy = |shift: &str| {
        let desk = Desk::new();
        let set = format!("augmentation.shift={shift}");
        let sets = [
            "data.take=10000",
            "training.epochs=10",
            "evaluation.test=false",
            &set,
        ];
        train(&desk, "fashion-mnist", None, &sets);
        number(&last_epoch(&desk)["train_accuracy"])
    };
    let (still, moved) = (accuracy("0"), accuracy("4"));
    assert!(moved < still - 0.05, "{still} {moved}");
}

#[test]
fn chapter_10_a_network_goes_to_keras_and_comes_back_with_the_same_numbers() {
    let desk = Desk::new();
    let before = train(&desk, "fashion-mnist", None, &["training.epochs=1"]);
    desk.ok(&["export", "run", "keras", "--out", "model.keras"]);
    desk.ok(&["import", "model.keras", "--as", "back", "--run-dir", "back"]);
    let after = desk.ok(&["evaluate", "back", "--json"]).json().remove(0);
    assert_eq!(before["test_accuracy"], after["accuracy"]);
}

/// Both books have the same commands, and the numbers of the essay.
#[test]
fn the_two_books_have_the_same_commands() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/tutorial");
    let commands = |book: &str| -> Vec<String> {
        let mut chapters: Vec<_> = std::fs::read_dir(format!("{docs}/{book}"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "md"))
            .filter(|path| {
                path.file_name()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .starts_with(['0', '1'])
            })
            .collect();
        chapters.sort();
        assert_eq!(chapters.len(), 10);
        let of_chapter = |path: &std::path::PathBuf| {
            let text = crate::program::read(path);
            let blocks: Vec<&str> = text.split("```sh\n").skip(1).collect();
            let first = |block: &&str| block.split("```").next().unwrap().to_string();
            blocks.iter().map(first).collect::<String>()
        };
        chapters.iter().map(of_chapter).collect()
    };
    let (english, portuguese) = (commands("."), commands("pt"));
    assert_eq!(english, portuguese);
    assert!(english[2].contains("--predicted 0.32,0.51,0.45,0.21,0.67,0.13,0.04,0.89,0.83,0.28"));
}
