//! What an experiment can ask for, mostly on 600 images of 6 x 5 pixels.

use std::fs;
use std::path::Path;

use model::Record;
use serde_json::{Value, json};

use crate::fixtures::{ON_TINY, TINY, black, noise, on_tiny, tiny};
use crate::program::{Desk, arg, json_lines, read, read_json};

fn metrics(desk: &Desk, run: &str) -> Vec<Value> {
    json_lines(&desk.text(&format!("{run}/metrics.jsonl")))
}

fn number(epoch: &Value, key: &str) -> f64 {
    let number = epoch[key].as_f64().unwrap_or(f64::NAN);
    assert!(number.is_finite(), "{key} in {epoch}");
    number
}

#[test]
fn every_optimizer_schedule_and_network_learns() {
    let desk = Desk::new();
    tiny(&desk);
    // name; overrides; learning rates of the last step of epochs 1 to 4 (ten steps each)
    let check = |name: &str, sets: &[&str], rates: [f64; 4]| {
        let usual = [
            "training.epochs=4",
            "training.batch_size=60",
            "optimizer.learning_rate=0.01",
        ];
        desk.ok(&on_tiny(name, &[&usual[..], sets].concat()));
        let epochs = metrics(&desk, name);
        assert_eq!(epochs.len(), 4, "{name}");
        let losses: Vec<f64> = epochs.iter().map(|e| number(e, "train_loss")).collect();
        assert!(losses[3] < losses[0], "{name}: {losses:?}");
        for (epoch, rate) in epochs.iter().zip(rates) {
            let used = number(epoch, "learning_rate");
            assert!((used - rate).abs() < 1e-12, "{name}: {used}, not {rate}");
        }
        let test = &read_json(&desk.path(name).join("manifest.json"))["test"];
        assert!(number(test, "accuracy") > 0.5, "{name}: {test}");
        assert!(number(test, "loss") > 0.0, "{name}: {test}");
    };
    let flat = [0.01; 4];
    check("adam", &[], flat);
    check(
        "sgd",
        &["optimizer.name=sgd", "optimizer.learning_rate=0.1"],
        [0.1; 4],
    );
    let nesterov = [
        "optimizer.name=sgd",
        "optimizer.momentum=0.9",
        "optimizer.nesterov=true",
        "optimizer.weight_decay=1e-4",
    ];
    check("nesterov", &nesterov, flat);
    check(
        "adamw",
        &["optimizer.name=adamw", "optimizer.weight_decay=0.1"],
        flat,
    );
    let cosine = |step: f64| 0.005 * (1.0 + (std::f64::consts::PI * step / 40.0).cos());
    check(
        "cosine",
        &["schedule.name=cosine"],
        [9.0, 19.0, 29.0, 39.0].map(cosine),
    );
    let halves = [
        "schedule.name=step",
        "schedule.every_epochs=1",
        "schedule.factor=0.5",
    ];
    check("step", &halves, [0.01, 0.005, 0.0025, 0.00125]);
    check(
        "warm-up",
        &["schedule.warmup_epochs=2"],
        [0.005, 0.01, 0.01, 0.01],
    );
    check("linear", &["model.hidden=[]"], flat);
    check(
        "deep",
        &[
            "model.hidden=[32, 16]",
            "model.activation=tanh",
            "model.dropout=0.1",
        ],
        flat,
    );
    check(
        "gelu",
        &["model.activation=gelu", "model.init=he_uniform"],
        flat,
    );
    let neurons = [
        "model.activation=sigmoid",
        "training.loss=quadratic",
        "model.init=torch",
    ];
    check("neurons", &neurons, flat);
}

#[test]
fn any_idx_data_set_trains_and_its_record_says_its_own_size_and_classes() {
    let desk = Desk::new();
    tiny(&desk);
    let said = desk.ok(&on_tiny("run", &["training.epochs=5"]));
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert_eq!(lines.len(), 5 + 4, "{}", said.stdout);
    assert!(lines[0].starts_with("epoch 1/5  loss "), "{}", lines[0]);

    let bytes = fs::read(desk.path("run/model.bpk")).unwrap();
    let metadata = Record::from_bytes(&bytes).unwrap().metadata;
    assert_eq!(metadata.architecture.input()[1..], TINY[..2]);
    assert_eq!(metadata.class_names, ["0", "1", "2"]);
    assert_eq!(metadata.dataset, "tiny");

    // The run knows where its data is, from any working directory.
    let elsewhere = Desk::new();
    let run = desk.path("run");
    let evaluation = &elsewhere
        .ok(&["evaluate", run.to_str().unwrap(), "--json"])
        .json()[0];
    assert_eq!(evaluation["images"], 150);
    assert_eq!(
        evaluation["accuracy"],
        json!(metadata.test.unwrap().figure("accuracy"))
    );
    assert!(number(evaluation, "accuracy") > 0.9, "{evaluation}");
}

#[test]
fn class_names_of_the_config_go_into_the_record() {
    let desk = Desk::new();
    tiny(&desk);
    let names = r#"data.classes=["top", "middle", "bottom"]"#;
    desk.ok(&on_tiny("run", &["training.epochs=1", names]));
    let csv = desk.text("run/predictions.csv");
    assert!(
        csv.starts_with("index,true,predicted,top,middle,bottom\n"),
        "{csv}"
    );
    let said = desk.ok(&["predict", "run", "--test", "1", "--json"]);
    assert_eq!(said.json()[0]["true"], "middle");
}

#[test]
fn another_seed_gives_another_model_and_the_same_seed_the_same() {
    let desk = Desk::new();
    tiny(&desk);
    let model = |run: &str, seed: &str| {
        // Dropout draws as well, and so does the split.
        let sets = [
            "training.epochs=2",
            "model.dropout=0.2",
            "data.validation=60",
        ];
        desk.ok(&[&on_tiny(run, &sets)[..], &["--seed", seed, "--quiet"]].concat());
        fs::read(desk.path(run).join("model.bpk")).unwrap()
    };
    let (first, again, other) = (model("a", "1"), model("b", "1"), model("c", "2"));
    assert!(first == again, "seed 1 gave two models");
    assert!(first != other, "seeds 1 and 2 gave one model");
}

/// Weights, order and split each depend on the seed: seen one at a time.
#[test]
fn weights_order_and_split_all_follow_the_seed() {
    let desk = Desk::new();
    tiny(&desk);
    black(&desk);
    let check = |what: &str, dir: &str, key: &str, sets: &[&str]| {
        let figure = |seed: &str| {
            let run = format!("{what}-{seed}");
            let args = [
                "--seed",
                seed,
                "--run-dir",
                &run,
                "--data-dir",
                dir,
                "--quiet",
            ];
            let sets = sets.iter().chain(&["data.name=any", "training.epochs=1"]);
            let sets = sets.flat_map(|set| ["--set", set]).collect::<Vec<_>>();
            desk.ok(&[&args[..], &sets].concat());
            number(&metrics(&desk, &run)[0], key)
        };
        let (one, two) = (figure("1"), figure("2"));
        assert!(
            (one - two).abs() > 1e-6,
            "{what} of seeds 1 and 2: {key} is {one} and {two}"
        );
    };
    let whole = "training.batch_size=600"; // one step, before which the loss is taken
    check("weights", "tiny", "train_loss", &[whole]);
    check("order", "black", "train_loss", &["training.batch_size=8"]);
    let held_out = ["data.validation=100", "training.batch_size=500"];
    check("split", "black", "validation_loss", &held_out);
}

#[test]
fn early_stopping_keeps_the_best_epochs_weights() {
    let desk = Desk::new();
    noise(&desk);
    // Labels by chance: what is learnt by heart makes the validation loss rise.
    let run = |name: &str, epochs: &str, rest: &[&str]| {
        let mut args = vec!["--data-dir", "noise", "--run-dir", name, "--quiet"];
        let usual = [
            "data.name=noise",
            "data.validation=40",
            "training.batch_size=8",
            "optimizer.learning_rate=0.002",
            epochs,
        ];
        args.extend(usual.iter().chain(rest).flat_map(|set| ["--set", set]));
        desk.ok(&args);
        let manifest = read_json(&desk.path(name).join("manifest.json"));
        (
            manifest,
            fs::read(desk.path(name).join("model.bpk")).unwrap(),
        )
    };
    let (manifest, stopped) = run(
        "stopped",
        "training.epochs=200",
        &["early_stopping.patience=3"],
    );
    let epochs = manifest["epochs"].as_u64().unwrap();
    let best = manifest["best_epoch"].as_u64().unwrap();
    assert_eq!(epochs, best + 3, "patience is 3");
    assert!(epochs < 200);
    let losses: Vec<f64> = metrics(&desk, "stopped")
        .iter()
        .map(|epoch| number(epoch, "validation_loss"))
        .collect();
    assert_eq!(losses.len() as u64, epochs);
    let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(losses[best as usize - 1], least, "{losses:?}");

    // A run that ends with the best epoch ends with the same weights.
    let (_, to_best) = run("to-best", &format!("training.epochs={best}"), &[]);
    assert!(stopped == to_best, "the record is not that of epoch {best}");

    // What is too small a change for patience can still be the best.
    let strict = ["early_stopping.patience=2", "early_stopping.min_delta=1e9"];
    let (manifest, _) = run("strict", "training.epochs=200", &strict);
    assert_eq!(
        manifest["epochs"], 3,
        "nothing improves by 1e9: 2 epochs after the first"
    );
    let least = losses[..3].iter().copied().fold(f64::INFINITY, f64::min);
    let best = losses.iter().position(|&loss| loss == least).unwrap() + 1;
    assert_eq!(manifest["best_epoch"], best);
}

/// Two short epochs of each, on the real images.
#[test]
fn every_experiment_in_configs_trains_and_its_header_says_how() {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
    let desk = Desk::new();
    let (mut names, mut unfilled) = (Vec::new(), Vec::new());
    for file in fs::read_dir(configs)
        .unwrap()
        .map(|file| file.unwrap().path())
    {
        if file.extension() != Some("toml".as_ref()) {
            continue;
        }
        let name = file.file_stem().unwrap().to_str().unwrap();
        let args = ["--config", arg(&file), "--run-dir", name, "--json"];
        let short = [
            "--set",
            "training.epochs=2",
            "--set",
            "training.batch_size=5000",
        ];
        // Two of them train on few images.
        let few = ["memorise", "one-picture"].contains(&name);
        let short = if few { &short[..2] } else { &short[..] };
        let said = desk.ok(&[&args[..], short].concat());
        assert_eq!(said.json().len(), 3, "{name}: two epochs and the result");
        let manifest = read_json(&desk.path(name).join("manifest.json"));
        assert_eq!(
            manifest["experiment"], name,
            "an experiment has the name of its file"
        );

        let text = read(&file);
        let header: Vec<&str> = text
            .lines()
            .take_while(|line| line.starts_with('#'))
            .collect();
        let command = match name {
            "fashion-mnist" => "# Run: cargo run -p trainer".to_string(),
            _ => format!("# Run: cargo run -p trainer -- --config configs/{name}.toml"),
        };
        assert!(header.contains(&command.as_str()), "{name}: {header:#?}");
        if text.contains("@@") {
            unfilled.push(name.to_string());
        }
        names.push(name.to_string());
    }
    names.sort();
    assert_eq!(
        names,
        [
            "cnn",
            "deep",
            "deep-5",
            "fashion-mnist",
            "memorise",
            "neurons",
            "one-picture",
            "quick",
            "validated"
        ]
    );
    assert!(
        unfilled.is_empty(),
        "what {unfilled:?} reached is not filled in"
    );
}

#[test]
fn the_range_test_finds_a_rate_that_learns() {
    let desk = Desk::new();
    tiny(&desk);
    let said = desk.ok(&[&["find-lr"], &ON_TINY[..], &["--steps", "100", "--json"]].concat());
    let found = said.json().remove(0);
    let rate = found["suggestion"].as_f64().unwrap();
    assert!((1e-4..1.0).contains(&rate), "{rate}");
    let points = found["points"].as_array().unwrap();
    let loss = |at: usize| points[at]["smoothed"].as_f64().unwrap();
    let least = (0..points.len()).map(loss).fold(f64::INFINITY, f64::min);
    assert!(least < 0.8 * loss(0), "{found}");
    // It is the same every time, and leaves nothing behind.
    let again = desk.ok(&[&["find-lr"], &ON_TINY[..], &["--steps", "100", "--json"]].concat());
    assert_eq!(said.stdout, again.stdout);
    assert!(!desk.path("artifacts").exists());
    let text = desk.ok(&[&["find-lr"], &ON_TINY[..], &["--steps", "100"]].concat());
    assert!(
        text.stdout.contains("the loss falls fastest at "),
        "{}",
        text.stdout
    );
    for wrong in [
        ["--from", "0"],
        ["--to", "1e-9"],
        ["--steps", "1"],
        ["--to", "inf"],
    ] {
        let said = desk.run(&[&["find-lr"], &ON_TINY[..], &wrong].concat());
        assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{wrong:?}");
        assert!(said.stderr.contains("hint: "), "{}", said.stderr);
    }
}
