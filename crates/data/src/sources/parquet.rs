//! Parquet, as Hugging Face publishes sets of pictures: `train-00000-of-00001.parquet` and others, with a picture and
//! a label a row.
//!
//! 1. [`recognise`] finds the files of each part; [`read`] makes images and labels of them.
//! 2. `columns` knows pictures and labels among the columns.
//! 3. `table` reads a file's columns: its `footer` says where, and `page` unpacks; `thrift` is what both are written
//!    in.

#[cfg(feature = "parquet")]
mod columns;
#[cfg(feature = "parquet")]
mod footer;
#[cfg(feature = "parquet")]
mod page;
#[cfg(feature = "parquet")]
mod rows;
#[cfg(feature = "parquet")]
mod table;
#[cfg(feature = "parquet")]
mod thrift;

use std::path::{Path, PathBuf};

#[cfg(feature = "parquet")]
use super::listing::quoted;
use super::listing::{Listing, name};
use super::parts::Split;
use super::strangers::has_extension;
use crate::folder::FolderError;

#[cfg(feature = "parquet")]
pub(crate) use rows::read;

/// The files of each part.
pub(crate) struct Files {
    /// The folder, or the only file.
    place: PathBuf,
    parts: [Vec<PathBuf>; 3],
    /// Files that belong to no part by their names.
    others: Vec<PathBuf>,
}

impl Files {
    /// Returns a file that has everything.
    pub fn only(file: &Path) -> Self {
        Self {
            place: file.into(),
            parts: [vec![file.into()], Vec::new(), Vec::new()],
            others: Vec::new(),
        }
    }
}

/// Returns the Parquet files in a folder, and in folders in it that are called as parts.
pub(crate) fn recognise(listing: &Listing) -> Result<Option<Files>, FolderError> {
    let mut files = Files {
        place: listing.dir.clone(),
        parts: Default::default(),
        others: Vec::new(),
    };
    files.add(&listing.files, None);
    for dir in &listing.dirs {
        if let Some(split) = Split::of(&name(dir)) {
            let below = Listing::within(dir, &listing.root)?;
            files.add(&below.files, Some(split));
        }
    }
    let [train, validation, test] = &mut files.parts;
    if train.is_empty() {
        train.append(&mut files.others);
    }
    let is_none = [train, validation, test].iter().all(|part| part.is_empty());
    Ok((!is_none).then_some(files))
}

impl Files {
    /// Adds the Parquet files among these, which are in the folder of a part or say of which one they are.
    fn add(&mut self, files: &[PathBuf], part: Option<Split>) {
        for file in files.iter().filter(|file| has_extension(file, "parquet")) {
            let split = part.or_else(|| Split::of(&name(&file.with_extension(""))));
            let of_part = split.and_then(|split| self.parts.get_mut(split as usize));
            of_part.unwrap_or(&mut self.others).push(file.clone());
        }
    }
}

/// Refuses what this build cannot read.
///
/// # Errors
/// Always: it names the feature that reads these files.
#[cfg(not(feature = "parquet"))]
pub(crate) fn read(files: &Files, _wanted: super::Wanted) -> Result<super::raw::Raw, FolderError> {
    let Files {
        place,
        parts,
        others,
    } = files;
    let count = parts.iter().flatten().count() + others.len();
    Err(FolderError::Unusable {
        file: place.clone(),
        problem: match count {
            1 => "is a Parquet file, and this build does not read them".into(),
            _ => format!("has {count} Parquet files, and this build does not read them"),
        },
        hint: "build with the feature: cargo run -p trainer --features parquet".into(),
    })
}

#[cfg(feature = "parquet")]
fn unusable(file: &Path, problem: String) -> FolderError {
    FolderError::Unusable {
        file: file.into(),
        problem,
        hint: "what is read is a picture and a label a row, as datasets.Dataset.to_parquet writes them: columns \
               `image` (bytes, or bytes and path) and `label` (a number from 0 to 255, or a text)"
            .into(),
    }
}
