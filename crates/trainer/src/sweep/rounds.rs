//! Trains the missing trainings of a sweep, round by round, and finds the best setting.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use data::{DataSet, Selection};
use experiment::{Backend, Metric, Sweep};
use jiff::Timestamp;

use super::crew::Crew;
use super::folder::{SweepFolder, Tested, Trial};
use super::outcome::{self, Outcome};
use super::statistics::Spread;
use crate::backend::Compute;
use crate::datasets::{self, Wanted};
use crate::failure::Failure;
use crate::notice::Notify;
use crate::results;
use crate::run::epoch::EpochMetrics;
use crate::run::{RunFolder, Status, find, manifest};

/// An event of a sweep.
#[derive(Debug)]
pub enum Event<'a> {
    /// Trainings are about to start: all of a sweep, or with halving those of a round.
    Round {
        /// Number of the round, counted from 1.
        round: u32,
        /// Number of rounds.
        of: u32,
        /// The trainings, each with its number of epochs.
        trials: &'a [(Trial, usize)],
    },
    /// A training was started or resumed.
    Begun(&'a Trial),
    /// A training has finished an epoch.
    Epoch(&'a Trial, &'a EpochMetrics),
    /// A training has ended, now or in an earlier call, with its score.
    Ended(&'a Trial, Option<f64>),
    /// A training has diverged.
    Failed(&'a Trial, &'a str),
}

/// How to watch and stop a sweep.
pub struct Watch<'a> {
    /// Called with each event.
    pub observer: &'a mut dyn FnMut(&Event),
    /// Trainings to run in parallel, 1 or more.
    pub jobs: usize,
    /// 0, or the exit code to stop the sweep with.
    pub stop: Arc<AtomicUsize>,
}

/// Returns the data set of all settings, after checking it against each of them.
///
/// # Errors
/// When it is not found, or a setting does not fit it (exit code 2).
pub fn data_set(sweep: &Sweep, notify: Notify) -> Result<DataSet, Failure> {
    let first = sweep.settings.first().map(|setting| &setting.experiment);
    let first = first.ok_or_else(|| Failure::usage("the sweep has no settings"))?;
    let all = Wanted {
        selection: Selection::default(), // settings may differ in it
        ..Wanted::by(first)
    };
    let data = all.load(notify)?;
    let (size, classes) = (data.train.size(), data.train.classes());
    sweep.check_data(data.train.len(), data.set_aside(), classes)?;
    for setting in &sweep.settings {
        let selection = datasets::selection(&setting.experiment);
        let images = datasets::selected(&data.train, selection)?.len();
        setting
            .experiment
            .check_data(images, data.set_aside(), classes)?;
        setting.experiment.architecture(size, classes).validate()?;
    }
    Ok(data)
}

/// Trains the missing trainings of a sweep, ranks its settings on the validation images, and evaluates the best
/// one on the test images, unless that was done before or `test` is false. Returns the settings, best first.
///
/// # Errors
/// When it is stopped, every setting fails, or anything other than a training fails.
pub fn train(
    sweep: &Sweep,
    folder: &mut SweepFolder,
    data: &DataSet,
    watch: &mut Watch,
) -> Result<Vec<Outcome>, Failure> {
    folder.update(|state| {
        state.status = Status::Running;
        (state.ended, state.error) = (None, None);
    })?;
    let ended = train_and_test(sweep, folder, data, watch);
    let (status, error) = match &ended {
        Ok(_) => (Status::Finished, None),
        Err(failure) if failure.code.is_stop() => (Status::Interrupted, None),
        Err(failure) => (Status::Failed, Some(failure.sentence())),
    };
    let marked = folder.update(|state| {
        (state.status, state.error) = (status, error);
        state.ended = Some(Timestamp::now());
    });
    let outcomes = ended?; // the cause is what matters, even if it cannot be written
    marked?;
    Ok(outcomes)
}

fn train_and_test(
    sweep: &Sweep,
    folder: &mut SweepFolder,
    data: &DataSet,
    watch: &mut Watch,
) -> Result<Vec<Outcome>, Failure> {
    let (state, path) = (folder.state(), folder.path());
    let ranked = outcome::ranked(state, path, |round, of, trials| {
        (watch.observer)(&Event::Round {
            round,
            of,
            trials: &trials,
        });
        Crew::new(folder, watch).train(trials)
    })?;
    let Some(best) = outcome::best(&ranked) else {
        return Err(
            Failure::failed("no setting was trained to the end with every seed")
                .hint("the runs' manifests say why: trainer runs --where \"status = failed\""),
        );
    };
    folder.update(|state| {
        if state.best != Some(best.setting) {
            state.test = None; // it belongs to another setting
        }
        state.best = Some(best.setting);
    })?;
    if sweep.test && folder.state().test.is_none() {
        let tested = open_test_set(folder, best, data, sweep)?;
        folder.update(|state| {
            state.test = Some(tested);
            state.test_looks += 1;
        })?;
    }
    Ok(ranked)
}

/// Evaluates the best setting's trainings on the test images. Results of an earlier call are kept.
fn open_test_set(
    folder: &SweepFolder,
    best: &Outcome,
    data: &DataSet,
    sweep: &Sweep,
) -> Result<Tested, Failure> {
    let setting = sweep.settings.get(best.setting - 1);
    let backend = setting.map_or(Backend::Flex, |setting| setting.experiment.backend);
    let compute = Compute::open(backend)?;
    let (mut accuracies, mut losses) = (Vec::new(), Vec::new());
    for (seed, _) in &best.scores {
        let trial = folder.state().trial(folder.path(), best.setting, *seed);
        let path = trial.folder;
        let (accuracy, loss) = match manifest::read(&path)?.test {
            Some(test) => (
                test.figure(Metric::ACCURACY.key),
                test.figure(Metric::LOSS.key),
            ),
            None => {
                let record = find::load(&path.to_string_lossy())?.record;
                let mut run = RunFolder::open(path)?;
                let (test, _) = results::test(record, data, &compute, &mut run)?;
                (test.figures.accuracy(), test.figures.loss())
            }
        };
        accuracies.push(accuracy);
        losses.push(loss);
    }
    let spreads = Spread::of(&accuracies).zip(Spread::of(&losses));
    let (accuracy, loss) =
        spreads.ok_or_else(|| Failure::failed("the best setting has no training"))?;
    Ok(Tested { accuracy, loss })
}
