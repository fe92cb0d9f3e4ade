//! Data sets that are not Fashion-MNIST, from folders that a person names.

use std::fs;
use std::path::PathBuf;

use data::idx::{write_images, write_labels};
use data::{Request, load, places};
use tempfile::TempDir;

use crate::source::{TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS};
use crate::{gzip, images};

/// Writes a small data set: file names, counts, sizes and labels as given.
fn small(names: [&str; 4], sizes: [(usize, usize); 2], labels: [&[u8]; 2]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..2 {
        let images = images(3 + i, sizes[i].0, sizes[i].1);
        for (name, bytes) in [
            (names[2 * i], write_images(&images)),
            (names[2 * i + 1], write_labels(labels[i])),
        ] {
            let bytes = if name.ends_with(".gz") {
                gzip(&bytes)
            } else {
                bytes
            };
            fs::write(dir.path().join(name), bytes).unwrap();
        }
    }
    dir
}

const USUAL: [&str; 4] = [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS];
const GOOD: [&[u8]; 2] = [&[0, 1, 2], &[4, 0, 1, 2]];

#[test]
fn other_data_sets_by_any_usual_name() {
    for names in [
        USUAL,
        USUAL.map(|name| &*format!("{name}.gz").leak()),
        USUAL.map(|name| &*name.replace("-idx", ".idx").leak()), // Kaggle
        USUAL.map(|name| &*name.replace("t10k", "test").leak()),
        USUAL.map(|name| &*format!("emnist-digits-{}.gz", name.replace("t10k", "test")).leak()),
    ] {
        let dir = small(names, [(2, 3), (2, 3)], GOOD);
        let set = load(
            &Request {
                dir: Some(dir.path()),
                ..Request::new("mine")
            },
            &mut |_| (),
        );
        let set = set.unwrap();
        assert_eq!(set.class_names, ["0", "1", "2", "3", "4"]);
        assert_eq!(
            (set.train.len(), set.test.len(), set.train.classes()),
            (3, 4, 5)
        );
        assert_eq!((set.train.height(), set.train.width()), (2, 3));
        let paths: Vec<PathBuf> = names.iter().map(|name| dir.path().join(name)).collect();
        assert!(set.files.iter().map(|file| &file.path).eq(&paths));
        assert_eq!((set.name, set.files[1].bytes), ("mine".into(), 11));
    }
}

#[test]
fn bad_other_data_sets() {
    let check = |dir: TempDir, classes: Option<&[String]>, expect: &str| {
        let request = Request {
            dir: Some(dir.path()),
            class_names: classes,
            ..Request::new("mine")
        };
        let error = load(&request, &mut |_| ()).unwrap_err();
        assert!(
            error.to_string().contains(expect),
            "{error}\nexpected: {expect}"
        );
        error.hint()
    };
    let same = [(2, 3), (2, 3)];
    let names: Vec<String> = ["a", "b", "c"].map(String::from).to_vec();
    check(
        small(USUAL, same, GOOD),
        Some(&names),
        "t10k-labels-idx1-ubyte: the label at index 0 is 4, but there are 3 classes (0 to 2)",
    );
    check(
        small(USUAL, same, [&[0, 1], &[0; 4]]),
        None,
        "train-labels-idx1-ubyte: there are 3 images and 2 labels",
    );
    check(
        small(USUAL, [(2, 3), (3, 2)], GOOD),
        None,
        "training images are 2x3, test images 3x2 (height x width)",
    );
    check(
        small(
            [TRAIN_LABELS, TRAIN_IMAGES, TEST_IMAGES, TEST_LABELS],
            same,
            GOOD,
        ),
        None,
        "train-labels-idx1-ubyte: magic at byte 0 is 0x00000803, expected 0x00000801 (this is an image file)",
    );
    let dir = small(USUAL, same, GOOD);
    fs::write(dir.path().join("emnist-train-images-idx3-ubyte.gz"), "").unwrap();
    let hint = check(
        dir,
        None,
        "more than one file could be train-images-idx3-ubyte: emnist-train-images-idx3-ubyte, train-images-idx3-ubyte",
    );
    assert!(hint.contains("a folder of their own"));
    let dir = small(USUAL, same, GOOD);
    fs::remove_file(dir.path().join(TEST_IMAGES)).unwrap();
    fs::remove_file(dir.path().join(TRAIN_IMAGES)).unwrap();
    fs::write(dir.path().join("constrain-images-idx3-ubyte"), "").unwrap();
    let hint = check(
        dir,
        None,
        "missing train-images-idx3-ubyte, t10k-images-idx3-ubyte (or",
    );
    assert!(hint.contains("pass --data-dir <folder>"));

    let error = load(&Request::new("mine"), &mut |_| ()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "data set \"mine\" is not imported, and no folder is given"
    );
    assert!(places(&Request::new("mine")).is_empty());
}
