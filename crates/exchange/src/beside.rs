//! Files that lie beside the one that is read: inside its folder, never outside.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use crate::ExchangeError;
use crate::error::printable;
use crate::number::Room;

const HINT: &str = "put both files into one folder, under the names they had; or export it as one file: \
                    torch.onnx.export(..., external_data=False)";

/// The folder of a file.
pub(crate) struct Beside<'a> {
    folder: Option<&'a Path>,
    /// Files that were opened, and where they are.
    known: HashMap<String, PathBuf>,
}

impl<'a> Beside<'a> {
    /// Nothing is beside where there is no folder.
    pub fn of(folder: Option<&'a Path>) -> Self {
        Self {
            folder,
            known: HashMap::new(),
        }
    }

    /// Returns `length` bytes from `offset` on of the file `name`, which are the numbers of `tensor`. A file that
    /// is opened first makes `room`.
    pub fn read(
        &mut self,
        tensor: &str,
        name: &str,
        [offset, length]: [u64; 2],
        room: &mut Room,
    ) -> Result<Vec<u8>, ExchangeError> {
        let refuse = |why: &str| ExchangeError::Unsupported {
            what: format!(
                "the numbers of `{tensor}` are in the file {}, which {why}",
                printable(name)
            ),
            hint: HINT,
        };
        let path = match self.known.get(name) {
            Some(path) => path.clone(),
            None => {
                let path = self.find(name).map_err(|why| refuse(&why))?;
                room.grow(fs::metadata(&path).map_or(0, |about| about.len()));
                self.known.insert(name.into(), path.clone());
                path
            }
        };
        part(&path, offset, length).map_err(|e| {
            refuse(&match e.kind() {
                io::ErrorKind::UnexpectedEof => "is too short".into(),
                _ => format!("cannot be read: {e}"),
            })
        })
    }

    /// Returns where the file `name` is, with all links followed.
    fn find(&self, name: &str) -> Result<PathBuf, String> {
        let is_plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        if name.is_empty() || !Path::new(name).components().all(is_plain) {
            return Err("is outside of the folder".into());
        }
        let folder = self.folder.ok_or("is not at hand")?;
        let here = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        let missing = |_| format!("is not in the folder {}", here.display());
        let here = here.canonicalize().map_err(missing)?;
        let path = here.join(name).canonicalize().map_err(missing)?;
        if !path.starts_with(&here) {
            return Err("is outside of the folder".into());
        }
        if !path.is_file() {
            return Err("is no file".into());
        }
        Ok(path)
    }
}

/// Returns a part of a file. Memory is taken for no more than it has.
fn part(path: &Path, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let end = offset.checked_add(length);
    if end.is_none_or(|end| file.metadata().is_ok_and(|about| about.len() < end)) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}
