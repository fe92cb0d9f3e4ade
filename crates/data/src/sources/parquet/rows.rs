//! From rows to images: labels first, then a look at some of the pictures, then all of them.

use std::path::{Path, PathBuf};

use super::super::class_folders::class_names;
use super::super::labels::Classes;
use super::super::picture_files::{self, Picture, Sample};
use super::super::raw::{Part, Raw, bad_label};
use super::super::{LeftOut, Progress, SourceKind, Understood, Wanted};
use super::columns::{self, Columns};
use super::table::Table;
use super::{Files, unusable};
use crate::folder::FolderError;

/// Packed pictures that are held at a time, in bytes, and how many.
const AT_ONCE: usize = 64 << 20;
const PICTURES: usize = 4096;
/// The longest name of a class, in bytes.
const LONGEST: usize = 256;

/// A file, and the label of each of its rows.
struct Rows {
    table: Table,
    columns: Columns,
    labels: Vec<Option<u8>>,
}

/// Reads the files.
pub(crate) fn read(files: &Files, wanted: Wanted) -> Result<Raw, FolderError> {
    let mut understood = Understood {
        kind: SourceKind::Parquet,
        place: files.place.clone(),
        ..Understood::default()
    };
    let others = files.others.iter().map(|path| LeftOut {
        path: path.clone(),
        reason: "belongs to no part by its name".into(),
    });
    understood.left_out.extend(others);
    let mut texts = Vec::new();
    let mut parts: [Vec<Rows>; 3] = Default::default();
    for (part, files) in parts.iter_mut().zip(&files.parts) {
        for file in files {
            part.extend(open(file, &mut texts, &mut understood.left_out)?);
        }
    }
    let [train, validation, test] = &mut parts;
    if test.is_empty() && !validation.is_empty() {
        std::mem::swap(validation, test);
        let note = "there is no test part: the validation part is tested with";
        understood.notes.push(note.into());
    }
    if train.is_empty() {
        let problem = "has no pictures with labels to train on".into();
        return Err(unusable(&files.place, problem));
    }
    let names = number(&mut parts, texts, &mut understood, wanted)?;
    let (size, note) = look(&mut parts, wanted)?;
    understood.notes.push(note);
    understood.size = size;
    let parts = images(&mut parts, &mut understood, wanted)?;
    Ok(Raw::of(parts, names, understood))
}

/// Opens a file and reads its labels; `None` if it has none. Labels that are texts are numbered in `texts`.
fn open(
    file: &Path,
    texts: &mut Vec<String>,
    left_out: &mut Vec<LeftOut>,
) -> Result<Option<Rows>, FolderError> {
    let mut table = Table::open(file)?;
    let columns = Columns::of(&table.footer).map_err(|problem| unusable(file, problem))?;
    let mut labels = Vec::new();
    if let Some(column) = columns.labels {
        table.values(column, &mut |value| {
            let label = match (value, columns.are_numbers) {
                (None, _) => Ok(None),
                (Some(bytes), true) => numbered(bytes),
                (Some(bytes), false) => called(bytes, texts).map(Some),
            };
            labels.push(label.map_err(|problem| unusable(file, problem))?);
            Ok(())
        })?;
    }
    if labels.iter().all(Option::is_none) {
        left_out.push(LeftOut {
            path: file.into(),
            reason: match columns.labels {
                Some(_) => "has no labels".into(),
                None => {
                    let names = columns::names(&table.footer);
                    format!("has no column of labels; there are: {names}")
                }
            },
        });
        return Ok(None);
    }
    Ok(Some(Rows {
        table,
        columns,
        labels,
    }))
}

/// Returns a label that is a number; below 0 there is none.
fn numbered(bytes: &[u8]) -> Result<Option<u8>, String> {
    let number = match *bytes {
        [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] => i64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => -1,
    };
    match u8::try_from(number) {
        Ok(label) => Ok(Some(label)),
        Err(_) if number < 0 => Ok(None),
        Err(_) => Err(format!("has the label {number}: 0 to 255 are read")),
    }
}

/// Returns the place of a text among those so far.
fn called(bytes: &[u8], texts: &mut Vec<String>) -> Result<u8, String> {
    let text = str::from_utf8(bytes)
        .ok()
        .filter(|text| text.len() <= LONGEST);
    let text = text.ok_or("has a label that is no short text")?;
    let place = texts.iter().position(|known| known == text);
    let place = place.unwrap_or_else(|| {
        texts.push(text.into());
        texts.len() - 1
    });
    u8::try_from(place).map_err(|_| "has more than 256 classes".into())
}

/// Makes the labels class numbers, and returns the names of the classes.
fn number(
    parts: &mut [Vec<Rows>; 3],
    texts: Vec<String>,
    understood: &mut Understood,
    wanted: Wanted,
) -> Result<Vec<String>, FolderError> {
    let all = || parts.iter().flatten();
    let place = understood.place.clone();
    if all().any(|rows| rows.columns.are_numbers) != all().all(|rows| rows.columns.are_numbers) {
        let problem = "has files whose labels are numbers, and files whose labels are texts";
        return Err(unusable(&place, problem.into()));
    }
    if !texts.is_empty() {
        let (found, names) = class_names(texts.clone(), &place, wanted.class_names)?;
        let places = texts
            .iter()
            .map(|text| found.iter().position(|name| name == text));
        let places: Vec<Option<usize>> = places.collect();
        for label in parts.iter_mut().flatten().flat_map(|rows| &mut rows.labels) {
            let place = label.and_then(|label| places.get(usize::from(label)).copied().flatten());
            *label = place.and_then(|place| u8::try_from(place).ok());
        }
        return Ok(names);
    }
    let known = all().find_map(|rows| rows.columns.class_names.clone());
    let used: Vec<u8> = all()
        .flat_map(|rows| &rows.labels)
        .flatten()
        .copied()
        .collect();
    let classes = Classes::of(
        &[&used],
        known.is_some().then_some(0),
        known,
        wanted.class_names,
    );
    understood.notes.extend(classes.note.clone());
    for label in parts.iter_mut().flatten().flat_map(|rows| &mut rows.labels) {
        let mut numbers: Vec<u8> = label.iter().copied().collect();
        classes
            .number(&mut numbers)
            .map_err(|source| bad_label(&place, source))?;
        *label = numbers.first().copied();
    }
    Ok(classes.names)
}

/// Returns channels, height and width that the pictures become, from a look at some of them, and what to say of it.
fn look(parts: &mut [Vec<Rows>; 3], wanted: Wanted) -> Result<([usize; 3], String), FolderError> {
    let count: usize = parts.iter().flatten().map(|rows| rows.labels.len()).sum();
    let step = Sample::step(count);
    let (mut sample, mut at) = (Sample::default(), 0);
    for Rows { table, columns, .. } in parts.iter_mut().flatten() {
        let path = table.path.clone();
        table.values(columns.pictures, &mut |value| {
            if let Some(bytes) = value.filter(|_| at % step == 0) {
                let picture = Picture {
                    path: path.clone(),
                    bytes: Some(bytes.into()),
                    label: 0,
                };
                sample.look(&picture, wanted.options);
            }
            at += 1;
            Ok(())
        })?;
    }
    Ok(sample.size(wanted.options))
}

/// Reads the pictures of each part.
fn images(
    parts: &mut [Vec<Rows>; 3],
    understood: &mut Understood,
    wanted: Wanted,
) -> Result<[Option<Part>; 3], FolderError> {
    let counts = parts
        .each_ref()
        .map(|part| -> usize { part.iter().map(|rows| rows.labels.len()).sum() });
    let (size, total) = (understood.size, counts.iter().sum());
    let mut images: [Option<Part>; 3] = Default::default();
    let mut before = 0;
    let kinds = ["training", "validation", "test"];
    let all = images
        .iter_mut()
        .zip(parts)
        .zip(counts.into_iter().zip(kinds));
    for ((images, part), (count, kind)) in all.filter(|((_, part), _)| !part.is_empty()) {
        picture_files::check(&understood.place, count, size)?;
        let mut batch = Batch {
            size,
            wanted,
            part: Part::default(),
            pictures: Vec::new(),
            bytes: 0,
            left_out: &mut understood.left_out,
            progress: [before, total],
        };
        for rows in part {
            batch.read(rows)?;
        }
        batch.decode()?;
        images
            .insert(batch.part)
            .describe(kind, size, &understood.place);
        before += count;
    }
    Ok(images)
}

/// The images of a part so far, and the pictures that are decoded next.
struct Batch<'a> {
    size: [usize; 3],
    wanted: Wanted<'a>,
    part: Part,
    pictures: Vec<Picture>,
    bytes: usize,
    left_out: &'a mut Vec<LeftOut>,
    /// Pictures done, and in all.
    progress: [usize; 2],
}

impl Batch<'_> {
    /// Takes the pictures of a file, and decodes those for which there is no more room.
    fn read(&mut self, rows: &mut Rows) -> Result<(), FolderError> {
        let path = rows.table.path.clone();
        let (mut labels, mut row) = (rows.labels.iter(), 0);
        rows.table.values(rows.columns.pictures, &mut |value| {
            let picture = path.join(format!("row {row}"));
            let label = labels.next().copied().flatten();
            row += 1;
            self.add(picture, value, label)
        })
    }

    fn add(
        &mut self,
        path: PathBuf,
        bytes: Option<&[u8]>,
        label: Option<u8>,
    ) -> Result<(), FolderError> {
        let reason = match (bytes, label) {
            (Some(bytes), Some(label)) => {
                self.bytes += bytes.len();
                let bytes = Some(bytes.to_vec());
                self.pictures.push(Picture { path, bytes, label });
                let is_full = self.bytes >= AT_ONCE || self.pictures.len() >= PICTURES;
                return if is_full { self.decode() } else { Ok(()) };
            }
            (None, _) => "has no picture, or only its path",
            (_, None) => "has no label",
        };
        self.progress[0] += 1;
        self.left_out.push(LeftOut {
            path,
            reason: reason.into(),
        });
        Ok(())
    }

    /// Decodes the pictures there are.
    fn decode(&mut self) -> Result<(), FolderError> {
        let [before, total] = self.progress;
        let progress = |done| {
            let done = before + done;
            (self.wanted.progress)(Progress::Pictures { done, total });
        };
        let options = self.wanted.options;
        let mut read =
            picture_files::read(&self.pictures, self.size, options, self.left_out, &progress)?;
        self.part.pixels.append(&mut read.pixels);
        self.part.labels.append(&mut read.labels);
        self.part.origins.append(&mut read.origins);
        self.progress[0] += self.pictures.len();
        self.pictures.clear();
        self.bytes = 0;
        Ok(())
    }
}
