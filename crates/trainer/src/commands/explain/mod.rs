//! `trainer explain ...`: the texts, in English and Portuguese. What they say comes from [`crate::explain`].

mod answer;
mod cost;
mod curves;
mod neuron;
mod run;
mod step;

use std::path::{Path, PathBuf};

use ::data::DataSet;
use experiment::Backend;

use super::terminal::Messages;
use crate::backend::Compute;
use crate::cli::{ExplainArgs, ExplainCommand, PictureArgs};
use crate::explain::{Language, Subject};
use crate::failure::Failure;
use crate::inference::Inference;
use crate::run::find::{self, Saved};
use crate::run::write;
use crate::saved;

/// Explains, and prints the explanation.
///
/// # Errors
/// When the run, its data or the picture is not found, or there is nothing to explain (exit code 2).
pub fn run(command: &ExplainCommand) -> Result<(), Failure> {
    match command {
        ExplainCommand::Neuron(args) => neuron::run(args),
        ExplainCommand::Cost(args) => cost::run(args),
        ExplainCommand::Step(args) => step::run(args),
        ExplainCommand::Answer(args) => answer::run(args),
        ExplainCommand::Curves(args) => curves::run(args),
        ExplainCommand::Run(args) => run::run(args),
    }
}

/// Returns the language of the texts: the one asked for, or that of the environment.
fn language(args: &ExplainArgs) -> Language {
    let of_environment = || {
        // In the order of POSIX, <https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/V1_chap08.html>.
        let names = ["LC_ALL", "LC_MESSAGES", "LANG"];
        let locales: Vec<String> = names
            .iter()
            .filter_map(|name| std::env::var(name).ok())
            .collect();
        Language::of_locales(locales.iter().map(String::as_str))
    };
    args.lang.unwrap_or_else(of_environment)
}

/// A saved network, to be explained.
struct Opened {
    saved: Saved,
    compute: Compute,
    data_dir: Option<PathBuf>,
    messages: Messages,
}

impl Opened {
    fn new(run: &str, args: &ExplainArgs) -> Result<Self, Failure> {
        Ok(Self {
            compute: Compute::open(Backend::Flex)?,
            saved: find::load(run)?,
            data_dir: args.data_dir.clone(),
            messages: Messages::of(args.output),
        })
    }

    fn inference(&self) -> Result<Inference<'_>, Failure> {
        Inference::new(&self.saved.record, &self.compute)
    }

    /// Returns the data set the network was trained on.
    fn data(&self) -> Result<DataSet, Failure> {
        let listener = &mut self.messages.listener();
        saved::data_set(&self.saved, self.data_dir.clone(), listener)
    }

    /// Returns a test image; its use is counted.
    fn test_image(&self, data: &DataSet, number: usize) -> Result<Subject, Failure> {
        let subject = Subject::test_image(data, number)?;
        saved::count_use(&self.saved, &mut self.messages.listener());
        Ok(subject)
    }

    /// Returns the picture asked for.
    fn picture(&self, args: &PictureArgs) -> Result<Subject, Failure> {
        match (&args.image, args.test) {
            (Some(file), _) => Subject::picture(&self.inference()?, file),
            (None, Some(number)) => self.test_image(&self.data()?, number),
            (None, None) => Err(Failure::usage("no picture to explain").hint("give one: --test N")),
        }
    }
}

/// Writes a picture that was asked for, and says where.
fn write_picture(out: &Path, png: &[u8], messages: Messages) -> Result<(), Failure> {
    let hint = "give a PNG file in a folder that exists: --out FILE";
    write::atomically(out, png).map_err(|failure| failure.hint(hint))?;
    messages.note(out.display());
    Ok(())
}

/// Returns the name of a test image, or the file, in a language.
fn called(subject: &Subject, language: Language) -> String {
    match subject.test {
        Some(number) => language.pick(
            format!("test image {number}"),
            format!("imagem de teste {number}"),
        ),
        None => subject.name.clone(),
    }
}
