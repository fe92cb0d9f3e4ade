//! The four IDX files of a data set, under any of their usual names.

use std::path::{Path, PathBuf};

use super::known::{Emnist, transpose};
use super::labels::Classes;
use super::listing::{Listing, name};
use super::raw::{Part, Raw, bad_label};
use super::{DEPTH, SourceKind, Understood, Wanted, pixels};
use crate::fashion_mnist::{FILES, HEIGHT, WIDTH};
use crate::folder::{FolderError, info_images, info_labels};
use crate::idx::{self, Images};

/// Returns whether a folder has one of the four files.
pub(crate) fn has_one(listing: &Listing) -> bool {
    let names = names(listing);
    FILES
        .iter()
        .any(|pin| !candidates(&names, pin.name).is_empty())
}

/// Returns whether a file is called like one of the four.
pub(crate) fn is_named_like_one(file: &Path) -> bool {
    let name = name(file);
    FILES
        .iter()
        .any(|pin| prefix(plain(&name), pin.name).is_some())
}

/// Returns what stands before the usual names of all such files in a folder, without the separator, if it is the same
/// for all and not empty.
pub(crate) fn common_prefix(listing: &Listing) -> Option<String> {
    let names = names(listing);
    let prefix = |name: &String| FILES.iter().find_map(|pin| prefix(plain(name), pin.name));
    let mut prefixes: Vec<String> = names.iter().filter_map(prefix).collect();
    prefixes.dedup();
    let [only] = &prefixes[..] else { return None };
    let name = only.trim_end_matches(['-', '_', '.']);
    (!name.is_empty()).then(|| name.to_string())
}

/// Reads the four files of a folder.
pub(crate) fn read(listing: &Listing, wanted: Wanted) -> Result<Raw, FolderError> {
    let paths = find(listing, wanted.name)?;
    let labels = [idx::read_labels(&paths[1])?, idx::read_labels(&paths[3])?];
    let images = [idx::read_images(&paths[0])?, idx::read_images(&paths[2])?];
    let sizes = images
        .each_ref()
        .map(|images| (images.height, images.width));
    if sizes[0] != sizes[1] {
        return Err(FolderError::Sizes {
            dir: listing.dir.clone(),
            train: sizes[0],
            test: sizes[1],
        });
    }
    // EMNIST's own files are 28 x 28; other files with that name were made by somebody else.
    let is_full_size = sizes[0] == (HEIGHT, WIDTH);
    let emnist = Emnist::of(&name(&paths[0])).filter(|_| is_full_size);
    let emnist = Emnist::of(wanted.name).or(emnist);
    let (first, known) = (
        emnist.map(Emnist::first_label),
        emnist.and_then(Emnist::class_names),
    );
    let classes = Classes::of(&[&labels[0], &labels[1]], first, known, wanted.class_names);
    let mut understood = Understood {
        kind: SourceKind::Idx,
        place: listing.dir.clone(),
        left_out: listing.left_out.clone(),
        ..Understood::default()
    };
    understood.notes.extend(classes.note.clone());
    let is_turned = emnist.is_some() && is_full_size;
    if is_turned {
        let note = "images turned upright: EMNIST's files hold them transposed";
        understood.notes.push(note.into());
    }
    let channels = pixels::channels(1, wanted.options.colours);
    understood.size = [channels, sizes[0].0, sizes[0].1];
    let [train, test] = images;
    let [train_labels, test_labels] = labels;
    let part = |images, labels, paths| part(images, labels, paths, &classes, is_turned, channels);
    Ok(Raw {
        train: part(train, train_labels, [&paths[0], &paths[1]])?,
        validation: None,
        test: Some(part(test, test_labels, [&paths[2], &paths[3]])?),
        class_names: classes.names.clone(),
        understood,
    })
}

fn part(
    mut images: Images,
    mut labels: Vec<u8>,
    [images_path, labels_path]: [&Path; 2],
    classes: &Classes,
    is_turned: bool,
    channels: usize,
) -> Result<Part, FolderError> {
    let files = vec![
        info_images(images_path, &images),
        info_labels(labels_path, &labels),
    ];
    if images.count != labels.len() {
        let source = crate::DataError::Counts {
            images: images.count,
            labels: labels.len(),
        };
        return Err(bad_label(labels_path, source));
    }
    classes
        .number(&mut labels)
        .map_err(|source| bad_label(labels_path, source))?;
    if is_turned {
        transpose(&mut images.pixels, images.height, images.width);
    }
    let pixels = if channels == 1 {
        images.pixels
    } else {
        let mut pixels = Vec::new();
        for i in 0..images.count {
            pixels::push(&mut pixels, images.image(i), 1, channels);
        }
        pixels
    };
    Ok(Part {
        pixels,
        labels,
        from: labels_path.into(),
        files,
        origins: Vec::new(),
    })
}

/// Returns the only folder below that has the four files, or the one that is called like the data set.
pub(crate) fn below(listing: &Listing, wanted: Wanted) -> Result<Option<PathBuf>, FolderError> {
    let mut found = Vec::new();
    collect(
        listing,
        DEPTH,
        &mut |listing| find(listing, wanted.name).is_ok(),
        &mut found,
    )?;
    choose(&listing.dir, found, wanted.name)
}

/// Returns the paths of the four published files of Fashion-MNIST in a folder or below, in the order of [`FILES`].
/// Links are followed: what counts is what they hold.
pub(crate) fn find_exactly(dir: &Path) -> Result<[PathBuf; 4], FolderError> {
    let listing = Listing::of(dir)?;
    let here = find_in(&all_names(&listing), &listing, Choice::Exact);
    if !matches!(&here, Err(FolderError::Missing { missing, .. }) if missing.len() == FILES.len()) {
        return here;
    }
    let is_here = |listing: &Listing| find_in(&all_names(listing), listing, Choice::Exact).is_ok();
    let mut found = Vec::new();
    collect(&listing, DEPTH, &mut { is_here }, &mut found)?;
    match choose(dir, found, crate::fashion_mnist::NAME)? {
        Some(below) => {
            let listing = Listing::of(&below)?;
            find_in(&all_names(&listing), &listing, Choice::Exact)
        }
        None => here,
    }
}

/// Adds the folders at most `depth` below that `is_wanted`.
fn collect(
    listing: &Listing,
    depth: usize,
    is_wanted: &mut dyn FnMut(&Listing) -> bool,
    found: &mut Vec<PathBuf>,
) -> Result<(), FolderError> {
    for dir in listing.dirs.iter().filter(|_| depth > 0) {
        let below = Listing::within(dir, &listing.root)?;
        if is_wanted(&below) {
            found.push(dir.clone());
        }
        collect(&below, depth - 1, is_wanted, found)?;
    }
    Ok(())
}

fn choose(dir: &Path, found: Vec<PathBuf>, name: &str) -> Result<Option<PathBuf>, FolderError> {
    if found.len() <= 1 {
        return Ok(found.into_iter().next());
    }
    let is_called = |path: &&PathBuf| {
        let below = path.strip_prefix(dir).unwrap_or(path);
        below
            .iter()
            .any(|part| is_same(&part.to_string_lossy(), name))
    };
    let called: Vec<&PathBuf> = found.iter().filter(is_called).collect();
    if let [one] = called[..] {
        return Ok(Some(one.clone()));
    }
    let shown = found.iter().map(|path| path.display().to_string());
    Err(FolderError::Unusable {
        file: dir.into(),
        problem: format!(
            "holds more than one data set: {}",
            shown.collect::<Vec<_>>().join(", ")
        ),
        hint: "name the folder of the one that is meant: --data-dir <folder>".into(),
    })
}

/// Whether two names are the same apart from case and separators: "FashionMNIST" and "fashion-mnist".
fn is_same(one: &str, other: &str) -> bool {
    let letters = |name: &str| -> String {
        let letters = name.chars().filter(|c| c.is_alphanumeric());
        letters.collect::<String>().to_lowercase()
    };
    letters(one) == letters(other)
}

/// Which of several files with a name is taken.
#[derive(Clone, Copy)]
enum Choice<'a> {
    /// The one with exactly the published name.
    Exact,
    /// The one whose prefix is the data set's name.
    Called(&'a str),
}

fn find(listing: &Listing, name: &str) -> Result<[PathBuf; 4], FolderError> {
    find_in(&names(listing), listing, Choice::Called(name))
}

fn names(listing: &Listing) -> Vec<String> {
    listing.files.iter().map(|file| name(file)).collect()
}

/// Returns the names of the files, also of those that links lead to.
fn all_names(listing: &Listing) -> Vec<String> {
    let links = listing.left_out.iter().filter(|left| left.path.is_file());
    let links = links.map(|left| name(&left.path));
    names(listing).into_iter().chain(links).collect()
}

fn find_in(
    names: &[String],
    listing: &Listing,
    choice: Choice,
) -> Result<[PathBuf; 4], FolderError> {
    let dir = &listing.dir;
    let mut missing = Vec::new();
    let mut paths = [const { PathBuf::new() }; 4];
    for (path, pin) in paths.iter_mut().zip(FILES) {
        match pick(names, pin.name, choice) {
            Ok(Some(name)) => *path = dir.join(name),
            Ok(None) => missing.push(pin.name),
            Err(found) => {
                return Err(FolderError::Ambiguous {
                    dir: dir.clone(),
                    wanted: pin.name,
                    found,
                });
            }
        }
    }
    if missing.is_empty() {
        Ok(paths)
    } else {
        Err(FolderError::Missing {
            dir: dir.clone(),
            missing,
            there: listing.summary(),
        })
    }
}

/// Returns the names, without `.gz`, of the files that could be `wanted`.
fn candidates<'a>(names: &'a [String], wanted: &str) -> Vec<&'a str> {
    let plain = names.iter().map(|name| plain(name));
    let mut found: Vec<&str> = plain
        .filter(|name| prefix(name, wanted).is_some())
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Returns the file name for `wanted`, or the names between which it cannot choose. A plain file wins
/// over a compressed one of the same name: reading it is faster.
fn pick(names: &[String], wanted: &str, choice: Choice) -> Result<Option<String>, Vec<String>> {
    let mut found = candidates(names, wanted);
    if found.len() > 1 {
        let chosen: Vec<&str> = found
            .iter()
            .copied()
            .filter(|name| is_chosen(name, wanted, choice))
            .collect();
        if chosen.len() == 1 {
            found = chosen;
        }
    }
    match found[..] {
        [] => Ok(None),
        [one] if names.iter().any(|name| name == one) => Ok(Some(one.into())),
        [one] => names
            .iter()
            .find(|name| plain(name) == one)
            .cloned()
            .map(Some)
            .ok_or_else(Vec::new),
        _ => Err(found.into_iter().map(String::from).collect()),
    }
}

fn is_chosen(name: &str, wanted: &str, choice: Choice) -> bool {
    match choice {
        Choice::Exact => name == wanted,
        Choice::Called(called) => {
            prefix(name, wanted).is_some_and(|prefix| is_same(&prefix, called))
        }
    }
}

fn plain(name: &str) -> &str {
    name.strip_suffix(".gz").unwrap_or(name)
}

/// Returns what stands in front of `wanted` in a name that is a common variant of it: a prefix
/// ("emnist-digits-train-images-..."), a dot instead of the dash before "idx", "test" instead of "t10k", QMNIST's
/// labels ("idx2-int"). Hidden files are none: macOS litters archives with "._train-images-idx3-ubyte".
fn prefix(name: &str, wanted: &str) -> Option<String> {
    let usual = name.replace(".idx", "-idx").replace("test-", "t10k-");
    let usual = usual.replace("labels-idx2-int", "labels-idx1-ubyte");
    let prefix = usual.strip_suffix(wanted)?;
    let is_prefix =
        !prefix.starts_with('.') && (prefix.is_empty() || prefix.ends_with(['-', '_', '.']));
    is_prefix.then(|| prefix.to_string())
}
