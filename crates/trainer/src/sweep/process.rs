//! One training in its own process, on one core.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};

use serde::Deserialize;

use super::folder::Trial;
use super::outcome::Standing;
use crate::failure::{Failure, Reported};
use crate::run::epoch::EpochMetrics;

/// Maximum length of a process's line, in bytes: an epoch has about 300.
const MAX_LINE: u64 = 64 << 10;

/// An event of a process.
#[derive(Debug)]
pub enum News {
    /// It has finished an epoch.
    Epoch(Trial, EpochMetrics),
    /// It has closed its output: it has ended or is about to end.
    Ended(Trial),
}

/// A running process.
#[derive(Debug)]
pub struct Process {
    child: Child,
    listener: Option<JoinHandle<Option<Reported>>>,
}

/// A line that `--json` prints.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line {
    Epoch(EpochMetrics),
    Error(Reported),
    #[serde(other)]
    Other,
}

impl Process {
    /// Starts or resumes a training, up to `epochs` epochs. The data is in `data_dir` or in the usual places.
    ///
    /// # Errors
    /// When the system cannot start a process.
    pub fn start(
        trial: Trial,
        standing: &Standing,
        epochs: usize,
        data_dir: Option<&Path>,
        news: Sender<News>,
    ) -> Result<Self, Failure> {
        let failed = |e: io::Error| Failure::failed("cannot start a training").because(e);
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        match standing {
            Standing::New => {
                command.arg("train").arg("--config").arg(&trial.config);
                command
                    .args(["--seed", &trial.seed.to_string()])
                    .arg("--run-dir")
                    .arg(&trial.folder);
            }
            _ => drop(command.arg("resume").arg(&trial.folder)),
        }
        if let Some(dir) = data_dir {
            command.arg("--data-dir").arg(dir);
        }
        command
            .args(["--json", "--set", &format!("training.epochs={epochs}")])
            .env("RAYON_NUM_THREADS", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null()); // for users; errors are among the JSON lines too
        let mut child = command.spawn().map_err(failed)?;
        let stdout = child.stdout.take();
        let listener = stdout
            .map(|stdout| thread::spawn(move || listen(BufReader::new(stdout), trial, &news)));
        Ok(Self { child, listener })
    }

    /// Waits for the process to end; returns its exit status and the error it reported, if any.
    ///
    /// # Errors
    /// When the system cannot wait for it.
    pub fn end(mut self) -> Result<(ExitStatus, Option<Reported>), Failure> {
        let failed = |e| Failure::failed("cannot wait for a training").because(e);
        let status = self.child.wait().map_err(failed)?;
        let listener = self.listener.take();
        let error = listener.and_then(|listener| listener.join().ok().flatten());
        Ok((status, error))
    }

    /// Asks it to stop after the current step, with a checkpoint (SIGTERM, only on Unix).
    pub fn ask(&self) {
        #[cfg(unix)]
        let _ = rustix::process::kill_process(
            rustix::process::Pid::from_child(&self.child),
            rustix::process::Signal::TERM,
        ); // an error means that it has already ended
    }

    /// Kills it. Its run can be resumed.
    pub fn kill(&mut self) {
        let _ = self.child.kill(); // an error means that it has already ended
    }
}

/// Forwards every epoch and the end; returns the last error reported.
fn listen(mut stdout: impl BufRead, trial: Trial, news: &Sender<News>) -> Option<Reported> {
    let (mut line, mut error) = (Vec::new(), None);
    while matches!(
        stdout.by_ref().take(MAX_LINE).read_until(b'\n', &mut line),
        Ok(1..)
    ) {
        match serde_json::from_slice(&line) {
            Ok(Line::Epoch(epoch)) => {
                let _ = news.send(News::Epoch(trial.clone(), epoch)); // nobody listens after the sweep has ended
            }
            Ok(Line::Error(reported)) => error = Some(reported),
            Ok(Line::Other) | Err(_) => {}
        }
        line.clear();
    }
    let _ = news.send(News::Ended(trial));
    error
}
