//! The one error type a person sees: what happened, what to do, which exit code.

use std::error::Error;
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
    /// What happened, and where, without the cause; may span lines. See [`Failure::sentence`].
    pub message: String,
    /// What caused it.
    pub source: Option<Box<dyn Error + Send + Sync>>,
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
            source: None,
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
        .hint(build_with(feature))
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

    /// Returns the failure of a device that does not hand out its results.
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

    /// Returns what happened and, after it, each cause that says more: the one place that turns errors into a
    /// sentence for a person.
    pub fn sentence(&self) -> String {
        let mut text = self.message.clone();
        let mut cause = self.source();
        while let Some(error) = cause {
            let said = one_line(&error.to_string());
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

/// Returns how to build what a feature brings.
fn build_with(feature: &str) -> String {
    format!(
        "build with the feature: cargo build -p trainer --no-default-features --features flex,{feature} \
         (cargo build -p trainer has everything)"
    )
}

/// Returns text for a message: on one line, without control characters.
pub fn one_line(text: &str) -> String {
    let visible = |c: char| {
        if c.is_control() {
            c.escape_default().to_string()
        } else {
            c.to_string()
        }
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
        let mut hint = error.hint();
        if matches!(error, data::SourceError::NotFound { .. }) && !cfg!(feature = "download") {
            hint += &format!("; to have them downloaded, {}", build_with("download"));
        }
        Self::usage(text).hint(hint)
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
