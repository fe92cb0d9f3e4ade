//! Explanations of a network: a neuron, a cost, a step, an answer, curves.

mod checks;

use std::fs;

use data::ImageDataset;
use serde_json::Value;
use trainer::backend::Compute;
use trainer::explain::{Subject, answer, neuron};
use trainer::inference::Inference;
use trainer::run::find;

use crate::fixtures::{fashion_mnist, on_tiny, quick, tiny};
use crate::program::{Desk, arg};

const EXAMPLE: [&str; 6] = [
    "explain",
    "cost",
    "--predicted",
    "0.32,0.51,0.45,0.21,0.67,0.13,0.04,0.89,0.83,0.28",
    "--label",
    "2",
];

fn explain(args: &[&str]) -> Value {
    let said = Desk::new().ok(&[&["explain"], args, &["--json"]].concat());
    said.json().remove(0)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

#[test]
fn the_notebooks_example_in_both_languages() {
    let desk = Desk::new();
    let english = desk.ok(&EXAMPLE).stdout;
    assert!(english.contains("\nquadratic cost: 2.7359\n"), "{english}");
    assert!(english.contains("-ln(0.45 / 4.33) = 2.2641\n"), "{english}");
    let flag = desk.ok(&[&EXAMPLE[..], &["--lang", "pt"]].concat()).stdout;
    assert!(flag.contains("\ncusto quadrático: 2.7359\n"), "{flag}");
    let mut command = desk.command(&EXAMPLE);
    command.env("LC_ALL", "pt_BR.UTF-8");
    let environment = crate::program::Said::of(&mut command).stdout;
    assert_eq!(flag, environment);
    let json = desk.ok(&[&EXAMPLE[..], &["--json"]].concat()).json();
    assert_eq!(json[0]["quadratic"], 2.7359);
}

#[test]
fn errors_stay_english() {
    let desk = Desk::new();
    let args = [
        "explain",
        "cost",
        "--predicted",
        "0.5,2",
        "--label",
        "0",
        "--lang",
        "pt",
    ];
    let said = desk.run(&args);
    assert_eq!(said.code, 2);
    assert!(
        said.stderr.starts_with("error: 2 is not an output\nhint: "),
        "{}",
        said.stderr
    );
}

#[test]
fn wrong_neurons_images_and_rates_are_usage_errors() {
    let desk = Desk::new();
    let run = arg(&quick().folder);
    for (args, message) in [
        (
            vec![
                "neuron", run, "--layer", "3", "--neuron", "0", "--test", "0",
            ],
            "no layer 3",
        ),
        (
            vec![
                "neuron", run, "--layer", "0", "--neuron", "0", "--test", "0",
            ],
            "no layer 0",
        ),
        (
            vec![
                "neuron", run, "--layer", "2", "--neuron", "10", "--test", "0",
            ],
            "no neuron 10",
        ),
        (vec!["step", run, "--test", "10000"], "no test image 10000"),
        (
            vec!["step", run, "--test", "0", "--rate", "0"],
            "not a learning rate",
        ),
        (vec!["cost", run, "--test", "10000"], "no test image 10000"),
    ] {
        let said = desk.run(&[&["explain"], &args[..]].concat());
        assert_eq!(said.code, 2, "{args:?}");
        assert!(said.stderr.contains(message), "{}", said.stderr);
        assert!(said.stderr.contains("hint: "), "{}", said.stderr);
    }
}

/// The terms, the others and the bias are the sum, and the sums of the output neurons are the logits of `predict`.
#[test]
fn a_neurons_terms_add_up_to_what_the_network_says() {
    let run = arg(&quick().folder);
    let predicted = Desk::new()
        .ok(&["predict", run, "--test", "3", "--json"])
        .json()
        .remove(0);
    let mut total = 0.0;
    let mut powers = Vec::new();
    for class in 0..10 {
        let class = class.to_string();
        let found = explain(&[
            "neuron", run, "--layer", "2", "--neuron", &class, "--test", "3",
        ]);
        let terms = found["terms"].as_array().unwrap().iter();
        let listed: f64 = terms.map(|term| number(&term["product"])).sum();
        let sum = listed + number(&found["others"]) + number(&found["bias"]);
        assert!((sum - number(&found["sum"])).abs() < 1e-9, "{found}");
        total += number(&found["sum"]).exp();
        powers.push((number(&found["sum"]).exp(), number(&found["activation"])));
    }
    let raw = predicted["raw_probabilities"].as_array().unwrap();
    for ((power, activation), raw) in powers.into_iter().zip(raw) {
        assert!((power / total - number(raw)).abs() < 1e-5, "{power} {raw}");
        assert!(
            (activation - number(raw)).abs() < 1e-5,
            "{activation} {raw}"
        );
    }
}

#[test]
fn a_pixels_term_is_at_its_place() {
    let saved = find::load(arg(&quick().folder)).unwrap();
    let subject = Subject::test_image(fashion_mnist(), 0).unwrap();
    let found = neuron::of(&saved.record, 1, 17, &subject).unwrap();
    for term in found.terms {
        let [row, column] = term.pixel.unwrap();
        assert_eq!(term.input, row * 28 + column);
        let byte = f64::from(subject.pixels[term.input]);
        assert!((term.value - byte / 255.0).abs() < 1e-12);
        let weight = saved.record.weights[0].values[term.input * 128 + 17];
        assert_eq!(term.weight, f64::from(weight));
    }
}

/// For a small step, the cost falls by the rate times the square of the gradient's length: the gradient is right, and
/// of the cost that is shown.
#[test]
fn a_small_step_lowers_the_cost_by_as_much_as_the_gradient_says() {
    let run = arg(&quick().folder);
    let found = explain(&["step", run, "--test", "12", "--rate", "0.0001"]);
    let cost = |i: usize| number(&found["cost"][i]);
    let expected = 0.0001 * number(&found["gradient"]).powi(2);
    let fall = cost(0) - cost(1);
    assert!(
        fall > 0.0 && (fall / expected - 1.0).abs() < 0.05,
        "{fall} {expected}"
    );
    let of_cost = explain(&["cost", run, "--test", "12"]);
    assert!((cost(0) - number(&of_cost["cross_entropy"])).abs() < 1e-4);
    let moved = found["moved"].as_array().unwrap();
    let far = |moved: &Value| (number(&moved["value"][1]) - number(&moved["value"][0])).abs();
    assert!(moved.array_windows().all(|[a, b]| far(a) >= far(b)));
}

/// Label smoothing and class weights are part of what training lowers, so of the step as well.
#[test]
fn a_step_lowers_what_the_training_did() {
    let desk = Desk::new();
    tiny(&desk);
    let sets = [
        "training.label_smoothing=0.2",
        "training.class_weights=[1.0, 2.0, 3.0]",
    ];
    desk.ok(&on_tiny("plain", &["training.epochs=1"]));
    desk.ok(&on_tiny(
        "run",
        &[&sets[..], &["training.epochs=1"]].concat(),
    ));
    let step = |run: &str| {
        let args = [
            "explain", "step", run, "--test", "2", "--rate", "0.001", "--json",
        ];
        let found = desk.ok(&args).json().remove(0);
        let cost = |i: usize| number(&found["cost"][i]);
        let expected = 0.001 * number(&found["gradient"]).powi(2);
        assert!(
            ((cost(0) - cost(1)) / expected - 1.0).abs() < 0.05,
            "{found}"
        );
        let args = ["explain", "cost", run, "--test", "2", "--json"];
        cost(0) / number(&desk.ok(&args).json()[0]["cross_entropy"])
    };
    assert!((step("plain") - 1.0).abs() < 1e-4);
    assert!(step("run") > 2.0); // image 2 is of class 2, with weight 3
}

#[test]
fn an_answers_reasons_add_up_and_its_nearest_pictures_are_near() {
    let saved = find::load(arg(&quick().folder)).unwrap();
    let compute = Compute::open(experiment::Backend::Flex).unwrap();
    let inference = Inference::new(&saved.record, &compute).unwrap();
    let train = &fashion_mnist().train;
    let subject = Subject {
        name: "a training image".into(),
        test: None,
        pixels: train.image(4711).to_vec(),
        label: Some(train.label(4711).into()),
    };
    let reasons = answer::of(&saved.record, &inference, train, &subject).unwrap();
    assert_eq!(reasons.nearest.len(), 3);
    assert_eq!(
        (reasons.nearest[0].index, reasons.nearest[0].distance),
        (4711, 0.0)
    );
    assert!(
        reasons
            .nearest
            .array_windows()
            .all(|[a, b]| a.distance <= b.distance)
    );
    let hidden = reasons.hidden.as_ref().unwrap();
    assert!((hidden.total + hidden.bias - hidden.sum).abs() < 1e-6);
    let map = &reasons.occlusion;
    assert_eq!((map.size, map.cover, map.fall.len()), ([28, 28], 4, 784));
    assert!(map.worst_fall >= map.fall.iter().copied().fold(f32::MIN, f32::max));
    // Covering what is black changes nothing.
    let blank = ImageDataset::of_size(vec![0; 784], [1, 28, 28], vec![0], 10).unwrap();
    let blank = Subject {
        pixels: blank.image(0).to_vec(),
        ..subject
    };
    let reasons = answer::of(&saved.record, &inference, train, &blank).unwrap();
    assert!(reasons.occlusion.fall.iter().all(|fall| *fall == 0.0));
}

/// Pictures of an answer and a neuron are PNGs of their panels' size; a picture of one's own works like a test image.
#[test]
fn explanations_are_drawn() {
    let desk = Desk::new();
    let run = arg(&quick().folder);
    let size = |name: &str| image::image_dimensions(desk.path(name)).unwrap();
    desk.ok(&[
        "explain",
        "answer",
        run,
        "--test",
        "1",
        "--out",
        "answer.png",
    ]);
    assert_eq!(
        size("answer.png"),
        (5 * 196 + 4 * 16 + 40, 44 + 24 + 196 + 24 + 10)
    );
    let neuron = [
        "explain",
        "neuron",
        run,
        "--neuron",
        "3",
        "--out",
        "neuron.png",
    ];
    desk.ok(&[&neuron[..], &["--layer", "1", "--test", "1"]].concat());
    assert_eq!(size("neuron.png").0, 3 * 196 + 2 * 16 + 40);
    desk.ok(&[&neuron[..], &["--layer", "2", "--test", "1"]].concat());
    assert_eq!(size("neuron.png").0, 12 * (196 / 12) + 40);
    let photo = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/boot.png");
    let said = desk.ok(&["explain", "answer", run, photo, "--lang", "pt"]);
    assert!(
        said.stdout.contains("imagens de treino mais próximas"),
        "{}",
        said.stdout
    );
}

#[test]
fn curves_are_printed_and_drawn() {
    let desk = Desk::new();
    tiny(&desk);
    desk.ok(&on_tiny(
        "run",
        &["training.epochs=30", "data.validation=60"],
    ));
    let args = [
        "explain",
        "curves",
        "run",
        "--out",
        "curves.svg",
        "--lang",
        "pt",
    ];
    let said = desk.ok(&args).stdout;
    assert!(
        said.starts_with("acurácia\népoca  treino  validação\n1 "),
        "{said}"
    );
    assert!(
        said.lines().count() < 16 && said.contains("\n30 "),
        "{said}"
    );
    let svg = fs::read_to_string(desk.path("curves.svg")).unwrap();
    assert!(svg.contains(">validação<"), "{svg}");
    let json = desk
        .ok(&["explain", "curves", "run", "--metric", "loss", "--json"])
        .json();
    assert_eq!(json.len(), 30);
    assert!(number(&json[29]["training"]) < number(&json[0]["training"]));
}

/// Explanations with test images count as uses of them, like every other command's.
#[test]
fn test_images_that_are_explained_are_counted() {
    let desk = Desk::new();
    tiny(&desk);
    desk.ok(&on_tiny("run", &["training.epochs=1"]));
    let looks =
        || crate::program::read_json(&desk.path("run/manifest.json"))["test_looks"].as_u64();
    let before = looks().unwrap();
    desk.ok(&["explain", "cost", "run", "--test", "0"]);
    desk.ok(&["explain", "answer", "run", "--test", "0"]);
    assert_eq!(looks(), Some(before + 2));
}
