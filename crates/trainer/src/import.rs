//! A run made from a network trained by another program.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use data::{DataSet, fashion_mnist};
use exchange::about::{self, Told};
use exchange::{ExchangeError, Kind, Layout, MAX_BYTES};
use experiment::{Backend, Data, Experiment, Model, Training};
use model::{Architecture, Metadata, Record, Tensor};

use crate::backend::Compute;
use crate::configs;
use crate::datasets::{self, Wanted};
use crate::evaluation::Evaluation;
use crate::failure::{Failure, shown};
use crate::notice::{Notice, Notify};
use crate::results;
use crate::run::folder::{self, MODEL, sha256};
use crate::run::manifest::Imported;
use crate::run::{Manifest, RunFolder, Status};
use crate::session;

/// What to import, and what the user says about it.
#[derive(Debug, Clone)]
pub struct Request {
    /// The file.
    pub file: PathBuf,
    /// Order of a weight's dimensions, if the shapes do not settle it.
    pub layout: Option<Layout>,
    /// What the user says about the network.
    pub told: Told,
    /// The run's folder; if `None`, a new one in `artifacts/`.
    pub run_dir: Option<PathBuf>,
    /// The folder of its data set; if `None`, the usual places, without download.
    pub data_dir: Option<PathBuf>,
}

/// An imported run.
#[derive(Debug)]
pub struct Made {
    /// The run.
    pub run: RunFolder,
    /// The kind of file.
    pub kind: Kind,
    /// Its result on the test images, if they were found.
    pub test: Option<Evaluation>,
}

/// Imports the file and returns the run.
///
/// # Errors
/// When the file is not a network that can run here (exit code 1), or the run folder is taken (2).
pub fn import(request: &Request, notify: Notify) -> Result<Made, Failure> {
    let run_dir = request.run_dir.as_deref();
    run_dir.map_or(Ok(()), folder::refuse_occupied)?;
    let bytes = read(&request.file)?;
    let in_file = |e: ExchangeError| {
        let hint = e.hint();
        Failure::failed(shown(&request.file)).because(e).hint(hint)
    };
    let (kind, network) = exchange::read(&bytes, request.layout).map_err(in_file)?;
    let (metadata, assumed) = about::metadata(&network, &request.told).map_err(in_file)?;
    for assumption in assumed {
        notify(Notice::Note(format!("assumed {assumption}")));
    }

    let compute = Compute::open(Backend::Flex)?;
    let data = data_at_hand(request, &metadata, notify)?;
    let experiment = experiment(request, &metadata)?;
    let path = request.run_dir.clone();
    let path = path.unwrap_or_else(|| session::fresh_folder(&experiment.name));
    let parameters = metadata.architecture.parameters().unwrap_or_default();
    let mut manifest = Manifest::start(&experiment, data.as_ref(), &compute, parameters, &path);
    manifest.imported = Some(Imported {
        file: request.file.display().to_string(),
        kind,
        sha256: sha256(&bytes),
    });
    let mut run = RunFolder::create(path, &configs::resolved(&experiment)?, manifest)?;
    let chain = metadata.architecture.chain();
    notify(Notice::Note(format!(
        "network {chain}: {parameters} parameters"
    )));
    notify(Notice::Note(format!("run     {}", run.path().display())));
    let test = fill(&mut run, metadata, network.tensors, data.as_ref(), &compute);
    match &test {
        Ok(_) => run.end(Status::Finished, None)?,
        // The cause is what matters to the user, even if the manifest cannot be written either.
        Err(f) => drop(run.end(Status::Failed, Some(f.sentence()))),
    }
    Ok(Made {
        test: test?,
        run,
        kind,
    })
}

/// Returns the bytes of `file`, which must not be larger than the largest network.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |e: io::Error| Failure::io("read", path, e);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}

/// Returns the network's data set; `None`, with a notice, if it is not found and no folder was
/// given. Nothing is downloaded.
fn data_at_hand(
    request: &Request,
    metadata: &Metadata,
    notify: Notify,
) -> Result<Option<DataSet>, Failure> {
    let dir = request.data_dir.as_deref();
    let wanted = Wanted::at_hand(&metadata.dataset, &metadata.class_names, dir);
    let found = wanted.load(notify);
    match found.and_then(|data| datasets::fitting(data, metadata)) {
        Ok(data) => Ok(Some(data)),
        Err(failure) if dir.is_some() => Err(failure),
        Err(failure) => {
            notify(Notice::Note(format!(
                "not evaluated: {}",
                failure.sentence()
            )));
            Ok(None)
        }
    }
}

/// Returns the experiment that is written to the run: what is known of the network, and the tutorial's
/// values for the rest.
fn experiment(request: &Request, metadata: &Metadata) -> Result<Experiment, Failure> {
    let Architecture::Mlp(network) = &metadata.architecture;
    // Only Fashion-MNIST is found without a folder; other data is looked for beside the file.
    let is_fashion = metadata.dataset == fashion_mnist::NAME;
    let beside = request.file.parent().filter(|_| !is_fashion);
    let dir = request.data_dir.as_deref().or(beside);
    dir.map_or(Ok(""), configs::utf8)?;
    let here = |dir: &Path| dir.as_os_str().is_empty().then(|| PathBuf::from("."));
    let tutorial = experiment::tutorial()?;
    let experiment = Experiment {
        name: request.told.name.clone(),
        model: Model {
            hidden: network.hidden.clone(),
            activation: network.activation,
            ..tutorial.model
        },
        training: Training {
            loss: metadata.architecture.loss(),
            ..tutorial.training
        },
        data: Data {
            name: metadata.dataset.clone(),
            dir: dir.map(|dir| here(dir).unwrap_or_else(|| dir.to_path_buf())),
            classes: Some(metadata.class_names.clone()),
            ..tutorial.data
        },
        ..tutorial
    };
    experiment.check()?;
    Ok(experiment)
}

/// Writes the network's results; returns its result on the test images, if they were found.
fn fill(
    run: &mut RunFolder,
    metadata: Metadata,
    weights: Vec<Tensor>,
    data: Option<&DataSet>,
    compute: &Compute,
) -> Result<Option<Evaluation>, Failure> {
    let record = Record { metadata, weights };
    if let Some(data) = data {
        let (test, _) = results::test(record, data, compute, run)?;
        return Ok(Some(test));
    }
    let bytes = record.to_bytes().map_err(Failure::caused_by)?;
    run.write(MODEL, &bytes)?;
    Ok(None)
}
