//! A run made from a network trained by another program.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use data::{DataSet, fashion_mnist};
use exchange::about::{self, Told};
use exchange::{ExchangeError, Kind, Layout, MAX_BYTES, Network, Reading, Scale};
use experiment::{Backend, Data, Experiment, Model, Training};
use model::{Metadata, Record, Tensor};

use crate::backend::Compute;
use crate::configs;
use crate::datasets::{self, Wanted};
use crate::evaluation::{self, Evaluation};
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
    /// How the network expects its pixels, if not as the file says, or from 0 to 1.
    pub scale: Option<Scale>,
    /// What the user says about the network.
    pub told: Told,
    /// The run's folder; if `None`, a new one in `artifacts/`.
    pub run_dir: Option<PathBuf>,
    /// The folder of its data set; if `None`, the usual places, without download.
    pub data_dir: Option<PathBuf>,
}

/// Number of training images that scales are compared on.
const SCALE_IMAGES: usize = 1000;
/// How much better, in accuracy, another scale must be to be suggested.
const FAR_BETTER: f64 = 0.1;

impl Request {
    /// Returns what is said of the file before it is read.
    fn reading(&self) -> Reading<'_> {
        Reading {
            layout: self.layout,
            scale: self.scale,
            folder: self.file.parent(),
        }
    }
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
    let (kind, network, metadata) = network(request, &bytes, notify)?;
    let compute = Compute::open(Backend::Flex)?;
    let data = data_at_hand(request, &metadata, notify)?;
    if let (Some(data), None) = (&data, request.scale) {
        suggest_scale(request, &bytes, data, notify)?;
    }
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

/// Returns the network in `bytes`, the content of the file, with what was left out, folded or assumed as notices.
fn network(
    request: &Request,
    bytes: &[u8],
    notify: Notify,
) -> Result<(Kind, Network, Metadata), Failure> {
    let in_file = |e: ExchangeError| {
        let hint = e.hint();
        Failure::failed(shown(&request.file)).because(e).hint(hint)
    };
    let (kind, network) = exchange::read(bytes, &request.reading()).map_err(in_file)?;
    let (metadata, assumed) = about::metadata(&network, &request.told).map_err(in_file)?;
    for note in &network.notes {
        notify(Notice::Note(note.clone()));
    }
    for assumption in assumed {
        notify(Notice::Note(format!("assumed {assumption}")));
    }
    Ok((kind, network, metadata))
}

/// Warns if the network does far better on training images with another usual scale of its pixels than with the one
/// it was imported with. The test images choose nothing.
fn suggest_scale(
    request: &Request,
    bytes: &[u8],
    data: &DataSet,
    notify: Notify,
) -> Result<(), Failure> {
    let images = data.train.slice(0, data.train.len().min(SCALE_IMAGES));
    let accuracy = |scale: Option<Scale>| -> Result<f64, Failure> {
        let reading = Reading {
            scale,
            ..request.reading()
        };
        let (_, network) = exchange::read(bytes, &reading)?;
        let (metadata, _) = about::metadata(&network, &request.told)?;
        let forward = metadata.architecture.forward(network.tensors);
        let forward = forward.map_err(Failure::caused_by)?;
        let right = (0..images.len()).filter(|&i| {
            let logits = forward.logits(images.image(i), 1);
            evaluation::top(&logits).0 == usize::from(images.label(i))
        });
        Ok(right.count() as f64 / images.len().max(1) as f64)
    };
    let now = accuracy(None)?;
    let mut best = (now, "");
    for (name, scale) in Scale::USUAL {
        let other = accuracy(Some(scale))?;
        if other > best.0 {
            best = (other, name);
        }
    }
    if best.0 > now + FAR_BETTER {
        notify(Notice::Warning(format!(
            "on {} training images the accuracy is {now:.4}, but {:.4} if the network expects pixels scaled to \
             {name}: import it again with --scale={name}",
            images.len(),
            best.0,
            name = best.1,
        )));
    }
    Ok(())
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
    let input = metadata.architecture.input();
    let wanted = Wanted::at_hand(&metadata.dataset, &metadata.class_names, input, dir);
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
    // Only Fashion-MNIST is found without a folder; other data is looked for beside the file.
    let is_fashion = metadata.dataset == fashion_mnist::NAME;
    let beside = request.file.parent().filter(|_| !is_fashion);
    let dir = request.data_dir.as_deref().or(beside);
    dir.map_or(Ok(""), configs::utf8)?;
    let here = |dir: &Path| dir.as_os_str().is_empty().then(|| PathBuf::from("."));
    let tutorial = experiment::tutorial()?;
    let experiment = Experiment {
        name: request.told.name.clone(),
        model: Model::of(&metadata.architecture),
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
