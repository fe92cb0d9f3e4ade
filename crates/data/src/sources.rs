//! What a path holds, recognised and read: IDX files, pictures in one folder per class, CSV, NumPy's .npz, or Parquet.
//!
//! 1. `read` recognises what is there.
//! 2. `idx_files`, `class_folders`, `csv_file`, `npz` and `parquet` read one kind each into a `Raw`: images, labels, and what
//!    was understood on the way.
//! 3. `raw` makes the data set of it: it splits, counts and warns.
//!
//! Nothing outside the path is read: links that lead out of it are passed over, as is what is no regular file.

mod checks;
mod class_folders;
mod csv_file;
mod csv_layout;
mod idx_files;
pub(crate) mod imported;
mod known;
mod labels;
mod listing;
mod npy;
mod npz;
mod parquet;
mod parts;
mod picture_files;
mod pixels;
mod raw;
pub(crate) mod strangers;

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::download::Download;
use crate::fashion_mnist::FILES;
use crate::folder::{Content, FolderError};
use listing::Listing;
use raw::Raw;

pub(crate) use idx_files::{find_exactly, is_named_like_one as is_named_like_idx};
pub(crate) use raw::count;

/// How deep below a path data is looked for.
const DEPTH: usize = 3;

/// How files are made a data set, where they leave it open. Fashion-MNIST's own files leave nothing open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Height and width of the images, for picture files of another size. Without it, the size that all have, if
    /// it is at most 64 pixels a side, or 28 x 28.
    pub size: Option<[usize; 2]>,
    /// Whether images are grey or in colour.
    pub colours: Colours,
    /// The share of each class, 0 to 1, that becomes test images where the files have none.
    pub test_share: f64,
    /// The share of each class, 0 to 1, that becomes validation images where the files have none.
    pub validation_share: f64,
    /// The seed of these two splits.
    pub seed: u64,
    /// Whether a file that cannot be read is an error; otherwise it is left out and named.
    pub strict: bool,
    /// Threads that decode pictures; 0 for as many as there are cores.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            size: None,
            colours: Colours::Grey,
            test_share: 0.2,
            validation_share: 0.0,
            seed: 42,
            strict: false,
            threads: 0,
        }
    }
}

/// Whether images are grey or in colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colours {
    /// One channel. Colours become their brightness.
    #[default]
    Grey,
    /// Three channels: red, green and blue. What is grey becomes three equal ones.
    Rgb,
    /// What the files have.
    Auto,
}

/// How far something is that takes long.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    /// A file is being downloaded.
    Download(Download<'a>),
    /// Pictures are being read.
    Pictures {
        /// Pictures read.
        done: usize,
        /// Pictures to read.
        total: usize,
    },
    /// An import is being written.
    Writing {
        /// Images written.
        done: usize,
        /// Images to write.
        total: usize,
    },
}

/// What was found at a path, and how it was understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Understood {
    /// The kind of files.
    pub kind: SourceKind,
    /// The folder or file they were read from, which may lie below the one asked for.
    pub place: PathBuf,
    /// Channels, height and width of the images.
    pub size: [usize; 3],
    /// The darkest and the brightest pixel of the training images.
    pub pixels: [u8; 2],
    /// How many images each class has, in the order of the labels.
    pub classes: Vec<ClassCount>,
    /// What was done or assumed, in plain words.
    pub notes: Vec<String>,
    /// What was there and not read.
    pub left_out: Vec<LeftOut>,
    /// What may be wrong with the data, in plain words.
    pub warnings: Vec<String>,
}

/// The kinds of files that a data set is read from. As text they are called in plain words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SourceKind {
    /// The four IDX files, under any of their usual names.
    #[default]
    Idx,
    /// IDX files that an import has written.
    Imported,
    /// Pictures in one folder per class.
    Pictures,
    /// A table with the pixels of an image a row.
    CsvPixels,
    /// A table with the path of a picture a row.
    CsvPaths,
    /// Arrays in an archive of NumPy's.
    Npz,
    /// Tables with a picture a row, as Hugging Face publishes them.
    Parquet,
}

impl SourceKind {
    /// Returns whether the files are IDX files, whose hashes are those of the data set.
    pub fn is_idx(self) -> bool {
        matches!(self, Self::Idx | Self::Imported)
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Idx => "IDX files",
            Self::Imported => "imported IDX files",
            Self::Pictures => "pictures in one folder per class",
            Self::CsvPixels => "CSV, one image per row",
            Self::CsvPaths => "CSV, the path of a picture a row",
            Self::Npz => "NumPy's .npz",
            Self::Parquet => "Parquet, one picture per row",
        })
    }
}

/// The images of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassCount {
    /// The name of the class.
    pub name: String,
    /// Images to train on.
    pub train: usize,
    /// Images to validate with, where the files or the options set some aside.
    pub validation: usize,
    /// Images to test with.
    pub test: usize,
}

/// A file or folder that was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Where it is.
    pub path: PathBuf,
    /// Why, as the rest of a sentence.
    pub reason: String,
}

/// What is asked of a path.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// The data set's name, which may choose among several.
    pub name: &'a str,
    /// Names for the classes, in the order of the labels.
    pub class_names: Option<&'a [String]>,
    pub options: &'a Options,
    /// Hears of the pictures read.
    pub progress: &'a dyn Fn(Progress),
}

/// Folders that are called after what is in them, not after the data set.
const NO_NAMES: [&str; 5] = ["raw", "data", "dataset", "gzip", "processed"];

/// Returns what the data set at `path` is called: as its IDX files say before their usual names
/// (`kmnist-train-images-idx3-ubyte`), or as its folder or file.
pub fn own_name(path: &Path) -> Option<String> {
    let path = std::path::absolute(path).ok()?;
    let dir = if idx_files::is_named_like_one(&path) {
        path.parent()?
    } else {
        &path
    };
    let listing = dir.is_dir().then(|| Listing::of(dir).ok()).flatten();
    if let Some(name) = listing.as_ref().and_then(idx_files::common_prefix) {
        return Some(name);
    }
    let has_idx = listing.as_ref().is_some_and(idx_files::has_one);
    let is_name = |name: &str| !has_idx || !NO_NAMES.contains(&name.to_lowercase().as_str());
    let mut names = dir.ancestors().map(|path| {
        let name = path.file_stem().unwrap_or_default();
        name.to_string_lossy().into_owned()
    });
    let own = dir.file_stem()?.to_string_lossy().into_owned();
    Some(
        names
            .find(|name| is_name(name))
            .filter(|name| !name.is_empty())
            .unwrap_or(own),
    )
}

/// Reads whatever data set is at `path`, a folder or a file.
pub(crate) fn read(path: &Path, wanted: Wanted) -> Result<Content, FolderError> {
    if !path.exists() {
        return Err(FolderError::NoFolder(path.into()));
    }
    let raw = if path.is_file() {
        of_file(path, wanted)?
    } else {
        of_folder(path, wanted)?
    };
    raw.into_content(wanted.options)
}

fn of_file(file: &Path, wanted: Wanted) -> Result<Raw, FolderError> {
    let start = strangers::start(file);
    if start.starts_with(b"PK\x03\x04") && strangers::has_extension(file, "npz") {
        return npz::read(&[file.into()], wanted);
    }
    if strangers::has_extension(file, "csv") {
        return csv_file::read(&[file.into()], wanted);
    }
    if start.starts_with(b"PAR1") {
        return parquet::read(&parquet::Files::only(file), wanted);
    }
    let parent = file.parent().filter(|dir| !dir.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    if idx_files::is_named_like_one(file) {
        let mut raw = of_folder(parent, wanted)?;
        let note = format!("{} is a file: its folder was read", file.display());
        raw.understood.notes.push(note);
        return Ok(raw);
    }
    let what =
        strangers::describe(&start).map_or("a file of another kind", |stranger| stranger.what);
    Err(FolderError::Unusable {
        file: file.into(),
        problem: format!("is {what}"),
        hint: "name the folder with the four IDX files or the pictures, or a .csv, .npz or .parquet file"
            .into(),
    })
}

fn of_folder(dir: &Path, wanted: Wanted) -> Result<Raw, FolderError> {
    let listing = Listing::of(dir)?;
    if imported::is_one(&listing) {
        return imported::read(&listing, wanted);
    }
    if idx_files::has_one(&listing) {
        return idx_files::read(&listing, wanted);
    }
    if let Some(found) = below(&listing, 0)? {
        let mut raw = of_kind(&found, wanted)?;
        if found.listing.dir != dir {
            let at = found.listing.dir.display();
            raw.understood.notes.push(format!("found in {at}"));
        }
        return Ok(raw);
    }
    // Deeper IDX files, of which there may be several sets.
    if let Some(dir) = idx_files::below(&listing, wanted)? {
        let mut raw = idx_files::read(&Listing::of(&dir)?, wanted)?;
        raw.understood
            .notes
            .push(format!("found in {}", dir.display()));
        return Ok(raw);
    }
    Err(FolderError::Missing {
        dir: dir.into(),
        missing: FILES.map(|file| file.name).to_vec(),
        there: listing.summary(),
    })
}

/// A folder whose kind is known.
struct Found {
    listing: Listing,
    kind: Kind,
}

enum Kind {
    Npz(Vec<PathBuf>),
    Csv(Vec<PathBuf>),
    Parquet(parquet::Files),
    Folders(class_folders::Folders),
}

fn of_kind(found: &Found, wanted: Wanted) -> Result<Raw, FolderError> {
    let mut raw = match &found.kind {
        Kind::Npz(files) => npz::read(files, wanted),
        Kind::Csv(files) => csv_file::read(files, wanted),
        Kind::Parquet(files) => parquet::read(files, wanted),
        Kind::Folders(folders) => class_folders::read(folders, wanted),
    }?;
    // The classes' own folder was listed once more to gather them.
    let left_out = &mut raw.understood.left_out;
    let known: HashSet<PathBuf> = left_out.iter().map(|left| left.path.clone()).collect();
    let others = found.listing.left_out.iter();
    left_out.extend(others.filter(|left| !known.contains(&left.path)).cloned());
    Ok(raw)
}

/// Returns the folder that holds one of these kinds: this one, or the only one in it.
fn below(listing: &Listing, depth: usize) -> Result<Option<Found>, FolderError> {
    let with = |extension: &str| -> Vec<PathBuf> {
        let files = listing.files.iter();
        files
            .filter(|file| strangers::has_extension(file, extension))
            .cloned()
            .collect()
    };
    let (archives, tables) = (with("npz"), with("csv"));
    let kind = if let Some(folders) = class_folders::recognise(listing)? {
        Some(Kind::Folders(folders))
    } else if let Some(files) = parquet::recognise(listing)? {
        Some(Kind::Parquet(files))
    } else if !archives.is_empty() {
        Some(Kind::Npz(archives))
    } else if !tables.is_empty() {
        Some(Kind::Csv(tables))
    } else {
        None
    };
    if let Some(kind) = kind {
        let listing = listing.clone();
        return Ok(Some(Found { listing, kind }));
    }
    match &listing.dirs[..] {
        [only] if depth < DEPTH => below(&Listing::within(only, &listing.root)?, depth + 1),
        _ => Ok(None),
    }
}
