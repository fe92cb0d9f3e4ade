//! `trainer config` and `trainer completions`; and how every command gets its experiment.

use std::io::{Write, stdout};
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use experiment::{DEFAULT_CONFIG, Experiment, Source};

use crate::cli::{Cli, ExperimentArgs};
use crate::failure::{Failure, shown};

/// Returns the experiment that `args` describe: file, then `--set`, then the options with a name.
///
/// # Errors
/// When the config cannot be read or is wrong (exit code 2).
pub fn experiment(args: &ExperimentArgs) -> Result<Experiment, Failure> {
    let source = match &args.config.config {
        Some(file) => Source::read(file)?,
        None if Path::new(DEFAULT_CONFIG).is_file() => Source::read(Path::new(DEFAULT_CONFIG))?,
        None => experiment::built_in(),
    };
    Ok(experiment::load(source, &overrides(args)?)?)
}

/// Returns `--set` and, after it, the options with a name of their own in the same form.
fn overrides(args: &ExperimentArgs) -> Result<Vec<String>, Failure> {
    let mut overrides = args.config.set.clone();
    if let Some(backend) = args.backend {
        overrides.push(format!("backend={backend}"));
    }
    if let Some(engine) = args.engine {
        overrides.push(format!("engine={engine}"));
    }
    if let Some(seed) = args.seed {
        overrides.push(format!("seed={seed}"));
    }
    if let Some(dir) = &args.config.data_dir {
        overrides.push(data_dir(dir)?);
    }
    Ok(overrides)
}

/// Returns `--data-dir` in the form of `--set`.
///
/// # Errors
/// When the path is not UTF-8 (exit code 2).
pub(super) fn data_dir(dir: &Path) -> Result<String, Failure> {
    let text = dir.to_str();
    let text = text.ok_or_else(|| {
        let message = format!("--data-dir {} is not UTF-8", shown(dir));
        Failure::usage(message).hint("rename the folder, or go there and write --data-dir .")
    })?;
    Ok(format!("data.dir={}", toml::Value::from(text)))
}

/// `trainer config show`
pub fn show(args: &ExperimentArgs) -> Result<(), Failure> {
    write!(
        stdout(),
        "{}",
        experiment(args)?.to_toml().map_err(Failure::usage)?
    )?;
    Ok(())
}

/// `trainer config check`
pub fn check(args: &ExperimentArgs) -> Result<(), Failure> {
    experiment(args).map(drop)
}

/// `trainer config schema`
pub fn schema() -> Result<(), Failure> {
    let schema = experiment::schema().map_err(Failure::usage)?;
    stdout().write_all(schema.as_bytes())?;
    Ok(())
}

/// `trainer completions`
pub fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "trainer", &mut script);
    stdout().write_all(&script)?;
    Ok(())
}
