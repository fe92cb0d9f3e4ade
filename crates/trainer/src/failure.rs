//! The one error type a user sees: what happened, what to do, which exit code.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

use data::printable;
use serde::{Deserialize, Serialize};

/// Maximum length of a cause's text, in characters: it may quote the content of a file.
const LONGEST: usize = 500;

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
    /// Returns whether the program was asked to stop.
    pub fn is_stop(self) -> bool {
        matches!(self, Self::Interrupted | Self::Terminated)
    }
}

/// A failure that the calling program must be able to tell from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// Another process is writing to the folder.
    Busy,
    /// The training diverged, and would diverge again.
    Diverged,
}

/// A failure as JSON, for another process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reported {
    /// What happened, with its causes.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The exit code.
    pub code: u8,
    /// The kind of failure, if callers must tell it from others.
    pub kind: Option<FailureKind>,
}

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    /// What happened, and where, without the cause; may span several lines. See [`Failure::sentence`].
    pub message: String,
    /// What caused it.
    pub source: Option<Box<dyn Error + Send + Sync>>,
    /// What to do about it.
    pub hint: Option<String>,
    /// The exit code.
    pub code: Code,
    /// Print nothing: it was reported already, or needs no message.
    pub silent: bool,
    /// The kind of failure, if callers must tell it from others.
    pub kind: Option<FailureKind>,
}

impl Failure {
    /// Returns a failure of a run or an input (exit code 1).
    pub fn failed(message: impl fmt::Display) -> Self {
        Self {
            message: message.to_string(),
            source: None,
            hint: None,
            code: Code::Failed,
            silent: false,
            kind: None,
        }
    }

    /// Returns a failure of usage, config or environment (exit code 2).
    pub fn usage(message: impl fmt::Display) -> Self {
        Self {
            code: Code::Usage,
            ..Self::failed(message)
        }
    }

    /// Returns the failure for something this build lacks (exit code 2); `feature` is the Cargo feature
    /// that adds it.
    pub fn left_out(what: &str, feature: &str) -> Self {
        Self::usage(format!(
            "this build has no {what}: it was built without the feature `{feature}`"
        ))
        .hint(build_with(feature))
    }

    /// Returns `error` as a failure (exit code 1).
    pub fn caused_by(error: impl Error + Send + Sync + 'static) -> Self {
        Self::failed("").because(error)
    }

    /// Returns the failure to read or write `path`; `doing` is the verb of the message, such as `read`.
    pub fn io(doing: &str, path: &Path, error: io::Error) -> Self {
        Self::failed(format!("cannot {doing} {}", shown(path))).because(error)
    }

    /// Returns the failure to parse `path`; `error` may quote its content.
    pub fn damaged(path: &Path, error: impl Error + Send + Sync + 'static) -> Self {
        Self::failed(format!("{} is damaged", shown(path))).because(error)
    }

    /// Returns a failure that was already reported (exit code 1).
    pub fn already_reported() -> Self {
        Self {
            silent: true,
            ..Self::failed("")
        }
    }

    /// Returns the failure for the payload `panic`, which the panic hook has already reported.
    pub fn panicked(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Self {
            silent: true,
            ..Self::failed(format!(
                "internal error: {}",
                printable(text.unwrap_or("no message"))
            ))
        }
    }

    /// Returns the failure to read results from a device.
    pub fn device(error: impl Error + Send + Sync + 'static) -> Self {
        Self::failed("reading from the device failed").because(error)
    }

    /// Adds what caused it.
    pub fn because(self, error: impl Error + Send + Sync + 'static) -> Self {
        Self {
            source: Some(Box::new(error)),
            ..self
        }
    }

    /// Returns the message followed by each cause that adds something: the one place that turns errors into
    /// text for a user.
    pub fn sentence(&self) -> String {
        let mut text = self.message.clone();
        let mut cause = self.source();
        while let Some(error) = cause {
            let said: String = error.to_string().chars().take(LONGEST).collect();
            let said = printable(&said);
            if !text.ends_with(&said) {
                text = if text.is_empty() {
                    said
                } else {
                    format!("{text}: {said}")
                };
            }
            cause = error.source();
        }
        text
    }

    /// Returns the failure as it is sent to another process.
    pub fn reported(&self) -> Reported {
        Reported {
            message: self.sentence(),
            hint: self.hint.clone(),
            code: self.code as u8,
            kind: self.kind,
        }
    }

    /// Returns the same failure with a kind.
    #[must_use]
    pub fn of_kind(self, kind: FailureKind) -> Self {
        Self {
            kind: Some(kind),
            ..self
        }
    }

    /// Adds what to do about it.
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|error| error as &(dyn Error + 'static))
    }
}

/// Returns how to build with a feature.
fn build_with(feature: &str) -> String {
    format!(
        "build with the feature: cargo build -p trainer --no-default-features --features flex,{feature} \
         (cargo build -p trainer includes everything)"
    )
}

/// Returns a path for a message; file names can contain any character.
pub fn shown(path: &Path) -> String {
    printable(&path.display().to_string())
}

impl From<data::SourceError> for Failure {
    fn from(error: data::SourceError) -> Self {
        let text = match &error {
            data::SourceError::NotFound { .. } => error.to_string(), // one line per place
            _ => printable(&error.to_string()),
        };
        let mut hint = error.hint();
        if matches!(error, data::SourceError::NotFound { .. }) && !cfg!(feature = "download") {
            hint += &format!("; to download them, {}", build_with("download"));
        }
        Self::usage(text).hint(hint)
    }
}

impl From<experiment::ConfigError> for Failure {
    fn from(error: experiment::ConfigError) -> Self {
        // The error's own text already ends with its hint.
        Self::usage(error)
    }
}

impl From<exchange::ExchangeError> for Failure {
    fn from(error: exchange::ExchangeError) -> Self {
        let hint = error.hint();
        Self::caused_by(error).hint(hint)
    }
}

impl From<data::DataError> for Failure {
    fn from(error: data::DataError) -> Self {
        Self::caused_by(error)
    }
}

impl From<model::ConfigError> for Failure {
    fn from(error: model::ConfigError) -> Self {
        Self::usage("").because(error)
    }
}

/// Errors of stdout. A reader that stops early (`trainer ... | head`) is not a failure.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self {
                code: Code::Done,
                silent: true,
                ..Self::failed("")
            };
        }
        Self::failed("cannot write to stdout")
            .because(error)
            .hint("free some space where stdout is written, or redirect it")
    }
}
