//! Writing files so that they appear complete, or not at all.

use std::io::Write;
use std::path::Path;

use super::remove;
use crate::failure::Failure;

/// Prefix of files while they are being written.
pub const WRITING: &str = ".writing-";

/// Length of what follows that: `tempfile` adds six random letters and digits.
const RANDOM: usize = 6;

/// Returns whether a file is called what this module calls one while it is written.
pub fn is_temporary(name: &str) -> bool {
    name.strip_prefix(WRITING).is_some_and(|random| {
        random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Removes the files that a killed process was writing in `folder`, which nobody else writes.
pub fn remove_leftovers(folder: &Path) {
    let names = remove::names(folder).unwrap_or_default();
    for name in names.iter().filter(|name| is_temporary(name)) {
        let _ = remove::file(&folder.join(name));
    }
}

/// Writes `bytes` to `path`: to a temporary file beside it, which is synced and renamed.
///
/// # Errors
/// When the file cannot be written; an older file of that name is then unchanged.
pub fn atomically(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |e| Failure::io("write", path, e);
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(WRITING);
    // Temporary files are private by default; a result is as readable as any other file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder.tempfile_in(folder).map_err(failed)?;
    file.write_all(bytes)
        .and_then(|()| file.as_file().sync_all())
        .map_err(failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    sync_folder(folder).map_err(failed)
}

/// Syncs a folder, so that its new names survive a crash. (Windows has no such call, and needs none.)
///
/// # Errors
/// When the folder cannot be synced.
pub fn sync_folder(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}
