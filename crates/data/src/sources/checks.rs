//! What may be wrong with a data set, though it can be read.

use std::collections::HashMap;

use super::Understood;
use crate::dataset::{ImageDataset, hash};

/// The largest class may have this many times the images of the smallest.
const BALANCED: usize = 10;
/// Pixels that use less than this of 0 to 255 were probably meant otherwise.
const USED: u8 = 128;
/// Classes that are named in a warning; the others are counted.
const NAMED: usize = 5;

/// Adds the warnings, and the range of the pixels.
pub(crate) fn check(understood: &mut Understood, train: &ImageDataset, test: &ImageDataset) {
    understood.pixels = range(train);
    let warnings = [
        empty(understood),
        lacking_in_test(understood),
        unbalanced(understood),
        unused_range(understood.pixels),
        shared(train, test),
    ];
    understood.warnings.extend(warnings.into_iter().flatten());
}

/// Returns the darkest and the brightest value.
fn range(images: &ImageDataset) -> [u8; 2] {
    let [mut least, mut most] = [u8::MAX, 0];
    for i in 0..images.len() {
        // Two loops that become vector instructions; together they would not.
        let image = images.image(i);
        least = image.iter().fold(least, |least, &pixel| least.min(pixel));
        most = image.iter().fold(most, |most, &pixel| most.max(pixel));
    }
    [least.min(most), most]
}

fn empty(understood: &Understood) -> Option<String> {
    let empty = understood.classes.iter().filter(|class| class.train == 0);
    let names = list(empty.map(|class| &class.name))?;
    Some(format!("no image to train on: {names}"))
}

fn lacking_in_test(understood: &Understood) -> Option<String> {
    let lacking = understood
        .classes
        .iter()
        .filter(|class| class.train > 0 && class.test == 0);
    let names = list(lacking.map(|class| &class.name))?;
    Some(format!(
        "no test image, so that nothing can be said of it: {names}"
    ))
}

fn unbalanced(understood: &Understood) -> Option<String> {
    let counted = || understood.classes.iter().filter(|class| class.train > 0);
    let (least, most) = (
        counted().min_by_key(|c| c.train)?,
        counted().max_by_key(|c| c.train)?,
    );
    (most.train > BALANCED * least.train).then(|| {
        format!(
            "classes differ much in size: {} has {} images to train on, {} has {}",
            most.name, most.train, least.name, least.train
        )
    })
}

fn unused_range([darkest, brightest]: [u8; 2]) -> Option<String> {
    (brightest - darkest < USED).then(|| {
        format!(
            "pixels run from {darkest} to {brightest} of 0 to 255: multiply them so that white is 255, or learning \
             is slow"
        )
    })
}

/// Images in the test part that are in the training part as well, byte by byte.
fn shared(train: &ImageDataset, test: &ImageDataset) -> Option<String> {
    let known: HashMap<u64, usize> = (0..train.len())
        .map(|i| (hash(train.image(i)), i))
        .collect();
    let is_known = |&i: &usize| {
        let other = known.get(&hash(test.image(i)));
        other.is_some_and(|&other| train.image(other) == test.image(i))
    };
    let count = (0..test.len()).filter(is_known).count();
    (count > 0).then(|| {
        let (of, share) = (test.len(), 100.0 * count as f64 / test.len() as f64);
        format!("{count} of {of} test images ({share:.1} %) are training images as well: the accuracy flatters")
    })
}

fn list<'a>(mut names: impl Iterator<Item = &'a String>) -> Option<String> {
    let shown: Vec<&str> = names.by_ref().take(NAMED).map(String::as_str).collect();
    let more = names.count();
    let shown_text = shown.join(", ");
    match (shown.len(), more) {
        (0, _) => None,
        (1, _) => Some(format!("class {shown_text}")),
        (_, 0) => Some(format!("classes {shown_text}")),
        (_, more) => Some(format!("classes {shown_text} and {more} more")),
    }
}
