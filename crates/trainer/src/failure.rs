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
}

impl Failure {
    /// Returns the failure of a run or an input (exit code 1).
    pub fn failed(message: impl fmt::Display) -> Self {
        Self {
            message: message.to_string(),
            hint: None,
            code: Code::Failed,
            silent: false,
        }
    }

    /// Returns a failure of usage, config or environment (exit code 2).
    pub fn usage(message: impl fmt::Display) -> Self {
        Self {
            code: Code::Usage,
            ..Self::failed(message)
        }
    }

    /// Returns the failure of reading or writing `path`, which is what `doing` says.
    pub fn io(doing: &str, path: &Path, error: &io::Error) -> Self {
        Self::failed(format!("cannot {doing} {}: {error}", path.display()))
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

impl From<data::SourceError> for Failure {
    fn from(error: data::SourceError) -> Self {
        Self::usage(&error).hint(error.hint())
    }
}

impl From<crate::config::ConfigError> for Failure {
    fn from(error: crate::config::ConfigError) -> Self {
        // The error's own text ends in its hint already.
        Self::usage(error)
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
    }
}
