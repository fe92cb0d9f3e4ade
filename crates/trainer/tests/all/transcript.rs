//! Takes down what commands print, to be compared with what was accepted, in `snapshots/`.
//!
//! A change of these texts is looked at, and accepted by running the tests with
//! `INSTA_UPDATE=always`.

use std::fs;

use crate::fixtures::quick;
use crate::program::{Desk, Said, arg};

/// A transcript: commands, their exit codes and what they said.
pub struct Transcript {
    pub desk: Desk,
    text: String,
}

impl Transcript {
    pub fn new() -> Self {
        Self {
            desk: Desk::new(),
            text: String::new(),
        }
    }

    /// Runs a command and takes it down.
    pub fn run(&mut self, args: &[&str]) -> Said {
        let said = self.desk.run(args);
        self.take_down(args, &said);
        said
    }

    /// Runs a command that must fail with `code`, leave stdout empty and say what is wrong.
    pub fn error(&mut self, code: i32, args: &[&str]) {
        let said = self.run(args);
        assert_eq!(
            (said.code, said.stdout.as_str()),
            (code, ""),
            "{args:?}: {}",
            said.stderr
        );
        let is_said = said.stderr.lines().any(|line| line.starts_with("error: "));
        assert!(is_said, "{args:?}: {}", said.stderr);
    }

    fn take_down(&mut self, args: &[&str], said: &Said) {
        let quoted = args
            .iter()
            .map(|arg| match arg.contains([' ', '"']) || arg.is_empty() {
                true => format!("'{arg}'"),
                false => (*arg).to_string(),
            });
        let command = quoted.collect::<Vec<_>>().join(" ");
        self.text += &format!("$ trainer {command}\nexit code {}\n", said.code);
        for (name, text) in [("stdout", &said.stdout), ("stderr", &said.stderr)] {
            if !text.is_empty() {
                self.text += &format!("--- {name}\n{}\n", text.trim_end());
            }
        }
        self.text += "\n";
    }

    /// Compares with the accepted transcript; what differs between machines is left out.
    pub fn check(self, name: &str) {
        let mut text = self.text.replace(arg(&quick().folder), "QUICK");
        for folder in [
            self.desk.path(""),
            fs::canonicalize(self.desk.path("")).unwrap(),
        ] {
            text = text.replace(arg(&folder).trim_end_matches('/'), "HERE");
        }
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let plural = if threads == 1 { "" } else { "s" };
        text = text.replace(
            &format!("CPU, {threads} thread{plural}"),
            "CPU, [N] threads",
        );
        let lines: Vec<String> = text.trim_end().lines().map(without_figures).collect();
        let mut settings = insta::Settings::clone_current();
        settings.set_omit_expression(true);
        settings.set_prepend_module_to_snapshot(false);
        settings.bind(|| insta::assert_snapshot!(name, lines.join("\n")));
    }
}

/// Returns the line without what another processor rounds otherwise: seconds, losses,
/// probabilities and the length of bars. Names of runs, which have the time in them, go as well.
fn without_figures(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let is_number = |word: &str, decimals| {
        let fraction = word.split_once('.').map(|(_, fraction)| fraction.len());
        word.parse::<f64>().is_ok() && fraction == Some(decimals)
    };
    let shown = words.iter().enumerate().map(|(i, &word)| {
        let next = words.get(i + 1).copied().unwrap_or_default();
        match word {
            "1.0000" => word.to_string(),
            _ if i == 1 && words[0] == "Loss:" => "[N]".into(),
            _ if next.trim_end_matches(',') == "s" && word.parse::<f64>().is_ok() => {
                "[TIME]".into()
            }
            // a record, or an export: the figures in its metadata have more digits or fewer
            _ if next.starts_with("bytes") && word.parse().is_ok_and(|n: u64| n > 400_000) => {
                "[N]".into()
            }
            _ if next == "bytes" && i == 1 && words[0].ends_with(':') => "[N]".into(),
            _ if is_number(word, 4) => "0.[N]".into(),
            _ if next.starts_with('%') => "([N]".into(),
            _ if word.starts_with('█') => "█".into(),
            _ => without_run(word),
        }
    });
    shown.collect::<Vec<_>>().join(" ")
}

fn without_run(word: &str) -> String {
    match word.split_once("artifacts/tiny/2") {
        Some((before, name)) => format!("{before}artifacts/tiny/[RUN]{}", &name[19..]),
        None => word.to_string(),
    }
}
