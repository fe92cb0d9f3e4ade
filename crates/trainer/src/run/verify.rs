//! Checking that every file of a run is as it was written.

use std::path::{Component, Path};

use super::folder::sha256;
use super::read::{self, MAX_RESULT};
use super::{checkpoint, manifest};
use crate::failure::Failure;

/// The name of a file, and whether it is as it was written.
pub type Checked = (String, Result<(), Failure>);

/// Returns each file named in the manifest of the run in `folder` and each checkpoint, checked against their
/// SHA-256. A file that has changed comes with the reason.
///
/// # Errors
/// When there is no such run, or its manifest is damaged.
pub fn files(folder: &Path) -> Result<Vec<Checked>, Failure> {
    let manifest = manifest::read(folder)?;
    let files = manifest.files_sha256.iter();
    let files = files.map(|(name, hash)| (name.clone(), check(folder, name, hash)));
    let checkpoints = checkpoint::check(folder).into_iter().map(|(set, result)| {
        let name = set.strip_prefix(folder).unwrap_or(&set).display();
        (name.to_string(), result)
    });
    Ok(files.chain(checkpoints).collect())
}

/// Checks a file in the folder itself: a name from a manifest must not lead elsewhere.
fn check(folder: &Path, name: &str, hash: &str) -> Result<(), Failure> {
    let mut parts = Path::new(name).components();
    let is_name = matches!(
        (parts.next(), parts.next()),
        (Some(Component::Normal(_)), None)
    );
    if !is_name {
        return Err(Failure::failed(
            "is not the name of a file in the run's folder",
        ));
    }
    let bytes = read::at_most(&folder.join(name), MAX_RESULT)?;
    if sha256(&bytes) == hash {
        Ok(())
    } else {
        Err(Failure::failed("has a different SHA-256"))
    }
}
