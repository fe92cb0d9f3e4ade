//! Which experiment: a config file with overrides, or a run's own config.

use std::path::{Path, PathBuf};

use experiment::{DEFAULT_CONFIG, Experiment, MAX_BYTES, Source};

use crate::failure::{Failure, shown};
use crate::run::folder::CONFIG;
use crate::run::read;

/// Returns the experiment in `file`, or the tutorial's if there is none, with the overrides `set`, each `key=value`.
///
/// # Errors
/// When the config cannot be read or is wrong (exit code 2).
pub fn load(file: Option<&Path>, set: &[String]) -> Result<Experiment, Failure> {
    let source = match file {
        Some(file) => Source::read(file)?,
        None if Path::new(DEFAULT_CONFIG).is_file() => Source::read(Path::new(DEFAULT_CONFIG))?,
        None => experiment::built_in(),
    };
    let mut experiment = experiment::load(source, set)?;
    let dir = experiment.data.dir.take();
    experiment.data.dir = dir.map(|dir| meant(dir, file));
    Ok(experiment)
}

/// Returns the data folder that is meant by `dir`: `~` is the home folder, as on the command line. A relative path
/// begins at the working directory or, if it is not there, at the folder of the config `file`.
fn meant(dir: PathBuf, file: Option<&Path>) -> PathBuf {
    if let Ok(rest) = dir.strip_prefix("~") {
        return dirs::home_dir().map_or(dir.clone(), |home| home.join(rest));
    }
    let beside = file.and_then(Path::parent).map(|folder| folder.join(&dir));
    match beside {
        Some(beside) if !dir.exists() && beside.exists() => beside,
        _ => dir,
    }
}

/// Returns the experiment of the run in `folder` with the overrides `set`, each `key=value`.
///
/// # Errors
/// When its config cannot be read or is wrong (exit code 2).
pub fn of_run(folder: &Path, set: &[String]) -> Result<Experiment, Failure> {
    Ok(experiment::load(source_in(&folder.join(CONFIG))?, set)?)
}

/// Returns the config file `path` of a run or a sweep.
///
/// # Errors
/// When it cannot be read, or is no regular file (exit code 2).
pub fn source_in(path: &Path) -> Result<Source, Failure> {
    let bytes = read::at_most(path, MAX_BYTES)?;
    Ok(Source::of_file(path, bytes)?)
}

/// Returns the overrides `set`, with one more for the data folder if given.
///
/// # Errors
/// When the path is not UTF-8 (exit code 2).
pub fn with_data_dir(set: &[String], dir: Option<&Path>) -> Result<Vec<String>, Failure> {
    let mut set = set.to_vec();
    if let Some(dir) = dir {
        set.push(format!("data.dir={}", toml::Value::from(utf8(dir)?)));
    }
    Ok(set)
}

/// Returns a data folder as text, for a config.
///
/// # Errors
/// When it is not UTF-8 (exit code 2).
pub fn utf8(dir: &Path) -> Result<&str, Failure> {
    dir.to_str().ok_or_else(|| {
        let message = format!("--data-dir {} is not UTF-8", shown(dir));
        Failure::usage(message).hint("rename the folder, or change to it and use --data-dir .")
    })
}

/// Returns the same experiment with an absolute data folder.
pub fn with_absolute_folder(experiment: &Experiment) -> Experiment {
    let mut absolute = experiment.clone();
    let dir = absolute.data.dir.take();
    absolute.data.dir = dir.map(|dir| std::path::absolute(&dir).unwrap_or(dir));
    absolute
}

/// Returns the config that a run of `experiment` keeps, as TOML.
///
/// # Errors
/// When the data folder is not UTF-8 (exit code 2).
pub fn resolved(experiment: &Experiment) -> Result<String, Failure> {
    to_toml(&with_absolute_folder(experiment))
}

/// Returns an experiment as TOML.
///
/// # Errors
/// When its data folder is not UTF-8 (exit code 2).
pub fn to_toml(experiment: &Experiment) -> Result<String, Failure> {
    let toml = experiment.to_toml();
    toml.map_err(|error| Failure::usage("the experiment cannot be written as TOML").because(error))
}
