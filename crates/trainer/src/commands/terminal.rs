//! Messages on stderr: notes, warnings, errors. Only terminals get colours, and `NO_COLOR` is respected.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::panic::PanicHookInfo;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use data::Download;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::cli::OutputArgs;
use crate::failure::{Failure, Reported};
use crate::notice::Notice;
use crate::trust::Trust;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default();

/// Prints messages besides the results; silent with `--quiet`.
#[derive(Debug, Clone, Copy)]
pub struct Messages {
    /// Leave out notes; warnings are still printed.
    pub quiet: bool,
}

impl Messages {
    /// Returns the messages for `output`: with `--json`, only warnings.
    pub fn of(output: OutputArgs) -> Self {
        Self {
            quiet: output.quiet || output.json,
        }
    }

    /// Returns a function that shows the library's notices until it is dropped.
    pub fn listener(self) -> impl FnMut(Notice) {
        let mut downloads = Downloads::new(self);
        move |notice| match notice {
            Notice::Download(download) => downloads.show(download),
            Notice::Note(text) => downloads.between(|| self.note(text)),
            Notice::Warning(text) => downloads.between(|| self.warn(text)),
        }
    }

    /// Prints a note.
    pub fn note(self, text: impl std::fmt::Display) {
        if !self.quiet {
            line(format_args!("{text}"));
        }
    }

    /// Prints what to do next.
    pub fn next(self, text: impl std::fmt::Display) {
        self.note(format_args!("{HINT}next:{HINT:#} {text}"));
    }

    /// Prints a warning.
    pub fn warn(self, text: impl std::fmt::Display) {
        line(format_args!("{WARNING}warning:{WARNING:#} {text}"));
    }
}

/// Progress of downloads: a bar on a terminal.
struct Downloads {
    messages: Messages,
    file: String,
    bar: ProgressBar,
}

impl Downloads {
    fn new(messages: Messages) -> Self {
        let style = ProgressStyle::with_template(
            "{wide_bar:.cyan/dim} {bytes}/{total_bytes}  {bytes_per_sec}",
        );
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = if messages.quiet || !stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            ProgressBar::no_length().with_style(style)
        };
        Self {
            messages,
            file: String::new(),
            bar,
        }
    }

    fn show(&mut self, download: Download) {
        if self.file != download.file {
            self.file = download.file.to_string();
            self.messages.note(format_args!(
                "downloading {} from {}",
                download.file, download.address
            ));
        }
        self.bar.set_length(download.total.unwrap_or(0));
        self.bar.set_position(download.done);
    }

    /// Prints another message: the download is over.
    fn between(&self, say: impl FnOnce()) {
        self.bar.finish_and_clear();
        say();
    }
}

impl Drop for Downloads {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Prints how far a model's predictions for the test images can be trusted.
///
/// # Errors
/// When stdout cannot be written.
pub fn print_trust(out: &mut impl Write, trust: &Trust) -> std::io::Result<()> {
    write!(out, "calibration error {:.4}", trust.ece)?;
    if let (Some(ece), Some(temperature)) = (trust.calibrated_ece, trust.temperature) {
        write!(out, ", calibrated {ece:.4}  (temperature {temperature:.3})")?;
    }
    if let (Some(unknown), Some(threshold)) = (trust.unknown, trust.threshold) {
        let share = 100.0 * unknown;
        write!(
            out,
            "\nunknown {share:.2} %  (strangeness above {threshold:.3})"
        )?;
    }
    writeln!(out)
}

/// Prints a failure with its hint and returns its exit code.
pub fn report(failure: &Failure) -> ExitCode {
    if !failure.silent {
        line(format_args!(
            "{ERROR}error:{ERROR:#} {}",
            failure.sentence()
        ));
        if let Some(hint) = &failure.hint {
            line(format_args!("{HINT}hint:{HINT:#} {hint}"));
        }
    }
    ExitCode::from(failure.code as u8)
}

/// Prints a failure as a line of JSON, for another program. A failure that was already reported is not printed
/// again.
pub fn report_json(failure: &Failure) {
    let Reported {
        message,
        hint,
        code,
        kind,
    } = failure.reported();
    if message.is_empty() {
        return;
    }
    let event =
        json!({ "event": "error", "message": message, "hint": hint, "code": code, "kind": kind });
    let _ = writeln!(stdout(), "{event}"); // a closed stdout has no reader
}

/// Panic hook: one line instead of a backtrace.
pub fn report_panic(panic: &PanicHookInfo) {
    let message = panic.payload_as_str().unwrap_or("no message");
    let place = panic
        .location()
        .map(|l| format!("{}:{}", l.file(), l.line()))
        .unwrap_or_default();
    line(format_args!(
        "{ERROR}error:{ERROR:#} internal error: {message} ({place})"
    ));
    line(format_args!(
        "{HINT}hint:{HINT:#} this is a bug in the program or in a driver, not in your input; please report it"
    ));
}

/// Prints a line to stderr. A closed stderr is ignored.
fn line(text: std::fmt::Arguments) {
    let _ = writeln!(anstream::stderr(), "{text}");
}
