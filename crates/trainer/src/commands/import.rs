//! `trainer import`

use std::fs::File;
use std::io::{Read, Write, stdout};
use std::path::Path;

use ::data::{DataSet, fashion_mnist};
use exchange::about::{self, Told};
use exchange::{ExchangeError, Kind, MAX_BYTES};
use experiment::{Backend, Experiment};
use model::{Architecture, Metadata, Record, Tensor};
use serde_json::json;

use super::saved;
use super::terminal::Talk;
use super::train::{quoted, with_absolute_folder};
use crate::backend::Compute;
use crate::cli::ImportArgs;
use crate::evaluation::Evaluation;
use crate::failure::Failure;
use crate::results;
use crate::run::find::ARTIFACTS;
use crate::run::folder::{self, MODEL, sha256};
use crate::run::manifest::Imported;
use crate::run::{Manifest, RunFolder, Status};

/// Makes a run of another program's network, with its result on the test images when they are at hand.
///
/// # Errors
/// When the file is no network that can run here (exit code 1), or the run folder is taken (2).
pub fn run(args: &ImportArgs) -> Result<(), Failure> {
    let talk = Talk {
        quiet: args.output.quiet || args.output.json,
    };
    args.run_dir
        .as_deref()
        .map_or(Ok(()), folder::refuse_taken)?;
    let bytes = read(&args.file)?;
    let in_file = |e: ExchangeError| {
        Failure::failed(format_args!("{}: {e}", args.file.display())).hint(e.hint())
    };
    let (kind, network) = exchange::read(&bytes, args.layout).map_err(in_file)?;
    let told = Told {
        name: args.name.clone(),
        class_names: args.classes.clone(),
        input: args.input,
        activation: args.activation,
    };
    let (metadata, assumed) = about::metadata(&network, &told).map_err(in_file)?;
    for assumption in assumed {
        talk.note(format_args!("assumed {assumption}"));
    }

    let compute = Compute::open(Backend::Flex)?;
    let data = data_at_hand(args, &metadata, talk)?;
    let experiment = experiment(args, &metadata)?;
    let path = args.run_dir.clone().unwrap_or_else(|| {
        let name = folder::fresh_name();
        Path::new(ARTIFACTS).join(&experiment.name).join(name)
    });
    let parameters = metadata.architecture.parameters().unwrap_or_default();
    let mut manifest = Manifest::start(&experiment, data.as_ref(), &compute, parameters, &path);
    manifest.imported = Some(Imported {
        file: args.file.display().to_string(),
        kind,
        sha256: sha256(&bytes),
    });
    let resolved = with_absolute_folder(&experiment);
    let resolved = resolved.to_toml().map_err(Failure::usage)?;
    let mut run = RunFolder::create(path, &resolved, manifest)?;
    talk.note(format_args!(
        "network {}: {parameters} parameters",
        metadata.architecture.chain()
    ));
    talk.note(format_args!("run     {}", run.path().display()));
    let test = fill(&mut run, metadata, network.tensors, data.as_ref(), &compute);
    match &test {
        Ok(_) => run.end(Status::Finished, None)?,
        // The cause is what matters to a person, even if the manifest cannot be written as well.
        Err(f) => drop(run.end(Status::Failed, Some(f.sentence()))),
    }
    print(args, kind, &run, test?.as_ref(), talk)
}

/// Returns the bytes of `file`, which must not be larger than any network.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |e: std::io::Error| Failure::io("read", path, &e);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}

/// Returns the data set the network is for; `None`, and says so, when it is not found and nobody said
/// where. Nothing is downloaded.
fn data_at_hand(
    args: &ImportArgs,
    metadata: &Metadata,
    talk: Talk,
) -> Result<Option<DataSet>, Failure> {
    let classes = Some(&metadata.class_names[..]);
    let dir = args.data_dir.as_deref();
    let found = super::data::find(&metadata.dataset, dir, classes, &[], talk);
    let fitting = found.and_then(|data| saved::fitting(data, metadata));
    match fitting {
        Ok(data) => Ok(Some(data)),
        Err(failure) if args.data_dir.is_some() => Err(failure),
        Err(failure) => {
            talk.note(format_args!("not evaluated: {}", failure.sentence()));
            Ok(None)
        }
    }
}

/// Returns the experiment that is written into the run: the network's, as far as it is known.
fn experiment(args: &ImportArgs, metadata: &Metadata) -> Result<Experiment, Failure> {
    let text = |text: &str| toml::Value::from(text).to_string();
    let Architecture::Mlp(architecture) = &metadata.architecture;
    let is_fashion = metadata.dataset == fashion_mnist::NAME;
    let mut sets = vec![
        format!("name={}", text(&args.name)),
        format!("model.hidden={:?}", architecture.hidden),
        format!("model.activation={}", word(&architecture.activation)?),
        format!("training.loss={}", word(&metadata.architecture.loss())?),
        format!("data.name={}", text(&metadata.dataset)),
        format!(
            "data.classes={}",
            toml::Value::from(metadata.class_names.clone())
        ),
    ];
    // Only Fashion-MNIST is found without a folder; data that nobody named is looked for beside the file.
    let beside = args.file.parent().filter(|_| !is_fashion);
    if let Some(dir) = args.data_dir.as_deref().or(beside) {
        let dir = if dir.as_os_str().is_empty() {
            Path::new(".")
        } else {
            dir
        };
        sets.push(super::config::data_dir(dir)?);
    }
    Ok(experiment::load(experiment::built_in(), &sets)?)
}

/// Returns a choice as the config spells it.
fn word(choice: &impl serde::Serialize) -> Result<String, Failure> {
    let json = serde_json::to_value(choice).map_err(Failure::failed)?;
    Ok(json.as_str().unwrap_or_default().to_string())
}

/// Writes what the network comes to; returns its result on the test images, if they are at hand.
fn fill(
    run: &mut RunFolder,
    metadata: Metadata,
    weights: Vec<Tensor>,
    data: Option<&DataSet>,
    compute: &Compute,
) -> Result<Option<Evaluation>, Failure> {
    let record = Record { metadata, weights };
    match data {
        Some(data) => {
            let (test, _) = results::test(record, data, compute, run)?;
            Ok(Some(test))
        }
        None => {
            let bytes = record.to_bytes().map_err(Failure::failed)?;
            run.write(MODEL, &bytes)?;
            Ok(None)
        }
    }
}

fn print(
    args: &ImportArgs,
    kind: Kind,
    run: &RunFolder,
    test: Option<&Evaluation>,
    talk: Talk,
) -> Result<(), Failure> {
    let mut out = stdout();
    let path = run.path();
    if args.output.json {
        let object = json!({
            "run": path,
            "kind": kind,
            "parameters": run.manifest().parameters,
            "test_accuracy": test.map(|test| test.figures.accuracy()),
            "test_loss": test.map(|test| test.figures.loss()),
        });
        writeln!(out, "{object}")?;
        return Ok(());
    }
    writeln!(out, "{}", path.display())?;
    if let Some(test) = test {
        writeln!(
            out,
            "test {}  ({} images)",
            test.figures.test_line(),
            test.images
        )?;
    }
    let name = args
        .run_dir
        .as_deref()
        .map_or_else(|| "last".into(), quoted);
    let rest = if test.is_some() { "" } else { " --data-dir D" };
    talk.next(format_args!(
        "cargo run -p trainer -- evaluate {name}{rest}"
    ));
    Ok(())
}
