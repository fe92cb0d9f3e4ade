//! From what files gave to a data set: split, counted, checked.

use std::path::{Path, PathBuf};

use super::{ClassCount, Options, Understood, checks};
use crate::dataset::{DataError, ImageDataset, Origin, permutation};
use crate::folder::{Content, FileInfo, FolderError};
use crate::idx;

/// The streams of random numbers that choose a class's test images count down from here; the one above cuts off
/// validation images.
const FIRST_STREAM: u64 = u64::MAX - 1;

/// Images and class numbers of one part.
#[derive(Default)]
pub(crate) struct Part {
    /// `[images, channels, height, width]`.
    pub pixels: Vec<u8>,
    pub labels: Vec<u8>,
    /// The file or folder, for errors.
    pub from: PathBuf,
    /// Its files; where there are too many to name, what they gave.
    pub files: Vec<FileInfo>,
    /// The file of each image, if each has its own.
    pub origins: Vec<Origin>,
}

/// What files gave.
pub(crate) struct Raw {
    pub train: Part,
    pub validation: Option<Part>,
    pub test: Option<Part>,
    pub class_names: Vec<String>,
    pub understood: Understood,
}

impl Part {
    /// Describes the images and labels, read from `from`, as the IDX files they would be: equal images and labels
    /// have equal hashes, whatever files they came in.
    pub fn describe(&mut self, part: &str, size: [usize; 3], from: &Path) {
        let count = self.labels.len();
        let images = idx::header(&idx::dimensions(count, size));
        let labels = idx::header(&[count]);
        let info = |what: &str, header: &[u8], values: &[u8]| {
            FileInfo::of(from.join(format!("{part} {what}")), header, values)
        };
        self.files = vec![
            info("images", &images, &self.pixels),
            info("labels", &labels, &self.labels),
        ];
        self.from = from.into();
    }
}

impl Raw {
    /// Returns what the parts of training, validation and test hold.
    pub fn of(parts: [Option<Part>; 3], class_names: Vec<String>, understood: Understood) -> Self {
        let [train, validation, test] = parts;
        Self {
            train: train.unwrap_or_default(),
            validation,
            test,
            class_names,
            understood,
        }
    }

    /// Returns the data set.
    pub fn into_content(self, options: &Options) -> Result<Content, FolderError> {
        let Self {
            train,
            validation,
            test,
            class_names,
            mut understood,
        } = self;
        let (size, classes) = (understood.size, class_names.len());
        let [_, height, width] = size;
        if options.size.is_some_and(|wanted| wanted != [height, width]) {
            let note =
                format!("images of {width}x{height}: a size is chosen for picture files only");
            understood.notes.push(note);
        }
        let mut files = Vec::new();
        let mut dataset = |part: Part| {
            files.extend(part.files);
            let made = ImageDataset::of_size(part.pixels, size, part.labels, classes);
            let origins = part.origins;
            made.map(|made| made.with_origins(origins))
                .map_err(|source| FolderError::Data {
                    file: part.from,
                    source,
                })
        };
        let all = dataset(train)?;
        let validation = validation.map(&mut dataset).transpose()?;
        let test = test.map(&mut dataset).transpose()?;
        let (train, validation, test) =
            with_shares(all, validation, test, options, &mut understood.notes);
        if train.is_empty() || test.is_empty() {
            return Err(FolderError::Unusable {
                file: understood.place,
                problem: format!(
                    "has {} images to train on and {} to test with",
                    train.len(),
                    test.len()
                ),
                hint: "a class needs two images at least; or name a share of test images above 0"
                    .into(),
            });
        }
        understood.classes = count(&class_names, &train, validation.as_ref(), &test);
        checks::check(&mut understood, &train, &test);
        Ok(Content {
            train,
            validation,
            test,
            class_names,
            files,
            understood,
        })
    }
}

/// Returns the images to train on, to validate and to test with: what the files have, or else the shares of each
/// class that `options` say, each with a note.
fn with_shares(
    all: ImageDataset,
    validation: Option<ImageDataset>,
    test: Option<ImageDataset>,
    options: &Options,
    notes: &mut Vec<String>,
) -> (ImageDataset, Option<ImageDataset>, ImageDataset) {
    let share = |known: &Option<ImageDataset>, share| if known.is_some() { 0.0 } else { share };
    let shares = [
        share(&test, options.test_share),
        share(&validation, options.validation_share),
    ];
    let (train, [new_test, new_validation]) = stratified(all, shares, options.seed);
    let new = [(&new_test, "test"), (&new_validation, "validation")];
    for ((images, what), share) in new.into_iter().zip(shares) {
        if !images.is_empty() {
            let (percent, seed) = (100.0 * share, options.seed);
            notes.push(format!(
                "{what} images: {percent:.0} % of each class, by chance with seed {seed}"
            ));
        }
    }
    let new_validation = (!new_validation.is_empty()).then_some(new_validation);
    (
        train,
        validation.or(new_validation),
        test.unwrap_or(new_test),
    )
}

/// Returns what is left to train on, and the parts of each class with these shares, all in the order of the files.
/// A class of two images or more gives at least one to a part with a share, and keeps one. Each part has its own
/// pixels: its images count from 0, as they would in files of its own.
fn stratified(
    mut all: ImageDataset,
    shares: [f64; 2],
    seed: u64,
) -> (ImageDataset, [ImageDataset; 2]) {
    let rows = chosen(&all, shares, seed);
    let parts = all.take_out(rows);
    (all, parts)
}

/// Returns the rows of each part with a share.
fn chosen(all: &ImageDataset, shares: [f64; 2], seed: u64) -> [Vec<u32>; 2] {
    let mut parts = [const { Vec::new() }; 2];
    if shares == [0.0, 0.0] {
        return parts;
    }
    let mut of_class = vec![Vec::new(); all.classes()];
    for i in 0..all.len() {
        if let Some(rows) = of_class.get_mut(usize::from(all.label(i))) {
            rows.push(i as u32); // images are counted in 32 bits
        }
    }
    for (class, rows) in of_class.iter().enumerate() {
        let order = permutation(seed, FIRST_STREAM - class as u64, rows.len());
        let mut shuffled = order
            .iter()
            .filter_map(|&at| rows.get(at as usize))
            .copied();
        let mut left = rows.len();
        for (part, share) in parts.iter_mut().zip(shares) {
            let least = usize::from(share > 0.0 && left > 1);
            let wanted = (share.clamp(0.0, 1.0) * rows.len() as f64).round() as usize;
            let taken = wanted.max(least).min(left.saturating_sub(1));
            part.extend(shuffled.by_ref().take(taken));
            left -= taken;
        }
    }
    parts
}

/// Returns how many images each class has in each part.
pub(crate) fn count(
    names: &[String],
    train: &ImageDataset,
    validation: Option<&ImageDataset>,
    test: &ImageDataset,
) -> Vec<ClassCount> {
    let held_out = validation
        .map(ImageDataset::label_counts)
        .unwrap_or_default();
    let (train, test) = (train.label_counts(), test.label_counts());
    let of = |counts: &[usize], class: usize| counts.get(class).copied().unwrap_or(0);
    let classes = names.iter().enumerate();
    let count = |(class, name): (usize, &String)| ClassCount {
        name: name.clone(),
        train: of(&train, class),
        validation: of(&held_out, class),
        test: of(&test, class),
    };
    classes.map(count).collect()
}

/// Returns the error of a label that is no class number.
pub(crate) fn bad_label(file: &Path, source: DataError) -> FolderError {
    FolderError::Data {
        file: file.into(),
        source,
    }
}
