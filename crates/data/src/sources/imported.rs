//! What [`import`](crate::import()) wrote: IDX files, in grey or in colour, and a file that names the classes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::listing::{Listing, name};
use super::raw::{Part, Raw, bad_label};
use super::{SourceKind, Understood, Wanted, pixels};
use crate::folder::{FileInfo, FolderError};
use crate::idx;

/// The file that says what the others are.
pub(crate) const FILE: &str = "imported.json";
/// The version of that file.
pub(crate) const FORMAT: u32 = 1;
/// The parts as the names of their files begin, in the order of all parts: training, validation, test.
pub(crate) const PARTS: [&str; 3] = ["train", "validation", "t10k"];
/// The most bytes of [`FILE`]: 256 names of classes take far less.
const LONGEST: u64 = 1 << 20;

/// The content of [`FILE`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct About {
    pub format: u32,
    /// Where the images came from.
    pub source: String,
    pub class_names: Vec<String>,
    /// The SHA-256 of each file.
    pub files: BTreeMap<String, String>,
}

/// Returns the name of a part's images.
pub(crate) fn images_name(part: &str, channels: usize) -> String {
    let dimensions = idx::dimensions(0, [channels, 0, 0]).len();
    format!("{part}-images-idx{dimensions}-ubyte")
}

/// Returns the name of a part's labels.
pub(crate) fn labels_name(part: &str) -> String {
    format!("{part}-labels-idx1-ubyte")
}

/// Returns whether a folder holds an import.
pub(crate) fn is_one(listing: &Listing) -> bool {
    listing.files.iter().any(|file| name(file) == FILE)
}

/// Reads the import in a folder. Its files must be as they were written.
pub(crate) fn read(listing: &Listing, wanted: Wanted) -> Result<Raw, FolderError> {
    let about = about(&listing.dir.join(FILE))?;
    let class_names = class_names(&about, listing, wanted.class_names)?;
    let mut parts: [Option<Part>; 3] = Default::default();
    let mut sizes = Vec::new();
    for (part, called) in parts.iter_mut().zip(PARTS) {
        let names = [1, 3].map(|channels| images_name(called, channels));
        if let Some(images) = names.iter().find(|name| about.files.contains_key(*name)) {
            let (read, size) = read_part(&about, listing, [images, &labels_name(called)], wanted)?;
            sizes.push(size);
            *part = Some(read);
        }
    }
    let size = sizes.first().copied().unwrap_or_default();
    if let Some(other) = sizes.iter().find(|other| **other != size) {
        let problem =
            format!("names images of {size:?} and of {other:?} (channels, height, width)");
        return Err(damaged(&listing.dir.join(FILE), problem));
    }
    let understood = Understood {
        kind: SourceKind::Imported,
        place: listing.dir.clone(),
        size,
        notes: vec![format!("imported from {}", about.source)],
        left_out: listing.left_out.clone(),
        ..Understood::default()
    };
    Ok(Raw::of(parts, class_names, understood))
}

fn damaged(file: &Path, problem: String) -> FolderError {
    FolderError::Unusable {
        file: file.into(),
        problem,
        hint: "import it again: trainer data import SOURCE --as NAME --force".into(),
    }
}

fn about(file: &Path) -> Result<About, FolderError> {
    let mut text = Vec::new();
    File::open(file)
        .and_then(|opened| opened.take(LONGEST).read_to_end(&mut text))
        .map_err(|source| FolderError::Io {
            dir: file.into(),
            source,
        })?;
    let about: About = serde_json::from_slice(&text)
        .map_err(|error| damaged(file, format!("cannot be understood: {error}")))?;
    if about.format != FORMAT {
        let found = about.format;
        let problem = format!("has format {found}, and this program reads {FORMAT}");
        return Err(damaged(file, problem));
    }
    let classes = about.class_names.len();
    if !(1..=256).contains(&classes) {
        return Err(damaged(file, format!("names {classes} classes")));
    }
    Ok(about)
}

/// Returns the classes as they are to be called.
fn class_names(
    about: &About,
    listing: &Listing,
    wanted: Option<&[String]>,
) -> Result<Vec<String>, FolderError> {
    let (own, Some(wanted)) = (&about.class_names, wanted) else {
        return Ok(about.class_names.clone());
    };
    if wanted.len() == own.len() {
        return Ok(wanted.to_vec());
    }
    Err(FolderError::Unusable {
        file: listing.dir.clone(),
        problem: format!(
            "has {} classes, and {} names were given",
            own.len(),
            wanted.len()
        ),
        hint: "name every class, or leave out the class names".into(),
    })
}

/// Reads the images and labels of a part, in the wanted colours. Returns their channels, height and width as well.
fn read_part(
    about: &About,
    listing: &Listing,
    [images, labels]: [&str; 2],
    wanted: Wanted,
) -> Result<(Part, [usize; 3]), FolderError> {
    let [images, labels] = [images, labels].map(|wanted| listing.dir.join(wanted));
    for file in [&images, &labels] {
        if !listing.files.contains(file) {
            return Err(damaged(file, "is not there".into()));
        }
    }
    let ([count, from, height, width], found) = idx::read_any_images(&images)?;
    let numbers = idx::read_labels(&labels)?;
    if count != numbers.len() || ![1, 3].contains(&from) {
        let problem = format!(
            "has {count} images of {from} channels for {} labels",
            numbers.len()
        );
        return Err(damaged(&images, problem));
    }
    let header = idx::header(&idx::dimensions(count, [from, height, width]));
    let files = vec![
        info(about, images, &header, &found)?,
        info(about, labels.clone(), &idx::header(&[count]), &numbers)?,
    ];
    let to = pixels::channels(from, wanted.options.colours);
    let part = Part {
        pixels: pixels::recoloured(found, [from, height, width], to),
        labels: numbers,
        from: labels.clone(),
        files,
        origins: Vec::new(),
    };
    // Not by the names asked for: a label without a name is damage here.
    let classes = about.class_names.len();
    let mut counted = part.labels.iter().copied().enumerate();
    if let Some((index, label)) = counted.find(|(_, label)| usize::from(*label) >= classes) {
        let source = crate::DataError::Label {
            index,
            label,
            classes,
        };
        return Err(bad_label(&labels, source));
    }
    Ok((part, [to, height, width]))
}

/// Returns a file that has the checksum it was written with.
fn info(
    about: &About,
    path: PathBuf,
    header: &[u8],
    values: &[u8],
) -> Result<FileInfo, FolderError> {
    let file = FileInfo::of(path, header, values);
    if about.files.get(&name(&file.path)) == Some(&file.sha256) {
        return Ok(file);
    }
    let problem = "has changed since it was imported: its SHA-256 is another".into();
    Err(damaged(&file.path, problem))
}
