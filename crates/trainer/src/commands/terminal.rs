//! Talk on stderr: notes, warnings, errors. Colours go to terminals only and `NO_COLOR` is kept.

use std::io::Write;
use std::panic::PanicHookInfo;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

use crate::failure::Failure;
use crate::trust::Trust;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default();

/// What `trainer` says besides its results; silent with `--quiet`.
#[derive(Debug, Clone, Copy)]
pub struct Talk {
    /// Leave notes out; warnings are still said.
    pub quiet: bool,
}

impl Talk {
    /// Says how things stand.
    pub fn note(self, text: impl std::fmt::Display) {
        if !self.quiet {
            line(format_args!("{text}"));
        }
    }

    /// Says what to do next.
    pub fn next(self, text: impl std::fmt::Display) {
        self.note(format_args!("{HINT}next:{HINT:#} {text}"));
    }

    /// Says what looks wrong, though the work goes on.
    pub fn warn(self, text: impl std::fmt::Display) {
        line(format_args!("{WARNING}warning:{WARNING:#} {text}"));
    }
}

/// Returns a number of things in words: `1 epoch`, `2 epochs`.
pub fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// Prints how far a model's answers to the test images can be trusted.
///
/// # Errors
/// When stdout says no.
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
        "{HINT}hint:{HINT:#} this is a defect of the program or of a driver, not of your input; please report it"
    ));
}

/// A closed stderr is no reason to stop.
fn line(text: std::fmt::Arguments) {
    let _ = writeln!(anstream::stderr(), "{text}");
}
