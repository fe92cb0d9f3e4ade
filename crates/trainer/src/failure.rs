//! The one error type a person sees: what happened, what to do, which exit code.

use std::fmt;
use std::io;
use std::path::Path;

/// Exit codes of the program, see `trainer --help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// 0: done.
    Done = 0,
    /// 1: the run failed, or an input could not be used.
    Failed = 1,
    /// 2: wrong usage, wrong config, or something missing on this machine.
    Usage = 2,
    /// 130: stopped by Ctrl-C.
    Interrupted = 130,
    /// 143: stopped by SIGTERM.
    Terminated = 143,
}

impl Code {
    /// Returns whether somebody asked for this end.
    pub fn is_stop(self) -> bool {
        matches!(self, Self::Interrupted | Self::Terminated)
    }
}

/// Why a command ended without its result.
#[derive(Debug)]
pub struct Failure {
    /// What happened, and where; may span lines.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The exit code.
    pub code: Code,
    /// Nothing more is to be said about it.
    pub silent: bool,
    /// A training has diverged: it would do so again.
    pub diverged: bool,
}

impl Failure {
    /// Returns the failure of a run or an input (exit code 1).
    pub fn failed(message: impl fmt::Display) -> Self {
        Self {
            message: message.to_string(),
            hint: None,
            code: Code::Failed,
            silent: false,
            diverged: false,
        }
    }

    /// Returns a failure of usage, config or environment (exit code 2).
    pub fn usage(message: impl fmt::Display) -> Self {
        Self {
            code: Code::Usage,
            ..Self::failed(message)
        }
    }

    /// Returns the failure of asking for what this build was made without (exit code 2); `feature` is the
    /// Cargo feature that brings it.
    pub fn left_out(what: &str, feature: &str) -> Self {
        Self::usage(format!(
            "this build has no {what}: it was made without the feature `{feature}`"
        ))
        .hint(format!(
            "cargo build -p trainer --no-default-features --features flex,{feature} adds it; \
                 cargo build -p trainer has everything"
        ))
    }

    /// Returns the failure of reading or writing `path`, which is what `doing` says.
    pub fn io(doing: &str, path: &Path, error: &io::Error) -> Self {
        Self::failed(format!("cannot {doing} {}: {error}", shown(path)))
    }

    /// Returns the failure of making sense of `path`; `error` may quote what is in it.
    pub fn damaged(path: &Path, error: &impl fmt::Display) -> Self {
        const LONGEST: usize = 300; // characters
        let cause: String = error.to_string().chars().take(LONGEST).collect();
        Self::failed(format!("{} is damaged: {}", shown(path), one_line(&cause)))
    }

    /// Returns a failure that has been reported where it happened (exit code 1).
    pub fn already_reported() -> Self {
        Self {
            silent: true,
            ..Self::failed("")
        }
    }

    /// Adds what to do about it.
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }
}

/// Returns text for a message: on one line, without control characters.
pub fn one_line(text: &str) -> String {
    let visible = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    text.chars().map(visible).collect()
}

/// Returns a path for a message; file names can have anything in them.
pub fn shown(path: &Path) -> String {
    one_line(&path.display().to_string())
}

impl From<data::SourceError> for Failure {
    fn from(error: data::SourceError) -> Self {
        let text = match &error {
            data::SourceError::NotFound { .. } => error.to_string(), // a line for each place
            _ => one_line(&error.to_string()),
        };
        Self::usage(text).hint(error.hint())
    }
}

impl From<experiment::ConfigError> for Failure {
    fn from(error: experiment::ConfigError) -> Self {
        // The error's own text ends in its hint already.
        Self::usage(error)
    }
}

impl From<exchange::ExchangeError> for Failure {
    fn from(error: exchange::ExchangeError) -> Self {
        Self::failed(&error).hint(error.hint())
    }
}

impl From<data::DataError> for Failure {
    fn from(error: data::DataError) -> Self {
        Self::failed(error)
    }
}

impl From<model::ConfigError> for Failure {
    fn from(error: model::ConfigError) -> Self {
        Self::usage(error)
    }
}

/// Errors of stdout. A reader that has seen enough (`trainer ... | head`) is no failure.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self {
                code: Code::Done,
                silent: true,
                ..Self::failed("")
            };
        }
        Self::failed(format!("cannot write to stdout: {error}"))
            .hint("make room where stdout goes to, or send it elsewhere")
    }
}
