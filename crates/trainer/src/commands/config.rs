//! `trainer config` and `trainer completions`; and how every command gets its experiment.

use std::io::{Write, stdout};
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::{Cli, ExperimentArgs};
use crate::config::{self, Experiment, Source};
use crate::failure::Failure;

const DEFAULT_CONFIG: &str = "configs/fashion-mnist.toml";
const BUILT_IN: &str = include_str!("../../../../configs/fashion-mnist.toml");

/// Returns the experiment that `args` describe: file, then `--set`, then the options with a name.
///
/// # Errors
/// When the config cannot be read or is wrong (exit code 2).
pub fn experiment(args: &ExperimentArgs) -> Result<Experiment, Failure> {
    let source = match &args.config {
        Some(file) => Source::read(file)?,
        None if Path::new(DEFAULT_CONFIG).is_file() => Source::read(Path::new(DEFAULT_CONFIG))?,
        None => Source {
            label: "built-in fashion-mnist.toml".into(),
            text: BUILT_IN.into(),
        },
    };
    let mut experiment = config::load(source, &args.set)?;
    if let Some(backend) = args.backend {
        experiment.backend = backend;
    }
    if let Some(seed) = args.seed {
        experiment.seed = seed;
    }
    if let Some(dir) = &args.data_dir {
        experiment.data.dir = Some(dir.clone());
    }
    Ok(experiment)
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

/// `trainer completions`
pub fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "trainer", &mut script);
    stdout().write_all(&script)?;
    Ok(())
}
