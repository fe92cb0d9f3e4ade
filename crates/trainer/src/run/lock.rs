//! One run folder has one writer: an operating system lock, released when its process ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use super::read;
use crate::failure::{Failure, FailureKind};

/// The file that is locked; it says which process holds it.
pub const LOCK: &str = "lock";
/// Attempts to take a lock, and the pause between them: another process may only be checking, see [`is_held`].
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(10);

/// The right to write to a run folder, until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Takes the lock of `folder`.
///
/// # Errors
/// When another process holds it, which the error names (exit code 2), or the file cannot be written.
pub fn take(folder: &Path) -> Result<Lock, Failure> {
    let path = folder.join(LOCK);
    let hint = "the run folder must be writable";
    let failed = |e: std::io::Error| Failure::io("lock", &path, e).hint(hint);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = read::open(&path, &options).map_err(failed)?;
    for tried in 1..=TRIES {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if tried < TRIES => sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.take(64).read_to_string(&mut holder);
                return Err(Failure::usage(format!(
                    "{} is being written by process {}",
                    folder.display(),
                    holder.trim()
                ))
                .of_kind(FailureKind::Busy)
                .hint("wait until it ends, or choose another folder"));
            }
            // A file system without locks: continue without one.
            Err(TryLockError::Error(e)) if e.kind() == std::io::ErrorKind::Unsupported => break,
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(failed)?;
    Ok(Lock { _file: file })
}

/// Returns whether a process is writing to `folder` now.
pub fn is_held(folder: &Path) -> bool {
    let file = read::open(&folder.join(LOCK), OpenOptions::new().read(true));
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}
