//! Checks of a run: what its figures say about it, and what to do. Each has a code that stays the same, by which it can
//! be muted; `docs/checks.md` lists them.
//!
//! `measured` are those that need nothing but the run's own files. `compared` are those that need its data: they
//! count labels, look for duplicates, and train a linear network and a range test, in about a second.

mod compared;
mod evidence;
mod linear;
mod measured;
mod sweep_edge;

use std::path::Path;

use serde::{Serialize, Serializer};

use super::language::Language;
use crate::failure::Failure;
use crate::notice::Notify;
use evidence::Evidence;

/// A check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// The network does much better on the images it was trained on than on others.
    Memorising,
    /// It does no better on the images it was trained on than on others: there is more to learn.
    Underfitting,
    /// It does no better than an answer that is always the most frequent class.
    Majority,
    /// It does no better than a network without hidden layers.
    Linear,
    /// Some classes have many times the images of others.
    Imbalanced,
    /// A class has no training images.
    MissingClass,
    /// The best epoch is the last one.
    BestIsLast,
    /// The learning rate is far from the one that `find-lr` suggests.
    LearningRate,
    /// There are too few validation images to tell close results apart.
    SmallValidation,
    /// The probabilities are far from the shares of right answers.
    Calibration,
    /// The same image is in two of training, validation and test.
    Duplicates,
    /// The best setting of a sweep has the smallest or largest value that was tried.
    SweepEdge,
}

impl Code {
    /// All checks with their codes, in the order in which they are reported.
    pub const ALL: [(&'static str, Self); 12] = [
        ("memorising", Self::Memorising),
        ("underfitting", Self::Underfitting),
        ("majority", Self::Majority),
        ("linear", Self::Linear),
        ("imbalanced", Self::Imbalanced),
        ("missing-class", Self::MissingClass),
        ("best-is-last", Self::BestIsLast),
        ("learning-rate", Self::LearningRate),
        ("small-validation", Self::SmallValidation),
        ("calibration", Self::Calibration),
        ("duplicates", Self::Duplicates),
        ("sweep-edge", Self::SweepEdge),
    ];

    /// Returns the code.
    pub fn name(self) -> &'static str {
        let known = Self::ALL.iter().find(|(_, code)| *code == self);
        known.map_or("", |(name, _)| name)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A text in every language.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    english: String,
    portuguese: String,
}

impl Text {
    /// Returns a text.
    pub fn new(english: impl Into<String>, portuguese: impl Into<String>) -> Self {
        Self {
            english: english.into(),
            portuguese: portuguese.into(),
        }
    }

    /// Returns it in a language.
    pub fn of(&self, language: Language) -> &str {
        language.pick(&self.english, &self.portuguese)
    }
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It found something.
    Found(Finding),
    /// It found nothing.
    Clear,
    /// It could not be made; why.
    NotMade(Text),
}

/// What a check found.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What was found.
    pub what: Text,
    /// What to do about it.
    pub advice: Text,
    /// The figures behind it.
    pub figures: Vec<(&'static str, f64)>,
}

/// Every check that was not muted, with what it came to, in the order of [`Code::ALL`].
pub type Checked = Vec<(Code, Outcome)>;

/// Checks the run in `folder`, except for the checks that are `muted`. With `data_dir` or where its data is at hand, those
/// that need the data are made as well; `notify` is told what happens meanwhile.
///
/// # Errors
/// When the run's manifest or config cannot be read, or training fails.
pub fn of_run(
    folder: &Path,
    data_dir: Option<&Path>,
    muted: &[Code],
    notify: Notify,
) -> Result<Checked, Failure> {
    let evidence = Evidence::of(folder)?;
    let mut checked = measured(&evidence, muted);
    checked.extend(compared::all(&evidence, folder, data_dir, muted, notify)?);
    checked.sort_by_key(|(code, _)| *code);
    Ok(checked)
}

/// Checks the run in `folder` by its own files alone, except for the checks that are `muted`.
///
/// # Errors
/// When its manifest cannot be read.
pub fn of_figures(folder: &Path, muted: &[Code]) -> Result<Checked, Failure> {
    Ok(measured(&Evidence::of(folder)?, muted))
}

/// A check that needs nothing but the run's own files.
type Check = fn(&Evidence) -> Outcome;

fn measured(evidence: &Evidence, muted: &[Code]) -> Checked {
    let checks: [(Code, Check); 7] = [
        (Code::Memorising, measured::memorising),
        (Code::Underfitting, measured::underfitting),
        (Code::Majority, measured::majority),
        (Code::BestIsLast, measured::best_is_last),
        (Code::SmallValidation, measured::small_validation),
        (Code::Calibration, measured::calibration),
        (Code::SweepEdge, sweep_edge::check),
    ];
    let made = checks.into_iter().filter(|(code, _)| !muted.contains(code));
    made.map(|(code, check)| (code, check(evidence))).collect()
}
