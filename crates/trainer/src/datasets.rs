//! Finding, verifying and, if needed, downloading the data set of an experiment or a network.

use std::path::{Path, PathBuf};

use data::{DataSet, Place, Request, fashion_mnist};
use experiment::Experiment;
use model::Metadata;

use crate::failure::Failure;
use crate::notice::{Notice, Notify};

/// Which data set to load, and where from.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its name; only Fashion-MNIST is found without a folder.
    pub name: String,
    /// The folder given by the user; no other place is searched then.
    pub dir: Option<PathBuf>,
    /// Names for its classes, in label order.
    pub class_names: Option<Vec<String>>,
    /// Addresses to download from; if empty, nothing is downloaded.
    pub mirrors: Vec<String>,
}

impl Wanted {
    /// Returns the data set of `experiment`.
    pub fn by(experiment: &Experiment) -> Self {
        let data = &experiment.data;
        Self {
            name: data.name.clone(),
            dir: data.dir.clone(),
            class_names: data.classes.clone(),
            mirrors: fashion_mnist::addresses(),
        }
    }

    /// Returns the data set a network was trained on, in `dir` if given. Nothing is downloaded.
    pub fn at_hand(name: &str, class_names: &[String], dir: Option<&Path>) -> Self {
        Self {
            name: name.to_string(),
            dir: dir.map(PathBuf::from),
            class_names: Some(class_names.to_vec()),
            mirrors: Vec::new(),
        }
    }

    /// Returns the same, but downloaded from where it is published if no folder has it.
    #[must_use]
    pub fn or_download(self) -> Self {
        Self {
            mirrors: fashion_mnist::addresses(),
            ..self
        }
    }

    /// Loads and returns the data set.
    ///
    /// # Errors
    /// When no place has it (exit code 2).
    pub fn load(&self, notify: Notify) -> Result<DataSet, Failure> {
        let cache = cache();
        let request = self.request(cache.as_deref());
        Ok(data::load(&request, &mut |download| {
            notify(Notice::Download(download));
        })?)
    }

    /// Returns the folders that are searched, and what each contains.
    pub fn places(&self) -> Vec<Place> {
        data::places(&self.request(cache().as_deref()))
    }

    fn request<'a>(&'a self, cache: Option<&'a Path>) -> Request<'a> {
        Request {
            dir: self.dir.as_deref(),
            class_names: self.class_names.as_deref(),
            cache,
            mirrors: &self.mirrors,
            ..Request::new(&self.name)
        }
    }
}

/// Returns the data set if its images have the size that a record's network takes.
///
/// # Errors
/// When the sizes differ.
pub fn fitting(data: DataSet, metadata: &Metadata) -> Result<DataSet, Failure> {
    let [_, height, width] = metadata.architecture.input();
    if data.test.size() == metadata.architecture.input() {
        return Ok(data);
    }
    Err(Failure::failed(format!(
        "the test images have {}x{} pixels, but the network expects {width}x{height}",
        data.test.width(),
        data.test.height(),
    ))
    .hint(format_args!(
        "--data-dir must be the folder with the run's data: {}",
        metadata.dataset
    )))
}

/// Returns the folder downloads go to, if this system has a place for caches.
fn cache() -> Option<PathBuf> {
    dirs::cache_dir().map(|cache| cache.join(fashion_mnist::NAME))
}
