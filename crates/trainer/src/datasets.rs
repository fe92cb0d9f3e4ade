//! The data set of an experiment or a network: found, verified and, if need be, downloaded.

use std::path::{Path, PathBuf};

use data::{Colours, DataSet, Options, Place, Request, fashion_mnist};
use experiment::Experiment;
use model::Metadata;

use crate::failure::{Failure, one_line};
use crate::notice::{Notice, Notify};

/// Which data set, and where it may come from.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its name; only Fashion-MNIST is found without a folder.
    pub name: String,
    /// The folder that somebody named: then nothing else is looked at.
    pub dir: Option<PathBuf>,
    /// Names for its classes, in label order.
    pub class_names: Option<Vec<String>>,
    /// How files are made a data set, where they leave it open.
    pub options: Options,
    /// Addresses to download from; without any, nothing is downloaded.
    pub mirrors: Vec<String>,
}

impl Wanted {
    /// Returns what `experiment` asks for.
    pub fn by(experiment: &Experiment) -> Self {
        let data = &experiment.data;
        Self {
            name: data.name.clone(),
            dir: data.dir.clone(),
            class_names: data.classes.clone(),
            options: Options::default(),
            mirrors: fashion_mnist::addresses(),
        }
    }

    /// Returns what a network was trained on, which is in `dir` when that is given. Nothing is downloaded.
    pub fn at_hand(name: &str, class_names: &[String], dir: Option<&Path>) -> Self {
        Self {
            name: name.to_string(),
            dir: dir.map(PathBuf::from),
            class_names: Some(class_names.to_vec()),
            options: Options::default(),
            mirrors: Vec::new(),
        }
    }

    /// Returns the same with pictures made input of a network: of its size, grey or in colour.
    #[must_use]
    pub fn for_input(self, [channels, height, width]: [usize; 3]) -> Self {
        let options = Options {
            size: Some([height, width]),
            colours: if channels == 1 {
                Colours::Grey
            } else {
                Colours::Rgb
            },
            ..self.options
        };
        Self { options, ..self }
    }

    /// Returns the same, downloaded from where it is published if no folder has it.
    #[must_use]
    pub fn or_download(self) -> Self {
        Self {
            mirrors: fashion_mnist::addresses(),
            ..self
        }
    }

    /// Returns the data set. `notify` hears what may be wrong with it.
    ///
    /// # Errors
    /// When no place has it (exit code 2).
    pub fn load(&self, notify: Notify) -> Result<DataSet, Failure> {
        let cache = cache();
        let request = self.request(cache.as_deref());
        let set = data::load(&request, &mut |download| {
            notify(Notice::Download(download));
        })?;
        let warnings = set.understood.warnings.iter().cloned();
        for warning in warnings.chain(left_out(&set)) {
            notify(Notice::Warning(warning));
        }
        Ok(set)
    }

    /// Returns the folders that are looked into, and what is there.
    pub fn places(&self) -> Vec<Place> {
        data::places(&self.request(cache().as_deref()))
    }

    fn request<'a>(&'a self, cache: Option<&'a Path>) -> Request<'a> {
        Request {
            dir: self.dir.as_deref(),
            class_names: self.class_names.as_deref(),
            options: self.options,
            cache,
            mirrors: &self.mirrors,
            ..Request::new(&self.name)
        }
    }
}

/// Returns what to say of files that were there and not read.
fn left_out(set: &DataSet) -> Option<String> {
    let files = &set.understood.left_out;
    let first = files.first()?;
    let (path, reason) = (first.path.display(), &first.reason);
    Some(match files.len() {
        1 => one_line(&format!("left out: {path} {reason}")),
        count => one_line(&format!(
            "left out: {count} files, as {path}, which {reason}; `trainer data` names them"
        )),
    })
}

/// Returns the data set if its images have the size that a record's network takes.
///
/// # Errors
/// When they have not.
pub fn fitting(data: DataSet, metadata: &Metadata) -> Result<DataSet, Failure> {
    let [_, height, width] = metadata.architecture.input();
    if data.test.size() == metadata.architecture.input() {
        return Ok(data);
    }
    Err(Failure::failed(format!(
        "the test images have {}x{} pixels, the network takes {width}x{height}",
        data.test.width(),
        data.test.height(),
    ))
    .hint(format_args!(
        "--data-dir must hold the data of the run: {}",
        metadata.dataset
    )))
}

/// Returns the folder downloads go to, if this system has a place for caches.
fn cache() -> Option<PathBuf> {
    dirs::cache_dir().map(|cache| cache.join(fashion_mnist::NAME))
}
