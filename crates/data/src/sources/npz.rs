//! NumPy's .npz: Keras's `x_train`, `y_train`, `x_test`, `y_test`, MedMNIST's `train_images`, `train_labels`,
//! `val_images` and so on, or images and labels without parts.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use super::labels::Classes;
use super::listing::{name, quoted};
use super::npy::Header;
use super::parts::{Split, words};
use super::pixels::{self, Scale};
use super::raw::{Part, Raw, bad_label};
use super::{Colours, LeftOut, SourceKind, Understood, Wanted};
use crate::folder::FolderError;

/// What arrays of images and of labels are called, with a part before or behind.
const IMAGES: [&str; 7] = ["x", "images", "image", "imgs", "data", "pixels", "arr0"];
const LABELS: [&str; 7] = [
    "y", "labels", "label", "targets", "target", "classes", "arr1",
];

type Archive = ZipArchive<BufReader<File>>;

/// Reads an archive; of several, the one that is called like the data set.
pub(crate) fn read(files: &[PathBuf], wanted: Wanted) -> Result<Raw, FolderError> {
    let stem = |file: &Path| {
        file.file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let called = files
        .iter()
        .find(|file| stem(file).eq_ignore_ascii_case(wanted.name));
    let file = match (called, files) {
        (Some(file), _) | (None, [file]) => file,
        _ => {
            let names: Vec<String> = files.iter().take(10).map(|file| name(file)).collect();
            let dir = files
                .first()
                .and_then(|file| file.parent())
                .unwrap_or(Path::new(""));
            let problem = format!("more than one archive could be meant: {}", names.join(", "));
            return Err(unusable(dir, problem));
        }
    };
    let failed = |problem: String| unusable(file, problem);
    let opened = File::open(file).map_err(|source| FolderError::Io {
        dir: file.clone(),
        source,
    })?;
    let archive = ZipArchive::new(BufReader::new(opened));
    let mut archive = archive.map_err(|error| failed(format!("cannot be read: {error}")))?;
    let mut understood = Understood {
        kind: SourceKind::Npz,
        place: file.clone(),
        ..Understood::default()
    };
    let arrays = roles(&archive, file, &mut understood.left_out);
    of_arrays(&mut archive, arrays, understood, wanted)
}

fn unusable(file: &Path, problem: String) -> FolderError {
    FolderError::Unusable {
        file: file.into(),
        problem,
        hint: "numpy.savez(file, x_train=..., y_train=..., x_test=..., y_test=...) writes what is read: images \
               [count, height, width] or [count, height, width, 3] of uint8, and labels [count]"
            .into(),
    }
}

/// The entries of images and of labels, for each part.
type Arrays = [[Option<String>; 2]; 3];

/// Finds the arrays by their names; others are left out.
fn roles(archive: &Archive, file: &Path, left_out: &mut Vec<LeftOut>) -> Arrays {
    let mut arrays = Arrays::default();
    let mut entries: Vec<&str> = archive.file_names().collect();
    entries.sort_unstable();
    for entry in entries {
        let role = role(entry.strip_suffix(".npy").unwrap_or(entry));
        let place = role.and_then(|(split, what)| arrays.get_mut(split as usize)?.get_mut(what));
        match place {
            Some(place) if place.is_none() => *place = Some(entry.into()),
            _ => left_out.push(LeftOut {
                path: file.join(quoted(entry)),
                reason: "is no array of images or labels by its name".into(),
            }),
        }
    }
    arrays
}

/// Returns the part that an array is of, and whether it has images (0) or labels (1).
fn role(name: &str) -> Option<(Split, usize)> {
    let words = words(&name.replace("arr_", "arr"));
    let is_one = |names: [&str; 7]| words.iter().any(|word| names.contains(&word.as_str()));
    let what = match (is_one(IMAGES), is_one(LABELS)) {
        (true, false) => 0,
        (_, true) => 1, // "image_labels" are labels
        (false, false) => return None,
    };
    let split = words.iter().find_map(|word| Split::of_word(word));
    Some((split.unwrap_or(Split::Train), what))
}

fn of_arrays(
    archive: &mut Archive,
    arrays: Arrays,
    mut understood: Understood,
    wanted: Wanted,
) -> Result<Raw, FolderError> {
    let file = understood.place.clone();
    let mut parts: [Option<Part>; 3] = Default::default();
    let mut sizes = Vec::new();
    for (part, arrays) in parts.iter_mut().zip(arrays) {
        let [images, labels] = match arrays {
            [None, None] => continue,
            [Some(images), Some(labels)] => [images, labels],
            [images, labels] => {
                let there = images.or(labels).unwrap_or_default();
                let problem = format!("has {} without its other half", quoted(&there));
                return Err(unusable(&file, problem));
            }
        };
        let within =
            |entry: &str, problem: String| unusable(&file, format!("{}: {problem}", quoted(entry)));
        let read = read_images(
            archive,
            &images,
            wanted.options.colours,
            &mut understood.notes,
        );
        let (pixels, size, count) = read.map_err(|problem| within(&images, problem))?;
        let read =
            read_labels(archive, &labels, count).map_err(|problem| within(&labels, problem))?;
        sizes.push(size);
        *part = Some(Part {
            pixels,
            labels: read,
            from: file.clone(),
            ..Part::default()
        });
    }
    let size = sizes.first().copied();
    let Some(size) = size.filter(|_| parts.first().is_some_and(Option::is_some)) else {
        let problem = "has no arrays of images and labels to train on, as x_train and y_train";
        return Err(unusable(&file, problem.into()));
    };
    if let Some(other) = sizes.iter().find(|other| **other != size) {
        let problem = format!("has images of {size:?} and of {other:?} (channels, height, width)");
        return Err(unusable(&file, problem));
    }
    understood.size = size;
    let class_names = number(&mut parts, &file, wanted, &mut understood)?;
    Ok(Raw::of(parts, class_names, understood))
}

/// Makes the labels class numbers, and returns the names of the classes.
fn number(
    parts: &mut [Option<Part>; 3],
    file: &Path,
    wanted: Wanted,
    understood: &mut Understood,
) -> Result<Vec<String>, FolderError> {
    let labels: Vec<&[u8]> = parts
        .iter()
        .flatten()
        .map(|part| &part.labels[..])
        .collect();
    let classes = Classes::of(&labels, None, None, wanted.class_names);
    understood.notes.extend(classes.note.clone());
    for (part, kind) in parts.iter_mut().zip(["training", "validation", "test"]) {
        if let Some(part) = part {
            classes
                .number(&mut part.labels)
                .map_err(|source| bad_label(file, source))?;
            part.describe(kind, understood.size, file);
        }
    }
    Ok(classes.names)
}

/// Opens an entry and reads its header, whose claims must be those of the archive.
fn open<'a>(archive: &'a mut Archive, entry: &str) -> Result<(impl Read + 'a, Header), String> {
    let mut array = archive
        .by_name(entry)
        .map_err(|error| format!("cannot be read: {error}"))?;
    let size = array.size();
    let header = Header::read(&mut array)?;
    if header.bytes() != Some(size) {
        return Err(format!(
            "claims {:?} numbers, and has {size} bytes",
            header.shape
        ));
    }
    Ok((array, header))
}

/// Returns images, their channels, height and width, and their number.
fn read_images(
    archive: &mut Archive,
    entry: &str,
    colours: Colours,
    notes: &mut Vec<String>,
) -> Result<(Vec<u8>, [usize; 3], usize), String> {
    let (mut array, header) = open(archive, entry)?;
    let (mut lowest, mut highest, mut are_whole) = (0.0_f64, 0.0_f64, true);
    if !header.are_bytes() {
        header.numbers(&mut array, |value| {
            if !value.is_finite() {
                return Err("has numbers that are not finite".into());
            }
            (lowest, highest) = (lowest.min(value), highest.max(value));
            are_whole &= value.fract() == 0.0;
            Ok(())
        })?;
    }
    drop(array);
    let scale = Scale::of(lowest, highest, are_whole)?;
    notes.extend(scale.note().filter(|note| !notes.contains(note)));
    let Shape {
        count,
        channels,
        height,
        width,
        is_planar,
    } = Shape::of(&header.shape)?;
    let to = pixels::channels(channels, colours);
    let length = channels * height * width;
    if header.count > pixels::MOST / to.max(1) {
        return Err(format!(
            "has more than {} GiB of pixels",
            pixels::MOST >> 30
        ));
    }
    let (mut array, header) = open(archive, entry)?;
    let (mut pixels, mut image) = (Vec::new(), Vec::with_capacity(length));
    header.numbers(&mut array, |value| {
        image.push(scale.byte(value));
        if image.len() == length {
            if is_planar {
                image = pixels::interleaved(&image, channels);
            }
            pixels::push(&mut pixels, &image, channels, to);
            image.clear();
        }
        Ok(())
    })?;
    Ok((pixels, [to, height, width], count))
}

/// How an array holds images.
struct Shape {
    count: usize,
    channels: usize,
    height: usize,
    width: usize,
    /// Whether a channel's pixels lie beside each other, and not a pixel's channels.
    is_planar: bool,
}

impl Shape {
    fn of(shape: &[usize]) -> Result<Self, String> {
        let (count, channels, height, width, is_planar) = match *shape {
            [count, height, width] => (count, 1, height, width, false),
            [count, height, width, channels @ (1 | 3)] => (count, channels, height, width, false),
            [count, channels @ (1 | 3), height, width] => (count, channels, height, width, true),
            [count, pixels] if pixels.isqrt().pow(2) == pixels => {
                (count, 1, pixels.isqrt(), pixels.isqrt(), false)
            }
            _ => return Err(format!("has the shape {shape:?}, which is none of images")),
        };
        if [count, height, width].contains(&0) {
            return Err(format!("has the shape {shape:?}: it is empty"));
        }
        Ok(Self {
            count,
            channels,
            height,
            width,
            is_planar: is_planar && channels > 1,
        })
    }
}

/// Returns a label for each of `count` images: a number, or the place of the 1 among the classes.
fn read_labels(archive: &mut Archive, entry: &str, count: usize) -> Result<Vec<u8>, String> {
    let (mut array, header) = open(archive, entry)?;
    let classes = match header.shape[..] {
        [found] | [found, 1] if found == count => 1,
        [found, classes] if found == count && classes > 1 => classes,
        _ => {
            return Err(format!(
                "has the shape {:?} for {count} images",
                header.shape
            ));
        }
    };
    let (mut labels, mut row) = (Vec::new(), Vec::new());
    header.numbers(&mut array, |value| {
        if classes == 1 {
            let is_label = value.fract() == 0.0 && (0.0..=255.0).contains(&value);
            labels.push(
                is_label
                    .then_some(value as u8)
                    .ok_or_else(|| format!("has the label {value}: 0 to 255 are read"))?,
            );
            return Ok(());
        }
        row.push(value);
        if row.len() == classes {
            labels.push(only_one(&row)?);
            row.clear();
        }
        Ok(())
    })?;
    Ok(labels)
}

fn only_one(row: &[f64]) -> Result<u8, String> {
    let mut ones = row.iter().enumerate().filter(|(_, value)| **value == 1.0);
    let others = row.iter().filter(|value| **value != 0.0).count();
    match (ones.next(), others) {
        (Some((at, _)), 1) => u8::try_from(at).map_err(|_| "has more than 256 classes".into()),
        _ => Err(
            "has labels of several classes an image, or of none: one class an image is read".into(),
        ),
    }
}
