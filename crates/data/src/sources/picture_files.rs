//! Pictures, in files or in memory, as the images of a data set: decoded over threads, each fitted to one size.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use pictures::{DynamicImage, MAX_IN_ALL, PictureError, Preparation};

use super::raw::Part;
use super::{Colours, LeftOut, Options, pixels};
use crate::dataset::Origin;
use crate::folder::FolderError;

/// Pictures that are looked at to choose a size and colours.
const SAMPLE: usize = 256;
/// The largest side that images keep without being asked to.
const LARGEST: u32 = 64;
/// The size of pictures that differ in theirs.
const USUAL: [usize; 2] = [28, 28];
/// Memory that a picture may take while others are decoded beside it; a larger one waits for its turn.
const BESIDE: u64 = 64 << 20;
/// A picture is in colour when so much of it, in thousandths, has channels that differ by more than [`GREYISH`].
const COLOURED: usize = 10;
const GREYISH: u8 = 12;

/// A picture and its class.
pub(crate) struct Picture {
    /// Its file, or what errors call it.
    pub path: PathBuf,
    /// What its file holds, where that is part of another one.
    pub bytes: Option<Vec<u8>>,
    pub label: u8,
}

impl Picture {
    fn dimensions(&self) -> Result<(u32, u32), PictureError> {
        match &self.bytes {
            Some(bytes) => pictures::dimensions_of(bytes, &self.path),
            None => pictures::dimensions(&self.path),
        }
    }

    /// Returns the picture, if it takes at most `memory` bytes in all.
    fn load(&self, memory: u64) -> Result<DynamicImage, PictureError> {
        match &self.bytes {
            Some(bytes) => pictures::decode_within(bytes.clone(), &self.path, memory),
            None => pictures::load_within(&self.path, memory),
        }
    }
}

/// What the pictures that were looked at have in common.
#[derive(Default)]
pub(crate) struct Sample {
    is_coloured: bool,
    /// The width and height of the first one, and whether another one differs.
    size: Option<(u32, u32)>,
    differ: bool,
}

impl Sample {
    /// Returns which of `count` pictures are looked at: every one that is a multiple of this.
    pub fn step(count: usize) -> usize {
        count.div_ceil(SAMPLE).max(1)
    }

    /// Looks at a picture; one that cannot be read says nothing.
    pub fn look(&mut self, picture: &Picture, options: &Options) {
        let asks_colours = options.colours == Colours::Auto && !self.is_coloured;
        self.is_coloured |= asks_colours && is_coloured(picture);
        let asks_size = options.size.is_none() && !self.differ;
        if let Some(size) = asks_size.then(|| picture.dimensions().ok()).flatten() {
            self.differ |= *self.size.get_or_insert(size) != size;
        }
    }

    /// Returns channels, height and width that pictures become, and what to say of it.
    pub fn size(&self, options: &Options) -> ([usize; 3], String) {
        let channels = match options.colours {
            Colours::Auto => 1 + 2 * usize::from(self.is_coloured),
            wanted => pixels::channels(1, wanted),
        };
        if let Some([height, width]) = options.size {
            let note = format!("pictures fitted to {width}x{height}");
            return ([channels, height, width], note);
        }
        match self.size.filter(|_| !self.differ) {
            Some((width, height)) if width.max(height) <= LARGEST => (
                [channels, height as usize, width as usize],
                format!("pictures of {width}x{height} taken as they are"),
            ),
            _ => {
                let [height, width] = USUAL;
                let note =
                    format!("pictures fitted to {width}x{height}, as no size is given (data.size)");
                ([channels, height, width], note)
            }
        }
    }
}

/// Returns what a [`Sample`] of pictures says.
pub(crate) fn size_of<'a>(
    pictures: impl Iterator<Item = &'a Picture> + Clone,
    options: &Options,
) -> ([usize; 3], String) {
    let mut sample = Sample::default();
    let step = Sample::step(pictures.clone().count());
    for picture in pictures.step_by(step) {
        sample.look(picture, options);
    }
    sample.size(options)
}

fn is_coloured(picture: &Picture) -> bool {
    let Ok(image) = picture.load(BESIDE) else {
        return false;
    };
    if !image.color().has_color() {
        return false;
    }
    let image = image.into_rgb8();
    let spread = |[r, g, b]: [u8; 3]| r.max(g).max(b) - r.min(g).min(b);
    let coloured = image
        .pixels()
        .filter(|pixel| spread(pixel.0) > GREYISH)
        .count();
    coloured * 1000 > image.pixels().len() * COLOURED
}

/// Reads pictures, in their order, as images of `size`. At most their bytes, 64 MiB a thread and 512 MiB are taken.
/// What cannot be read is added to `left_out`, or an error if the options are strict. `progress` hears how many are
/// done.
pub(crate) fn read(
    pictures: &[Picture],
    size: [usize; 3],
    options: &Options,
    left_out: &mut Vec<LeftOut>,
    progress: &dyn Fn(usize),
) -> Result<Part, FolderError> {
    let length: usize = size.iter().product();
    let first = pictures.first().map(|picture| picture.path.clone());
    let bytes = check(&first.unwrap_or_default(), pictures.len(), size)?;
    let mut pixels = vec![0; bytes];
    let mut sizes = vec![[0, 0]; pictures.len()];
    let failures = decode(
        pictures,
        (&mut pixels, &mut sizes),
        size,
        options.threads,
        progress,
    );
    if let Some((_, error)) = failures.first().filter(|_| options.strict) {
        return Err(FolderError::Picture(error.to_string(), error.hint()));
    }
    let mut labels = Vec::with_capacity(pictures.len());
    let mut origins = Vec::with_capacity(pictures.len());
    let mut failed = failures.into_iter().peekable();
    for ((i, picture), size) in pictures.iter().enumerate().zip(sizes) {
        if let Some((_, error)) = failed.next_if(|(at, _)| *at == i) {
            left_out.push(LeftOut {
                path: picture.path.clone(),
                reason: reason(&error, picture),
            });
            continue;
        }
        pixels.copy_within(i * length..(i + 1) * length, labels.len() * length);
        labels.push(picture.label);
        origins.push(Origin {
            path: picture.path.clone(),
            size,
        });
    }
    pixels.truncate(labels.len() * length);
    Ok(Part {
        pixels,
        labels,
        origins,
        ..Part::default()
    })
}

/// Returns the bytes that `count` images of `size` take, the first of which is in `file`.
///
/// # Errors
/// When these are too many.
pub(crate) fn check(file: &Path, count: usize, size: [usize; 3]) -> Result<usize, FolderError> {
    let length: usize = size.iter().product();
    let bytes = length.checked_mul(count);
    let bytes = bytes.filter(|bytes| *bytes <= pixels::MOST && length > 0);
    bytes.ok_or_else(|| too_large(file.into(), count, size))
}

fn too_large(file: PathBuf, count: usize, [channels, height, width]: [usize; 3]) -> FolderError {
    FolderError::Unusable {
        file,
        problem: format!(
            "and the others are {count} pictures of {channels} x {height} x {width}: at most {} GiB are read",
            pixels::MOST >> 30
        ),
        hint: "choose a smaller size: --set data.size=28".into(),
    }
}

/// Fills `pixels` with the pictures, and `sizes` with the width and height of each, over threads. Returns those that
/// failed, in their order.
fn decode(
    pictures: &[Picture],
    (pixels, sizes): (&mut [u8], &mut [[u32; 2]]),
    size: [usize; 3],
    threads: usize,
    progress: &dyn Fn(usize),
) -> Vec<(usize, PictureError)> {
    let length = size.iter().product::<usize>().max(1);
    let cores = || thread::available_parallelism().map_or(1, usize::from);
    let threads = if threads == 0 { cores() } else { threads };
    let work = Mutex::new(
        pictures
            .iter()
            .zip(pixels.chunks_exact_mut(length).zip(sizes))
            .enumerate(),
    );
    let failures = Mutex::new(Vec::new());
    let large = Mutex::new(());
    // A lock that a panic of another thread has poisoned is as good as before: nothing is left half done.
    let next = || {
        work.lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .next()
    };
    let done = AtomicUsize::new(0);
    let worker = |progress: &dyn Fn(usize)| {
        while let Some((i, (picture, (to, own_size)))) = next() {
            match fitted(picture, size, &large) {
                Ok((image, found)) => {
                    to.copy_from_slice(&image);
                    *own_size = found;
                }
                Err(error) => failures
                    .lock()
                    .unwrap_or_else(|poisoned| poisoned.into_inner())
                    .push((i, error)),
            }
            progress(done.fetch_add(1, Ordering::Relaxed) + 1);
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads.min(pictures.len()) {
            scope.spawn(|| worker(&|_| {})); // this thread alone tells of progress
        }
        worker(progress);
    });
    progress(pictures.len());
    let mut failures = failures
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    failures.sort_by_key(|(i, _)| *i);
    failures
}

/// Returns a picture as an image of `size`: one of that size as it is, others as `predict` prepares them. The second
/// value is its own width and height.
fn fitted(
    picture: &Picture,
    size: [usize; 3],
    large: &Mutex<()>,
) -> Result<(Vec<u8>, [u32; 2]), PictureError> {
    let image = match picture.load(BESIDE) {
        Err(PictureError::TooLarge { .. }) => {
            let _alone = large
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            picture.load(MAX_IN_ALL)
        }
        other => other,
    }?;
    let [channels, height, width] = size;
    let found = [image.width(), image.height()];
    let is_fitting = (image.width() as usize, image.height() as usize) == (width, height);
    let pixels = if is_fitting || channels != 1 {
        pictures::whole(&image, size)
    } else {
        pictures::prepare_as(image, size, &Preparation::default()).map(|prepared| prepared.pixels)
    };
    let pixels = pixels.map(|pixels| (pixels, found));
    pixels.ok_or_else(|| PictureError::Blank {
        file: picture.path.clone(),
    })
}

/// Returns why a picture failed, without its name in front.
fn reason(error: &PictureError, picture: &Picture) -> String {
    let text = error.to_string();
    let prefix = format!("{}: ", picture.path.display());
    text.strip_prefix(&prefix).map(String::from).unwrap_or(text)
}
