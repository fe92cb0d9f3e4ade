//! Every key with its default and range.
//!
//! What is not noted is the notebook: `configs/fashion-mnist.toml` with nothing in it.

use std::path::PathBuf;

use data::batches::MAX_SHIFT;
use data::fashion_mnist;
use model::{Activation, Init, Loss};

use crate::document::Document;
use crate::table::{Limit, Table};
use crate::{
    Augmentation, Backend, Checkpoint, ConfigError, Data, Decay, EarlyStopping, EngineChoice,
    Evaluation, Every, Experiment, Log, Metric, Model, Optimizer, Schedule, Training, keys,
    validate,
};

/// Most epochs, and most patience.
const MAX_EPOCHS: usize = 100_000;
/// Most images an IDX file can hold: its header counts them in 32 bits.
const MAX_IMAGES: usize = u32::MAX as usize;

const POSITIVE: Limit = Limit(|x| x > 0.0, "above 0");
const NOT_NEGATIVE: Limit = Limit(|x| x >= 0.0, "0 or more");
const BELOW_ONE: Limit = Limit(|x| (0.0..1.0).contains(&x), "at least 0 and below 1");
const SHARE: Limit = Limit(|x| (0.0..=1.0).contains(&x), "0 to 1");
const FACTOR: Limit = Limit(|x| x > 0.0 && x <= 1.0, "above 0 and at most 1");

/// Returns the experiment a document describes.
pub(crate) fn resolve(document: &Document) -> Result<Experiment, ConfigError> {
    keys::check(document)?;
    let top = Table::top(document);
    let experiment = Experiment {
        name: name(&top)?,
        backend: top.choice("backend", Backend::Flex, &Backend::ALL)?,
        engine: top.choice("engine", EngineChoice::Auto, &EngineChoice::ALL)?,
        seed: top.integer("seed", 42, 0..=u64::MAX)?,
        data: data(&Table::of(document, "data"))?,
        augmentation: Augmentation {
            shift: Table::of(document, "augmentation").integer("shift", 0, 0..=MAX_SHIFT)?,
        },
        model: model(&Table::of(document, "model"))?,
        training: training(&Table::of(document, "training"))?,
        optimizer: optimizer(&Table::of(document, "optimizer"))?,
        schedule: schedule(&Table::of(document, "schedule"))?,
        early_stopping: early_stopping(&Table::of(document, "early_stopping"))?,
        checkpoint: checkpoint(&Table::of(document, "checkpoint"))?,
        evaluation: Evaluation {
            test: Table::of(document, "evaluation").flag("test", true)?,
        },
        log: Log {
            tensorboard: Table::of(document, "log").flag("tensorboard", false)?,
        },
    };
    validate::between_keys(&experiment, document)?;
    Ok(experiment)
}

/// The name becomes a folder, so it must be one on every system.
fn name(top: &Table) -> Result<String, ConfigError> {
    let Some(name) = top.text("name")? else {
        return Ok(fashion_mnist::NAME.to_owned());
    };
    let problem = if name.len() > 64 {
        "has more than 64 characters"
    } else if name.starts_with('.') {
        "begins with a `.`"
    } else if !name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    {
        "has a character a folder name should not have"
    } else {
        return Ok(name);
    };
    Err(top
        .refuse("name", format!("`name` {problem}"))
        .hint("use up to 64 letters a to z, digits, `-`, `_` and `.`"))
}

fn data(table: &Table) -> Result<Data, ConfigError> {
    let name = table
        .text("name")?
        .unwrap_or_else(|| fashion_mnist::NAME.to_owned());
    let dir = table.text("dir")?.map(PathBuf::from);
    if name != fashion_mnist::NAME && dir.is_none() {
        return Err(table
            .refuse(
                "name",
                "`data.dir` is missing: only fashion-mnist is found without it",
            )
            .hint("set `data.dir` to the folder with the four IDX files"));
    }
    let classes = table.texts("classes")?;
    if let Some(classes) = &classes {
        check_classes(classes, &name).map_err(|problem| {
            table
                .refuse("classes", problem)
                .hint("name every class once, in the order of the labels")
        })?;
    }
    Ok(Data {
        name,
        dir,
        validation: table.integer("validation", 0, 0..=MAX_IMAGES)?,
        classes,
    })
}

fn check_classes(classes: &[String], data_set: &str) -> Result<(), String> {
    if data_set == fashion_mnist::NAME && classes.len() != fashion_mnist::CLASS_NAMES.len() {
        return Err(format!(
            "`data.classes` has {}, but fashion-mnist has {}",
            classes.len(),
            fashion_mnist::CLASS_NAMES.len()
        ));
    }
    if !(2..=256).contains(&classes.len()) {
        return Err(format!(
            "`data.classes` has {}, but must have 2 to 256",
            classes.len()
        ));
    }
    let mut seen = std::collections::BTreeSet::new();
    match classes.iter().find(|class| !seen.insert(*class)) {
        Some(class) => Err(format!(
            "`data.classes` has \"{}\" twice",
            crate::diagnostic::echo(class)
        )),
        None => Ok(()),
    }
}

fn model(table: &Table) -> Result<Model, ConfigError> {
    let activations = [
        ("relu", Activation::Relu),
        ("sigmoid", Activation::Sigmoid),
        ("tanh", Activation::Tanh),
        ("gelu", Activation::Gelu),
    ];
    let inits = [
        ("glorot_uniform", Init::GlorotUniform),
        ("he_uniform", Init::HeUniform),
        ("torch", Init::Torch),
    ];
    Ok(Model {
        hidden: table.integers("hidden", 128, 1..=model::config::MAX_WIDTH)?,
        activation: table.choice("activation", Activation::Relu, &activations)?,
        dropout: table.number("dropout", 0.0, &BELOW_ONE)?,
        init: table.choice("init", Init::GlorotUniform, &inits)?,
    })
}

fn training(table: &Table) -> Result<Training, ConfigError> {
    let losses = [
        ("cross_entropy", Loss::CrossEntropy),
        ("quadratic", Loss::Quadratic),
    ];
    Ok(Training {
        epochs: table.integer("epochs", 10, 1..=MAX_EPOCHS)?,
        batch_size: table.integer("batch_size", 32, 1..=MAX_IMAGES)?,
        loss: table.choice("loss", Loss::CrossEntropy, &losses)?,
    })
}

/// Adam's constants are Keras's, <https://keras.io/api/optimizers/adam/>; Burn's own epsilon is 1e-5.
fn optimizer(table: &Table) -> Result<Optimizer, ConfigError> {
    let kind = table.choice(
        "name",
        "adam",
        &[("adam", "adam"), ("adamw", "adamw"), ("sgd", "sgd")],
    )?;
    for key in ["beta_1", "beta_2", "epsilon"] {
        table.only_for(key, &["adam", "adamw"], kind)?;
    }
    for key in ["momentum", "nesterov"] {
        table.only_for(key, &["sgd"], kind)?;
    }
    let learning_rate = table.number("learning_rate", 1e-3, &POSITIVE)?;
    // Keras's AdamW decays by 0.004 unless told otherwise, <https://keras.io/api/optimizers/adamw/>.
    let weight_decay = table.number(
        "weight_decay",
        if kind == "adamw" { 0.004 } else { 0.0 },
        &NOT_NEGATIVE,
    )?;
    if kind == "sgd" {
        let momentum = table.number("momentum", 0.9, &BELOW_ONE)?;
        let nesterov = table.flag("nesterov", false)?;
        if nesterov && momentum == 0.0 {
            return Err(table
                .refuse("nesterov", "`optimizer.nesterov` looks ahead by the momentum, but `optimizer.momentum` is 0")
                .hint("set a momentum, for example 0.9, or remove `nesterov`"));
        }
        return Ok(Optimizer::Sgd {
            learning_rate,
            momentum,
            nesterov,
            weight_decay,
        });
    }
    let beta_1 = table.number("beta_1", 0.9, &BELOW_ONE)?;
    let beta_2 = table.number("beta_2", 0.999, &BELOW_ONE)?;
    let epsilon = table.number("epsilon", 1e-7, &POSITIVE)?;
    Ok(match kind {
        "adamw" => Optimizer::AdamW {
            learning_rate,
            beta_1,
            beta_2,
            epsilon,
            weight_decay,
        },
        _ => Optimizer::Adam {
            learning_rate,
            beta_1,
            beta_2,
            epsilon,
            weight_decay,
        },
    })
}

fn schedule(table: &Table) -> Result<Schedule, ConfigError> {
    let kinds = [
        ("constant", "constant"),
        ("cosine", "cosine"),
        ("step", "step"),
    ];
    let kind = table.choice("name", "constant", &kinds)?;
    table.only_for("final_fraction", &["cosine"], kind)?;
    table.only_for("every_epochs", &["step"], kind)?;
    table.only_for("factor", &["step"], kind)?;
    let decay = match kind {
        "cosine" => Decay::Cosine {
            final_fraction: table.number("final_fraction", 0.0, &SHARE)?,
        },
        "step" => Decay::Step {
            every_epochs: table.number("every_epochs", 5.0, &POSITIVE)?,
            factor: table.number("factor", 0.5, &FACTOR)?,
        },
        _ => Decay::Constant,
    };
    Ok(Schedule {
        decay,
        warmup_epochs: table.number("warmup_epochs", 0.0, &NOT_NEGATIVE)?,
    })
}

fn early_stopping(table: &Table) -> Result<Option<EarlyStopping>, ConfigError> {
    if !table.is_present() {
        return Ok(None);
    }
    Ok(Some(EarlyStopping {
        patience: table.integer("patience", 3, 1..=MAX_EPOCHS)?,
        metric: table.choice("metric", Metric::LOSS, &Metric::named())?,
        min_delta: table.number("min_delta", 0.0, &NOT_NEGATIVE)?,
    }))
}

fn checkpoint(table: &Table) -> Result<Checkpoint, ConfigError> {
    let every = match table.text("every")? {
        None => Every::Epochs(1),
        Some(text) => text.parse().map_err(|()| {
            table
                .refuse(
                    "every",
                    "`checkpoint.every` is no length of time known here",
                )
                .hint("write \"1 epoch\", \"500 steps\", \"30 s\" or \"never\"")
        })?,
    };
    Ok(Checkpoint {
        every,
        keep: table.integer("keep", 2, 1..=1_000)?,
    })
}
