//! Writing files so that they appear complete, or not at all.

use std::io::Write;
use std::path::Path;

use crate::failure::Failure;

/// Prefix of files while they are being written.
pub const WRITING: &str = ".writing-";

/// Removes files that a killed process was writing in `folder`. No other process may be writing there.
pub fn remove_leftovers(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(WRITING) {
            let path = entry.path();
            let _ = if path.is_dir() {
                std::fs::remove_dir_all(path)
            } else {
                std::fs::remove_file(path)
            };
        }
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
