//! `trainer explain run`

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use serde_json::json;

use super::language;
use crate::cli::ExplainRunArgs;
use crate::commands::terminal::{self, Messages};
use crate::explain::Language;
use crate::explain::checks::{self, Checked, Code, Outcome};
use crate::failure::Failure;
use crate::run::find;
use crate::sweep;

/// Checks a run, or the best setting of a sweep, and prints what was found.
///
/// # Errors
/// When the run is not found or was not trained (exit code 2), or a training fails.
pub fn run(args: &ExplainRunArgs) -> Result<(), Failure> {
    let messages = Messages::of(args.common.output);
    let language = language(&args.common);
    let folder = folder(&args.run)?;
    let data_dir = args.common.data_dir.as_deref();
    let checked = checks::of_run(&folder, data_dir, &args.mute, &mut messages.listener())?;
    if args.common.output.json {
        return print_json(&checked, &args.mute, language);
    }
    print(&checked, language)?;
    if !args.mute.is_empty() {
        let muted: Vec<&str> = args.mute.iter().map(|code| code.name()).collect();
        let text = language.pick("muted", "silenciadas");
        messages.note(format_args!("{text}: {}", muted.join(", ")));
    }
    Ok(())
}

/// Returns the folder of the run, or of the first training of a sweep's best setting.
fn folder(name: &str) -> Result<PathBuf, Failure> {
    let Some(folder) = sweep::folder::named(name) else {
        let folder = find::resolve(name)?;
        if folder.is_dir() {
            return Ok(folder);
        }
        let message = format!("{name} is a file, not a run");
        return Err(
            Failure::usage(message).hint("give the folder of the run; `trainer runs` lists them")
        );
    };
    let state = sweep::folder::read(&folder)?;
    let best = state.best.zip(state.seeds.first());
    let (best, seed) = best.ok_or_else(|| {
        Failure::usage(format!("the sweep {name} has no best setting yet"))
            .hint("give its file to `trainer sweep` again to finish it")
    })?;
    Ok(state.trial(&folder, best, *seed).folder)
}

fn print(checked: &Checked, language: Language) -> Result<(), Failure> {
    let mut out = terminal::out();
    let mut clear = Vec::new();
    for (code, outcome) in checked {
        let code = code.name();
        match outcome {
            Outcome::Clear => clear.push(code),
            Outcome::NotMade(_) => {}
            Outcome::Found(finding) => {
                writeln!(out, "{code}: {}", finding.what.of(language))?;
                writeln!(out, "    -> {}", finding.advice.of(language))?;
            }
        }
    }
    for (code, outcome) in checked {
        if let Outcome::NotMade(why) = outcome {
            let text = language.pick("not checked", "não verificado");
            writeln!(out, "{}: {text}: {}", code.name(), why.of(language))?;
        }
    }
    let text = language.pick("nothing found", "nada encontrado");
    Ok(writeln!(out, "{text}: {}", clear.join(", "))?)
}

fn print_json(checked: &Checked, muted: &[Code], language: Language) -> Result<(), Failure> {
    let found: Vec<_> = checked
        .iter()
        .filter_map(|(code, outcome)| match outcome {
            Outcome::Found(finding) => Some(json!({
                "code": code,
                "what": finding.what.of(language),
                "advice": finding.advice.of(language),
                "figures": finding.figures.iter().copied().collect::<BTreeMap<_, _>>(),
            })),
            _ => None,
        })
        .collect();
    let clear: Vec<Code> = checked
        .iter()
        .filter(|(_, outcome)| *outcome == Outcome::Clear)
        .map(|(code, _)| *code)
        .collect();
    let not_made: Vec<_> = checked
        .iter()
        .filter_map(|(code, outcome)| match outcome {
            Outcome::NotMade(why) => Some(json!({ "code": code, "why": why.of(language) })),
            _ => None,
        })
        .collect();
    let value = json!({ "found": found, "clear": clear, "not_checked": not_made, "muted": muted });
    Ok(terminal::json(&value)?)
}
