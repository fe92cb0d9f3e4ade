//! Parquet, as Hugging Face's `datasets` and pyarrow write it (`scripts/interop/make_parquet.py`).

use std::fs;
use std::path::{Path, PathBuf};

use data::{Colours, DataSet, Options, SourceKind};
use image::{GrayImage, ImageFormat};

use crate::{check_error, good, names, reasons, says};

fn fixture(name: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parquet");
    fixtures.join(name)
}

/// The pixels of image `i`.
fn pixels(i: usize) -> Vec<u8> {
    (0..24).map(|at| (37 * i + 11 * at) as u8).collect()
}

/// The same images as pictures, in one folder per class.
fn as_folders(dir: &Path) {
    for i in 0..18 {
        let part = if i < 12 { "train" } else { "test" };
        let class = dir.join(part).join(["cat", "dog", "emu"][i % 3]);
        fs::create_dir_all(&class).unwrap();
        let picture = GrayImage::from_raw(6, 4, pixels(i)).unwrap();
        let file = class.join(format!("{i}.png"));
        picture.save_with_format(file, ImageFormat::Png).unwrap();
    }
}

fn hashes(set: &DataSet) -> Vec<&str> {
    set.files.iter().map(|file| file.sha256.as_str()).collect()
}

/// The same pictures give the same data set, byte for byte, in their own size and colours and in others.
#[test]
fn a_repository_of_hugging_face_is_the_same_as_folders_of_its_pictures() {
    let dir = tempfile::tempdir().unwrap();
    as_folders(dir.path());
    let plain = Options::default();
    let fitted = Options {
        size: Some([8, 8]),
        ..plain
    };
    let coloured = Options {
        colours: Colours::Rgb,
        ..plain
    };
    let auto = Options {
        colours: Colours::Auto,
        ..plain
    };
    for options in [plain, fitted, coloured, auto] {
        let set = good(&fixture("hugging-face"), "mine", options);
        let folders = good(dir.path(), "mine", options);
        assert_eq!(hashes(&set), hashes(&folders));
        assert_eq!(set.class_names, folders.class_names);
        assert_eq!(set.train.size(), folders.train.size());
        assert_eq!(reasons(&set), reasons(&folders));
    }
    let set = good(&fixture("hugging-face"), "mine", plain);
    assert_eq!(set.understood.kind, SourceKind::Parquet);
    assert_eq!((set.train.len(), set.test.len()), (12, 6));
    assert_eq!(names(&set), "cat dog emu");
    assert_eq!(set.train.image(11), pixels(11));
    assert_eq!((set.test.image(0), set.test.label(1)), (&pixels(12)[..], 1));
}

/// However pages are packed and written, their pictures are the same.
#[test]
fn packed_in_every_way() {
    for file in ["snappy", "zstd", "lz4", "gzip", "second"] {
        let set = good(
            &fixture(&format!("{file}.parquet")),
            "mine",
            Options::default(),
        );
        let all = || (0..set.train.len()).map(|i| (set.train.image(i), set.train.label(i)));
        let rest = || (0..set.test.len()).map(|i| (set.test.image(i), set.test.label(i)));
        assert_eq!(set.train.len() + set.test.len(), 12, "{file}");
        assert_eq!(set.test.label_counts(), [1, 1, 1], "a share of each class");
        for i in 0..12 {
            let image = pixels(i);
            let is_it = |(found, label): (&[u8], u8)| found == image && label as usize == i % 3;
            assert!(all().chain(rest()).any(is_it), "{file} {i}");
        }
        assert_eq!(names(&set), "0 1 2");
    }
}

#[test]
fn labels_that_are_texts_and_pictures_without_paths() {
    let set = good(&fixture("texts.parquet"), "mine", Options::default());
    assert_eq!(names(&set), "cat dog emu");
    let first = (0..set.train.len()).find(|&i| set.train.image(i) == pixels(0));
    let first = first.map(|i| set.train.label(i));
    let tested = (0..set.test.len()).find(|&i| set.test.image(i) == pixels(0));
    assert_eq!(first.or(tested.map(|i| set.test.label(i))), Some(2));
}

#[test]
fn what_lacks_a_picture_or_a_label_is_left_out() {
    let file = fixture("holes.parquet");
    let set = good(&file, "mine", Options::default());
    assert_eq!(set.train.len() + set.test.len(), 8);
    let left_out: Vec<String> = set
        .understood
        .left_out
        .iter()
        .map(|left| {
            let path = left.path.strip_prefix(&file).unwrap();
            format!("{}: {}", path.display(), left.reason)
        })
        .collect();
    let mut expect = [
        "row 0: has no label",
        "row 1: has no picture, or only its path",
        "row 2: has no picture, or only its path",
        "row 5: ",
    ];
    expect.sort_unstable();
    assert_eq!(left_out.len(), 4, "{left_out:?}");
    for (found, expect) in left_out.iter().zip(expect) {
        assert!(found.starts_with(expect), "{found}");
    }
    let strict = Options {
        strict: true,
        ..Options::default()
    };
    let error = crate::read(&file, "mine", strict).unwrap_err();
    assert!(error.to_string().contains("row 5"), "{error}");
}

/// Parts by the names of files and folders; what belongs to none is named.
#[test]
fn parts() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, fixture_name: &str| {
        let to = dir.path().join(name);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(fixture(fixture_name), to).unwrap();
    };
    put(
        "default/train/0000.parquet",
        "hugging-face/data/train-00000-of-00002.parquet",
    );
    put(
        "default/validation/0000.parquet",
        "hugging-face/data/test-00000-of-00001.parquet",
    );
    let set = good(dir.path(), "mine", Options::default());
    assert_eq!((set.train.len(), set.test.len()), (7, 6));
    assert!(says(
        &set.understood.notes,
        "the validation part is tested with"
    ));
    put("default/extra-00000-of-00001.parquet", "snappy.parquet");
    put("default/test/0000.parquet", "no-labels.parquet");
    let set = good(dir.path(), "mine", Options::default());
    assert_eq!(
        (set.train.len(), set.test.len()),
        (7, 6),
        "test pictures without labels"
    );
    assert_eq!(
        reasons(&set),
        ["belongs to no part by its name", "has no labels"]
    );
    put(
        "default/test/0000.parquet",
        "hugging-face/data/train-00001-of-00002.parquet",
    );
    let set = good(dir.path(), "mine", Options::default());
    assert_eq!((set.train.len(), set.test.len()), (7, 5));
    assert_eq!(set.validation.unwrap().len(), 6);
}

#[test]
fn files_that_cannot_be_used() {
    let hint = "datasets.Dataset.to_parquet";
    for (file, expect) in [
        (
            "delta",
            "column label is written as DELTA_BINARY_PACKED, which is not read",
        ),
        ("brotli", "is packed in a way that is not read (Brotli)"),
        (
            "no-pictures",
            "has no column of pictures; there are: text, label",
        ),
        ("no-labels", "has no pictures with labels to train on"),
        ("large-label", "has the label 300: 0 to 255 are read"),
    ] {
        check_error(&fixture(&format!("{file}.parquet")), "mine", expect, hint);
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("train.parquet");
    fs::write(&file, b"PAR1PAR1").unwrap();
    check_error(dir.path(), "mine", "is cut off, or no Parquet file", hint);
    let claims = [b"PAR1".as_slice(), &u32::MAX.to_le_bytes(), b"PAR1"].concat();
    fs::write(&file, claims).unwrap();
    check_error(&file, "mine", "is cut off, or no Parquet file", hint);
}
