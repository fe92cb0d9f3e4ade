//! `trainer data`; and how every command gets its data set.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::path::{Path, PathBuf};

use ::data::{DataSet, Download, Place, PlaceState, Request, fashion_mnist, places};
use experiment::Experiment;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::terminal::Talk;
use crate::cli::{DataArgs, ExperimentArgs};
use crate::failure::Failure;

/// Returns the data set of `experiment`, found, verified and, if need be, downloaded.
///
/// # Errors
/// When no place has it (exit code 2).
pub fn load(experiment: &Experiment, talk: Talk) -> Result<DataSet, Failure> {
    let data = &experiment.data;
    find(
        &data.name,
        data.dir.as_deref(),
        data.classes.as_deref(),
        &fashion_mnist::addresses(),
        talk,
    )
}

/// Returns the data set `name`, from `dir` when given.
///
/// # Errors
/// When no place has it (exit code 2).
pub fn find(
    name: &str,
    dir: Option<&Path>,
    class_names: Option<&[String]>,
    mirrors: &[String],
    talk: Talk,
) -> Result<DataSet, Failure> {
    let cache = cache();
    let request = request(name, dir, class_names, cache.as_deref(), mirrors);
    let bar = download_bar(talk);
    let mut announced = String::new();
    let found = ::data::load(&request, &mut |download: Download| {
        if announced != download.file {
            announced = download.file.to_string();
            talk.note(format_args!(
                "downloading {} from {}",
                download.file, download.address
            ));
        }
        bar.set_length(download.total.unwrap_or(0));
        bar.set_position(download.done);
    });
    bar.finish_and_clear();
    Ok(found?)
}

/// `trainer data`
pub fn run(args: &DataArgs) -> Result<(), Failure> {
    let talk = Talk {
        quiet: args.output.quiet || args.output.json,
    };
    let experiment = super::config::experiment(&ExperimentArgs {
        config: args.config.clone(),
        ..ExperimentArgs::default()
    })?;
    let data = &experiment.data;
    let mirrors = args
        .from
        .clone()
        .map_or_else(fashion_mnist::addresses, |address| vec![address]);
    let cache = cache();
    let request = request(
        &data.name,
        data.dir.as_deref(),
        data.classes.as_deref(),
        cache.as_deref(),
        &mirrors,
    );
    for place in places(&request) {
        talk.note(describe(&place, &data.name));
    }
    let set = find(
        &data.name,
        data.dir.as_deref(),
        data.classes.as_deref(),
        &mirrors,
        talk,
    )?;
    if args.output.json {
        return print_json(&set);
    }
    print_text(&set)?;
    talk.next("cargo run -p trainer");
    Ok(())
}

fn request<'a>(
    name: &'a str,
    dir: Option<&'a Path>,
    class_names: Option<&'a [String]>,
    cache: Option<&'a Path>,
    mirrors: &'a [String],
) -> Request<'a> {
    Request {
        dir,
        class_names,
        cache,
        mirrors,
        ..Request::new(name)
    }
}

/// Returns the folder downloads go to, if this system has a place for caches.
fn cache() -> Option<PathBuf> {
    dirs::cache_dir().map(|cache| cache.join(fashion_mnist::NAME))
}

fn download_bar(talk: Talk) -> ProgressBar {
    if talk.quiet || !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("{wide_bar:.cyan/dim} {bytes}/{total_bytes}  {bytes_per_sec}");
    ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn describe(place: &Place, name: &str) -> String {
    let state = match &place.state {
        PlaceState::Missing => "not there".to_string(),
        PlaceState::Incomplete(files) => format!("lacks {}", files.join(", ")),
        PlaceState::Refused(reason) => format!("refused: {reason}"),
        PlaceState::Verified(_) if name == fashion_mnist::NAME => {
            "all four files are there and are what they should be".to_string()
        }
        PlaceState::Verified(_) => "all four files are there".to_string(),
    };
    format!("{} {}: {state}", place.kind, place.path.display())
}

fn print_text(set: &DataSet) -> Result<(), Failure> {
    let mut out = stdout();
    writeln!(out, "{} in {}", set.name, set.place.display())?;
    for file in &set.files {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy();
        writeln!(
            out,
            "  {name:<28} {:>9} bytes  sha256 {}",
            file.bytes, file.sha256
        )?;
    }
    let (train, test) = (set.train.label_counts(), set.test.label_counts());
    writeln!(
        out,
        "\n{:<16} {:>8} {:>8}   images of {}x{}",
        "class",
        "training",
        "test",
        set.train.width(),
        set.train.height()
    )?;
    for (name, (train, test)) in set.class_names.iter().zip(train.iter().zip(test)) {
        writeln!(out, "{name:<16} {train:>8} {test:>8}")?;
    }
    writeln!(
        out,
        "{:<16} {:>8} {:>8}",
        "all",
        set.train.len(),
        set.test.len()
    )?;
    Ok(())
}

fn print_json(set: &DataSet) -> Result<(), Failure> {
    let files: Vec<_> = set
        .files
        .iter()
        .map(|file| json!({ "path": file.path, "bytes": file.bytes, "sha256": file.sha256 }))
        .collect();
    let value = json!({
        "name": set.name,
        "place": set.place,
        "files": files,
        "height": set.train.height(),
        "width": set.train.width(),
        "classes": set.class_names,
        "training": set.train.label_counts(),
        "test": set.test.label_counts(),
    });
    writeln!(stdout(), "{value}")?;
    Ok(())
}
