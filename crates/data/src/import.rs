//! An import: a data set written once as IDX files, with the names of its classes, into a folder of its own. From then
//! on its name is all that is needed, and it loads like Fashion-MNIST.
//!
//! It is written beside its place and renamed when complete. One process at a time writes imports; what a killed one
//! left is cleared away by the next.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::dataset::ImageDataset;
use crate::idx::{self, hex};
use crate::portable::name_problem;
use crate::source::DataSet;
use crate::sources::imported::{About, FILE, FORMAT, PARTS, images_name, labels_name};
use crate::{Progress, fashion_mnist};

/// The folder of an import while it is written.
const WRITING: &str = ".writing";
/// Begins the name of an import that another one replaces, until that has its place.
const REPLACED: &str = ".replaced-";
/// The file that is locked while an import is written.
const LOCK: &str = ".lock";

/// Why a data set was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The name cannot be used.
    #[error("the name \"{name}\" {problem}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it, as the rest of a sentence.
        problem: &'static str,
    },
    /// There is one of this name.
    #[error("{}: there is an import of this name", .0.display())]
    Exists(PathBuf),
    /// Another process is importing.
    #[error("{}: another import is being written", .0.display())]
    Busy(PathBuf),
    /// The folder or a file in it cannot be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Write {
        /// The folder or file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl ImportError {
    /// Returns what the user can do, without "hint:" before it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Name { .. } => {
                "use up to 64 letters a to z, digits, `-`, `_` and `.`, and not fashion-mnist"
            }
            Self::Exists(_) => "choose another name, or replace it: --force",
            Self::Busy(_) => "wait until it ends",
            Self::Write { .. } => "nothing was imported: make room, or see who may write there",
        }
    }
}

/// Checks that an import may be called `name` in the folder `imports`, where one of that name may be replaced if
/// `replace`.
///
/// # Errors
/// When it may not.
pub fn check_import(imports: &Path, name: &str, replace: bool) -> Result<(), ImportError> {
    let problem = name_problem(name).or_else(|| {
        let is_published = name.eq_ignore_ascii_case(fashion_mnist::NAME);
        is_published.then_some("stands for the published files")
    });
    if let Some(problem) = problem {
        let name = name.chars().take(80).collect();
        return Err(ImportError::Name { name, problem });
    }
    let place = imports.join(name);
    if !replace && place.symlink_metadata().is_ok() {
        return Err(ImportError::Exists(place));
    }
    Ok(())
}

/// Writes a data set into a folder `name` in `imports`, and returns its path. `progress` hears of the images written.
///
/// # Errors
/// When the name is no folder's name or taken, see [`check_import`], or a file cannot be written. Nothing is left then,
/// and what was there is as it was.
pub fn import(
    set: &DataSet,
    imports: &Path,
    name: &str,
    replace: bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<PathBuf, ImportError> {
    check_import(imports, name, replace)?;
    let failed = |source| unwritable(imports, source);
    fs::create_dir_all(imports).map_err(failed)?;
    let _lock = lock(imports)?;
    clear(imports).map_err(failed)?;
    check_import(imports, name, replace)?; // by a process that has come and gone meanwhile
    let (writing, place) = (imports.join(WRITING), imports.join(name));
    let written = write(set, &writing, progress)
        .and_then(|()| settle(&writing, &place, &imports.join(format!("{REPLACED}{name}"))));
    if written.is_err() {
        let _ = fs::remove_dir_all(&writing); // the error says what matters
    }
    written.map_err(|source| unwritable(&place, source))?;
    Ok(place)
}

fn unwritable(path: &Path, source: io::Error) -> ImportError {
    ImportError::Write {
        path: path.into(),
        source,
    }
}

/// Takes the right to write imports, until the file is dropped.
fn lock(imports: &Path) -> Result<File, ImportError> {
    let path = imports.join(LOCK);
    let file = File::create(&path).map_err(|source| unwritable(&path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ImportError::Busy(imports.into())),
        // A file system without locks: continue without one.
        Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => Ok(file),
        Err(TryLockError::Error(source)) => Err(unwritable(&path, source)),
    }
}

/// Removes what a killed process left, and puts back what it was about to replace.
fn clear(imports: &Path) -> io::Result<()> {
    for entry in fs::read_dir(imports)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match name.strip_prefix(REPLACED) {
            Some(name) if !imports.join(name).exists() => fs::rename(&path, imports.join(name))?,
            Some(_) => fs::remove_dir_all(&path)?,
            None if name == WRITING => fs::remove_dir_all(&path)?,
            None => {}
        }
    }
    Ok(())
}

/// Gives what was written its place. What is there already goes to `replaced` first, for a folder cannot be renamed over
/// another.
fn settle(writing: &Path, place: &Path, replaced: &Path) -> io::Result<()> {
    let is_taken = place.symlink_metadata().is_ok();
    if is_taken {
        fs::rename(place, replaced)?;
    }
    if let Err(error) = fs::rename(writing, place) {
        if is_taken {
            fs::rename(replaced, place)?;
        }
        return Err(error);
    }
    sync(place.parent().unwrap_or(place))?;
    if is_taken {
        let _ = fs::remove_dir_all(replaced); // else by the next import
    }
    Ok(())
}

fn write(set: &DataSet, into: &Path, progress: &mut dyn FnMut(Progress)) -> io::Result<()> {
    fs::create_dir(into)?;
    let parts = [Some(&set.train), set.validation.as_ref(), Some(&set.test)];
    let total = parts.iter().flatten().map(|part| part.len()).sum();
    let mut files = BTreeMap::new();
    let mut before = 0;
    for (part, images) in PARTS.into_iter().zip(parts) {
        let Some(images) = images else { continue };
        let mut progress = |done| {
            let done = before + done;
            progress(Progress::Writing { done, total });
        };
        let name = images_name(part, images.channels());
        let sha256 = write_images(&into.join(&name), images, &mut progress)?;
        files.insert(name, sha256);
        let name = labels_name(part);
        files.insert(name.clone(), write_labels(&into.join(name), images)?);
        before += images.len();
    }
    let about = About {
        format: FORMAT,
        source: std::path::absolute(&set.understood.place)?
            .to_string_lossy()
            .into_owned(),
        class_names: set.class_names.clone(),
        files,
    };
    let text = serde_json::to_vec_pretty(&about).map_err(io::Error::other)?;
    Hashed::create(&into.join(FILE))?.end_with(&text)?;
    sync(into)
}

fn write_images(
    path: &Path,
    images: &ImageDataset,
    progress: &mut dyn FnMut(usize),
) -> io::Result<String> {
    const STEP: usize = 1000;
    let mut file = Hashed::create(path)?;
    file.write(&idx::header(&idx::dimensions(images.len(), images.size())))?;
    for i in 0..images.len() {
        file.write(images.image(i))?;
        if i % STEP == 0 {
            progress(i);
        }
    }
    progress(images.len());
    file.end_with(&[])
}

fn write_labels(path: &Path, images: &ImageDataset) -> io::Result<String> {
    let labels: Vec<u8> = (0..images.len()).map(|i| images.label(i)).collect();
    let mut file = Hashed::create(path)?;
    file.write(&idx::header(&[labels.len()]))?;
    file.end_with(&labels)
}

/// A new file that is hashed as it is written.
struct Hashed {
    file: BufWriter<File>,
    digest: Sha256,
}

impl Hashed {
    fn create(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: BufWriter::with_capacity(1 << 16, File::create_new(path)?),
            digest: Sha256::new(),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.file.write_all(bytes)
    }

    /// Writes the rest, waits until all is on the disk, and returns the SHA-256 of the content.
    fn end_with(mut self, rest: &[u8]) -> io::Result<String> {
        self.write(rest)?;
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        Ok(hex(&self.digest.finalize()))
    }
}

/// Syncs a folder, so that its new names survive a crash. (Windows has no such call, and needs none.)
fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
