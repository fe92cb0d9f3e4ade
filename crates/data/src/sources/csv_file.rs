//! CSV: a label and pixels a row, as Kaggle has MNIST and its relatives, or a path and a label.

use std::path::{Component, Path, PathBuf};

use csv::ByteRecord;

use super::class_folders::{Named, read_named};
use super::csv_layout::{Kind, Layout, look, number, one_line, open, text_of};
use super::labels::Classes;
use super::listing::{name, natural};
use super::parts::Split;
use super::pixels::{self, Scale};
use super::raw::{Part, Raw, bad_label};
use super::{LeftOut, SourceKind, Understood, Wanted};
use crate::folder::FolderError;

/// Reads tables of one folder: by their names training, validation and test images, or one of all.
pub(crate) fn read(files: &[PathBuf], wanted: Wanted) -> Result<Raw, FolderError> {
    let [train, validation, test] = choose(files, wanted.name)?;
    let train = train.ok_or_else(|| unusable(&[], "there is no table to train on".into()))?;
    let layout = look(&train).map_err(|problem| unusable(&[&train], problem))?;
    let mut understood = Understood {
        kind: match layout.kind {
            Kind::Pixels { .. } => SourceKind::CsvPixels,
            Kind::Paths { .. } => SourceKind::CsvPaths,
        },
        place: train.clone(),
        ..Understood::default()
    };
    let mut others = [validation, test];
    for other in &mut others {
        if let Some(file) = other.take_if(|file| has_no_labels(file, &layout)) {
            understood.left_out.push(LeftOut {
                path: file,
                reason: "has no labels".into(),
            });
        }
    }
    let [validation, test] = others;
    let files = [Some(train), validation, test];
    match layout.kind {
        Kind::Pixels { .. } => of_pixels(files, &layout, understood, wanted),
        Kind::Paths { .. } => of_paths(files, understood, wanted),
    }
}

fn unusable(file: &[&Path], problem: String) -> FolderError {
    FolderError::Unusable {
        file: file.iter().collect(),
        problem,
        hint: "a row has a label and the pixels of an image, 0 to 255, or the path of a picture and a label".into(),
    }
}

/// Returns the files of the three parts. A single one without a part in its name has all.
fn choose(files: &[PathBuf], called: &str) -> Result<[Option<PathBuf>; 3], FolderError> {
    let stem = |file: &Path| {
        file.file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let of = |split: Split| -> Vec<&PathBuf> {
        files
            .iter()
            .filter(|file| Split::of(&stem(file)) == Some(split))
            .collect()
    };
    let one = |split: Split| match of(split)[..] {
        [] => Ok(None),
        [one] => Ok(Some(one.clone())),
        ref several => {
            let mut called = several.iter().filter(|file| {
                stem(file)
                    .to_lowercase()
                    .starts_with(&called.to_lowercase())
            });
            match (called.next(), called.next()) {
                (Some(one), None) => Ok(Some((*one).clone())),
                _ => Err(ambiguous(several)),
            }
        }
    };
    if let Some(train) = one(Split::Train)? {
        return Ok([Some(train), one(Split::Validation)?, one(Split::Test)?]);
    }
    match files {
        [only] => Ok([Some(only.clone()), None, None]),
        several => match several
            .iter()
            .find(|file| stem(file).eq_ignore_ascii_case(called))
        {
            Some(one) => Ok([Some(one.clone()), None, None]),
            None => Err(ambiguous(&several.iter().collect::<Vec<_>>())),
        },
    }
}

fn ambiguous(files: &[&PathBuf]) -> FolderError {
    let names: Vec<String> = files.iter().take(10).map(|file| name(file)).collect();
    FolderError::Unusable {
        file: files
            .first()
            .and_then(|file| file.parent())
            .unwrap_or(Path::new(""))
            .into(),
        problem: format!("more than one table could be meant: {}", names.join(", ")),
        hint: "name the file that is meant, or call them train.csv and test.csv".into(),
    }
}

/// Kaggle's competitions keep the labels of the test images.
fn has_no_labels(file: &Path, like: &Layout) -> bool {
    let first = open(file)
        .ok()
        .and_then(|mut table| table.byte_records().next()?.ok());
    first.is_some_and(|row| row.len() + 1 == like.columns)
}

/// The size and channels of a table's rows, and how its numbers become bytes.
struct Format<'a> {
    layout: &'a Layout,
    scale: Scale,
    /// Channels in the file and in the images.
    channels: [usize; 2],
    pixels: usize,
}

fn of_pixels(
    files: [Option<PathBuf>; 3],
    layout: &Layout,
    mut understood: Understood,
    wanted: Wanted,
) -> Result<Raw, FolderError> {
    let failed = |problem| unusable(&[&understood.place], problem);
    let Kind::Pixels {
        lowest,
        highest,
        are_whole,
    } = layout.kind
    else {
        return Err(failed("has no pixels".into()));
    };
    let scale = Scale::of(lowest, highest, are_whole).map_err(failed)?;
    let pixels = layout.columns - 1;
    let [from, height, width] = size(pixels, wanted.options.size)
        .ok_or_else(|| failed(format!("has {pixels} pixels a row, which is no square")))?;
    let to = pixels::channels(from, wanted.options.colours);
    let format = Format {
        layout,
        scale,
        channels: [from, to],
        pixels,
    };
    let mut texts: [Vec<String>; 3] = Default::default();
    let mut parts: [Option<Part>; 3] = Default::default();
    for ((part, labels), file) in parts.iter_mut().zip(&mut texts).zip(&files) {
        if let Some(file) = file {
            *part = Some(rows(file, &format, labels)?);
        }
    }
    understood.size = [to, height, width];
    understood.notes.extend(scale.note());
    let class_names = label(&mut parts, &texts, wanted, &mut understood)?;
    for (part, kind) in parts.iter_mut().zip(["training", "validation", "test"]) {
        if let Some(part) = part {
            let from = std::mem::take(&mut part.from);
            part.describe(kind, understood.size, &from);
        }
    }
    Ok(Raw::of(parts, class_names, understood))
}

/// Returns channels, height and width of images with so many numbers: as asked for, or square.
fn size(numbers: usize, wanted: Option<[usize; 2]>) -> Option<[usize; 3]> {
    [1, 3].into_iter().find_map(|channels| {
        let pixels = numbers
            .is_multiple_of(channels)
            .then_some(numbers / channels)?;
        let [height, width] = wanted
            .filter(|[h, w]| h.checked_mul(*w) == Some(pixels))
            .or_else(|| {
                let side = pixels.isqrt();
                (side * side == pixels && side > 0).then_some([side, side])
            })?;
        Some([channels, height, width])
    })
}

/// Reads the rows of a table; `labels` gets their labels as they are.
fn rows(file: &Path, format: &Format, labels: &mut Vec<String>) -> Result<Part, FolderError> {
    let mut table = open(file).map_err(|error| unusable(&[file], one_line(&error)))?;
    let mut part = Part {
        from: file.into(),
        ..Part::default()
    };
    let (mut row, mut image) = (ByteRecord::new(), Vec::with_capacity(format.pixels));
    let [from, to] = format.channels;
    let mut at = 0;
    while table
        .read_byte_record(&mut row)
        .map_err(|error| unusable(&[file], one_line(&error)))?
    {
        at += 1;
        if at == 1 && format.layout.has_header {
            continue;
        }
        let wrong = |problem: String| unusable(&[file], format!("has a wrong row {at}: {problem}"));
        if row.len() != format.layout.columns {
            return Err(wrong(format!(
                "{} columns instead of {}",
                row.len(),
                format.layout.columns
            )));
        }
        image.clear();
        let fields = row
            .iter()
            .enumerate()
            .filter(|(column, _)| *column != format.layout.label);
        for (column, field) in fields {
            let value = number(field).filter(|value| (0.0..=255.0).contains(value));
            let value = value.ok_or_else(|| wrong(format!("column {} is no pixel", column + 1)))?;
            image.push(format.scale.byte(value));
        }
        if part.pixels.len() + image.len() > pixels::MOST {
            return Err(wrong(format!(
                "more than {} GiB of pixels",
                pixels::MOST >> 30
            )));
        }
        pixels::push(&mut part.pixels, &image, from, to);
        labels.push(text_of(&row, format.layout.label));
    }
    Ok(part)
}

/// Gives the parts their class numbers: of numbered labels, or of names in their order. Returns the classes' names.
fn label(
    parts: &mut [Option<Part>; 3],
    texts: &[Vec<String>; 3],
    wanted: Wanted,
    understood: &mut Understood,
) -> Result<Vec<String>, FolderError> {
    let numbers = texts.each_ref().map(|labels| {
        let byte = |label: &String| {
            number(label.as_bytes())
                .filter(|n| n.fract() == 0.0)
                .map(|n| n as u8)
        };
        let is_byte =
            |label: &String| number(label.as_bytes()).is_some_and(|n| (0.0..=255.0).contains(&n));
        labels
            .iter()
            .map(|label| byte(label).filter(|_| is_byte(label)))
            .collect::<Option<Vec<u8>>>()
    });
    if let [Some(train), Some(validation), Some(test)] = numbers {
        let classes = Classes::of(
            &[&train, &validation, &test],
            None,
            None,
            wanted.class_names,
        );
        understood.notes.extend(classes.note.clone());
        for (part, mut labels) in parts.iter_mut().zip([train, validation, test]) {
            if let Some(part) = part {
                classes
                    .number(&mut labels)
                    .map_err(|source| bad_label(&part.from, source))?;
                part.labels = labels;
            }
        }
        return Ok(classes.names);
    }
    let mut names: Vec<String> = texts.iter().flatten().cloned().collect();
    names.sort_by(|one, other| natural(one, other));
    names.dedup();
    if let Some(wanted) = wanted
        .class_names
        .filter(|wanted| names.iter().all(|name| wanted.contains(name)))
    {
        names = wanted.to_vec();
    }
    for (part, labels) in parts.iter_mut().zip(texts) {
        if let Some(part) = part {
            let place = |label: &String| names.iter().position(|name| name == label);
            let number = |label: &String| u8::try_from(place(label)?).ok();
            let labels: Option<Vec<u8>> = labels.iter().map(number).collect();
            part.labels = labels
                .ok_or_else(|| unusable(&[&part.from], "has more than 256 classes".into()))?;
        }
    }
    Ok(names)
}

/// Reads tables of paths and labels. A column may say which part a row is of.
fn of_paths(
    files: [Option<PathBuf>; 3],
    mut understood: Understood,
    wanted: Wanted,
) -> Result<Raw, FolderError> {
    let mut named: [Named; 3] = Default::default();
    for (part, file) in files.iter().enumerate() {
        if let Some(file) = file {
            paths(file, part, &mut named, &mut understood.left_out)?;
        }
    }
    if let Some(left) = understood
        .left_out
        .first()
        .filter(|_| wanted.options.strict)
    {
        return Err(unusable(&[&left.path], left.reason.clone()));
    }
    let place = &understood.place.clone();
    let [_, validation, test] = named
        .each_ref()
        .map(|part| (!part.is_empty()).then_some(place));
    read_named(named, [Some(place), validation, test], understood, wanted)
}

fn paths(
    file: &Path,
    part: usize,
    named: &mut [Named; 3],
    left_out: &mut Vec<LeftOut>,
) -> Result<(), FolderError> {
    let layout = look(file).map_err(|problem| unusable(&[file], problem))?;
    let Kind::Paths { path, split } = layout.kind else {
        return Err(unusable(
            &[file],
            "has no paths, unlike the table to train on".into(),
        ));
    };
    let dir = file
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let root = dir.canonicalize().map_err(|source| FolderError::Io {
        dir: dir.into(),
        source,
    })?;
    let mut table = open(file).map_err(|error| unusable(&[file], one_line(&error)))?;
    for row in table.byte_records().skip(usize::from(layout.has_header)) {
        let row = row.map_err(|error| unusable(&[file], one_line(&error)))?;
        let (written, class) = (text_of(&row, path), text_of(&row, layout.label));
        let of_row = split.and_then(|split| Split::of(&text_of(&row, split)));
        let part = of_row.map_or(part, |split| split as usize);
        match within(&root, dir, &written) {
            Ok(path) => {
                if let Some(named) = named.get_mut(part) {
                    named.push((class, path));
                }
            }
            Err(reason) => left_out.push(LeftOut {
                path: dir.join(written),
                reason: reason.into(),
            }),
        }
    }
    Ok(())
}

/// Returns the path of a regular file in the folder or below.
fn within(root: &Path, dir: &Path, written: &str) -> Result<PathBuf, &'static str> {
    let written = Path::new(written);
    if !written
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
    {
        return Err("leads out of the folder");
    }
    let path = dir.join(written);
    match path.canonicalize() {
        Ok(target) if !target.starts_with(root) => Err("leads out of the folder"),
        Ok(target) if target.is_file() => Ok(path),
        Ok(_) => Err("is no regular file"),
        Err(_) => Err("is not there"),
    }
}
