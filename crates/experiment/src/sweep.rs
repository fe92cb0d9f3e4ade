//! `[sweep]`: one experiment in many settings, each with several seeds.
//!
//! `[sweep.grid]` and `[sweep.random]` contain keys of an experiment, in their tables, with their values: a
//! list or, to draw at random, a range. A setting is the file with those values in place of its own. It is
//! checked like a file, so a wrong value is reported where it was written.

use crate::axes::{Assignment, Axis, axes, cells, draw};
use crate::document::{Document, Entries, Entry, Node, Span, Value};
use crate::reference::MAX_SETTINGS;
use crate::table::Table;
use crate::{ConfigError, Experiment, Metric, Source, diagnostic::echo, keys, resolve};

/// Maximum number of trainings of a sweep: settings times seeds.
pub const MAX_TRAININGS: usize = 10_000;

/// A checked sweep: every setting is a valid experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// Name of the experiment; the sweep goes to `artifacts/<name>/`.
    pub name: String,
    /// The settings: those of the grid in the order of the file, the last key changing fastest, each with
    /// every draw.
    pub settings: Vec<Setting>,
    /// The seeds that each setting is trained with: the experiment's seed and those after it.
    pub seeds: Vec<u64>,
    /// Metric on the validation images that settings are compared by.
    pub metric: Metric,
    /// Whether the best setting is measured on the test images: `evaluation.test` of the file.
    pub test: bool,
    /// With successive halving, one in this many settings is trained further, 2 to 10; `None` to train all to the
    /// end.
    pub halving: Option<usize>,
}

/// One setting of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// What it sets: keys with their values as TOML, `optimizer.learning_rate` and `0.001`.
    pub values: Vec<(String, String)>,
    /// The experiment; it does not use the test images.
    pub experiment: Experiment,
}

impl Sweep {
    /// Checks what depends on the number of training images, of those that the files set aside for validation, and of
    /// classes.
    ///
    /// # Errors
    /// When there are no validation images to compare settings on, or a setting does not fit:
    /// [`Experiment::check_data`].
    pub fn check_data(
        &self,
        train_images: usize,
        set_aside: usize,
        classes: usize,
    ) -> Result<(), ConfigError> {
        for Setting { experiment, .. } in &self.settings {
            experiment.check_data(train_images, set_aside, classes)?;
            if experiment.data.validation == 0 && set_aside == 0 {
                let message = "settings are compared on validation images, but `data.validation` is 0, and the \
                               files have none";
                return Err(ConfigError::new(message).hint(
                    "hold some out: set `data.validation`, for example to a tenth of the images",
                ));
            }
        }
        Ok(())
    }
}

/// Returns the sweep that `source` describes, with `overrides`.
///
/// # Errors
/// The first mistake found, with its place. A missing `sweep` table is one, and so are missing validation images, unless
/// the files may set some aside: [`Sweep::check_data`].
pub fn load_sweep(source: Source, overrides: &[String]) -> Result<Sweep, ConfigError> {
    let document = Document::parse(source, overrides)?;
    keys::check(&document)?;
    let table = Table::of(&document, "sweep");
    if !table.is_present() {
        return Err(
            ConfigError::new("the file has no [sweep]: it describes one experiment")
                .hint("train it with trainer --config FILE, or add [sweep]"),
        );
    }
    let base = resolve::resolve(&document.without_sweep())?;
    let seeds = seeds(&table, base.seed)?;
    let halving = table.integer("halving")?;
    let metric = table.choice("metric", &Metric::named())?;
    let grid = axes(&table, "grid")?;
    let random = axes(&table, "random")?;
    refuse_twice(&document, &grid, &random)?;
    let draws = table.integer("draws")?;
    if random.is_empty() && table.get("draws").is_some() {
        return Err(table
            .refuse("draws", "`sweep.draws` has nothing to draw from")
            .hint("add a key to [sweep.random], for example optimizer.learning_rate = { from = 1e-4, to = 1e-2, log = true }"));
    }
    let draws = if random.is_empty() { 1 } else { draws };
    refuse_too_many(&table, &grid, draws, seeds.len())?;

    let drawn = draw(&random, draws, base.seed);
    let mut settings: Vec<Setting> = Vec::new();
    for cell in cells(&grid) {
        for draw in &drawn {
            let assignments: Vec<&Assignment> = cell.iter().chain(draw).collect();
            let setting = setting(&document, &assignments)?;
            let is_known = |known: &Setting| known.experiment == setting.experiment;
            if !settings.iter().any(is_known) {
                settings.push(setting);
            }
        }
    }
    let sweep = Sweep {
        name: base.name,
        settings,
        seeds,
        metric,
        test: base.evaluation.test,
        halving: table.get("halving").map(|_| halving),
    };
    refuse_unfit(&sweep, &document)?;
    Ok(sweep)
}

fn seeds(table: &Table, first: u64) -> Result<Vec<u64>, ConfigError> {
    let count: u64 = table.integer("seeds")?;
    match first.checked_add(count - 1) {
        Some(last) => Ok((first..=last).collect()),
        None => Err(table
            .refuse(
                "seeds",
                format!("{count} seeds from {first} on exceed 2^64 - 1"),
            )
            .hint("choose a smaller `seed`")),
    }
}

/// Fails when a key is both in the grid and drawn: the draw would replace every listed value.
fn refuse_twice(document: &Document, grid: &[Axis], random: &[Axis]) -> Result<(), ConfigError> {
    let is_listed = |drawn: &&Axis| {
        let mut listed = grid.iter();
        listed.any(|axis| (axis.table, axis.key) == (drawn.table, drawn.key))
    };
    match random.iter().find(is_listed) {
        None => Ok(()),
        Some(axis) => {
            let path = keys::path(axis.table, axis.key);
            let message = format!("`{}` is also in [sweep.grid]", echo(&path));
            Err(ConfigError::new(message)
                .at(document.place(axis.entry.key.clone()))
                .hint("keep it in one of the two"))
        }
    }
}

fn refuse_too_many(
    table: &Table,
    grid: &[Axis],
    draws: usize,
    seeds: usize,
) -> Result<(), ConfigError> {
    let cells = grid
        .iter()
        .map(|axis| axis.count())
        .try_fold(1usize, usize::checked_mul);
    let settings = cells.and_then(|cells| cells.checked_mul(draws));
    let trainings = settings.and_then(|settings| settings.checked_mul(seeds));
    let fits = settings.is_some_and(|n| n <= MAX_SETTINGS)
        && trainings.is_some_and(|n| n <= MAX_TRAININGS);
    if fits {
        return Ok(());
    }
    let shown = |n: Option<usize>| n.map_or("very many".to_string(), |n| n.to_string());
    let message = format!(
        "the sweep has {} settings and {} trainings",
        shown(settings),
        shown(trainings)
    );
    let place = table.document.blame(&[("", "sweep")]);
    Err(ConfigError::new(message).at(place).hint(format!(
        "{MAX_SETTINGS} settings and {MAX_TRAININGS} trainings are the limit"
    )))
}

/// Returns the file with the values of one setting in place of its own.
fn setting(document: &Document, assignments: &[&Assignment]) -> Result<Setting, ConfigError> {
    let mut document = document.without_sweep();
    for Assignment { axis, node, .. } in assignments {
        document.set(axis.table, axis.key, axis.entry.key.clone(), node.clone());
    }
    let mut experiment = resolve::resolve(&document)?;
    experiment.evaluation.test = false;
    let value = |a: &&Assignment| (keys::path(a.axis.table, a.axis.key), a.text.clone());
    Ok(Setting {
        values: assignments.iter().map(value).collect(),
        experiment,
    })
}

/// Checks that settings can be compared and, with halving, stopped early.
fn refuse_unfit(sweep: &Sweep, document: &Document) -> Result<(), ConfigError> {
    let experiments = || sweep.settings.iter().map(|setting| &setting.experiment);
    if experiments().any(|experiment| experiment.data.lacks_validation()) {
        return Err(ConfigError::new(
            "settings are compared on validation images, but `data.validation` is 0",
        )
        .at(document.blame(&[("data", "validation"), ("", "sweep")]))
        .hint("hold some out, for example data.validation = 5000"));
    }
    let is_fixed = |experiment: &Experiment| experiment.schedule.depends_on_length();
    if sweep.halving.is_some() && experiments().any(is_fixed) {
        return Err(ConfigError::new("halving trains settings for some epochs first, and a cosine or one_cycle schedule cannot be extended")
            .at(document.blame(&[("sweep", "halving")]))
            .hint("leave `halving` out, or choose schedule.name = \"constant\", \"step\" or \"plateau\""));
    }
    let first_round = rounds(sweep.settings.len(), sweep.halving) - 1;
    let all_warm_up = |experiment: &Experiment| {
        let epochs = epochs_in_round(experiment.training.epochs, sweep.halving, first_round);
        experiment.schedule.warmup_epochs >= epochs as f64
    };
    if experiments().any(all_warm_up) {
        return Err(ConfigError::new(
            "the first round of halving would end before the warm-up does",
        )
        .at(document.blame(&[("sweep", "halving")]))
        .hint("shorten `schedule.warmup_epochs`, train more epochs, or halve less"));
    }
    refuse_incomparable(sweep, document)
}

/// Checks that all settings are measured on the same images with the same loss.
fn refuse_incomparable(sweep: &Sweep, document: &Document) -> Result<(), ConfigError> {
    let mut experiments = sweep.settings.iter().map(|setting| &setting.experiment);
    let Some(first) = experiments.next() else {
        return Ok(());
    };
    let refuse = |message: &str, hint: &str| {
        let place = document.blame(&[("", "sweep")]);
        Err(ConfigError::new(message).at(place).hint(hint))
    };
    for other in experiments {
        if other.data != first.data {
            return refuse(
                "the settings have different data sets: their results cannot be compared",
                "make a sweep for each data set, and for each `data.validation`",
            );
        }
        if sweep.metric == Metric::LOSS && other.training.loss != first.training.loss {
            return refuse(
                "the settings have different losses: they cannot be compared by the loss",
                "write metric = \"accuracy\" in [sweep]",
            );
        }
    }
    Ok(())
}

/// Returns the number of rounds for `settings` settings: one without halving, otherwise enough to leave one or a
/// few for the last round (successive halving, <https://arxiv.org/abs/1502.07943>).
pub fn rounds(settings: usize, halving: Option<usize>) -> u32 {
    halving.map_or(1, |keep| 1 + settings.max(1).ilog(keep.max(2)))
}

/// Returns how many of its `full` epochs a setting is trained for in a round with `left` rounds to follow.
pub fn epochs_in_round(full: usize, halving: Option<usize>, left: u32) -> usize {
    let share = halving.unwrap_or(1).saturating_pow(left);
    full.div_ceil(share.max(1)).max(1)
}

impl Document {
    /// Returns the document without the table `sweep`: one experiment.
    fn without_sweep(&self) -> Self {
        let mut document = self.clone();
        document.root.remove("sweep");
        document
    }

    /// Sets a key, which was written at `span`.
    fn set(&mut self, table: &str, key: &str, span: Span, node: Node) {
        let entry = Entry {
            key: span.clone(),
            node,
        };
        if table.is_empty() {
            self.root.insert(key.to_owned(), entry);
            return;
        }
        let home = self.root.entry(table.to_owned()).or_insert_with(|| Entry {
            key: span.clone(),
            node: Node {
                span,
                value: Value::Table(Entries::new()),
            },
        });
        if let Value::Table(entries) = &mut home.node.value {
            entries.insert(key.to_owned(), entry);
        }
    }
}
