//! The one place that prints: results on stdout, messages on stderr. Names and texts that come out of files are
//! made safe here, so that a terminal shows them and does not obey them. Colours go to terminals only and
//! `NO_COLOR` is kept.

use std::fmt::Display;
use std::io::{self, IsTerminal, StdoutLock, Write, stderr, stdout};
use std::panic::PanicHookInfo;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use data::{Download, Progress, printable};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
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
        let mut bar = Bar::new(self);
        move |notice| match notice {
            Notice::Progress(progress) => bar.show(progress),
            Notice::Note(text) => bar.between(|| self.note(text)),
            Notice::Warning(text) => bar.between(|| self.warn(text)),
        }
    }

    /// Prints a note.
    pub fn note(self, text: impl Display) {
        if !self.quiet {
            line("", text);
        }
    }

    /// Prints what to do next.
    pub fn next(self, text: impl Display) {
        if !self.quiet {
            line(format_args!("{HINT}next:{HINT:#} "), text);
        }
    }

    /// Says what looks wrong, though the work continues.
    pub fn warn(self, text: impl Display) {
        line(format_args!("{WARNING}warning:{WARNING:#} "), text);
    }
}

/// Returns stdout for text that people read: every line is made safe to print.
pub fn out() -> Out {
    Out(stdout().lock())
}

/// See [`out`].
pub struct Out(StdoutLock<'static>);

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        self.0.write_all(safe_lines(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Prints `value` as one line of JSON. What a terminal would obey is escaped as JSON has it, so that a reader
/// gets the text as it was.
///
/// # Errors
/// When stdout cannot be written.
pub fn json(value: &impl Serialize) -> io::Result<()> {
    let mut line = String::new();
    for c in serde_json::to_string(value)?.chars() {
        if c.is_ascii() || printable(c.encode_utf8(&mut [0; 4])).starts_with(c) {
            line.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                line += &format!("\\u{unit:04x}");
            }
        }
    }
    writeln!(stdout(), "{line}")
}

/// Returns text of any number of lines, each made safe to print.
fn safe_lines(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(printable).collect();
    lines.join("\n")
}

/// Pictures that are read, or written, without a word where there is no bar.
const FEW: usize = 1000;
const BYTES: &str = "{wide_bar:.cyan/dim} {bytes}/{total_bytes}  {bytes_per_sec}";
const IMAGES: &str = "{wide_bar:.cyan/dim} {human_pos}/{human_len} images  {eta} left";

/// Progress of something that takes long: a bar on a terminal, one line elsewhere.
struct Bar {
    messages: Messages,
    /// What is in progress.
    what: String,
    bar: ProgressBar,
}

impl Bar {
    fn new(messages: Messages) -> Self {
        let bar = if messages.quiet || !stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            ProgressBar::no_length()
        };
        Self {
            messages,
            what: String::new(),
            bar,
        }
    }

    fn show(&mut self, progress: Progress) {
        match progress {
            Progress::Download(Download {
                address,
                file,
                done,
                total,
            }) => {
                let what = format!("downloading {file} from {address}");
                self.at(what, BYTES, done, total.unwrap_or(0), true);
            }
            Progress::Pictures { done, total } => self.images("reading", done, total),
            Progress::Writing { done, total } => self.images("writing", done, total),
        }
    }

    fn images(&mut self, doing: &str, done: usize, total: usize) {
        let what = format!("{doing} {total} images");
        self.at(what, IMAGES, done as u64, total as u64, total >= FEW);
    }

    fn at(&mut self, what: String, style: &str, done: u64, total: u64, is_told: bool) {
        if self.what != what {
            if is_told {
                self.messages.note(&what);
            }
            self.what = what;
            self.bar.reset();
            let style = ProgressStyle::with_template(style);
            self.bar
                .set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        }
        self.bar.set_length(total);
        self.bar.set_position(done);
    }

    /// Prints another message: what was in progress is over.
    fn between(&self, say: impl FnOnce()) {
        self.bar.finish_and_clear();
        say();
    }
}

impl Drop for Bar {
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
        line(format_args!("{ERROR}error:{ERROR:#} "), failure.sentence());
        if let Some(text) = &failure.hint {
            hint(text);
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
    let _ = json(&event); // a closed stdout has no reader
}

/// Panic hook: one line instead of a backtrace.
pub fn report_panic(panic: &PanicHookInfo) {
    let message = panic.payload_as_str().unwrap_or("no message");
    let place = panic
        .location()
        .map(|l| format!("{}:{}", l.file(), l.line()))
        .unwrap_or_default();
    line(
        format_args!("{ERROR}error:{ERROR:#} "),
        format_args!("internal error: {message} ({place})"),
    );
    hint("this is a bug in the program or in a driver, not in your input; please report it");
}

/// Says what to do about what was just said.
pub fn hint(text: &str) {
    line(format_args!("{HINT}hint:{HINT:#} "), text);
}

/// Prints `label`, which is the program's own, and `text`, made safe. A closed stderr is no reason to stop.
fn line(label: impl Display, text: impl Display) {
    let text = safe_lines(&text.to_string());
    let _ = writeln!(anstream::stderr(), "{label}{text}");
}
