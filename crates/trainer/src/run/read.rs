//! Files of a run that are read back: regular ones, and no larger than they can be.

use std::fs::{self, File};
use std::io::{Error, ErrorKind, Read};
use std::path::Path;

use crate::failure::{Failure, shown};

/// Largest result of a run that is read back, in bytes: a record or a table of predictions.
pub const MAX_RESULT: u64 = 1 << 30;

/// Returns the content of `path`, which has `most` bytes at most.
///
/// # Errors
/// When it is larger, no regular file, or cannot be read.
pub fn at_most(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let failed = |e: Error| Failure::io("read", path, e);
    // Asked before opening: opening a pipe would wait for ever.
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
