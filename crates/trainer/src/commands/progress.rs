//! The progress of a training: a bar on a terminal, one line per epoch in a pipe, JSON with `--json`.

use std::io::{IsTerminal, Write, stderr};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::terminal::{self, Messages};
use crate::cli::ShowArgs;
use crate::failure::Failure;
use crate::learner::Event;
use crate::run::epoch::EpochMetrics;

/// Shows [`Event`]s. Lines of finished epochs are results and go to stdout, the bar to stderr.
pub struct Progress {
    epochs: usize,
    json: bool,
    lines: bool,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Returns the display for `args` and the terminal, for a run of `epochs` epochs.
    pub fn new(args: ShowArgs, epochs: usize) -> Self {
        let output = args.output;
        let bar = !output.json && !output.quiet && !args.tui && stderr().is_terminal();
        Self {
            epochs,
            json: output.json,
            lines: !args.tui,
            bar: bar.then(|| ProgressBar::no_length().with_style(style())),
        }
    }

    /// Returns whether to report steps as well as epochs.
    pub fn is_live(&self) -> bool {
        self.bar.is_some()
    }

    /// Shows an event. A closed stdout does not stop the training.
    ///
    /// # Errors
    /// When an epoch cannot be written as JSON, which does not happen.
    pub fn show(&self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Step {
                epoch,
                images,
                of,
                figures,
            } => {
                if let Some(bar) = &self.bar {
                    bar.set_length(of as u64);
                    bar.set_position(images as u64);
                    bar.set_prefix(format!("epoch {epoch:>2}/{}", self.epochs));
                    bar.set_message(figures.line());
                }
            }
            Event::Epoch(metrics) if self.json => {
                let mut line = serde_json::to_value(metrics).map_err(Failure::caused_by)?;
                if let Value::Object(line) = &mut line {
                    line.insert("event".into(), "epoch".into());
                }
                let _ = terminal::json(&line);
            }
            Event::Epoch(metrics) if self.lines => {
                let line = describe(metrics, self.epochs);
                let print = || drop(writeln!(terminal::out(), "{line}"));
                match &self.bar {
                    Some(bar) => {
                        bar.set_position(0);
                        bar.set_message("");
                        bar.set_prefix(format!("epoch {:>2}/{}", metrics.epoch + 1, self.epochs));
                        bar.suspend(print);
                    }
                    None => print(),
                }
            }
            Event::Epoch(_) => {}
            Event::Warning(text) => {
                let warn = || Messages { quiet: false }.warn(&text);
                match &self.bar {
                    Some(bar) => bar.suspend(warn),
                    None => warn(),
                }
            }
        }
        Ok(())
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn describe(m: &EpochMetrics, epochs: usize) -> String {
    let width = epochs.to_string().len();
    let mut line = format!("epoch {:>width$}/{epochs}  {}", m.epoch, m.train.line());
    if let Some(figures) = &m.validation {
        line += &format!("  validation {}", figures.line());
    }
    line + &format!("  {:.2} s", m.seconds)
}

fn style() -> ProgressStyle {
    let style =
        ProgressStyle::with_template("{prefix} {wide_bar:.cyan/dim} {pos}/{len}  {msg}  eta {eta}");
    style.unwrap_or_else(|_| ProgressStyle::default_bar())
}
