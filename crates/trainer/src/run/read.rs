//! Reading a run's files: only regular files, up to a maximum size.

use std::fs::{self, File};
use std::io::{Error, ErrorKind, Read};
use std::path::Path;

use crate::failure::{Failure, shown};

/// Maximum size of a run's result, in bytes: a record or a table of predictions.
pub const MAX_RESULT: u64 = 1 << 30;

/// Returns the content of `path`, at most `most` bytes.
///
/// # Errors
/// When it is larger, not a regular file, or cannot be read.
pub fn at_most(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let failed = |e: Error| Failure::io("read", path, e);
    // Checked before opening: opening a pipe would block forever.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(failed(Error::new(
            ErrorKind::InvalidInput,
            "not a regular file",
        )));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(most + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > most {
        let message = format!("{} is too large: the limit is {most} bytes", shown(path));
        return Err(Failure::failed(message));
    }
    Ok(bytes)
}
