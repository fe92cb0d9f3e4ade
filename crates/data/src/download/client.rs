//! The client: a file appears under its final name complete, verified and uncompressed, or not at all.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use ureq::Agent;

use super::{Download, DownloadError, MirrorError};
use crate::fashion_mnist::{FILES, PinnedFile};
use crate::idx::{decoded, hex};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const FILE_TIMEOUT: Duration = Duration::from_secs(300);
/// Compression never makes a file longer by more than its frame.
const FRAME: u64 = 4096;

/// Downloads into a folder, which is created, those of the four files that are not there in their
/// published form. Each mirror is an address to which the file name and `.gz` are appended; the next
/// is tried when one fails. Returns the paths of the files written.
pub fn download(
    into: &Path,
    mirrors: &[String],
    progress: &mut dyn FnMut(Download),
) -> Result<Vec<PathBuf>, DownloadError> {
    fs::create_dir_all(into).map_err(|source| unwritable(into, source))?;
    let config = Agent::config_builder()
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_global(Some(FILE_TIMEOUT));
    let agent: Agent = config.build().into();
    let mut written = Vec::new();
    for file in FILES {
        let path = into.join(file.name);
        if is_published(&path, file) {
            continue;
        }
        fetch(&agent, file, &path, into, mirrors, progress)?;
        written.push(path);
    }
    Ok(written)
}

/// Tries one mirror after the other.
fn fetch(
    agent: &Agent,
    file: PinnedFile,
    path: &Path,
    into: &Path,
    mirrors: &[String],
    progress: &mut dyn FnMut(Download),
) -> Result<(), DownloadError> {
    let mut failures = Vec::new();
    for mirror in mirrors {
        // Dropped, and thereby deleted, unless it is renamed below.
        let temporary = tempfile::Builder::new()
            .prefix(".download-")
            .tempfile_in(into);
        let mut temporary = temporary.map_err(|source| unwritable(into, source))?;
        let address = format!("{}/{}.gz", mirror.trim_end_matches('/'), file.name);
        match receive(agent, &address, file, &mut temporary, progress) {
            Ok(()) => return keep(temporary, path).map_err(|source| unwritable(path, source)),
            Err(Failure::Mirror(error)) => failures.push((address, error)),
            Err(Failure::Write(source)) => return Err(unwritable(into, source)),
        }
    }
    Err(DownloadError::Failed {
        file: file.name,
        failures,
    })
}

/// A full disk is no reason to ask the next mirror.
enum Failure {
    Mirror(MirrorError),
    Write(io::Error),
}

impl From<MirrorError> for Failure {
    fn from(error: MirrorError) -> Self {
        Failure::Mirror(error)
    }
}

/// Writes the uncompressed answer to `output` and verifies it.
fn receive(
    agent: &Agent,
    address: &str,
    file: PinnedFile,
    output: &mut NamedTempFile,
    progress: &mut dyn FnMut(Download),
) -> Result<(), Failure> {
    let response = agent.get(address).call();
    let body = response
        .map_err(|error| MirrorError::Http(Box::new(error)))?
        .into_body();
    let mut state = Download {
        address,
        file: file.name,
        done: 0,
        total: body.content_length(),
    };
    let counted = Counted {
        source: body.into_with_config().limit(file.bytes + FRAME).reader(),
        report: |bytes| {
            state.done += bytes;
            progress(state);
        },
    };
    let (content, _) = decoded(counted).map_err(MirrorError::Body)?;
    let mut content = content.take(file.bytes + 1);
    let (mut digest, mut found) = (Sha256::new(), 0);
    let mut block = vec![0; 1 << 16];
    loop {
        let length = content.read(&mut block).map_err(MirrorError::Body)?;
        if length == 0 {
            break;
        }
        found += length as u64;
        let read = block.get(..length).unwrap_or_default();
        digest.update(read);
        output.write_all(read).map_err(Failure::Write)?;
    }
    if found != file.bytes {
        return Err(MirrorError::Size {
            found,
            expected: file.bytes,
        }
        .into());
    }
    match hex(&digest.finalize()) {
        sum if sum == file.sha256 => Ok(()),
        found => Err(MirrorError::Checksum {
            found,
            expected: file.sha256,
        }
        .into()),
    }
}

/// Renames a complete file to its final name, after its content has reached the disk.
fn keep(file: NamedTempFile, path: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Whether the plain file is there in its published form.
fn is_published(path: &Path, file: PinnedFile) -> bool {
    let right_size =
        fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() == file.bytes);
    let sum = |content: Vec<u8>| hex(&Sha256::digest(content));
    right_size && fs::read(path).is_ok_and(|content| sum(content) == file.sha256)
}

fn unwritable(path: &Path, source: io::Error) -> DownloadError {
    DownloadError::Write {
        path: path.into(),
        source,
    }
}

/// Reports how many bytes pass.
struct Counted<R, F> {
    source: R,
    report: F,
}

impl<R: Read, F: FnMut(u64)> Read for Counted<R, F> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.source.read(into)?;
        (self.report)(length as u64);
        Ok(length)
    }
}
