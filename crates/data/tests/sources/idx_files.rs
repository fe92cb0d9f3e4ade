//! Folders with IDX files as programs unpack and download them, and relatives of EMNIST.

use std::fs;

use data::{Options, Request, load};

use crate::{USUAL, check_error, four, good, gzip, names, noise, put, read, says, small};

pub const TEN: &[u8] = &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

fn called(prefix: &str) -> [String; 4] {
    USUAL.map(|name| format!("{prefix}-{}.gz", name.replace("t10k", "test")))
}

fn four_names(names: &[String; 4]) -> [&str; 4] {
    names.each_ref().map(String::as_str)
}

#[test]
fn folders_named_like_files_are_none() {
    let dir = tempfile::tempdir().unwrap();
    let dotted = USUAL.map(|name| name.replace("-idx", ".idx"));
    small(dir.path(), four_names(&dotted), [TEN, TEN]);
    for name in USUAL {
        put(&dir.path().join(name), name, "not this one");
    }
    let set = good(dir.path(), "mine", Options::default());
    assert_eq!(set.files[0].path, dir.path().join(&dotted[0]));
}

#[test]
fn the_files_may_lie_deeper() {
    let dir = tempfile::tempdir().unwrap();
    let raw = dir.path().join("FashionMNIST/raw");
    small(&raw, USUAL, [TEN, TEN]);
    let set = good(dir.path(), "mine", Options::default());
    assert_eq!(set.understood.place, raw);
    assert!(
        says(&set.understood.notes, "found in "),
        "{:?}",
        set.understood.notes
    );
    // Fashion-MNIST itself is looked for there as well, and refused for what it is.
    check_error(
        dir.path(),
        "fashion-mnist",
        "raw/train-labels-idx1-ubyte: is not Fashion-MNIST's",
        "data.name",
    );
    // A second set: the name chooses.
    small(&dir.path().join("MNIST/raw"), USUAL, [&[0, 1], &[0, 1]]);
    assert_eq!(good(dir.path(), "mnist", Options::default()).train.len(), 2);
    check_error(
        dir.path(),
        "mine",
        "holds more than one data set: ",
        "name the folder of the one that is meant",
    );
}

#[test]
fn a_file_stands_for_its_folder() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path(), USUAL, [TEN, TEN]);
    let set = good(&dir.path().join(USUAL[0]), "mine", Options::default());
    assert!(says(
        &set.understood.notes,
        "is a file: its folder was read"
    ));
    let page = put(dir.path(), "data.bin", "<html>gone</html>");
    check_error(
        &page,
        "mine",
        "data.bin: is a web page: the address",
        "name the folder",
    );
}

#[test]
fn wrong_files_are_called_by_their_name() {
    for (bytes, expect) in [
        (
            &b"<!DOCTYPE html>\n<html>"[..],
            "this is not an IDX file but a web page: the address it came from is gone",
        ),
        (
            b"PK\x03\x04\x14\0\0\0",
            "this is not an IDX file but a zip archive: unpack it",
        ),
        (
            &gzip(&gzip(b"\0\0\x08\x03")),
            "this is not an IDX file but packed twice with gzip: unpack it once",
        ),
        (
            b"\x89HDF\r\n\x1a\n",
            "this is not an IDX file but an HDF5 file",
        ),
        (b"\0\0\x0d\x02....", "this is not an IDX file of bytes"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        small(dir.path(), USUAL, [TEN, TEN]);
        put(dir.path(), USUAL[0], bytes);
        check_error(dir.path(), "mine", expect, "copy it again");
    }
}

/// EMNIST's letters: transposed, and labelled from 1 to 26. They are known by the data set's name, or the files'.
#[test]
fn emnist_letters_are_turned_upright_and_counted_from_0() {
    let dir = tempfile::tempdir().unwrap();
    let labels: Vec<u8> = (1..=26).collect();
    let images = noise(3, 26, 28, 28);
    let files = called("emnist-letters");
    four(
        dir.path(),
        four_names(&files),
        [&images, &images],
        [&labels, &labels],
    );
    for name in ["emnist-letters", "letters"] {
        let set = good(dir.path(), name, Options::default());
        assert_eq!(
            (set.train.classes(), names(&set).as_str()),
            (26, "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z")
        );
        assert_eq!((set.train.label(0), set.train.label(25)), (0, 25));
        for (y, x) in [(0, 0), (3, 7), (27, 1)] {
            assert_eq!(set.train.image(5)[y * 28 + x], images.image(5)[x * 28 + y]);
        }
        assert!(says(&set.understood.notes, "images turned upright"));
        assert!(says(&set.understood.notes, "the labels run from 1 to 26"));
    }
    // Names that a person gives are of the labels from 1 on; too few of them are an error.
    let own: Vec<String> = (0..26).map(|i| format!("letter {i}")).collect();
    let request = |names| Request {
        dir: Some(dir.path()),
        class_names: Some(names),
        ..Request::new("letters")
    };
    let set = load(&request(&own), &mut |_| ()).unwrap();
    assert_eq!((set.train.label(0), &set.class_names), (0, &own));
    let error = load(&request(&own[..25]), &mut |_| ())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("the label at index 25 is 26, but there are 25 classes"),
        "{error}"
    );
}

#[test]
fn names_from_1_on_without_a_known_set() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path(), USUAL, [&[1, 2, 3], &[3, 1]]);
    let own = ["A", "B", "C"].map(String::from);
    let request = Request {
        dir: Some(dir.path()),
        class_names: Some(&own),
        ..Request::new("mine")
    };
    let set = load(&request, &mut |_| ()).unwrap();
    assert_eq!((set.train.label(0), set.test.label(0)), (0, 2));
}

#[test]
fn the_name_chooses_among_splits() {
    let dir = tempfile::tempdir().unwrap();
    for (split, labels) in [
        ("emnist-letters", &[1, 2, 26][..]),
        ("emnist-digits", &[0, 1]),
    ] {
        small(dir.path(), four_names(&called(split)), [labels, labels]);
    }
    assert_eq!(
        good(dir.path(), "emnist-letters", Options::default())
            .train
            .len(),
        3
    );
    assert_eq!(
        good(dir.path(), "emnist-digits", Options::default())
            .class_names
            .len(),
        10
    );
    check_error(
        dir.path(),
        "emnist",
        "more than one file could be train-images-idx3-ubyte: emnist-digits-train-images-idx3-ubyte, emnist-letters-train-images-idx3-ubyte",
        "--set data.name=emnist-letters",
    );
}

/// QMNIST: a label is eight 32-bit numbers, the class first.
#[test]
fn qmnist_labels() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path(), four_names(&called("qmnist")), [TEN, TEN]);
    let wide = |labels: &[u8]| {
        let mut bytes = vec![0, 0, 0x0c, 2];
        bytes.extend((labels.len() as u32).to_be_bytes());
        bytes.extend(8u32.to_be_bytes());
        for (i, label) in labels.iter().enumerate() {
            let numbers = [u32::from(*label), 7, i as u32, 0, 0, 0, 0, 300];
            bytes.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
        }
        bytes
    };
    for part in ["train", "test"] {
        fs::remove_file(
            dir.path()
                .join(format!("qmnist-{part}-labels-idx1-ubyte.gz")),
        )
        .unwrap();
        put(
            dir.path(),
            &format!("qmnist-{part}-labels-idx2-int.gz"),
            gzip(&wide(TEN)),
        );
    }
    let set = good(dir.path(), "qmnist", Options::default());
    assert_eq!((set.train.classes(), set.train.label(7)), (10, 7));
    let mut wrong = wide(TEN);
    wrong[12] = 1;
    put(dir.path(), "qmnist-train-labels-idx2-int.gz", gzip(&wrong));
    check_error(
        dir.path(),
        "qmnist",
        "labels at byte 12 has a class above 255",
        "",
    );
    put(
        dir.path(),
        "qmnist-train-labels-idx2-int.gz",
        gzip(&wide(TEN)[..80]),
    );
    check_error(
        dir.path(),
        "qmnist",
        "should be 10 x 8 x 4 bytes, 252 are missing",
        "",
    );
}

/// Only some classes were kept: they are two, not nine; and the network's names find them again.
#[test]
fn labels_with_gaps() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path(), USUAL, [&[3, 8, 3], &[8, 3]]);
    let set = good(dir.path(), "mine", Options::default());
    assert_eq!((names(&set).as_str(), set.test.label(0)), ("3 8", 1));
    let request = Request {
        dir: Some(dir.path()),
        class_names: Some(&set.class_names),
        ..Request::new("mine")
    };
    let again = load(&request, &mut |_| ()).unwrap();
    assert_eq!(
        (again.class_names, again.test.label(0)),
        (set.class_names, 1)
    );
    // From 0 on with gaps: the numbers stay, and a warning names who is missing.
    small(dir.path(), USUAL, [&[0, 1, 3], &[0, 1]]);
    let set = good(dir.path(), "mine", Options::default());
    assert_eq!(names(&set), "0 1 2 3");
    assert!(says(
        &set.understood.warnings,
        "no image to train on: class 2"
    ));
    assert!(says(
        &set.understood.warnings,
        "no test image, so that nothing can be said of it: class 3"
    ));
}

#[test]
fn warnings_of_what_may_be_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let mut train = noise(4, 40, 4, 4);
    let labels: Vec<u8> = (0..40).map(|i| u8::from(i < 3)).collect();
    let test = train.clone();
    four(dir.path(), USUAL, [&train, &test], [&labels, &labels]);
    let set = good(dir.path(), "mine", Options::default());
    let warnings = set.understood.warnings;
    assert!(
        says(
            &warnings,
            "classes differ much in size: 0 has 37 images to train on, 1 has 3"
        ),
        "{warnings:?}"
    );
    assert!(says(
        &warnings,
        "40 of 40 test images (100.0 %) are training images as well"
    ));
    train.pixels.iter_mut().for_each(|pixel| *pixel %= 2);
    four(
        dir.path(),
        USUAL,
        [&train, &noise(5, 40, 4, 4)],
        [&labels, &labels],
    );
    let set = good(dir.path(), "mine", Options::default());
    assert_eq!(set.understood.pixels, [0, 1]);
    assert!(says(
        &set.understood.warnings,
        "pixels run from 0 to 1 of 0 to 255"
    ));
    // What is as it should be has none.
    let labels: Vec<u8> = (0..40).map(|i| i % 2).collect();
    four(
        dir.path(),
        USUAL,
        [&noise(6, 40, 4, 4), &noise(7, 40, 4, 4)],
        [&labels, &labels],
    );
    let set = good(dir.path(), "mine", Options::default());
    assert_eq!(
        (set.understood.warnings, set.understood.left_out),
        (vec![], vec![])
    );
}

/// Nothing outside the folder is read, and nothing that would block.
#[cfg(unix)]
#[test]
fn links_out_of_the_folder_and_pipes_are_passed_over() {
    use std::os::unix::fs::symlink;
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    small(dir.path(), USUAL, [TEN, TEN]);
    small(other.path(), USUAL, [TEN, TEN]);
    symlink(
        other.path().join(USUAL[0]),
        dir.path().join("emnist-train-images-idx3-ubyte"),
    )
    .unwrap();
    symlink(dir.path(), dir.path().join("round")).unwrap();
    symlink("nowhere", dir.path().join("broken")).unwrap();
    let status = std::process::Command::new("mkfifo")
        .arg(dir.path().join("pipe"))
        .status()
        .unwrap();
    assert!(status.success());
    let set = good(dir.path(), "mine", Options::default());
    let mut left_out: Vec<String> = set
        .understood
        .left_out
        .iter()
        .map(|left| {
            let name = left.path.file_name().unwrap().to_str().unwrap();
            format!("{name} {}", left.reason)
        })
        .collect();
    left_out.sort();
    assert_eq!(
        left_out,
        [
            "broken is a link that leads nowhere",
            "emnist-train-images-idx3-ubyte is a link that leads out of the folder",
            "pipe is no regular file",
            "round is a link to a folder",
        ]
    );
    fs::remove_file(dir.path().join(USUAL[0])).unwrap();
    symlink(other.path().join(USUAL[0]), dir.path().join(USUAL[0])).unwrap();
    let error = read(dir.path(), "mine", Options::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("missing train-images-idx3-ubyte (or the same with .gz); there are: "),
        "{error}"
    );
    // A link within is as good as a file.
    fs::remove_file(dir.path().join(USUAL[0])).unwrap();
    fs::copy(other.path().join(USUAL[0]), dir.path().join("kept")).unwrap();
    symlink(dir.path().join("kept"), dir.path().join(USUAL[0])).unwrap();
    good(dir.path(), "mine", Options::default());
}
