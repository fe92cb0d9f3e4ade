//! What a run has written is removed, and nothing else: only regular files and folders whose names are exactly
//! those that a run gives, and no link is followed.

use std::fs;
use std::io::{Error, ErrorKind};
use std::path::Path;

use super::folder::{CONFIG, FILES, MANIFEST};
use super::{RunFolder, checkpoint, lock, read, tensorboard, write};
use crate::failure::{Failure, shown};

/// Removes the run in `folder`; returns the names of what else is in it, which stays, and the folder with it.
///
/// # Errors
/// When it is a link, holds no run, another process writes it, or a file cannot be removed.
pub fn run(folder: &Path) -> Result<Vec<String>, Failure> {
    let failed = |e: Error| Failure::io("remove", folder, e);
    // The path as it is typed may be `.`, which no system removes, or end in a slash, which follows a link.
    let path: std::path::PathBuf = folder.components().collect();
    if !read::is_folder(&path) {
        let message = format!("{} is a link, not a run", shown(&path));
        return Err(
            Failure::usage(message).hint("remove the link itself, or name the folder it leads to")
        );
    }
    let path = fs::canonicalize(path).map_err(failed)?;
    let locked = RunFolder::open(path.clone())?;
    checkpoint::remove_all(&path).map_err(failed)?;
    let names = names(&path).map_err(failed)?;
    // The manifest last: until then it is a run, and can be removed again.
    let (last, first): (Vec<&String>, Vec<_>) = names
        .iter()
        .filter(|name| is_ours(name))
        .partition(|name| **name == MANIFEST);
    for name in first.into_iter().chain(last) {
        file(&path.join(name)).map_err(failed)?;
    }
    file(&path.join(lock::LOCK)).map_err(failed)?;
    drop(locked);
    match fs::remove_dir(&path) {
        Err(e) if e.kind() == ErrorKind::DirectoryNotEmpty => self::names(&path).map_err(failed),
        removed => removed.map(|()| Vec::new()).map_err(failed),
    }
}

/// Returns whether a run gives a file this name.
fn is_ours(name: &str) -> bool {
    name == CONFIG
        || FILES.contains(&name)
        || write::is_temporary(name)
        || tensorboard::is_log(name)
}

/// Removes a file; a link is not followed, but removed itself. One that is not there is removed already, and
/// a folder stays.
///
/// # Errors
/// When it cannot be removed.
pub fn file(path: &Path) -> std::io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(data) if data.is_dir() => Ok(()),
        Ok(_) => fs::remove_file(path),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
    }
}

/// Removes the folder `path` with those of its files that are called one of `names`; it stays when anything
/// else is in it.
///
/// # Errors
/// When a file or the folder cannot be removed.
pub fn folder(path: &Path, names: &[&str]) -> std::io::Result<()> {
    for name in names {
        file(&path.join(name))?;
    }
    match fs::remove_dir(path) {
        Err(e) if matches!(e.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::NotFound) => Ok(()),
        removed => removed,
    }
}

/// Returns the names of what is in a folder, sorted.
///
/// # Errors
/// When it cannot be read.
pub fn names(folder: &Path) -> std::io::Result<Vec<String>> {
    let entries: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    let names = entries.iter().map(|entry| entry.file_name());
    let mut names: Vec<String> = names
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    names.sort();
    Ok(names)
}
