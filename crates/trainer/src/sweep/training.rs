//! Trains what is missing of a sweep, some processes at a time, and finds the best setting.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use data::DataSet;
use experiment::{Backend, Metric, Sweep};
use jiff::Timestamp;

use super::folder::{SweepFolder, Tested, Trial};
use super::outcome::{self, Outcome, Standing};
use super::process::{News, Process};
use super::statistics::Spread;
use crate::backend::Compute;
use crate::failure::{Code, Failure};
use crate::results;
use crate::run::epoch::EpochMetrics;
use crate::run::lock::{self, BEING_WRITTEN};
use crate::run::{RunFolder, Status, find, manifest};

/// How often signals are looked for, and runs that another process trains.
const PAUSE: Duration = Duration::from_millis(100);
/// How long after a signal trainings are taken to have got it as well, from a terminal. Then they are told: a
/// second signal would end one without a checkpoint.
const HEARD: Duration = Duration::from_millis(300);
/// How long after a signal they have to end by themselves.
const GRACE: Duration = Duration::from_millis(1500);
/// How often a training is begun that the system ends.
const TRIES: usize = 3;

/// What happens.
#[derive(Debug)]
pub enum Event<'a> {
    /// Some trainings are about to begin: all of a sweep, or of a round with halving.
    Round {
        /// Its number, counted from 1.
        round: u32,
        /// How many there are.
        of: u32,
        /// The trainings, with the epochs that each is to have.
        trials: &'a [(Trial, usize)],
    },
    /// A training was begun, or gone on with.
    Begun(&'a Trial),
    /// A training has finished an epoch.
    Epoch(&'a Trial, &'a EpochMetrics),
    /// A training has ended, now or in an earlier call, with its score.
    Ended(&'a Trial, Option<f64>),
    /// A training has diverged.
    Failed(&'a Trial, &'a str),
}

/// How a sweep is watched and stopped.
pub struct Watch<'a> {
    /// Told what happens.
    pub observer: &'a mut dyn FnMut(&Event),
    /// Trainings at a time, 1 or more.
    pub jobs: usize,
    /// Stops the sweep: 0, or the exit code it then ends with.
    pub stop: Arc<AtomicUsize>,
}

/// Trains what is missing of a sweep, ranks its settings by the validation images, and looks at the test
/// images with the best one, unless that was done before or `test` is false. Returns the settings, the
/// best first.
///
/// # Errors
/// When it is stopped, every setting fails, or something else than a training does.
pub fn train(
    sweep: &Sweep,
    folder: &mut SweepFolder,
    data: &DataSet,
    watch: &mut Watch,
) -> Result<Vec<Outcome>, Failure> {
    folder.update(|manifest| {
        manifest.status = Status::Running;
        (manifest.ended, manifest.error) = (None, None);
    })?;
    let ended = train_and_test(sweep, folder, data, watch);
    let (status, error) = match &ended {
        Ok(_) => (Status::Finished, None),
        Err(failure) if failure.code.is_stop() => (Status::Interrupted, None),
        Err(failure) => (Status::Failed, Some(failure.sentence())),
    };
    let marked = folder.update(|manifest| {
        (manifest.status, manifest.error) = (status, error);
        manifest.ended = Some(Timestamp::now());
    });
    let outcomes = ended?; // the cause is what matters, even if the disk says no as well
    marked?;
    Ok(outcomes)
}

fn train_and_test(
    sweep: &Sweep,
    folder: &mut SweepFolder,
    data: &DataSet,
    watch: &mut Watch,
) -> Result<Vec<Outcome>, Failure> {
    let (manifest, path) = (folder.manifest(), folder.path());
    let ranked = outcome::ranked(manifest, path, |round, of, trials| {
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
    folder.update(|manifest| {
        if manifest.best != Some(best.setting) {
            manifest.test = None; // that of another setting
        }
        manifest.best = Some(best.setting);
    })?;
    if sweep.test && folder.manifest().test.is_none() {
        let tested = open_test_set(folder, best, data, sweep)?;
        folder.update(|manifest| {
            manifest.test = Some(tested);
            manifest.test_looks += 1;
        })?;
    }
    Ok(ranked)
}

/// Measures the best setting's trainings on the test images. What an earlier call has measured stands.
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
        let path = folder
            .manifest()
            .trial(folder.path(), best.setting, *seed)
            .folder;
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

/// Some processes at a time, until a round's trainings have ended.
struct Crew<'a, 'w> {
    folder: &'a SweepFolder,
    watch: &'a mut Watch<'w>,
    waiting: VecDeque<Job>,
    running: Vec<(Job, Process)>,
    sender: Sender<News>,
    news: Receiver<News>,
}

/// A training with what is to be done about it.
#[derive(Debug, Clone)]
struct Job {
    trial: Trial,
    epochs: usize,
    tried: usize,
}

impl<'a, 'w> Crew<'a, 'w> {
    fn new(folder: &'a SweepFolder, watch: &'a mut Watch<'w>) -> Self {
        let (sender, news) = channel();
        Self {
            folder,
            watch,
            waiting: VecDeque::new(),
            running: Vec::new(),
            sender,
            news,
        }
    }

    /// Trains what is not trained yet.
    ///
    /// # Errors
    /// When the sweep is stopped, or a training ends in a way that another try would not mend.
    fn train(mut self, trials: Vec<(Trial, usize)>) -> Result<(), Failure> {
        for (trial, epochs) in trials {
            let standing = trial.standing(epochs);
            match standing {
                Standing::New | Standing::Begun => self.waiting.push_back(Job {
                    trial,
                    epochs,
                    tried: 0,
                }),
                Standing::Done | Standing::Failed(_) => self.report(&trial, epochs, &standing),
            }
        }
        let result = self.work();
        self.kill_all(); // none, unless there was an error
        result
    }

    fn work(&mut self) -> Result<(), Failure> {
        loop {
            self.start_some()?;
            if self.running.is_empty() && self.waiting.is_empty() {
                return Ok(());
            }
            let news = self.news.recv_timeout(PAUSE);
            let code = self.watch.stop.load(SeqCst);
            if code != 0 {
                let has_ended = usize::from(matches!(news, Ok(News::Ended(_))));
                self.stop(has_ended);
                return Err(self.stopped(code));
            }
            match news {
                Ok(News::Epoch(trial, metrics)) => {
                    (self.watch.observer)(&Event::Epoch(&trial, &metrics))
                }
                Ok(News::Ended(trial)) => self.ended(&trial)?,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
    }

    /// Starts trainings as long as there is room. One that another process has, because an earlier sweep was
    /// killed, is waited for.
    fn start_some(&mut self) -> Result<(), Failure> {
        for _ in 0..self.waiting.len() {
            if self.running.len() >= self.watch.jobs {
                break;
            }
            let Some(mut job) = self.waiting.pop_front() else {
                break;
            };
            if lock::is_held(&job.trial.folder) {
                self.waiting.push_back(job);
                continue;
            }
            let standing = job.trial.standing(job.epochs);
            if !matches!(standing, Standing::New | Standing::Begun) {
                self.report(&job.trial, job.epochs, &standing); // that other process has done it
                continue;
            }
            job.tried += 1;
            let process = Process::start(
                job.trial.clone(),
                &standing,
                job.epochs,
                self.folder.data_dir(),
                self.sender.clone(),
            )?;
            (self.watch.observer)(&Event::Begun(&job.trial));
            self.running.push((job, process));
        }
        Ok(())
    }

    /// Takes in that a process has ended.
    fn ended(&mut self, trial: &Trial) -> Result<(), Failure> {
        let Some(at) = self.running.iter().position(|(job, _)| job.trial == *trial) else {
            return Ok(());
        };
        let (job, process) = self.running.swap_remove(at);
        let (status, talk) = process.end()?;
        let standing = trial.standing(job.epochs);
        match (status.code(), &standing) {
            (Some(0), Standing::Done) | (Some(1), Standing::Failed(_)) => {
                self.report(trial, job.epochs, &standing);
                Ok(())
            }
            // Killed by the system, or by a person who may want just that one to end.
            (None | Some(130 | 143), _) if job.tried < TRIES => {
                self.waiting.push_back(job);
                Ok(())
            }
            // One of an earlier sweep was quicker.
            (Some(2), _) if talk.contains(BEING_WRITTEN) && job.tried < TRIES => {
                self.waiting.push_back(job);
                Ok(())
            }
            (code, _) => {
                let said = talk.lines().find_map(|line| line.strip_prefix("error: "));
                let hint = talk.lines().find_map(|line| line.strip_prefix("hint: "));
                let how = code.map_or("it was killed".to_string(), |code| {
                    format!("exit code {code}")
                });
                let folder = trial.folder.display();
                let failure =
                    Failure::failed(format!("the training {folder}: {}", said.unwrap_or(&how)));
                Err(failure
                    .hint(hint.unwrap_or("mend that, and give the same command again to go on")))
            }
        }
    }

    fn report(&mut self, trial: &Trial, epochs: usize, standing: &Standing) {
        let score = trial.score(self.folder.manifest().metric, epochs);
        (self.watch.observer)(&match standing {
            Standing::Failed(error) => Event::Failed(trial, error),
            _ => Event::Ended(trial, score),
        });
    }

    /// Waits a moment until all trainings have ended, some of which have, then ends them.
    fn stop(&mut self, have_ended: usize) {
        let now = Instant::now();
        let left = self.running.len() - have_ended;
        let left = self.wait(left, now + HEARD);
        self.running.iter().for_each(|(_, process)| process.ask());
        self.wait(left, now + GRACE);
        self.kill_all();
    }

    /// Waits until as many as are `left` have ended, or the `deadline`; returns how many are left then.
    fn wait(&self, mut left: usize, deadline: Instant) -> usize {
        while left > 0 {
            let wait = deadline.saturating_duration_since(Instant::now());
            match self.news.recv_timeout(wait) {
                Ok(News::Ended(_)) => left -= 1,
                Ok(News::Epoch(..)) => {}
                Err(_) => break,
            }
        }
        left
    }

    fn kill_all(&mut self) {
        self.running
            .iter_mut()
            .for_each(|(_, process)| process.kill());
        for (_, process) in self.running.drain(..) {
            let _ = process.end(); // so that nothing of it is left
        }
    }

    fn stopped(&self, code: usize) -> Failure {
        let code = match code {
            143 => Code::Terminated,
            _ => Code::Interrupted,
        };
        let path: PathBuf = self.folder.path().into();
        Failure {
            code,
            ..Failure::failed(format!("stopped; {} has what was trained", path.display()))
        }
        .hint("go on with the same command")
    }
}
