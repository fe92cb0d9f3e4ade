//! From a document to an experiment: every key is read according to its line in `reference.rs`.

use std::path::PathBuf;

use data::fashion_mnist;

use crate::diagnostic::echo;
use crate::document::Document;
use crate::reference::{ACTIVATIONS, COLOURS, INITS, LOSSES};
use crate::table::{Table, WordOrNumbers};
use crate::{
    Augmentation, Backend, Checkpoint, ClassWeights, ConfigError, Data, Decay, EarlyStopping,
    EngineChoice, Evaluation, Experiment, Log, Metric, Model, NetworkKind, Optimizer, Schedule,
    Training, keys, validate,
};

/// Largest height and width that pictures are fitted to, in pixels.
const MAX_SIDE: usize = 1024;

/// Returns the experiment a document describes.
pub(crate) fn resolve(document: &Document) -> Result<Experiment, ConfigError> {
    keys::check(document)?;
    let top = Table::top(document);
    let experiment = Experiment {
        name: name(&top)?,
        backend: top.choice("backend", &Backend::ALL)?,
        engine: top.choice("engine", &EngineChoice::ALL)?,
        seed: top.integer("seed")?,
        data: data(&Table::of(document, "data"))?,
        augmentation: augmentation(&Table::of(document, "augmentation"))?,
        model: model(&Table::of(document, "model"))?,
        training: training(&Table::of(document, "training"))?,
        optimizer: optimizer(&Table::of(document, "optimizer"))?,
        schedule: schedule(&Table::of(document, "schedule"))?,
        early_stopping: early_stopping(&Table::of(document, "early_stopping"))?,
        checkpoint: checkpoint(&Table::of(document, "checkpoint"))?,
        evaluation: Evaluation {
            test: Table::of(document, "evaluation").flag("test")?,
        },
        log: Log {
            tensorboard: Table::of(document, "log").flag("tensorboard")?,
        },
    };
    validate::between_keys(&experiment, document)?;
    Ok(experiment)
}

fn augmentation(table: &Table) -> Result<Augmentation, ConfigError> {
    Ok(Augmentation {
        shift: table.integer("shift")?,
        flip: table.flag("flip")?,
        rotation: table.number("rotation")?,
        zoom: table.number("zoom")?,
        noise: table.number("noise")?,
        erasing: table.number("erasing")?,
    })
}

/// Returns the name; it becomes a folder, so it must be valid on every system.
fn name(top: &Table) -> Result<String, ConfigError> {
    let name = top.text("name")?;
    let Some(problem) = data::name_problem(&name) else {
        return Ok(name);
    };
    Err(top
        .refuse("name", format!("`name` {problem}"))
        .hint("use up to 64 letters a to z, digits, `-`, `_` and `.`"))
}

fn data(table: &Table) -> Result<Data, ConfigError> {
    let name = table.text("name")?;
    let dir = table.optional_text("dir")?.map(PathBuf::from);
    let classes = table.optional_texts("classes")?;
    if let Some(classes) = &classes {
        // A folder may hold other data, whatever the name says: that is seen once it is read.
        let is_fashion = name == fashion_mnist::NAME && dir.is_none();
        check_classes(classes, is_fashion).map_err(|problem| {
            table
                .refuse("classes", problem)
                .hint("name every class once, in the order of the labels")
        })?;
    }
    Ok(Data {
        name,
        dir,
        validation: table.integer("validation")?,
        size: size(table)?,
        colours: table.choice("colours", &COLOURS)?,
        test_share: table.number("test_share")?,
        strict: table.flag("strict")?,
        take: table.integer("take")?,
        shuffle_labels: table.flag("shuffle_labels")?,
        classes,
    })
}

/// Returns height and width, each 1 to [`MAX_SIDE`].
fn size(table: &Table) -> Result<Option<[usize; 2]>, ConfigError> {
    let Some(text) = table.optional_text("size")? else {
        return Ok(None);
    };
    let side = |text: &str| {
        text.parse()
            .ok()
            .filter(|side| (1..=MAX_SIDE).contains(side))
    };
    let sides = text.split_once('x');
    let size = sides.and_then(|(height, width)| Some([side(height)?, side(width)?]));
    size.map(Some).ok_or_else(|| {
        let message = format!(
            "`data.size` is \"{}\", but must be a height and a width",
            echo(&text)
        );
        let hint = format!("for example 28x28; each 1 to {MAX_SIDE} pixels");
        table.refuse("size", message).hint(hint)
    })
}

fn check_classes(classes: &[String], is_fashion: bool) -> Result<(), String> {
    if is_fashion && classes.len() != fashion_mnist::CLASS_NAMES.len() {
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
        Some(class) => Err(format!("`data.classes` has \"{}\" twice", echo(class))),
        None => Ok(()),
    }
}

fn model(table: &Table) -> Result<Model, ConfigError> {
    let kind = table.word("kind")?;
    table.refuse_unread("kind", kind)?;
    let network = if kind == "cnn" {
        NetworkKind::Cnn {
            channels: table.integers("channels")?,
            convolutions: table.integer("convolutions")?,
            kernel: table.integer("kernel")?,
            global_average: table.flag("global_average")?,
        }
    } else {
        NetworkKind::Mlp
    };
    Ok(Model {
        network,
        hidden: table.integers("hidden")?,
        activation: table.choice("activation", &ACTIVATIONS)?,
        dropout: table.number("dropout")?,
        init: table.choice("init", &INITS)?,
    })
}

fn training(table: &Table) -> Result<Training, ConfigError> {
    Ok(Training {
        epochs: table.integer("epochs")?,
        batch_size: table.integer("batch_size")?,
        loss: table.choice("loss", &LOSSES)?,
        label_smoothing: table.number("label_smoothing")?,
        class_weights: class_weights(table)?,
        clip_norm: table.number("clip_norm")?,
        ema: table.number("ema")?,
    })
}

fn class_weights(table: &Table) -> Result<ClassWeights, ConfigError> {
    let weights = match table.word_or_numbers("class_weights")? {
        WordOrNumbers::Word("balanced") => return Ok(ClassWeights::Balanced),
        WordOrNumbers::Word(_) => return Ok(ClassWeights::None),
        WordOrNumbers::Numbers(weights) => weights,
    };
    if weights.iter().all(|weight| *weight == 0.0) {
        return Err(table
            .refuse(
                "class_weights",
                "`training.class_weights` has no weight above 0",
            )
            .hint("give one weight for each class, for example [1.0, 2.5]"));
    }
    Ok(ClassWeights::Of(weights))
}

fn optimizer(table: &Table) -> Result<Optimizer, ConfigError> {
    let kind = table.word("name")?;
    table.refuse_unread("name", kind)?;
    let learning_rate = table.number("learning_rate")?;
    let weight_decay = if kind == "adamw" {
        // Keras's default, <https://keras.io/api/optimizers/adamw/>.
        table.number_or("weight_decay", 0.004)?
    } else {
        table.number("weight_decay")?
    };
    if kind == "sgd" {
        let momentum = table.number("momentum")?;
        let nesterov = table.flag("nesterov")?;
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
    let beta_1 = table.number("beta_1")?;
    let beta_2 = table.number("beta_2")?;
    let epsilon = table.number("epsilon")?;
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
    let kind = table.word("name")?;
    table.refuse_unread("name", kind)?;
    let decay = match kind {
        "cosine" => Decay::Cosine {
            final_fraction: table.number("final_fraction")?,
        },
        "step" => Decay::Step {
            every_epochs: table.number("every_epochs")?,
            factor: table.number("factor")?,
        },
        "one_cycle" => Decay::OneCycle {
            rise: table.number("rise")?,
            initial_fraction: table.number("initial_fraction")?,
            final_fraction: table.number("final_fraction")?,
        },
        "plateau" => Decay::Plateau {
            factor: table.number("factor")?,
            patience: table.integer("patience")?,
            final_fraction: table.number("final_fraction")?,
        },
        _ => Decay::Constant,
    };
    let warmup_epochs = table.number("warmup_epochs")?;
    if kind == "one_cycle" && warmup_epochs > 0.0 {
        return Err(table
            .refuse(
                "warmup_epochs",
                "`schedule.warmup_epochs` is above 0, but one_cycle has a rise of its own",
            )
            .hint("remove `warmup_epochs`, and set `rise` if you need to"));
    }
    Ok(Schedule {
        decay,
        warmup_epochs,
    })
}

fn early_stopping(table: &Table) -> Result<Option<EarlyStopping>, ConfigError> {
    if !table.is_present() {
        return Ok(None);
    }
    Ok(Some(EarlyStopping {
        patience: table.integer("patience")?,
        metric: table.choice("metric", &Metric::named())?,
        min_delta: table.number("min_delta")?,
    }))
}

fn checkpoint(table: &Table) -> Result<Checkpoint, ConfigError> {
    let every = table.text("every")?.parse().map_err(|()| {
        table
            .refuse(
                "every",
                "`checkpoint.every` is not a number of epochs, steps or seconds",
            )
            .hint("write \"1 epoch\", \"500 steps\", \"30 s\" or \"never\"")
    })?;
    Ok(Checkpoint {
        every,
        keep: table.integer("keep")?,
    })
}
