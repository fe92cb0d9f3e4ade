//! One training in a process of its own, on one core.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};

use super::folder::Trial;
use super::outcome::Standing;
use crate::failure::Failure;
use crate::run::epoch::EpochMetrics;

/// Most that is kept of what a process says on stderr, in bytes.
const MAX_TALK: u64 = 64 << 10;
/// Longest line of a process, in bytes: an epoch has some 300.
const MAX_LINE: u64 = 64 << 10;

/// What a process reports.
#[derive(Debug)]
pub enum News {
    /// It has finished an epoch.
    Epoch(Trial, EpochMetrics),
    /// It has closed its output: it has ended, or is about to.
    Ended(Trial),
}

/// A running process.
#[derive(Debug)]
pub struct Process {
    child: Child,
    talk: Option<JoinHandle<String>>,
}

impl Process {
    /// Begins a training, or goes on with it, up to `epochs` epochs. The data are in `data_dir`, or in the
    /// usual places.
    ///
    /// # Errors
    /// When the system gives no process.
    pub fn start(
        trial: Trial,
        standing: &Standing,
        epochs: usize,
        data_dir: Option<&Path>,
        news: Sender<News>,
    ) -> Result<Self, Failure> {
        let failed = |e: std::io::Error| Failure::failed(format!("cannot start a training: {e}"));
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
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        if let Some(stdout) = child.stdout.take() {
            let trial = trial.clone();
            thread::spawn(move || listen(BufReader::new(stdout), trial, &news));
        }
        let talk = child.stderr.take().map(|stderr| {
            thread::spawn(move || {
                let mut text = Vec::new();
                let mut stderr = stderr.take(MAX_TALK);
                let _ = stderr.read_to_end(&mut text);
                let _ = std::io::copy(stderr.get_mut(), &mut std::io::sink()); // or else it would wait for us
                String::from_utf8_lossy(&text).into_owned()
            })
        });
        Ok(Self { child, talk })
    }

    /// Waits for the end; returns it with what the process said on stderr.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn end(mut self) -> Result<(ExitStatus, String), Failure> {
        let failed = |e| Failure::failed(format!("cannot wait for a training: {e}"));
        let status = self.child.wait().map_err(failed)?;
        let talk = self.talk.take().and_then(|talk| talk.join().ok());
        Ok((status, talk.unwrap_or_default()))
    }

    /// Asks it to end within its step, with a checkpoint (SIGTERM; only Unix has that).
    pub fn ask(&self) {
        #[cfg(unix)]
        let _ = rustix::process::kill_process(
            rustix::process::Pid::from_child(&self.child),
            rustix::process::Signal::TERM,
        ); // an error means that it has ended
    }

    /// Ends it at once. Its run can be gone on with.
    pub fn kill(&mut self) {
        let _ = self.child.kill(); // an error means that it has ended
    }
}

fn listen(mut stdout: impl BufRead, trial: Trial, news: &Sender<News>) {
    let mut line = Vec::new();
    while matches!(
        stdout.by_ref().take(MAX_LINE).read_until(b'\n', &mut line),
        Ok(1..)
    ) {
        if let Ok(epoch) = serde_json::from_slice(&line) {
            let _ = news.send(News::Epoch(trial.clone(), epoch)); // nobody listens when the sweep has ended
        }
        line.clear();
    }
    let _ = news.send(News::Ended(trial));
}
