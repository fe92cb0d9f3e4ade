//! `trainer report`: a run, or several, as one HTML page.

use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use ::data::ImageDataset;
use experiment::{Data, Experiment, Source};
use model::{Metadata, Record};
use serde_json::json;

use super::terminal::Talk;
use super::{compare, data, sweep};
use crate::cli::ReportArgs;
use crate::drawing::weights::{self, Sheet};
use crate::drawing::{first_images, mistakes};
use crate::evaluation::Predictions;
use crate::failure::Failure;
use crate::report;
use crate::report::comparison::{self, Comparison};
use crate::report::page::{self, Contents};
use crate::report::sweep::MOST_CURVES;
use crate::run::epoch::EpochMetrics;
use crate::run::folder::{CONFIG, GALLERY, REPORT};
use crate::run::predictions::{self, Table};
use crate::run::{Manifest, find, list, manifest, read, write};
use crate::sweep::folder::{self as sweep_folder, SweepManifest};
use crate::sweep::statistics::Spread;
use crate::sweep::{Outcome, outcome};

/// Largest picture taken from a run's folder, in bytes.
const MAX_PICTURE: u64 = 16 << 20;
/// First bytes of every PNG, <https://www.w3.org/TR/png-3/#3PNGsignature>.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Writes the page of a run, or the comparison of several, and prints its path.
///
/// # Errors
/// When a run is not there, `--data-dir` holds other images, or the page cannot be written.
pub fn run(args: &ReportArgs) -> Result<(), Failure> {
    let talk = Talk {
        quiet: args.output.quiet || args.output.json,
    };
    let sweep = match &args.runs[..] {
        [name] => sweep::named(name),
        _ => None,
    };
    let (default, page) = match (sweep, &args.runs[..]) {
        (Some(folder), _) => (
            folder.join(REPORT),
            report::sweep::html(&sweep_contents(&folder)?),
        ),
        (None, [run]) => {
            let folder = folder(run)?;
            (
                folder.join(REPORT),
                page::html(&contents(&folder, args, talk)?),
            )
        }
        (None, runs) => (PathBuf::from(REPORT), comparison::html(&compared(runs)?)),
    };
    let out = args.out.clone().unwrap_or(default);
    write::atomically(&out, page.as_bytes())?;
    match args.output.json {
        true => writeln!(stdout(), "{}", json!({ "report": out }))?,
        false => writeln!(stdout(), "{}", out.display())?,
    }
    talk.next(format_args!("open {} in a browser", out.display()));
    Ok(())
}

/// Returns all that the page of the sweep in `folder` shows.
fn sweep_contents(folder: &Path) -> Result<report::sweep::Contents, Failure> {
    let manifest = sweep_folder::read(folder)?;
    let outcomes = outcome::ranked(&manifest, folder, |_, _, _| Ok(()))?;
    let curve = |outcome: &Outcome| (outcome.setting, mean_curve(&manifest, folder, outcome));
    let measure = format!("validation {}", manifest.metric.label);
    let best = manifest
        .best
        .and_then(|best| outcomes.iter().find(|o| o.setting == best));
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_string());
    let config = manifest
        .best
        .map(|best| sweep_folder::config_of(folder, best));
    Ok(report::sweep::Contents {
        name: manifest.experiment.clone(),
        figures: vec![
            (
                "Best setting",
                or_none(best.map(|best| best.setting.to_string())),
            ),
            (
                "Its validation",
                or_none(best.and_then(|best| best.spread).map(|s| sweep::shown(&s))),
            ),
            (
                "Its test accuracy",
                or_none(manifest.test.map(|test| sweep::shown(&test.accuracy))),
            ),
            (
                "Its test loss",
                or_none(manifest.test.map(|test| sweep::shown(&test.loss))),
            ),
            ("Settings", manifest.settings.len().to_string()),
            ("Seeds", manifest.seeds.len().to_string()),
            ("Looks at the test images", manifest.test_looks.to_string()),
            ("Status", format!("{:?}", manifest.status).to_lowercase()),
        ],
        conclusions: sweep::conclusions(&outcomes, &manifest),
        rows: sweep::rows(&outcomes),
        header: sweep::header(&measure)
            .iter()
            .map(ToString::to_string)
            .collect(),
        curves: outcomes.iter().take(MOST_CURVES).map(curve).collect(),
        config: config
            .and_then(|config| Source::read(&config).ok())
            .map(|source| source.text),
        manifest: serde_json::to_string_pretty(&manifest).map_err(Failure::failed)?,
        measure,
        outcomes,
    })
}

/// Returns a setting's epochs with the mean of the metric over the seeds that have come so far.
fn mean_curve(sweep: &SweepManifest, folder: &Path, outcome: &Outcome) -> Vec<(f64, f64)> {
    let trial = |seed: &u64| sweep.trial(folder, outcome.setting, *seed).folder;
    let all: Vec<Vec<EpochMetrics>> = sweep
        .seeds
        .iter()
        .map(|seed| list::metrics(&trial(seed)))
        .collect();
    let mean = |epoch: usize| {
        let figures: Vec<f64> = all
            .iter()
            .filter_map(|epochs| epochs.get(epoch)?.validation(sweep.metric))
            .collect();
        Some(((epoch + 1) as f64, Spread::of(&figures)?.mean))
    };
    (0..outcome.epochs).filter_map(mean).collect()
}

/// Returns the folder of the run that a person names.
fn folder(run: &str) -> Result<PathBuf, Failure> {
    let found = find::resolve(run)?;
    match found.is_dir() {
        true => Ok(found),
        false => Err(Failure::usage(format!("{run} is a file, not a run"))
            .hint("name the folder of the run; `trainer runs` lists them")),
    }
}

/// Returns all that the page shows of the run in `folder`. What is not there is left out, with the reason.
fn contents(folder: &Path, args: &ReportArgs, talk: Talk) -> Result<Contents, Failure> {
    let manifest = manifest::read(folder)?;
    let run = list::summarize(folder);
    let run = run.ok_or_else(|| Failure::failed(format!("{} cannot be read", folder.display())))?;
    let config = Source::read(&folder.join(CONFIG)).map_err(|e| Failure::from(e).sentence());
    let experiment = config
        .clone()
        .ok()
        .and_then(|source| experiment::load(source, &[]).ok());
    let tested = predictions::read(folder);
    let images = match &tested {
        Ok(tested) => test_images(&manifest, experiment.as_ref(), tested, args),
        Err(_) => Err(Failure::failed("the run has no predictions")),
    };
    if args.data_dir.is_some() && images.is_err() && tested.is_ok() {
        return Err(images.err().unwrap_or_else(Failure::already_reported));
    }
    let record = record(folder);
    let draw = |draw: Draw| match (&images, &tested, &record) {
        (Ok(images), Ok(tested), Ok(record)) => {
            refuse_others(images, tested, &record.metadata)?;
            draw(images, &tested.predictions, &record.metadata)
        }
        (Err(failure), ..) | (_, Err(failure), _) | (.., Err(failure)) => Err(again(failure)),
    };
    let gallery = gallery(folder).map_or_else(|| draw(first_images), Ok);
    let mistakes = draw(mistakes);
    let neurons = record.as_ref().map_err(again).and_then(neurons);
    let mut reasons = vec![
        gallery.as_ref().err(),
        mistakes.as_ref().err(),
        neurons.as_ref().err(),
    ];
    reasons.dedup_by_key(|failure| failure.map(Failure::sentence));
    for failure in reasons.into_iter().flatten() {
        talk.warn(format_args!(
            "the page is not complete: {}",
            failure.sentence()
        ));
    }
    let reason = |failure: Failure| failure.sentence();
    Ok(Contents {
        epochs: list::metrics(folder),
        config: config.map(|source| source.text),
        is_tutorial: experiment.map_or(Ok(false), is_tutorial)?,
        tested: tested.map_err(reason),
        gallery: gallery.map_err(reason),
        mistakes: mistakes.map_err(reason),
        neurons: neurons.map_err(reason),
        manifest,
        run,
    })
}

type Draw = fn(&ImageDataset, &Predictions, &Metadata) -> Result<Vec<u8>, Failure>;

/// Fails where a record cannot be the one that `tested` was predicted with.
fn refuse_others(
    images: &ImageDataset,
    tested: &Table,
    metadata: &Metadata,
) -> Result<(), Failure> {
    let same = images.size() == metadata.architecture.input()
        && tested.class_names == metadata.class_names;
    match same {
        true => Ok(()),
        false => Err(Failure::failed(
            "record, predictions and images do not belong together",
        )),
    }
}

fn again(failure: &Failure) -> Failure {
    Failure::failed(failure.sentence())
}

/// Returns the test images that the predictions in `tested` are about. Nothing is downloaded.
fn test_images(
    manifest: &Manifest,
    experiment: Option<&Experiment>,
    tested: &Table,
    args: &ReportArgs,
) -> Result<ImageDataset, Failure> {
    let trained_in = experiment.and_then(|experiment| experiment.data.dir.as_deref());
    let dir = args.data_dir.as_deref().or(trained_in);
    let silent = Talk { quiet: true };
    let names = Some(&tested.class_names[..]);
    let found = data::find(&manifest.dataset, dir, names, &[], silent)?;
    let labels = &tested.predictions.labels;
    let test = found.test;
    let fits = test.len() == labels.len() && test.classes() == tested.class_names.len();
    match fits
        && labels
            .iter()
            .enumerate()
            .all(|(i, label)| test.label(i) == *label)
    {
        true => Ok(test),
        false => Err(Failure::failed(format!(
            "the test images in {} are not those of the run",
            found.place.display()
        ))),
    }
}

/// Returns the gallery that the run drew, if it is there.
fn gallery(folder: &Path) -> Option<Vec<u8>> {
    let png = read::at_most(&folder.join(GALLERY), MAX_PICTURE).ok()?;
    png.starts_with(PNG).then_some(png)
}

fn record(folder: &Path) -> Result<Record, Failure> {
    let name = folder.to_str();
    let name = name.ok_or_else(|| Failure::failed(format!("{} is not UTF-8", folder.display())))?;
    Ok(find::load(name)?.record)
}

fn neurons(record: &Record) -> Result<Sheet, Failure> {
    weights::draw(&record.weights, &record.metadata.architecture)
}

/// Returns whether an experiment is the tutorial's but for what has no part in the recipe.
fn is_tutorial(experiment: Experiment) -> Result<bool, Failure> {
    let tutorial = experiment::tutorial()?;
    let recipe = Experiment {
        name: tutorial.name.clone(),
        backend: tutorial.backend,
        seed: tutorial.seed,
        data: Data {
            dir: tutorial.data.dir.clone(),
            classes: tutorial.data.classes.clone(),
            ..experiment.data
        },
        checkpoint: tutorial.checkpoint.clone(),
        evaluation: tutorial.evaluation.clone(),
        log: tutorial.log.clone(),
        ..experiment
    };
    Ok(recipe == tutorial)
}

fn compared(names: &[String]) -> Result<Comparison, Failure> {
    let (all, tests) = compare::load(names)?;
    Ok(Comparison {
        letters: compare::letters(all.len()),
        config: compare::differing_settings(&all),
        metrics: compare::metrics(&all),
        recall: compare::classes(&all),
        epochs: all.iter().map(|compared| compared.epochs.clone()).collect(),
        runs: all.into_iter().map(|compared| compared.run).collect(),
        tests,
    })
}
