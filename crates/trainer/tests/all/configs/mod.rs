//! Every config shipped loads, comes back equal through TOML, and no bytes make the loader panic.

pub mod errors;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use experiment::{Backend, Decay, EarlyStopping, Experiment, Metric, Optimizer, Source, load};
use trainer::cli::Cli;

use crate::fixtures::{copy, tiny};
use crate::program::Desk;

fn load_text(text: &str, overrides: &[&str]) -> Experiment {
    let source = Source {
        label: "test.toml".to_owned(),
        text: text.to_owned(),
    };
    let overrides: Vec<String> = overrides.iter().map(|o| (*o).to_owned()).collect();
    load(source, &overrides).unwrap_or_else(|error| panic!("{error}"))
}

/// Returns what `--backend` makes of a name.
fn on_the_command_line(name: &str) -> Result<Option<Backend>, clap::Error> {
    let cli = Cli::try_parse_from(["trainer", "--backend", name])?;
    Ok(cli.train.experiment.backend)
}

fn shipped() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")); // in the workspace: two folders below configs
    let mut folders = here.ancestors().map(|folder| folder.join("configs"));
    let folder = folders
        .find(|folder| folder.join("fashion-mnist.toml").exists())
        .unwrap();
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "toml")
    });
    files.sort();
    assert!(files.len() >= 5, "{files:?}");
    files
}

fn text_of(name: &str) -> String {
    let path = shipped()
        .into_iter()
        .find(|path| path.ends_with(name))
        .unwrap();
    Source::read(&path).unwrap().text
}

fn comes_back_equal(experiment: &Experiment) {
    let text = experiment.to_toml().unwrap();
    assert_eq!(load_text(&text, &[]), *experiment, "{text}");
}

#[test]
fn shipped_configs_load_and_come_back_equal() {
    for path in shipped() {
        let source = Source::read(&path).unwrap();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let command = match stem {
            "fashion-mnist" => "# Run: cargo run -p trainer\n".to_owned(),
            _ => format!("# Run: cargo run -p trainer -- --config configs/{stem}.toml\n"),
        };
        assert!(source.text.contains(&command), "{stem}");
        let experiment = load(source, &[]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(experiment.name, stem);
        assert_eq!(experiment.check_data(60_000, 0, 10), Ok(()));
        comes_back_equal(&experiment);
    }
}

#[test]
fn the_defaults_are_the_notebook() {
    let notebook = load_text(&text_of("fashion-mnist.toml"), &[]);
    assert_eq!(load_text("", &[]), notebook);
    assert_eq!(
        notebook.architecture([1, 28, 28], 10),
        model::Architecture::Mlp(model::MlpConfig::tutorial([1, 28, 28], 10))
    );
}

#[test]
fn commented_keys_are_keys_with_their_defaults() {
    // `#   [optimizer] name = "sgd"` and the keys below it, each block on its own.
    let text = text_of("fashion-mnist.toml");
    let (_, tail) = text.split_once("# Keys of other choices").unwrap();
    let blocks: Vec<_> = tail.split("\n#\n").skip(1).collect();
    assert_eq!(blocks.len(), 8);
    for block in blocks {
        let lines: Vec<_> = block
            .lines()
            .map(|line| line.trim_start_matches('#').trim())
            .collect();
        let (table, name) = lines[0].split_once(']').unwrap();
        let (name, needs) = name.split_once(", which needs").unwrap_or((name, ""));
        let before = if table == "[early_stopping" || !needs.is_empty() {
            "[data]\nvalidation = 1\n"
        } else {
            ""
        };
        let short = load_text(&format!("{before}{table}]\n{name}\n"), &[]);
        let long = load_text(
            &format!("{before}{table}]\n{name}\n{}\n", lines[1..].join("\n")),
            &[],
        );
        assert_eq!(short, long, "{block}");
    }
}

#[test]
fn every_choice_comes_back_equal() {
    for (name, backend) in Backend::ALL {
        assert_eq!(
            load_text("", &[&format!("backend={name}")]).backend,
            backend
        );
        assert_eq!(backend.to_string(), name);
        assert_eq!(on_the_command_line(name).unwrap(), Some(backend));
    }
    assert!(on_the_command_line("gpu").is_err());
    for (key, values) in [
        ("backend", &["flex", "ndarray", "wgpu", "auto"][..]),
        ("engine", &["auto", "kernel", "burn"]),
        ("augmentation.shift", &["0", "4"]),
        ("augmentation.flip", &["true", "false"]),
        ("augmentation.rotation", &["0", "15.5", "180"]),
        ("augmentation.zoom", &["0", "0.1", "0.5"]),
        ("augmentation.noise", &["0", "0.05", "1"]),
        ("augmentation.erasing", &["0", "0.5", "1"]),
        ("model.activation", &["relu", "sigmoid", "tanh", "gelu"]),
        ("model.init", &["glorot_uniform", "he_uniform", "torch"]),
        ("model.kind", &["mlp", "cnn"]),
        ("model.hidden", &["[]", "[1]", "[512, 256]"]),
        ("model.dropout", &["0.5"]),
        ("training.loss", &["cross_entropy", "quadratic"]),
        ("optimizer.name", &["adam", "adamw", "sgd"]),
        (
            "optimizer.learning_rate",
            &["1e-30", "0.1", "3", "123456.789"],
        ),
        (
            "schedule.name",
            &["constant", "cosine", "step", "one_cycle"],
        ),
        ("training.label_smoothing", &["0.1"]),
        (
            "training.class_weights",
            &["none", "balanced", "[0, 1.5, 2]"],
        ),
        ("training.clip_norm", &["0", "1e-3", "5"]),
        ("training.ema", &["0.999"]),
        ("schedule.warmup_epochs", &["0.25", "9"]),
        ("log.tensorboard", &["true", "false"]),
        (
            "checkpoint.every",
            &[
                "never",
                "1 epoch",
                "2 epochs",
                "1 step",
                "500 steps",
                "30 s",
                "0.5 s",
            ],
        ),
        (
            "seed",
            &["0", "9223372036854775808", "18446744073709551615", "0xff"],
        ),
    ] {
        for value in values {
            comes_back_equal(&load_text("", &[&format!("{key}={value}")]));
        }
    }
    let sets = ["data.validation=1", "schedule.name=plateau"];
    comes_back_equal(&load_text("", &sets));
    let data = r#"data={name="é", dir='C:\d', classes=["a \"b\"", "c'd"]}"#;
    comes_back_equal(&load_text("", &[data]));
}

#[test]
fn json_has_the_same_shape() {
    let json = serde_json::to_value(load_text("", &["optimizer.name=adamw"])).unwrap();
    assert_eq!(json["optimizer"]["name"], "adamw");
    assert_eq!(json["schedule"]["name"], "constant");
    assert_eq!(json["early_stopping"], serde_json::Value::Null);
}

#[test]
fn the_resolved_config_has_the_keys_that_apply() {
    insta::assert_snapshot!(load_text("", &[]).to_toml().unwrap(), @r#"
    name = "fashion-mnist"
    backend = "flex"
    engine = "auto"
    seed = 42

    [data]
    name = "fashion-mnist"
    validation = 0
    colours = "auto"
    test_share = 0.2
    strict = false
    take = 0
    shuffle_labels = false

    [augmentation]
    shift = 0
    flip = false
    rotation = 0.0
    zoom = 0.0
    noise = 0.0
    erasing = 0.0

    [model]
    kind = "mlp"
    hidden = [128]
    activation = "relu"
    dropout = 0.0
    init = "glorot_uniform"

    [training]
    epochs = 10
    batch_size = 32
    loss = "cross_entropy"
    label_smoothing = 0.0
    class_weights = "none"
    clip_norm = 0.0
    ema = 0.0

    [optimizer]
    name = "adam"
    learning_rate = 0.001
    beta_1 = 0.9
    beta_2 = 0.999
    epsilon = 0.0000001
    weight_decay = 0.0

    [schedule]
    name = "constant"
    warmup_epochs = 0.0

    [checkpoint]
    every = "1 epoch"
    keep = 2

    [evaluation]
    test = true

    [log]
    tensorboard = false
    "#);
    let sets = [
        "optimizer.name=sgd",
        "optimizer.nesterov=true",
        "schedule.name=step",
        "data.validation=5_000",
        "early_stopping={}",
    ];
    insta::assert_snapshot!(load_text("", &sets).to_toml().unwrap(), @r#"
    name = "fashion-mnist"
    backend = "flex"
    engine = "auto"
    seed = 42

    [data]
    name = "fashion-mnist"
    validation = 5000
    colours = "auto"
    test_share = 0.2
    strict = false
    take = 0
    shuffle_labels = false

    [augmentation]
    shift = 0
    flip = false
    rotation = 0.0
    zoom = 0.0
    noise = 0.0
    erasing = 0.0

    [model]
    kind = "mlp"
    hidden = [128]
    activation = "relu"
    dropout = 0.0
    init = "glorot_uniform"

    [training]
    epochs = 10
    batch_size = 32
    loss = "cross_entropy"
    label_smoothing = 0.0
    class_weights = "none"
    clip_norm = 0.0
    ema = 0.0

    [optimizer]
    name = "sgd"
    learning_rate = 0.001
    momentum = 0.9
    nesterov = true
    weight_decay = 0.0

    [schedule]
    name = "step"
    every_epochs = 5.0
    factor = 0.5
    warmup_epochs = 0.0

    [early_stopping]
    patience = 3
    metric = "loss"
    min_delta = 0.0

    [checkpoint]
    every = "1 epoch"
    keep = 2

    [evaluation]
    test = true

    [log]
    tensorboard = false
    "#);
}

#[test]
fn overrides_win_in_order() {
    let text = text_of("fashion-mnist.toml");
    let get = |sets: &[&str]| load_text(&text, sets);
    assert_eq!(get(&["seed=1", "seed=2"]).seed, 2);
    assert_eq!(get(&["backend=wgpu"]).backend, Backend::Wgpu);
    assert_eq!(get(&["backend = \"wgpu\""]).backend, Backend::Wgpu);
    assert_eq!(get(&["model.hidden=[512,512]"]).model.hidden, [512, 512]);
    assert_eq!(
        get(&["optimizer.learning_rate=3e-4"])
            .optimizer
            .learning_rate(),
        3e-4
    );
    assert_eq!(
        get(&["optimizer.learning_rate=1"])
            .optimizer
            .learning_rate(),
        1.0
    );
    assert_eq!(
        get(&["data.dir=/a=b/c d"]).data.dir,
        Some(PathBuf::from("/a=b/c d"))
    );
    let schedule = get(&["schedule={name=\"cosine\"}", "schedule.final_fraction=0.1"]).schedule;
    assert_eq!(
        schedule.decay,
        Decay::Cosine {
            final_fraction: 0.1
        }
    );
    let stopping = get(&["data.validation=1", "early_stopping.metric=accuracy"]).early_stopping;
    assert_eq!(
        stopping,
        Some(EarlyStopping {
            patience: 3,
            metric: Metric::ACCURACY,
            min_delta: 0.0
        })
    );
}

#[test]
fn another_optimizer_passes_over_the_files_keys() {
    // The file sets beta_1, beta_2 and epsilon.
    let text = text_of("fashion-mnist.toml");
    let sgd = load_text(&text, &["optimizer.name=sgd"]).optimizer;
    let expect = Optimizer::Sgd {
        learning_rate: 1e-3,
        momentum: 0.9,
        nesterov: false,
        weight_decay: 0.0,
    };
    assert_eq!(sgd, expect);
    let adamw = load_text(&text, &["optimizer.name=adamw"]).optimizer;
    assert!(
        matches!(
            adamw,
            Optimizer::AdamW {
                weight_decay: 0.004,
                ..
            }
        ),
        "{adamw:?}"
    );
}

#[test]
fn no_bytes_make_the_loader_panic() {
    let full: Vec<String> = shipped()
        .iter()
        .map(|path| Source::read(path).unwrap().text)
        .collect();
    // Without comments as well: otherwise most changes would land in them.
    let bare = full.iter().map(|text| {
        text.lines()
            .map(|line| line.split('#').next().unwrap().to_owned() + "\n")
            .collect()
    });
    let texts: Vec<String> = full.iter().cloned().chain(bare).collect();
    let mut random = Random(42);
    for round in 0..6_000 {
        let text = mutated(&texts[round % texts.len()], &mut random);
        let argument: String = text
            .chars()
            .skip(random.below(text.len()))
            .take(random.below(40))
            .collect();
        let sets = [
            argument.clone(),
            format!("model.hidden={argument}"),
            format!("optimizer={argument}"),
        ];
        for overrides in [&[][..], &sets[..1], &sets[1..2], &sets[2..]] {
            let source = Source {
                label: "mutated".to_owned(),
                text: text.clone(),
            };
            match load(source, overrides) {
                Ok(experiment) => comes_back_equal(&experiment),
                Err(error) => {
                    let shown = error.to_string();
                    assert!(error.advice().is_some() && shown.len() < 2_000, "{shown}");
                    assert!(
                        !shown.chars().any(|c| c.is_control() && c != '\n'),
                        "{shown:?}"
                    );
                    assert!(shown.lines().count() <= 5, "{shown}");
                }
            }
        }
    }
}

fn mutated(text: &str, random: &mut Random) -> String {
    let spice = [
        "é",
        "\u{feff}",
        "\r\n",
        "\t",
        "\0",
        "\"",
        "'''",
        "[",
        "]]",
        "{",
        "=",
        ".",
        ",",
        "1e999",
        "\\u",
        "-",
        "[a]\n",
        "x.y=1\n",
        "[[data]]\n",
        "\u{202e}",
        "[data.name]\n",
        "[a.b.c]\n",
        "\"\"=1\n",
    ];
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(5) {
            0 if random.below(3) == 0 => bytes.truncate(at),
            0 | 1 => bytes
                .iter_mut()
                .skip(at)
                .take(1)
                .for_each(|byte| *byte ^= 1 << random.below(8)),
            2 => drop(bytes.splice(at..at, spice[random.below(spice.len())].bytes())),
            3 => drop(bytes.drain(at..(at + random.below(20)).min(bytes.len()))),
            _ => bytes.extend_from_within(at..(at + random.below(60)).min(bytes.len())),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Knuth's linear congruential generator.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }
}

/// A path in a config means what it means on the command line, or lies beside the config.
#[test]
fn a_data_folder_may_be_at_home_or_beside_the_config() {
    let desk = Desk::new();
    tiny(&desk);
    let config = |dir: &str| {
        format!(
            "name = \"mine\"\n[data]\nname = \"tiny\"\ndir = \"{dir}\"\n[training]\nepochs = 1\n"
        )
    };
    desk.write("home.toml", config("~/tiny")); // the program's home is the desk
    desk.write("there/beside.toml", config("images"));
    copy(&desk.path("tiny"), &desk.path("there/images"));
    for file in ["home.toml", "there/beside.toml"] {
        let said = desk.ok(&["--config", file, "--quiet"]);
        assert_eq!(said.stderr, "", "{file}");
    }
}
