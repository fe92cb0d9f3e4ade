//! The content of pages: read from the folders of runs and sweeps, drawn, and checked against the data.

use std::path::Path;

use data::ImageDataset;
use experiment::{Data, Experiment};
use model::{Metadata, Record};

use super::run_page::RunPage;
use super::sweep_page::{MOST_CURVES, SweepPage};
use crate::configs;
use crate::datasets::Wanted;
use crate::drawing::weights::{self, Sheet};
use crate::drawing::{first_images, mistakes};
use crate::evaluation::Predictions;
use crate::explain::checks::{self, Code};
use crate::failure::Failure;
use crate::notice::{Notice, Notify};
use crate::predictions::{self, Table};
use crate::run::epoch::EpochMetrics;
use crate::run::folder::{CONFIG, GALLERY};
use crate::run::{Manifest, find, list, manifest, read};
use crate::sweep::statistics::Spread;
use crate::sweep::{Outcome, SweepState, conclusions, folder as sweep_folder, outcome};

/// Maximum size of a picture from a run's folder, in bytes.
const MAX_PICTURE: u64 = 16 << 20;
/// First bytes of every PNG, <https://www.w3.org/TR/png-3/#3PNGsignature>.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Returns the content of the page of the run in `folder`. Missing parts are left out, with the reason. The test
/// images are in `data_dir` if given; nothing is downloaded. The checks that are `muted` are left out.
///
/// # Errors
/// When the manifest is damaged, or `data_dir` has other images.
pub fn of_run(
    folder: &Path,
    data_dir: Option<&Path>,
    muted: &[Code],
    notify: Notify,
) -> Result<RunPage, Failure> {
    let manifest = manifest::read(folder)?;
    let run = list::summarize(folder);
    let run = run.ok_or_else(|| Failure::failed(format!("{} cannot be read", folder.display())))?;
    let config = configs::source_in(&folder.join(CONFIG)).map_err(|failure| failure.sentence());
    let experiment = config
        .clone()
        .ok()
        .and_then(|source| experiment::load(source, &[]).ok());
    let tested = predictions::read(folder);
    let record = record(folder);
    let images = match (&tested, &record) {
        (Ok(tested), Ok(record)) => {
            let input = record.metadata.architecture.input();
            test_images(&manifest, input, experiment.as_ref(), tested, data_dir)
        }
        (Ok(_), Err(failure)) => Err(again(failure)),
        (Err(_), _) => Err(Failure::failed("the run has no predictions")),
    };
    if data_dir.is_some() && images.is_err() && tested.is_ok() {
        return Err(images.err().unwrap_or_else(Failure::already_reported));
    }
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
        notify(Notice::Warning(format!(
            "the page is incomplete: {}",
            failure.sentence()
        )));
    }
    let reason = |failure: Failure| failure.sentence();
    Ok(RunPage {
        epochs: list::metrics(folder),
        config: config.map(|source| source.text),
        is_tutorial: experiment.map_or(Ok(false), is_tutorial)?,
        tested: tested.map_err(reason),
        gallery: gallery.map_err(reason),
        mistakes: mistakes.map_err(reason),
        neurons: neurons.map_err(reason),
        checks: checks::of_figures(folder, muted)?,
        manifest,
        run,
    })
}

type Draw = fn(&ImageDataset, &Predictions, &Metadata) -> Result<Vec<u8>, Failure>;

/// Checks that the record can be the one that made the predictions `tested`.
fn refuse_others(
    images: &ImageDataset,
    tested: &Table,
    metadata: &Metadata,
) -> Result<(), Failure> {
    let of_network = images.size() == metadata.architecture.input();
    if of_network && tested.class_names == metadata.class_names {
        return Ok(());
    }
    Err(Failure::failed(
        "record, predictions and images do not belong together",
    ))
}

fn again(failure: &Failure) -> Failure {
    Failure::failed(failure.sentence())
}

/// Returns the test images of the predictions `tested`. Nothing is downloaded.
fn test_images(
    manifest: &Manifest,
    input: [usize; 3],
    experiment: Option<&Experiment>,
    tested: &Table,
    data_dir: Option<&Path>,
) -> Result<ImageDataset, Failure> {
    let trained_in = experiment.and_then(|experiment| experiment.data.dir.as_deref());
    let dir = data_dir.or(trained_in);
    let wanted = Wanted::at_hand(&manifest.dataset, &tested.class_names, input, dir);
    let found = wanted.tested_as(experiment).load(&mut |_| {})?;
    let labels = &tested.predictions.labels;
    let test = found.test;
    let fits = test.len() == labels.len() && test.classes() == tested.class_names.len();
    let mut labels = labels.iter().enumerate();
    if fits && labels.all(|(i, label)| test.label(i) == *label) {
        return Ok(test);
    }
    Err(Failure::failed(format!(
        "the test images in {} are not those of the run",
        found.place.display()
    )))
}

/// Returns the run's gallery, if there is one.
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

/// Returns whether an experiment has the same recipe as the tutorial.
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

/// Returns the content of the page of the sweep in `folder`.
///
/// # Errors
/// When it is damaged.
pub fn of_sweep(folder: &Path) -> Result<SweepPage, Failure> {
    let state = sweep_folder::read(folder)?;
    let outcomes = outcome::ranked(&state, folder, |_, _, _| Ok(()))?;
    let curve = |outcome: &Outcome| (outcome.setting, mean_curve(&state, folder, outcome));
    let measure = format!("validation {}", state.metric.label);
    let best = state
        .best
        .and_then(|best| outcomes.iter().find(|o| o.setting == best));
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_string());
    let config = state.best.map(|best| sweep_folder::config_of(folder, best));
    Ok(SweepPage {
        name: state.experiment.clone(),
        figures: vec![
            (
                "Best setting",
                or_none(best.map(|best| best.setting.to_string())),
            ),
            (
                "Its validation",
                or_none(
                    best.and_then(|best| best.spread)
                        .map(|s| conclusions::mean(&s)),
                ),
            ),
            (
                "Its test accuracy",
                or_none(state.test.map(|test| conclusions::mean(&test.accuracy))),
            ),
            (
                "Its test loss",
                or_none(state.test.map(|test| conclusions::mean(&test.loss))),
            ),
            ("Settings", state.settings.len().to_string()),
            ("Seeds", state.seeds.len().to_string()),
            ("Uses of the test images", state.test_looks.to_string()),
            ("Status", format!("{:?}", state.status).to_lowercase()),
        ],
        conclusions: conclusions::sentences(&outcomes, &state),
        rows: conclusions::rows(&outcomes),
        header: conclusions::header(&measure)
            .iter()
            .map(ToString::to_string)
            .collect(),
        curves: outcomes.iter().take(MOST_CURVES).map(curve).collect(),
        config: config
            .and_then(|config| configs::source_in(&config).ok())
            .map(|source| source.text),
        manifest: serde_json::to_string_pretty(&state).map_err(Failure::caused_by)?,
        measure,
        outcomes,
    })
}

/// Returns a setting's epochs with the mean of the metric over the seeds that reached them.
fn mean_curve(sweep: &SweepState, folder: &Path, outcome: &Outcome) -> Vec<(f64, f64)> {
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
