//! Finds a data set, and is sure that it is the one asked for.
//!
//! A folder that the user names is the only place looked at. Otherwise an import has the name, or it is
//! Fashion-MNIST: then the cache, the folder of the distribution's package and a download follow each other; a place
//! with wrong content is passed over and mentioned if nothing else helps.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use crate::dataset::{DataError, ImageDataset};
use crate::download::{CLIENT, DownloadError};
use crate::fashion_mnist;
use crate::folder::{Content, FileInfo, FolderError, read_fashion_mnist};
use crate::portable::name_problem;
use crate::sources::{self, Options, Progress, Understood, Wanted};

/// A data set, read and verified.
#[derive(Clone, Debug)]
pub struct DataSet {
    /// The name asked for.
    pub name: String,
    /// Images to train on.
    pub train: ImageDataset,
    /// Images to validate with, where the files have such a part or the options ask for one.
    pub validation: Option<ImageDataset>,
    /// Images to evaluate with, once.
    pub test: ImageDataset,
    /// What the labels mean, `[classes]`.
    pub class_names: Vec<String>,
    /// Training images, training labels, those of validation if there are any, test images, test labels. Where
    /// they are no IDX files, what they would be as such.
    pub files: Vec<FileInfo>,
    /// The folder or file that was named or found.
    pub place: PathBuf,
    /// What was found there, and how it was understood.
    pub understood: Understood,
}

impl DataSet {
    /// Returns the images to train on and those held out: `validation` of the training images, chosen by `seed`, or
    /// those that the files set aside if `validation` is 0.
    ///
    /// # Errors
    /// When there are not so many training images.
    pub fn split(
        &self,
        validation: usize,
        seed: u64,
    ) -> Result<(ImageDataset, ImageDataset), DataError> {
        match &self.validation {
            Some(set_aside) if validation == 0 => Ok((self.train.clone(), set_aside.clone())),
            _ => self.train.split(validation, seed),
        }
    }

    /// Returns the number of images that the files set aside for validation.
    pub fn set_aside(&self) -> usize {
        self.validation.as_ref().map_or(0, ImageDataset::len)
    }

    /// Returns the numbers of training, validation and test images after [`DataSet::split`].
    pub fn counts(&self, validation: usize) -> [usize; 3] {
        let held_out = if validation == 0 {
            self.set_aside()
        } else {
            validation
        };
        let train = self.train.len().saturating_sub(validation);
        [train, held_out, self.test.len()]
    }
}

/// What to load, and where to look.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// "fashion-mnist" stands for the published files, byte by byte. Under any other name, files are taken as
    /// they are, of any kind that `sources` reads; the name chooses where there are several data sets, and
    /// "emnist-..." means EMNIST's files.
    pub name: &'a str,
    /// A folder or file named by the user: then nothing else is looked at.
    pub dir: Option<&'a Path>,
    /// How files are made a data set, where they leave it open.
    pub options: Options,
    /// The user's cache folder for this data set, into which downloads go.
    pub cache: Option<&'a Path>,
    /// The folder of the distribution's package.
    pub system: Option<&'a Path>,
    /// The folder of the user's imports, see [`import`](crate::import()).
    pub imports: Option<&'a Path>,
    /// Names for the labels from 0 on; labels beyond them are refused.
    pub class_names: Option<&'a [String]>,
    /// Addresses to download from, see `download()`; none means never, as does a build
    /// without the feature `download`.
    pub mirrors: &'a [String],
}

impl<'a> Request<'a> {
    /// Returns a request that looks into the package's folder only.
    pub fn new(name: &'a str) -> Self {
        Request {
            name,
            dir: None,
            options: Options::default(),
            cache: None,
            system: Some(Path::new(fashion_mnist::DEBIAN_FOLDER)),
            imports: None,
            class_names: None,
            mirrors: &[],
        }
    }

    fn is_fashion_mnist(&self) -> bool {
        self.name == fashion_mnist::NAME
    }

    /// Returns the folders to look into, in order.
    fn folders(&self) -> Vec<(&'static str, PathBuf)> {
        if let Some(dir) = self.dir {
            return vec![("named folder", dir.into())];
        }
        if !self.is_fashion_mnist() {
            return self
                .imported()
                .map(|dir| ("import", dir))
                .into_iter()
                .collect();
        }
        let cache = self.cache.map(|dir| ("cache", dir.into()));
        let system = self.system.map(|dir| ("package", dir.into()));
        cache.into_iter().chain(system).collect()
    }

    /// Returns the folder of the import of this name, if there is one.
    fn imported(&self) -> Option<PathBuf> {
        let is_name = name_problem(self.name).is_none();
        let imports = self.imports.filter(|_| is_name)?;
        Some(imports.join(self.name)).filter(|dir| dir.is_dir())
    }

    fn read(&self, dir: &Path, progress: &dyn Fn(Progress)) -> Result<Content, FolderError> {
        if self.is_fashion_mnist() {
            read_fashion_mnist(dir, self.class_names)
        } else {
            sources::read(
                dir,
                Wanted {
                    name: self.name,
                    class_names: self.class_names,
                    options: &self.options,
                    progress,
                },
            )
        }
    }
}

/// A folder that was looked into.
#[derive(Debug)]
pub struct Place {
    /// What it is: "named folder", "import", "cache" or "package".
    pub kind: &'static str,
    /// Where it is.
    pub path: PathBuf,
    /// What was found.
    pub state: PlaceState,
}

/// What was found in a folder.
#[derive(Debug)]
pub enum PlaceState {
    /// There is no such folder.
    Missing,
    /// These files are not there.
    Incomplete(Vec<&'static str>),
    /// The files cannot be used, or are not the ones asked for.
    Refused(FolderError),
    /// All is there. For "fashion-mnist", content was compared with the published checksums.
    Verified(Vec<FileInfo>),
}

/// Why no data set was loaded.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The folder named by the user does not give it.
    #[error("{error}")]
    Folder {
        /// The name asked for.
        name: String,
        /// What is wrong.
        error: FolderError,
    },
    /// Only Fashion-MNIST and imports are looked for; others need a folder.
    #[error("data set \"{name}\" is not imported, and no folder is given")]
    NeedsFolder {
        /// The name asked for.
        name: String,
        /// The names of imports there are.
        imports: Vec<String>,
    },
    /// No place has it.
    #[error("no place has usable files of Fashion-MNIST{}", describe(places, download.as_ref()))]
    NotFound {
        /// The folders looked into.
        places: Vec<Place>,
        /// Why a download did not help; `None` if it was not tried.
        download: Option<DownloadError>,
    },
}

impl SourceError {
    /// Returns whether a folder or file was named that holds no IDX files under the published names, or files that are
    /// no damaged copy of them: it is another data set.
    pub fn is_other_data(&self) -> bool {
        use FolderError::{Missing, NoFolder, NotFashionMnist, Unusable};
        let SourceError::Folder { error, .. } = self else {
            return false;
        };
        match error {
            Missing { missing, .. } => missing.len() == fashion_mnist::FILES.len(),
            NoFolder(path) => path.is_file(),
            NotFashionMnist { is_other, .. } => *is_other,
            Unusable { .. } => true,
            _ => false,
        }
    }

    /// Returns whether the files are IDX files, though not Fashion-MNIST's.
    pub fn is_idx_data(&self) -> bool {
        let SourceError::Folder { error, .. } = self else {
            return false;
        };
        matches!(error, FolderError::NotFashionMnist { .. })
    }

    /// Returns what the user can do, without "hint:" before it.
    pub fn hint(&self) -> String {
        match self {
            SourceError::Folder {
                error: FolderError::NotFashionMnist { .. },
                ..
            } => "to train on these files as they are, use their own name: --set data.name=mnist"
                .into(),
            SourceError::Folder {
                error: FolderError::Ambiguous { .. },
                ..
            } => "choose one set by its name, as --set data.name=emnist-letters, or copy the four files that are \
                  meant into a folder of their own"
                .into(),
            SourceError::Folder {
                error: FolderError::Unusable { hint, .. },
                ..
            } => hint.clone(),
            SourceError::Folder {
                error: FolderError::Picture(_, hint),
                ..
            } => (*hint).into(),
            SourceError::Folder {
                error:
                    FolderError::Data {
                        source: DataError::Label { .. },
                        ..
                    },
                ..
            } => "name every class, or leave out the class names".into(),
            SourceError::Folder { name, .. } if name == fashion_mnist::NAME => format!(
                "leave out --data-dir to use the cache, the package {} or a download; or give other data a name of \
                 its own: --set data.name=mine",
                fashion_mnist::DEBIAN_PACKAGE
            ),
            SourceError::Folder {
                error: FolderError::Idx(_) | FolderError::Data { .. } | FolderError::Sizes { .. },
                ..
            } => "the file is damaged or of another kind: copy it again from where it came".into(),
            SourceError::NeedsFolder { imports, .. } if !imports.is_empty() => format!(
                "pass --data-dir <folder>, or use an import: {}",
                imports.join(", ")
            ),
            SourceError::Folder { .. } | SourceError::NeedsFolder { .. } => format!(
                "pass --data-dir <folder>; it needs {}, plain or with .gz, or pictures in one folder per class, or a \
                 .csv or .npz file",
                fashion_mnist::FILES.map(|file| file.name).join(", ")
            ),
            SourceError::NotFound { .. } => format!(
                "install the package {0} (apt install {0}), or copy the four files into a folder and \
                 pass --data-dir <folder>",
                fashion_mnist::DEBIAN_PACKAGE
            ),
        }
    }
}

/// Returns the data set asked for, from the first place that has it. `progress` hears of a download, if it comes to
/// that, and of pictures that are read.
pub fn load(request: &Request, progress: &mut dyn FnMut(Progress)) -> Result<DataSet, SourceError> {
    let name = request.name.to_string();
    let named = request.dir.map(PathBuf::from);
    let only = named.or_else(|| request.imported().filter(|_| !request.is_fashion_mnist()));
    let progress = RefCell::new(progress);
    let tell = |at: Progress| (progress.borrow_mut())(at);
    if let Some(dir) = only {
        let content = request.read(&dir, &tell);
        return match content {
            Ok(content) => Ok(data_set(name, &dir, content)),
            Err(error) => Err(SourceError::Folder { name, error }),
        };
    }
    if !request.is_fashion_mnist() {
        let imports = request.imports.map(imports).unwrap_or_default();
        return Err(SourceError::NeedsFolder { name, imports });
    }
    let mut places = Vec::new();
    for (kind, dir) in request.folders() {
        match request.read(&dir, &tell) {
            Ok(content) => return Ok(data_set(name, &dir, content)),
            // The files are right, the request is not: the next place would not do better.
            Err(error @ FolderError::Data { .. }) => {
                return Err(SourceError::Folder { name, error });
            }
            Err(error) => places.push(place(kind, &dir, error)),
        }
    }
    let client = CLIENT.filter(|_| !request.mirrors.is_empty());
    let Some((download, cache)) = client.zip(request.cache) else {
        return Err(SourceError::NotFound {
            places,
            download: None,
        });
    };
    if let Err(error) = download(cache, request.mirrors, &mut |at| {
        tell(Progress::Download(at))
    }) {
        return Err(SourceError::NotFound {
            places,
            download: Some(error),
        });
    }
    match request.read(cache, &tell) {
        Ok(content) => Ok(data_set(name, cache, content)),
        Err(error) => Err(SourceError::Folder { name, error }),
    }
}

/// Returns each place that [`load`] would look at, with what is there. Downloads nothing.
pub fn places(request: &Request) -> Vec<Place> {
    let look = |(kind, dir): (_, PathBuf)| match request.read(&dir, &|_| {}) {
        Ok(content) => Place {
            kind,
            path: dir,
            state: PlaceState::Verified(content.files),
        },
        Err(error) => place(kind, &dir, error),
    };
    request.folders().into_iter().map(look).collect()
}

/// Returns the names of the imports in a folder.
fn imports(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names
        .filter(|name| name_problem(name).is_none())
        .take(20)
        .collect();
    names.sort();
    names
}

fn data_set(name: String, place: &Path, content: Content) -> DataSet {
    let Content {
        train,
        validation,
        test,
        class_names,
        files,
        understood,
    } = content;
    DataSet {
        name,
        train,
        validation,
        test,
        class_names,
        files,
        place: place.into(),
        understood,
    }
}

fn place(kind: &'static str, dir: &Path, error: FolderError) -> Place {
    let state = match error {
        FolderError::NoFolder(_) => PlaceState::Missing,
        FolderError::Missing { missing, .. } => PlaceState::Incomplete(missing),
        error => PlaceState::Refused(error),
    };
    Place {
        kind,
        path: dir.into(),
        state,
    }
}

/// Returns one indented line for each place tried.
fn describe(places: &[Place], download: Option<&DownloadError>) -> String {
    let mut lines = String::new();
    for Place { kind, path, state } in places {
        let found = match state {
            PlaceState::Missing => "there is no such folder".into(),
            PlaceState::Incomplete(missing) => format!("missing {}", missing.join(", ")),
            PlaceState::Refused(error) => error.to_string(),
            PlaceState::Verified(_) => "usable".into(),
        };
        lines += &format!("\n  {kind} {}: {found}", path.display());
    }
    lines
        + &match download {
            Some(error) => format!("\n  download: {error}"),
            None if CLIENT.is_none() => "\n  download: not in this build".into(),
            None => "\n  download: not tried".into(),
        }
}
