//! The trainings of a round, several processes at a time.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::folder::{SweepFolder, Trial};
use super::outcome::Standing;
use super::process::{News, Process};
use super::rounds::{Event, Watch};
use crate::failure::{Code, Failure, FailureKind, Reported};
use crate::run::lock;

/// How often to check for signals, and for runs that another process trains.
const PAUSE: Duration = Duration::from_millis(100);
/// How long after a signal to wait before asking trainings to stop: a terminal signals them too, and a second
/// signal would end one without a checkpoint.
const HEARD: Duration = Duration::from_millis(300);
/// How long after a signal trainings have to end by themselves.
const GRACE: Duration = Duration::from_millis(1500);
/// How often to start a training that the system kills.
const TRIES: usize = 3;

/// Runs several processes at a time until a round's trainings have ended.
pub(super) struct Crew<'a, 'w> {
    folder: &'a SweepFolder,
    watch: &'a mut Watch<'w>,
    waiting: VecDeque<Task>,
    running: Vec<(Task, Process)>,
    sender: Sender<News>,
    news: Receiver<News>,
}

/// A training to run.
#[derive(Debug, Clone)]
struct Task {
    trial: Trial,
    epochs: usize,
    tried: usize,
}

impl<'a, 'w> Crew<'a, 'w> {
    /// Returns a crew with nothing to do.
    pub fn new(folder: &'a SweepFolder, watch: &'a mut Watch<'w>) -> Self {
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

    /// Trains everything that is not trained yet.
    ///
    /// # Errors
    /// When the sweep is stopped, or a training fails in a way that retrying would not fix.
    pub fn train(mut self, trials: Vec<(Trial, usize)>) -> Result<(), Failure> {
        for (trial, epochs) in trials {
            let standing = trial.standing(epochs);
            match standing {
                Standing::New | Standing::Begun => self.waiting.push_back(Task {
                    trial,
                    epochs,
                    tried: 0,
                }),
                Standing::Done | Standing::Failed(_) => self.report(&trial, epochs, &standing),
            }
        }
        let result = self.work();
        self.kill_all(); // there are none, unless there was an error
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

    /// Starts trainings as long as there is room. If an earlier sweep was killed, one that another process is still
    /// training is waited for.
    fn start_some(&mut self) -> Result<(), Failure> {
        for _ in 0..self.waiting.len() {
            if self.running.len() >= self.watch.jobs {
                break;
            }
            let Some(mut task) = self.waiting.pop_front() else {
                break;
            };
            if lock::is_held(&task.trial.folder) {
                self.waiting.push_back(task);
                continue;
            }
            let standing = task.trial.standing(task.epochs);
            if !matches!(standing, Standing::New | Standing::Begun) {
                self.report(&task.trial, task.epochs, &standing); // the other process has finished it
                continue;
            }
            task.tried += 1;
            let process = Process::start(
                task.trial.clone(),
                &standing,
                task.epochs,
                self.folder.data_dir(),
                self.sender.clone(),
            )?;
            (self.watch.observer)(&Event::Begun(&task.trial));
            self.running.push((task, process));
        }
        Ok(())
    }

    /// Handles the end of a process.
    fn ended(&mut self, trial: &Trial) -> Result<(), Failure> {
        let Some(at) = self
            .running
            .iter()
            .position(|(task, _)| task.trial == *trial)
        else {
            return Ok(());
        };
        let (task, process) = self.running.swap_remove(at);
        let (status, error) = process.end()?;
        let standing = trial.standing(task.epochs);
        let is_busy = || {
            error
                .as_ref()
                .is_some_and(|error| error.kind == Some(FailureKind::Busy))
        };
        match (status.code(), &standing) {
            (Some(0), Standing::Done) | (Some(1), Standing::Failed(_)) => {
                self.report(trial, task.epochs, &standing);
                Ok(())
            }
            // Killed by the system, or by a user who may want to end only that one.
            (None | Some(130 | 143), _) if task.tried < TRIES => {
                self.waiting.push_back(task);
                Ok(())
            }
            // A process of an earlier sweep was faster.
            (Some(2), _) if is_busy() && task.tried < TRIES => {
                self.waiting.push_back(task);
                Ok(())
            }
            (code, _) => Err(failed(trial, code, error)),
        }
    }

    fn report(&mut self, trial: &Trial, epochs: usize, standing: &Standing) {
        let score = trial.score(self.folder.state().metric, epochs);
        (self.watch.observer)(&match standing {
            Standing::Failed(error) => Event::Failed(trial, error),
            _ => Event::Ended(trial, score),
        });
    }

    /// Waits a moment for all trainings to end, then stops the rest; `have_ended` had ended before.
    fn stop(&mut self, have_ended: usize) {
        let now = Instant::now();
        let left = self.running.len() - have_ended;
        let left = self.wait(left, now + HEARD);
        self.running.iter().for_each(|(_, process)| process.ask());
        self.wait(left, now + GRACE);
        self.kill_all();
    }

    /// Waits until the `left` trainings have ended, or until the `deadline`; returns how many are still running.
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
            let _ = process.end(); // so that nothing is left of it
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
            ..Failure::failed(format!(
                "stopped; the results so far are in {}",
                path.display()
            ))
        }
        .hint("run the same command again to resume")
    }
}

/// Returns the failure of a training that retrying would not fix.
fn failed(trial: &Trial, code: Option<i32>, error: Option<Reported>) -> Failure {
    let (said, hint) = error.map_or((None, None), |error| (Some(error.message), error.hint));
    let said = said.unwrap_or_else(|| match code {
        Some(code) => format!("exit code {code}"),
        None => "it was killed".to_string(),
    });
    let hint =
        hint.unwrap_or_else(|| "fix that, then run the same command again to resume".to_string());
    Failure::failed(format!("the training {}: {said}", trial.folder.display())).hint(hint)
}
