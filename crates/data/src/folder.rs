//! The four files of a data set in a folder: find them, read them, and be sure of what they are.

use std::io;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

use crate::dataset::{DataError, ImageDataset};
use crate::fashion_mnist::{CLASS_NAMES, FILES, PinnedFile};
use crate::idx::{self, IdxError, Images};
use crate::sources::{self, SourceKind, Understood};

/// How the labels of MNIST begin. Its files have the names and sizes of Fashion-MNIST's.
const MNIST_LABELS: [[u8; 10]; 2] = [
    [5, 0, 4, 1, 9, 2, 1, 3, 1, 4], // training
    [7, 2, 1, 0, 4, 1, 4, 9, 5, 9], // test
];

/// How the labels of Fashion-MNIST begin: a file that begins so may be a damaged copy.
const LABELS: [[u8; 10]; 2] = [
    [9, 0, 0, 3, 0, 2, 7, 2, 5, 5], // training
    [9, 2, 1, 1, 6, 1, 4, 6, 5, 7], // test
];

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// Where it is.
    pub path: PathBuf,
    /// SHA-256 of its uncompressed content, in lower-case hex.
    pub sha256: String,
    /// Size of its uncompressed content.
    pub bytes: u64,
}

impl FileInfo {
    /// Returns what is to be said of an IDX file with this content.
    pub(crate) fn of(path: PathBuf, header: &[u8], values: &[u8]) -> Self {
        Self {
            path,
            sha256: idx::sha256(header, values),
            bytes: (header.len() + values.len()) as u64,
        }
    }
}

/// Why a folder does not give a data set.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// There is no such folder.
    #[error("{}: there is no such folder", .0.display())]
    NoFolder(PathBuf),
    /// The folder cannot be listed.
    #[error("{}: cannot be listed: {source}", dir.display())]
    Io {
        /// The folder.
        dir: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Some of the four files are not there.
    #[error("{}: missing {} (or the same with .gz){}", dir.display(), missing.join(", "),
            if there.is_empty() { String::new() } else { format!("; there are: {there}") })]
    Missing {
        /// The folder.
        dir: PathBuf,
        /// Their usual names.
        missing: Vec<&'static str>,
        /// Some names of what is there.
        there: String,
    },
    /// A file or folder of another kind than the four files that cannot be used.
    #[error("{}: {problem}", file.display())]
    Unusable {
        /// The file or folder.
        file: PathBuf,
        /// What is wrong with it, as the rest of a sentence.
        problem: String,
        /// What to do.
        hint: String,
    },
    /// A picture that cannot be read, where all must be; and what to do.
    #[error("{0}")]
    Picture(String, &'static str),
    /// Several files could be meant.
    #[error("{}: more than one file could be {wanted}: {}", dir.display(), found.join(", "))]
    Ambiguous {
        /// The folder.
        dir: PathBuf,
        /// The usual name.
        wanted: &'static str,
        /// The names found.
        found: Vec<String>,
    },
    /// A file is damaged or in another format.
    #[error(transparent)]
    Idx(#[from] IdxError),
    /// The files do not fit together.
    #[error("{}: {source}", file.display())]
    Data {
        /// The file with the labels.
        file: PathBuf,
        /// What is wrong.
        source: DataError,
    },
    /// Images to train on and images to test with differ in size.
    #[error("{}: training images are {}x{}, test images {}x{} (height x width)",
            dir.display(), train.0, train.1, test.0, test.1)]
    Sizes {
        /// The folder.
        dir: PathBuf,
        /// Height and width.
        train: (usize, usize),
        /// Height and width.
        test: (usize, usize),
    },
    /// A sound file, but not Fashion-MNIST's.
    #[error("{}: is not Fashion-MNIST's: {reason}", file.display())]
    NotFashionMnist {
        /// The file.
        file: PathBuf,
        /// How that is known, and what it may be.
        reason: String,
        /// Whether it is certainly another data set's, and not a damaged copy.
        is_other: bool,
    },
}

/// What a folder gave.
pub(crate) struct Content {
    pub train: ImageDataset,
    pub validation: Option<ImageDataset>,
    pub test: ImageDataset,
    pub class_names: Vec<String>,
    pub files: Vec<FileInfo>,
    pub understood: Understood,
}

/// Reads a folder that must hold Fashion-MNIST. The small files are first, so that other data is
/// refused at once.
pub(crate) fn read_fashion_mnist(
    dir: &Path,
    class_names: Option<&[String]>,
) -> Result<Content, FolderError> {
    // A person may name one of the files.
    let dir = if dir.is_file() && sources::is_named_like_idx(dir) {
        dir.parent().unwrap_or(dir)
    } else {
        dir
    };
    if !dir.is_dir() {
        return Err(FolderError::NoFolder(dir.into()));
    }
    let paths = sources::find_exactly(dir)?;
    let labels = read_labels(&paths)?;
    let train_labels = info_labels(&paths[1], &labels.0);
    let test_labels = info_labels(&paths[3], &labels.1);
    let train_labels = verify(FILES[1], train_labels, Some(&labels.0))?;
    let test_labels = verify(FILES[3], test_labels, Some(&labels.1))?;
    // Decompressing and hashing them is most of what happens before a training.
    let (train, test) = thread::scope(|scope| {
        let test = scope.spawn(|| read_verified_images(FILES[2], &paths[2]));
        let train = read_verified_images(FILES[0], &paths[0]);
        (
            train,
            test.join().unwrap_or_else(|panic| resume_unwind(panic)),
        )
    });
    let ((test, test_images), (train, train_images)) = (test?, train?);
    let files = [train_images, train_labels, test_images, test_labels];
    let names = match class_names {
        Some(names) => names.to_vec(),
        None => CLASS_NAMES.map(String::from).to_vec(),
    };
    join(dir, files, (train, test), labels, names)
}

/// Puts images and labels together; `files` are in the order of [`FILES`].
fn join(
    dir: &Path,
    files: [FileInfo; 4],
    (train, test): (Images, Images),
    labels: (Vec<u8>, Vec<u8>),
    class_names: Vec<String>,
) -> Result<Content, FolderError> {
    let sizes = [(train.height, train.width), (test.height, test.width)];
    if sizes[0] != sizes[1] {
        return Err(FolderError::Sizes {
            dir: dir.into(),
            train: sizes[0],
            test: sizes[1],
        });
    }
    let classes = class_names.len();
    let [_, train_labels, _, test_labels] = &files;
    let dataset = |file: &FileInfo, images, labels| {
        ImageDataset::new(images, labels, classes).map_err(|source| FolderError::Data {
            file: file.path.clone(),
            source,
        })
    };
    let train = dataset(train_labels, train, labels.0)?;
    let test = dataset(test_labels, test, labels.1)?;
    let understood = Understood {
        kind: SourceKind::Idx,
        place: train_labels.path.parent().unwrap_or(dir).into(),
        size: train.size(),
        pixels: [0, 255], // the checksums say so
        classes: sources::count(&class_names, &train, None, &test),
        ..Understood::default()
    };
    Ok(Content {
        train,
        validation: None,
        test,
        class_names,
        files: files.into(),
        understood,
    })
}

/// Returns the training labels and the test labels.
fn read_labels(paths: &[PathBuf; 4]) -> Result<(Vec<u8>, Vec<u8>), IdxError> {
    Ok((idx::read_labels(&paths[1])?, idx::read_labels(&paths[3])?))
}

fn read_verified_images(pin: PinnedFile, path: &Path) -> Result<(Images, FileInfo), FolderError> {
    let images = idx::read_images(path)?;
    let info = verify(pin, info_images(path, &images), None)?;
    Ok((images, info))
}

fn begin_as(labels: &[u8], starts: &[[u8; 10]; 2]) -> bool {
    starts.iter().any(|start| labels.starts_with(start))
}

/// Returns a file that has its published size and checksum; `labels` are its content if it has labels.
fn verify(pin: PinnedFile, file: FileInfo, labels: Option<&[u8]>) -> Result<FileInfo, FolderError> {
    if file.sha256 == pin.sha256 {
        return Ok(file);
    }
    let has_size = file.bytes == pin.bytes;
    let is_other = !has_size || labels.is_some_and(|labels| !begin_as(labels, &LABELS));
    let reason = if labels.is_some_and(|labels| begin_as(labels, &MNIST_LABELS)) {
        "these are MNIST's files, which carry the same names".into()
    } else if !has_size {
        format!(
            "it has {} bytes uncompressed, expected {}",
            file.bytes, pin.bytes
        )
    } else {
        format!(
            "its SHA-256 is {}, expected {}. It is damaged, or of another data set: MNIST and KMNIST \
             files carry the same names and sizes",
            file.sha256, pin.sha256
        )
    };
    Err(FolderError::NotFashionMnist {
        file: file.path,
        reason,
        is_other,
    })
}

pub(crate) fn info_images(path: &Path, images: &Images) -> FileInfo {
    let bytes = 16 + images.pixels.len() as u64;
    FileInfo {
        path: path.into(),
        sha256: images.sha256(),
        bytes,
    }
}

pub(crate) fn info_labels(path: &Path, labels: &[u8]) -> FileInfo {
    let bytes = 8 + labels.len() as u64;
    FileInfo {
        path: path.into(),
        sha256: idx::labels_sha256(labels),
        bytes,
    }
}
