//! The four files of a data set in a folder: find them, read them, and be sure of what they are.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::dataset::{DataError, ImageDataset};
use crate::fashion_mnist::{CLASS_NAMES, FILES, PinnedFile};
use crate::idx::{self, IdxError, Images};

/// How the labels of MNIST begin. Its files have the names and sizes of Fashion-MNIST's.
const MNIST_LABELS: [[u8; 10]; 2] = [
    [5, 0, 4, 1, 9, 2, 1, 3, 1, 4], // training
    [7, 2, 1, 0, 4, 1, 4, 9, 5, 9], // test
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
    #[error("{}: missing {} (or the same with .gz)", dir.display(), missing.join(", "))]
    Missing {
        /// The folder.
        dir: PathBuf,
        /// Their usual names.
        missing: Vec<&'static str>,
    },
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
    },
}

/// What a folder gave.
pub(crate) struct Content {
    pub train: ImageDataset,
    pub test: ImageDataset,
    pub class_names: Vec<String>,
    pub files: Vec<FileInfo>,
}

/// Reads a folder that must hold Fashion-MNIST. The small files are first, so that other data is
/// refused at once.
pub(crate) fn read_fashion_mnist(
    dir: &Path,
    class_names: Option<&[String]>,
) -> Result<Content, FolderError> {
    let paths = find(dir, true)?;
    let labels = read_labels(&paths)?;
    let train_labels = info_labels(&paths[1], &labels.0);
    let test_labels = info_labels(&paths[3], &labels.1);
    let train_labels = verify(FILES[1], train_labels, mnist_labels(&labels.0))?;
    let test_labels = verify(FILES[3], test_labels, mnist_labels(&labels.1))?;
    let test = idx::read_images(&paths[2])?;
    let test_images = verify(FILES[2], info_images(&paths[2], &test), false)?;
    let train = idx::read_images(&paths[0])?;
    let train_images = verify(FILES[0], info_images(&paths[0], &train), false)?;
    let files = [train_images, train_labels, test_images, test_labels];
    let names = match class_names {
        Some(names) => names.to_vec(),
        None => CLASS_NAMES.map(String::from).to_vec(),
    };
    join(dir, files, (train, test), labels, names)
}

/// Reads a folder that may hold any data set in the four usual files. Without names, the classes are
/// called "0", "1" and so on, up to the highest label.
pub(crate) fn read_any(dir: &Path, class_names: Option<&[String]>) -> Result<Content, FolderError> {
    let paths = find(dir, false)?;
    let labels = read_labels(&paths)?;
    let images = (idx::read_images(&paths[0])?, idx::read_images(&paths[2])?);
    let names = match class_names {
        Some(names) => names.to_vec(),
        None => {
            let highest = labels.0.iter().chain(&labels.1).max();
            (0..=highest.copied().unwrap_or(0))
                .map(|class| class.to_string())
                .collect()
        }
    };
    let files = [
        info_images(&paths[0], &images.0),
        info_labels(&paths[1], &labels.0),
        info_images(&paths[2], &images.1),
        info_labels(&paths[3], &labels.1),
    ];
    join(dir, files, images, labels, names)
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
    Ok(Content {
        train,
        test,
        class_names,
        files: files.into(),
    })
}

/// Returns the training labels and the test labels.
fn read_labels(paths: &[PathBuf; 4]) -> Result<(Vec<u8>, Vec<u8>), IdxError> {
    Ok((idx::read_labels(&paths[1])?, idx::read_labels(&paths[3])?))
}

fn mnist_labels(labels: &[u8]) -> bool {
    MNIST_LABELS.iter().any(|start| labels.starts_with(start))
}

/// Returns a file that has its published size and checksum.
fn verify(pin: PinnedFile, file: FileInfo, is_mnist: bool) -> Result<FileInfo, FolderError> {
    if file.sha256 == pin.sha256 {
        return Ok(file);
    }
    let reason = if is_mnist {
        "these are MNIST's files, which carry the same names".into()
    } else if file.bytes != pin.bytes {
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
    })
}

fn info_images(path: &Path, images: &Images) -> FileInfo {
    let bytes = 16 + images.pixels.len() as u64;
    FileInfo {
        path: path.into(),
        sha256: images.sha256(),
        bytes,
    }
}

fn info_labels(path: &Path, labels: &[u8]) -> FileInfo {
    let bytes = 8 + labels.len() as u64;
    FileInfo {
        path: path.into(),
        sha256: idx::labels_sha256(labels),
        bytes,
    }
}

/// Returns the paths of the four files, in the order of [`FILES`]. `exact` lets a file with exactly
/// the published name win over others that could be meant.
fn find(dir: &Path, exact: bool) -> Result<[PathBuf; 4], FolderError> {
    if !dir.is_dir() {
        return Err(FolderError::NoFolder(dir.into()));
    }
    let listed: io::Result<Vec<_>> = fs::read_dir(dir).and_then(Iterator::collect);
    let listed = listed.map_err(|source| FolderError::Io {
        dir: dir.into(),
        source,
    })?;
    let names: Vec<String> = listed
        .into_iter()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    let mut missing = Vec::new();
    let mut paths = [const { PathBuf::new() }; 4];
    for (path, pin) in paths.iter_mut().zip(FILES) {
        match pick(&names, pin.name, exact) {
            Ok(Some(name)) => *path = dir.join(name),
            Ok(None) => missing.push(pin.name),
            Err(found) => {
                return Err(FolderError::Ambiguous {
                    dir: dir.into(),
                    wanted: pin.name,
                    found,
                });
            }
        }
    }
    match missing.is_empty() {
        true => Ok(paths),
        false => Err(FolderError::Missing {
            dir: dir.into(),
            missing,
        }),
    }
}

/// Returns the file name for `wanted`, or the names between which it cannot choose. A plain file wins
/// over a compressed one of the same name: reading it is faster.
fn pick(names: &[String], wanted: &str, exact: bool) -> Result<Option<String>, Vec<String>> {
    let mut found: Vec<&str> = names
        .iter()
        .map(|name| plain(name))
        .filter(|name| matches(name, wanted))
        .collect();
    found.sort_unstable();
    found.dedup();
    if exact && found.contains(&wanted) {
        found = vec![wanted];
    }
    match found[..] {
        [] => Ok(None),
        [one] if names.iter().any(|name| name == one) => Ok(Some(one.into())),
        [one] => Ok(Some(format!("{one}.gz"))),
        _ => Err(found.into_iter().map(String::from).collect()),
    }
}

fn plain(name: &str) -> &str {
    name.strip_suffix(".gz").unwrap_or(name)
}

/// Whether `name` is a common variant of `wanted`: a prefix ("emnist-digits-train-images-..."), a dot
/// instead of the dash before "idx", "test" instead of "t10k". Hidden files are none: macOS litters
/// archives with "._train-images-idx3-ubyte".
fn matches(name: &str, wanted: &str) -> bool {
    let usual = name.replace(".idx", "-idx").replace("test-", "t10k-");
    match usual.strip_suffix(wanted) {
        Some(prefix) => {
            !prefix.starts_with('.') && (prefix.is_empty() || prefix.ends_with(['-', '_', '.']))
        }
        None => false,
    }
}
