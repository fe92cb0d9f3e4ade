//! What a folder holds, without what systems litter it with, and without what leads out of it.

use std::cmp::Ordering;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::LeftOut;

use crate::folder::FolderError;
use crate::printable::excerpt;

/// The most files and folders that are listed in one place.
const MOST: usize = 2_000_000;
/// What Windows and macOS leave behind. Hidden files are litter as well.
const LITTER: [&str; 4] = ["thumbs.db", "desktop.ini", "__macosx", "icon\r"];

/// The content of a folder, in the order of its names.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    pub dir: PathBuf,
    /// The folder that nothing may lead out of, without links in its path.
    pub root: PathBuf,
    /// Regular files, and links to some within the root.
    pub files: Vec<PathBuf>,
    pub dirs: Vec<PathBuf>,
    /// What is neither.
    pub left_out: Vec<LeftOut>,
}

impl Listing {
    /// Lists a folder, which is its own root.
    pub fn of(dir: &Path) -> Result<Self, FolderError> {
        let root = dir.canonicalize().map_err(|source| failed(dir, source))?;
        Self::within(dir, &root)
    }

    /// Lists a folder below `root`.
    pub fn within(dir: &Path, root: &Path) -> Result<Self, FolderError> {
        let mut listing = Self {
            dir: dir.into(),
            root: root.into(),
            files: Vec::new(),
            dirs: Vec::new(),
            left_out: Vec::new(),
        };
        for (count, entry) in fs::read_dir(dir)
            .map_err(|source| failed(dir, source))?
            .enumerate()
        {
            let entry = entry.map_err(|source| failed(dir, source))?;
            if count >= MOST {
                let source = io::Error::other(format!("it has more than {MOST} entries"));
                return Err(failed(dir, source));
            }
            if !is_litter(&entry.file_name().to_string_lossy()) {
                listing.add(entry.path());
            }
        }
        listing
            .files
            .sort_by(|one, other| natural(&name(one), &name(other)));
        listing
            .dirs
            .sort_by(|one, other| natural(&name(one), &name(other)));
        Ok(listing)
    }

    fn add(&mut self, path: PathBuf) {
        let reason = match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_file() => return self.files.push(path),
            Ok(meta) if meta.is_dir() => return self.dirs.push(path),
            Ok(meta) if meta.is_symlink() => match path.canonicalize() {
                Ok(target) if target.is_file() && target.starts_with(&self.root) => {
                    return self.files.push(path);
                }
                Ok(target) if target.is_dir() => "is a link to a folder",
                Ok(target) if target.is_file() => "is a link that leads out of the folder",
                Ok(_) => "is a link to what is no regular file",
                Err(_) => "is a link that leads nowhere",
            },
            Ok(_) => "is no regular file",
            Err(_) => "cannot be looked at",
        };
        self.left_out.push(LeftOut {
            path,
            reason: reason.into(),
        });
    }

    /// Returns the first few names, for an error: "a.txt, b/ and 3 more".
    pub fn summary(&self) -> String {
        const SHOWN: usize = 5;
        let files = self.files.iter().map(|file| name(file));
        let dirs = self.dirs.iter().map(|dir| name(dir) + "/");
        let others = self.left_out.iter().map(|left| name(&left.path));
        let all: Vec<String> = files.chain(dirs).chain(others).collect();
        let shown: Vec<String> = all.iter().take(SHOWN).map(|name| quoted(name)).collect();
        match all.len().saturating_sub(SHOWN) {
            0 => shown.join(", "),
            more => format!("{} and {more} more", shown.join(", ")),
        }
    }
}

/// Returns every file in a folder and at most `depth` folders below, in the order of their names.
pub(crate) fn walk(dir: &Path, root: &Path, depth: usize) -> Result<Listing, FolderError> {
    let mut listing = Listing::within(dir, root)?;
    if depth > 0 {
        for below in std::mem::take(&mut listing.dirs) {
            let below = walk(&below, root, depth - 1)?;
            listing.files.extend(below.files);
            listing.left_out.extend(below.left_out);
        }
    }
    Ok(listing)
}

/// Returns the last part of a path, as a person reads it.
pub(crate) fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Returns a name as a message quotes it.
pub(crate) fn quoted(name: &str) -> String {
    excerpt(name, 60)
}

/// Compares names as a person does: `2.png` comes before `10.png`.
pub(crate) fn natural(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one, other);
    loop {
        let (a, b) = (part(left), part(right));
        if a.is_empty() || b.is_empty() {
            // Names that differ in leading zeros only still have an order.
            return a.len().cmp(&b.len()).then_with(|| one.cmp(other));
        }
        let order = if is_number(a) && is_number(b) {
            let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
            a.len().cmp(&b.len()).then_with(|| a.cmp(b))
        } else {
            a.cmp(b)
        };
        if order.is_ne() {
            return order;
        }
        left = left.get(a.len()..).unwrap_or_default();
        right = right.get(b.len()..).unwrap_or_default();
    }
}

/// Returns the digits, or the other characters, that a name begins with.
fn part(name: &str) -> &str {
    let end = name.find(|c: char| c.is_ascii_digit() != is_number(name));
    name.get(..end.unwrap_or(name.len())).unwrap_or_default()
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

fn is_litter(name: &str) -> bool {
    name.starts_with('.') || LITTER.contains(&name.to_ascii_lowercase().as_str())
}

fn failed(dir: &Path, source: io::Error) -> FolderError {
    FolderError::Io {
        dir: dir.into(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_persons_order() {
        let ordered = [
            "", "1", "01", "2", "10", "a", "a1.png", "a2.png", "a10.png", "b",
        ];
        for (i, one) in ordered.iter().enumerate() {
            for (j, other) in ordered.iter().enumerate() {
                let expect = match (*one, *other) {
                    ("1", "01") => Ordering::Greater,
                    ("01", "1") => Ordering::Less,
                    _ => i.cmp(&j),
                };
                assert_eq!(natural(one, other), expect, "{one} {other}");
            }
        }
    }
}
