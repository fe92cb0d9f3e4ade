//! `trainer runs`: list, show, remove.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write, stderr, stdin, stdout};
use std::path::Path;

use experiment::Metric;

use super::table;
use super::terminal::{self, Messages};
use crate::cli::{ExportRunsArgs, ExportTarget, ListArgs, RemoveArgs, ShowRunArgs};
use crate::configs;
use crate::failure::Failure;
use crate::format::{self, cell, counted, figure};
use crate::run::find::{self, ARTIFACTS};
use crate::run::list::{self, Summary};
use crate::run::query::{self, Value};
use crate::run::{lock, remove};

/// Keys that have their own column or say nothing about the experiment.
const NO_CHANGE: [&str; 4] = ["name", "seed", "backend", "data.dir"];

/// Keys of a config with their values, as TOML.
type Settings = BTreeMap<String, String>;

/// Lists runs: what they changed, and their results.
///
/// # Errors
/// When a condition or `--sort` names a field that no run has (exit code 2).
pub fn list(args: &ListArgs) -> Result<(), Failure> {
    let all = list::all(Path::new(ARTIFACTS));
    for folder in &all.damaged {
        let text = format!("{} is left out: its manifest is damaged", folder.display());
        Messages { quiet: false }.warn(text);
    }
    let (field, descending) = match args.sort.as_deref() {
        Some(sort) => (sort.trim_start_matches('-'), sort.starts_with('-')),
        None => ("started", true),
    };
    let named = args.conditions.iter().map(|c| c.field.as_str());
    let tutorial = settings_of_tutorial()?;
    for name in named.chain([field]) {
        refuse_unknown(name, &all.runs, &tutorial)?;
    }
    let holds = |run: &Summary| args.conditions.iter().all(|c| c.holds(run));
    let mut runs: Vec<Summary> = all.runs.into_iter().filter(holds).collect();
    runs.sort_by(|a, b| match descending {
        // Runs without a value come last in either direction.
        true if query::value(a, field).is_some() && query::value(b, field).is_some() => {
            query::order(b, a, field)
        }
        _ => query::order(a, b, field),
    });
    runs.truncate(args.limit.unwrap_or(usize::MAX));
    match (args.json, args.csv) {
        (true, _) => print_json(&runs),
        (_, true) => print_csv(&runs, &tutorial),
        _ => print(&runs, &tutorial),
    }
}

fn settings_of_tutorial() -> Result<Settings, Failure> {
    let toml = configs::to_toml(&experiment::tutorial()?)?;
    Ok(list::flatten(&toml))
}

fn refuse_unknown(field: &str, runs: &[Summary], tutorial: &Settings) -> Result<(), Failure> {
    let is_key = |settings: &Settings| settings.contains_key(field);
    let is_known = is_key(tutorial) || runs.iter().any(|run| is_key(&run.settings));
    if query::fields().iter().any(|known| known == field) || is_known {
        return Ok(());
    }
    Err(
        Failure::usage(format!("runs have no field `{field}`")).hint(format!(
            "the fields are {}, and every key of the config, like optimizer.learning_rate",
            query::fields().join(", ")
        )),
    )
}

fn print(runs: &[Summary], tutorial: &Settings) -> Result<(), Failure> {
    if runs.is_empty() {
        Messages { quiet: false }.note("no runs");
        return Ok(());
    }
    let header = [
        "run",
        "changes",
        "seed",
        "epochs",
        "validation",
        "test",
        "time",
        "status",
    ];
    let rows: Vec<Vec<String>> = runs
        .iter()
        .map(|run| {
            let changes: Vec<String> = changes(run, tutorial)
                .iter()
                .map(|(k, v)| format::setting(k, v))
                .collect();
            vec![
                run.run.clone(),
                changes.join(", "),
                run.seed.to_string(),
                run.epochs.to_string(),
                figure(run.validation(Metric::ACCURACY)),
                figure(run.test(Metric::ACCURACY)),
                run.seconds.map_or("-".into(), |s| format!("{s:.1} s")),
                query::status(run),
            ]
        })
        .collect();
    table::write(&mut terminal::out(), &header, &[1, 7], &rows)?;
    Ok(())
}

fn print_json(runs: &[Summary]) -> Result<(), Failure> {
    for run in runs {
        terminal::json(run)?;
    }
    Ok(())
}

fn print_csv(runs: &[Summary], tutorial: &Settings) -> Result<(), Failure> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(
        query::fields()
            .iter()
            .map(String::as_str)
            .chain(["changes"]),
    )
    .map_err(Failure::caused_by)?;
    for run in runs {
        let value = |field: &String| match query::value(run, field) {
            Some(Value::Text(text)) => cell(&text),
            Some(number) => number.text(),
            None => String::new(),
        };
        let changes: Vec<String> = changes(run, tutorial)
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        let names = query::fields();
        let fields = names.iter().map(value).chain([cell(&changes.join("; "))]);
        csv.write_record(fields).map_err(Failure::caused_by)?;
    }
    let csv = csv.into_inner();
    stdout().write_all(&csv.map_err(|error| Failure::caused_by(error.into_error()))?)?;
    Ok(())
}

/// Returns the keys in which a run's config differs from the tutorial's, with the run's values.
fn changes(run: &Summary, tutorial: &Settings) -> Settings {
    let differs = |(key, value): &(&String, &String)| {
        !NO_CHANGE.contains(&key.as_str()) && tutorial.get(*key) != Some(value)
    };
    let kept = run.settings.iter().filter(differs);
    kept.map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Shows one run: its results, settings, epochs and files.
///
/// # Errors
/// When there is no such run.
pub fn show(args: &ShowRunArgs) -> Result<(), Failure> {
    let run = list::named(&args.run)?;
    let epochs = list::metrics(&run.folder);
    let mut out = terminal::out();
    if args.json {
        let mut value = serde_json::to_value(&run).map_err(Failure::caused_by)?;
        let epochs = serde_json::to_value(&epochs).map_err(Failure::caused_by)?;
        if let Some(object) = value.as_object_mut() {
            object.insert("metrics".to_string(), epochs);
        }
        terminal::json(&value)?;
        return Ok(());
    }
    let facts = [
        ("run", run.run.clone()),
        ("folder", run.folder.display().to_string()),
        ("status", query::status(&run)),
        ("started", run.started.to_string()),
        ("backend", run.backend.clone()),
        ("seed", run.seed.to_string()),
    ];
    let facts = facts.map(|(name, value)| (name.to_string(), value));
    let tested = Metric::of_results()
        .map(|metric| (format!("test {}", metric.label), figure(run.test(metric))));
    let looks = ("test looks".to_string(), run.test_looks.to_string());
    for (name, value) in facts.into_iter().chain(tested).chain([looks]) {
        writeln!(out, "{name:<14} {value}")?;
    }
    writeln!(out, "\nchanged from the tutorial's experiment:")?;
    let changes = changes(&run, &settings_of_tutorial()?);
    for (key, value) in &changes {
        writeln!(out, "  {key} = {value}")?;
    }
    if changes.is_empty() {
        writeln!(out, "  nothing")?;
    }
    writeln!(out)?;
    let rows: Vec<Vec<String>> = epochs
        .iter()
        .map(|epoch| {
            let best = if run.best_epoch == Some(epoch.epoch) {
                " *"
            } else {
                ""
            };
            vec![
                format!("{}{best}", epoch.epoch),
                figure(epoch.train.get(Metric::LOSS)),
                figure(epoch.train.get(Metric::ACCURACY)),
                figure(epoch.validation(Metric::LOSS)),
                figure(epoch.validation(Metric::ACCURACY)),
                format!("{:.2} s", epoch.seconds),
            ]
        })
        .collect();
    let header = [
        "epoch",
        "loss",
        "accuracy",
        "val. loss",
        "val. accuracy",
        "time",
    ];
    table::write(&mut out, &header, &[], &rows)?;
    Ok(())
}

/// Exports runs to an experiment tracker. A run that is already there is not copied again.
///
/// # Errors
/// When a run is not found, or this build lacks the tracker (exit code 2); when the server cannot be reached
/// or refuses.
pub fn export(args: &ExportRunsArgs) -> Result<(), Failure> {
    let ExportTarget::Mlflow = args.target;
    to_mlflow(args)
}

#[cfg(not(feature = "mlflow"))]
fn to_mlflow(_: &ExportRunsArgs) -> Result<(), Failure> {
    Err(Failure::left_out("export to MLflow", "mlflow"))
}

#[cfg(feature = "mlflow")]
fn to_mlflow(args: &ExportRunsArgs) -> Result<(), Failure> {
    use crate::run::{Status, mlflow::Server};
    let runs = if args.runs.is_empty() {
        list::all(Path::new(ARTIFACTS)).runs
    } else {
        let named: Result<_, Failure> = args.runs.iter().map(|run| list::named(run)).collect();
        named?
    };
    let finished = runs.iter().filter(|run| run.status == Status::Finished);
    let server = Server::at(&args.uri);
    let (mut copied, mut known) = (0, 0);
    for run in finished {
        if server.export(run)? {
            copied += 1;
        } else {
            known += 1;
        }
    }
    writeln!(
        terminal::out(),
        "copied {} to {}, {known} already there",
        counted(copied, "run"),
        server.address()
    )?;
    Ok(())
}

/// Removes runs, after asking. One that is being written stays, and so does what no run has written.
///
/// # Errors
/// When one is not there or in use, or nobody can be asked (exit code 2); when a file cannot be removed, or a
/// folder stays because other files are in it.
pub fn remove(args: &RemoveArgs) -> Result<(), Failure> {
    let mut folders = Vec::new();
    for run in &args.runs {
        let folder = find::folder(run)?;
        if !folder.is_dir() {
            return Err(Failure::usage(format!("{run} is a file, not a run"))
                .hint("give the folder of a run; `trainer runs` lists them"));
        }
        if lock::is_held(&folder) {
            return Err(
                Failure::usage(format!("{} is being written", folder.display()))
                    .hint("stop it first, or wait until it ends"),
            );
        }
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    let messages = Messages { quiet: false };
    if !args.yes && !agreed(&folders)? {
        messages.note("nothing was removed");
        return Ok(());
    }
    for folder in &folders {
        let left = remove::run(folder)?;
        if !left.is_empty() {
            messages.warn(format_args!(
                "{} is kept: the run did not write {}",
                folder.display(),
                left.join(", ")
            ));
        }
    }
    messages.note(format_args!("removed {}", counted(folders.len(), "run")));
    Ok(())
}

fn agreed(folders: &[std::path::PathBuf]) -> Result<bool, Failure> {
    if !stdin().is_terminal() {
        return Err(Failure::usage(
            "removing runs needs confirmation, but stdin is not a terminal",
        )
        .hint("add --yes"));
    }
    for folder in folders {
        Messages { quiet: false }.note(folder.display());
    }
    let _ = write!(stderr(), "remove {}? [y/N] ", counted(folders.len(), "run"));
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
