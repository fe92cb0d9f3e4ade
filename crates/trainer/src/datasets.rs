//! Finding, verifying and, if needed, downloading the data set of an experiment or a network; importing one.

use std::path::{Path, PathBuf};

use data::{
    Colours, DataSet, ImageDataset, LeftOut, Options, Place, Request, Selection, SourceError,
    fashion_mnist,
};
use experiment::Experiment;
use model::Metadata;

use crate::failure::{Failure, shown};
use crate::notice::{Notice, Notify};

/// Which data set to load, and where from.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its name; only Fashion-MNIST and imports are found without a folder.
    pub name: String,
    /// The folder given by the user; no other place is searched then.
    pub dir: Option<PathBuf>,
    /// Names for its classes, in label order.
    pub class_names: Option<Vec<String>>,
    /// How files are made a data set, where they leave it open.
    pub options: Options,
    /// Addresses to download from; if empty, nothing is downloaded.
    pub mirrors: Vec<String>,
    /// Whether IDX files that are not Fashion-MNIST's, though asked for under that name, are taken under their own: to
    /// train on, but not for a network that was trained on Fashion-MNIST.
    pub takes_others: bool,
    /// Which of the training images, and whether with their own labels.
    pub selection: Selection,
}

impl Wanted {
    /// Returns the data set of `experiment`.
    pub fn by(experiment: &Experiment) -> Self {
        let data = &experiment.data;
        Self {
            name: data.name.clone(),
            dir: data.dir.clone(),
            class_names: data.classes.clone(),
            options: Options {
                size: data.size,
                colours: data.colours,
                test_share: data.test_share,
                strict: data.strict,
                ..Options::default()
            },
            mirrors: fashion_mnist::addresses(),
            takes_others: true,
            selection: selection(experiment),
        }
    }

    /// Returns the data set that a network with images of `input` was trained on, in `dir` if given. Nothing is
    /// downloaded.
    pub fn at_hand(
        name: &str,
        class_names: &[String],
        [channels, height, width]: [usize; 3],
        dir: Option<&Path>,
    ) -> Self {
        let colours = if channels == 3 {
            Colours::Rgb
        } else {
            Colours::Grey
        };
        Self {
            name: name.to_string(),
            dir: dir.map(PathBuf::from),
            class_names: Some(class_names.to_vec()),
            options: Options {
                size: Some([height, width]),
                colours,
                ..Options::default()
            },
            mirrors: Vec::new(),
            takes_others: false,
            selection: Selection::default(),
        }
    }

    /// Returns the same with the test images of `experiment`, whose share it says if the files have none.
    #[must_use]
    pub fn tested_as(mut self, experiment: Option<&Experiment>) -> Self {
        if let Some(experiment) = experiment {
            self.options.test_share = experiment.data.test_share;
        }
        self
    }

    /// Returns the same with the training images of `experiment`: as many, and with the labels, that it was trained on.
    #[must_use]
    pub fn trained_as(mut self, experiment: Option<&Experiment>) -> Self {
        self.selection = experiment.map(selection).unwrap_or_default();
        self
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
        let [cache, imports] = [cache(), imports()];
        let request = self.request(cache.as_deref(), imports.as_deref());
        let found = data::load(&request, &mut |progress| {
            notify(Notice::Progress(progress));
        });
        let mut found = match (found, self.under_its_own_name()) {
            (Err(error), Some(other)) if error.is_other_data() && self.takes(&error) => {
                if error.is_idx_data() {
                    let name = &other.name;
                    notify(Notice::Note(format!("{error}; taken as \"{name}\"")));
                }
                return other.load(notify);
            }
            (found, _) => found?,
        };
        for note in &found.understood.notes {
            notify(Notice::Note(note.clone()));
        }
        if let Some(text) = left_out(&found.understood.left_out) {
            notify(Notice::Warning(text));
        }
        for warning in &found.understood.warnings {
            notify(Notice::Warning(warning.clone()));
        }
        found.train = selected(&found.train, self.selection)?;
        Ok(found)
    }

    /// Returns the same data under its own name, see [`data::own_name`], if it goes by Fashion-MNIST's: what a person
    /// names need not be Fashion-MNIST.
    fn under_its_own_name(&self) -> Option<Self> {
        let dir = self
            .dir
            .as_deref()
            .filter(|_| self.name == fashion_mnist::NAME)?;
        Some(Self {
            name: data::own_name(dir).filter(|name| name != fashion_mnist::NAME)?,
            ..self.clone()
        })
    }

    fn takes(&self, refused: &SourceError) -> bool {
        self.takes_others || !refused.is_idx_data()
    }

    /// Returns the folders that are searched, and what each contains.
    pub fn places(&self) -> Vec<Place> {
        let [cache, imports] = [cache(), imports()];
        data::places(&self.request(cache.as_deref(), imports.as_deref()))
    }

    fn request<'a>(&'a self, cache: Option<&'a Path>, imports: Option<&'a Path>) -> Request<'a> {
        Request {
            dir: self.dir.as_deref(),
            class_names: self.class_names.as_deref(),
            cache,
            imports,
            options: self.options,
            mirrors: &self.mirrors,
            ..Request::new(&self.name)
        }
    }
}

/// Loads a data set and writes it as the import `name`, over one that is there if `replace`. Returns it with its new
/// folder.
///
/// # Errors
/// When the name is taken or no name for a folder, no place has the data (exit code 2), or the import cannot be written.
pub fn import(
    wanted: &Wanted,
    name: &str,
    replace: bool,
    notify: Notify,
) -> Result<(DataSet, PathBuf), Failure> {
    let Some(imports) = imports() else {
        return Err(Failure::usage("this system has no folder for caches"));
    };
    let refused = |error: data::ImportError| {
        let hint = error.hint();
        let failure = if matches!(error, data::ImportError::Write { .. }) {
            Failure::failed(error)
        } else {
            Failure::usage(error)
        };
        failure.hint(hint)
    };
    data::check_import(&imports, name, replace).map_err(refused)?; // before anything is read
    let set = wanted.load(notify)?;
    let written = data::import(&set, &imports, name, replace, &mut |progress| {
        notify(Notice::Progress(progress));
    });
    Ok((set, written.map_err(refused)?))
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

/// Returns the training images that are selected of `images`.
///
/// # Errors
/// When there are not so many (exit code 2).
pub fn selected(images: &ImageDataset, selection: Selection) -> Result<ImageDataset, Failure> {
    selection.of(images).map_err(|error| {
        let hint = format!("set `data.take` to at most {}, or 0 for all", images.len());
        Failure::usage("`data.take` is too large")
            .because(error)
            .hint(hint)
    })
}

/// Returns which training images an experiment uses.
pub fn selection(experiment: &Experiment) -> Selection {
    Selection {
        take: experiment.data.take,
        shuffle_labels: experiment.data.shuffle_labels,
        seed: experiment.seed,
    }
}

/// Returns a warning about files that were not read, if there are any.
fn left_out(files: &[LeftOut]) -> Option<String> {
    let first = files.first()?;
    let others = match files.len() - 1 {
        0 => String::new(),
        more => format!("; {more} more, listed by `trainer data --verbose`"),
    };
    Some(format!(
        "{} is left out: {}{others}",
        shown(&first.path),
        first.reason
    ))
}

/// Returns the folder downloads go to, if this system has a place for caches.
fn cache() -> Option<PathBuf> {
    dirs::cache_dir().map(|cache| cache.join(fashion_mnist::NAME))
}

/// Returns the folder of imports, each in a folder of its name.
fn imports() -> Option<PathBuf> {
    dirs::cache_dir().map(|cache| cache.join("trainer-data"))
}
