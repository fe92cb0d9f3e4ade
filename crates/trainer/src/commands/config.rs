//! `trainer config` and `trainer completions`, and the experiment of a command's arguments.

use std::io::{Write, stdout};

use clap::CommandFactory;
use clap_complete::Shell;
use experiment::Experiment;

use crate::cli::{Cli, ExperimentArgs};
use crate::configs;
use crate::failure::Failure;

/// Returns the experiment described by `args`: file, then `--set`, then the other options.
///
/// # Errors
/// When the config cannot be read or is wrong (exit code 2).
pub fn experiment(args: &ExperimentArgs) -> Result<Experiment, Failure> {
    let mut set = args.config.set.clone();
    if let Some(backend) = args.backend {
        set.push(format!("backend={backend}"));
    }
    if let Some(engine) = args.engine {
        set.push(format!("engine={engine}"));
    }
    if let Some(seed) = args.seed {
        set.push(format!("seed={seed}"));
    }
    let set = configs::with_data_dir(&set, args.config.data_dir.as_deref())?;
    configs::load(args.config.config.as_deref(), &set)
}

/// `trainer config show`
pub fn show(args: &ExperimentArgs) -> Result<(), Failure> {
    let toml = configs::to_toml(&experiment(args)?)?;
    write!(stdout(), "{toml}")?;
    Ok(())
}

/// `trainer config check`
pub fn check(args: &ExperimentArgs) -> Result<(), Failure> {
    experiment(args).map(drop)
}

/// `trainer config schema`
pub fn schema() -> Result<(), Failure> {
    let schema = experiment::schema().map_err(|error| Failure::usage("").because(error))?;
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
