//! Pictures in one folder per class, as torchvision's `ImageFolder` and Keras's `image_dataset_from_directory` take
//! them, in folders for training, validation and test, or without.

use std::path::{Path, PathBuf};

use super::listing::{Listing, name, natural, quoted, walk};
use super::parts::Split;
use super::picture_files::{self, Picture};
use super::raw::{Part, Raw};
use super::{DEPTH, LeftOut, Progress, SourceKind, Understood, Wanted};
use crate::folder::FolderError;

/// Files of a folder that are looked at to know whether it has pictures.
const LOOKED_AT: usize = 20;

/// The folders of each part. Without a test part it is cut off the training part.
pub(crate) struct Folders {
    root: PathBuf,
    place: PathBuf,
    train: PathBuf,
    validation: Option<PathBuf>,
    test: Option<PathBuf>,
}

/// Returns the parts of a folder that holds pictures in one folder per class.
pub(crate) fn recognise(listing: &Listing) -> Result<Option<Folders>, FolderError> {
    let called = |part: Split| {
        let mut dirs = listing.dirs.iter();
        dirs.find(|dir| Split::of(&name(dir)) == Some(part))
            .cloned()
    };
    let whole = Folders {
        root: listing.root.clone(),
        place: listing.dir.clone(),
        train: listing.dir.clone(),
        validation: None,
        test: None,
    };
    if let Some(train) = called(Split::Train) {
        let (validation, test) = (called(Split::Validation), called(Split::Test));
        let below = Listing::within(&train, &listing.root)?;
        if classes(&below) > 0 {
            let (validation, test) = match test {
                Some(test) => (validation, Some(test)),
                None => (None, validation),
            };
            return Ok(Some(Folders {
                train,
                validation,
                test,
                ..whole
            }));
        }
    }
    Ok((classes(listing) > 1).then_some(whole))
}

/// Returns how many of its folders have pictures; more than two count as two.
fn classes(listing: &Listing) -> usize {
    let has_pictures = |dir: &&PathBuf| {
        let files = walk(dir, &listing.root, 1).map(|found| found.files);
        let files = files.unwrap_or_default();
        let mut looked_at = files.iter().take(LOOKED_AT);
        looked_at.any(|file| pictures::is_picture(file))
    };
    listing.dirs.iter().filter(has_pictures).take(2).count()
}

/// A part's pictures: the name of each one's class, and its path.
pub(crate) type Named = Vec<(String, PathBuf)>;

/// Reads the pictures.
pub(crate) fn read(folders: &Folders, wanted: Wanted) -> Result<Raw, FolderError> {
    let mut understood = Understood {
        kind: SourceKind::Pictures,
        place: folders.place.clone(),
        ..Understood::default()
    };
    let parts = [
        Some(&folders.train),
        folders.validation.as_ref(),
        folders.test.as_ref(),
    ];
    let mut named: [Named; 3] = Default::default();
    for (named, dir) in named.iter_mut().zip(parts) {
        if let Some(dir) = dir {
            *named = gather(dir, &folders.root, &mut understood.left_out)?;
        }
    }
    if let Some(test) = folders
        .test
        .as_ref()
        .filter(|test| Split::of(&name(test)) == Some(Split::Validation))
    {
        let note = format!("there is no test folder: {} is tested with", test.display());
        understood.notes.push(note);
    }
    read_named(named, parts, understood, wanted)
}

/// Reads pictures with the names of their classes: training, validation, and test.
pub(crate) fn read_named(
    named: [Named; 3],
    places: [Option<&PathBuf>; 3],
    mut understood: Understood,
    wanted: Wanted,
) -> Result<Raw, FolderError> {
    let all = named.iter().flatten().map(|(class, _)| class.clone());
    let (found, class_names) = class_names(all.collect(), &understood.place, wanted.class_names)?;
    let number = |class: &String| found.iter().position(|name| name == class);
    let listed = named.map(|part| {
        let numbered = part.into_iter().filter_map(|(class, path)| {
            let label = u8::try_from(number(&class)?).ok()?;
            Some(Picture {
                path,
                bytes: None,
                label,
            })
        });
        numbered.collect::<Vec<_>>()
    });
    let (size, note) = picture_files::size_of(listed.iter().flatten(), wanted.options);
    understood.notes.push(note);
    understood.size = size;
    let mut parts: [Option<Part>; 3] = Default::default();
    let kinds = ["training", "validation", "test"];
    let total = listed.iter().map(Vec::len).sum();
    let mut before = 0;
    for ((part, pictures), (place, kind)) in parts
        .iter_mut()
        .zip(&listed)
        .zip(places.into_iter().zip(kinds))
    {
        if let Some(place) = place {
            let progress = |done| {
                let done = before + done;
                (wanted.progress)(Progress::Pictures { done, total });
            };
            let left_out = &mut understood.left_out;
            let read = picture_files::read(pictures, size, wanted.options, left_out, &progress)?;
            part.insert(read).describe(kind, size, place);
            before += pictures.len();
        }
    }
    Ok(Raw::of(parts, class_names, understood))
}

/// Returns the classes as the files name them, in the order of their numbers, and as they are to be called.
pub(crate) fn class_names(
    mut found: Vec<String>,
    place: &Path,
    wanted: Option<&[String]>,
) -> Result<(Vec<String>, Vec<String>), FolderError> {
    found.sort_by(|one, other| natural(one, other));
    found.dedup();
    let unusable = |problem: String, hint: &str| FolderError::Unusable {
        file: place.into(),
        problem,
        hint: hint.into(),
    };
    if found.len() > 256 {
        let problem = format!("has {} classes: at most 256 are read", found.len());
        return Err(unusable(
            problem,
            "name the folder whose folders are the classes",
        ));
    }
    let Some(wanted) = wanted else {
        return Ok((found.clone(), found));
    };
    if found.iter().all(|class| wanted.contains(class)) {
        return Ok((wanted.to_vec(), wanted.to_vec()));
    }
    if found.len() == wanted.len() {
        return Ok((found, wanted.to_vec()));
    }
    let shown: Vec<String> = found.iter().take(10).map(|class| quoted(class)).collect();
    let problem = format!(
        "has {} classes ({}), and {} names were given",
        found.len(),
        shown.join(", "),
        wanted.len()
    );
    Err(unusable(
        problem,
        "name every class, or leave out the class names",
    ))
}

/// Returns a part's pictures in the order of their names, numbers as numbers, whatever their class: images that
/// were numbered through keep their order.
fn gather(dir: &Path, root: &Path, left_out: &mut Vec<LeftOut>) -> Result<Named, FolderError> {
    let listing = Listing::within(dir, root)?;
    left_out.extend(listing.left_out);
    left_out.extend(listing.files.into_iter().map(|path| LeftOut {
        path,
        reason: "is in no class's folder".into(),
    }));
    let mut named = Named::new();
    for class in listing.dirs {
        let files = walk(&class, root, DEPTH)?;
        left_out.extend(files.left_out);
        named.extend(files.files.into_iter().map(|path| (name(&class), path)));
    }
    named.sort_by(|(class, path), (other_class, other)| {
        let by_name = natural(&name(path), &name(other));
        by_name
            .then_with(|| natural(class, other_class))
            .then_with(|| path.cmp(other))
    });
    Ok(named)
}
