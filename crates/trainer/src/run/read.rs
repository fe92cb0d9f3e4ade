//! Reading a run's files: only regular files, up to a maximum size.
//!
//! A run's folder may come from elsewhere. Inside it no link is followed, wherever it leads, and a pipe or a
//! device, which could make a reader wait for ever, is not opened.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Error, ErrorKind, Read};
use std::path::Path;

use crate::failure::{Failure, shown};

/// Maximum size of a run's result, in bytes: a record or a table of predictions.
pub const MAX_RESULT: u64 = 1 << 30;

/// Opens the regular file `path` of a run as `options` say.
///
/// # Errors
/// When it cannot be opened, or is a link or anything else that is no regular file.
pub fn open(path: &Path, options: &OpenOptions) -> io::Result<File> {
    let no_file = || Error::new(ErrorKind::InvalidInput, "it is not a regular file");
    if fs::symlink_metadata(path).is_ok_and(|data| !data.is_file()) {
        return Err(no_file());
    }
    let mut options = options.clone();
    // Should it become a link or a pipe meanwhile.
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32);
    }
    let file = options.open(path)?;
    if !file.metadata()?.is_file() {
        return Err(no_file());
    }
    Ok(file)
}

/// Returns the content of the file `path` of a run, which has `most` bytes at most.
///
/// # Errors
/// When it is larger, not a regular file, or cannot be read.
pub fn at_most(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let file = open(path, OpenOptions::new().read(true));
    content(path, file, most)
}

/// Returns the content of a file that a person has named, which may be a link to one, of `most` bytes at most.
///
/// # Errors
/// As [`at_most`].
pub fn named_at_most(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let file = fs::canonicalize(path);
    let file = file.and_then(|path| open(&path, OpenOptions::new().read(true)));
    content(path, file, most)
}

fn content(path: &Path, file: io::Result<File>, most: u64) -> Result<Vec<u8>, Failure> {
    let failed = |e: Error| Failure::io("read", path, e);
    let mut bytes = Vec::new();
    let file = file.map_err(failed)?;
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > most {
        let message = format!("{} is too large: the limit is {most} bytes", shown(path));
        return Err(Failure::failed(message));
    }
    Ok(bytes)
}

/// Returns whether `path` is a folder, and no link to one.
pub fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|data| data.is_dir())
}
