//! Imports: any source, written once as IDX files.

use std::fs;
use std::path::{Path, PathBuf};

use data::{Colours, DataSet, ImportError, Options, Progress, Request, check_import, import, load};

use crate::idx_files::TEN;
use crate::{USUAL, check_error, good, noise, put, small};

/// Writes pictures, two classes and three parts, in colour if wanted.
fn pictures(dir: &Path, is_coloured: bool) {
    let pixels = noise(7, 60, 12, 30).pixels;
    for (i, pixels) in pixels.chunks_exact(12 * 30).enumerate() {
        let part = ["train", "train", "train", "val", "test"][i % 5];
        let class = ["a \"quoted\"\nname", "b"][i % 2];
        let path = put(dir, &format!("{part}/{class}/{i}.png"), "");
        let saved = if is_coloured {
            image::RgbImage::from_raw(10, 12, pixels.to_vec())
                .unwrap()
                .save(path)
        } else {
            image::GrayImage::from_raw(30, 12, pixels.to_vec())
                .unwrap()
                .save(path)
        };
        saved.unwrap();
    }
}

fn options(colours: Colours) -> Options {
    Options {
        colours,
        ..Options::default()
    }
}

fn write(set: &DataSet, imports: &Path, name: &str, replace: bool) -> Result<PathBuf, ImportError> {
    import(set, imports, name, replace, &mut |_| {})
}

/// Returns the import of this name as its name finds it.
fn by_name(imports: &Path, name: &str, colours: Colours) -> DataSet {
    let request = Request {
        imports: Some(imports),
        options: options(colours),
        ..Request::new(name)
    };
    load(&request, &mut |_| panic!("nothing takes long")).unwrap()
}

fn images(set: &data::ImageDataset) -> Vec<(Vec<u8>, u8)> {
    let image = |i| (set.image(i).to_vec(), set.label(i));
    (0..set.len()).map(image).collect()
}

fn assert_same(one: &DataSet, other: &DataSet) {
    assert_eq!(one.class_names, other.class_names);
    assert_eq!(one.train.size(), other.train.size());
    for (one, other) in [(&one.train, &other.train), (&one.test, &other.test)] {
        assert!(images(one) == images(other));
    }
    let validation = |set: &DataSet| set.validation.as_ref().map(images);
    assert!(validation(one) == validation(other));
}

#[test]
fn an_import_is_its_source() {
    for (is_coloured, colours) in [
        (false, Colours::Grey),
        (true, Colours::Auto),
        (true, Colours::Grey),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (source, imports) = (dir.path().join("source"), dir.path().join("deep/imports"));
        pictures(&source, is_coloured);
        let set = good(&source, "source", options(colours));
        assert!(set.validation.is_some());
        let mut last = None;
        let place = import(&set, &imports, "mine", false, &mut |at| {
            if let Progress::Writing { done, total } = at {
                last = Some((done, total));
            }
        });
        assert_eq!(last, Some((60, 60)));
        let found = by_name(&imports, "mine", Colours::Auto);
        assert_eq!(found.place, place.unwrap());
        assert_same(&set, &found);
        let named = good(&found.place, "other", options(Colours::Auto));
        assert_same(&set, &named);
        if colours == Colours::Auto {
            // Colours can still be left out, as they could of the source.
            let grey = good(&source, "source", options(Colours::Grey));
            assert_same(&grey, &by_name(&imports, "mine", Colours::Grey));
        }
    }
}

/// EMNIST's files are transposed and labelled from 1; an import of them is not, whatever it is called.
#[test]
fn nothing_is_done_twice() {
    let dir = tempfile::tempdir().unwrap();
    let (source, imports) = (dir.path().join("source"), dir.path().join("imports"));
    let labels: Vec<u8> = (1..=26).collect();
    let all = noise(3, 26, 28, 28);
    crate::four(&source, USUAL, [&all, &all], [&labels, &labels]);
    let set = good(&source, "emnist-letters", Options::default());
    write(&set, &imports, "emnist-letters", false).unwrap();
    assert_same(&set, &by_name(&imports, "emnist-letters", Colours::Grey));
}

/// A share that is cut off keeps its images, and each image its number.
#[test]
fn shares_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let table: String = noise(5, 50, 4, 4)
        .pixels
        .chunks(16)
        .enumerate()
        .map(|(i, image)| {
            let pixels: Vec<String> = image.iter().map(u8::to_string).collect();
            format!("{},{}\n", i % 3, pixels.join(","))
        })
        .collect();
    let file = put(dir.path(), "all.csv", table);
    let set = good(
        &file,
        "all",
        Options {
            test_share: 0.3,
            validation_share: 0.2,
            ..Options::default()
        },
    );
    assert_eq!(set.counts(0), [26, 9, 15]);
    write(&set, dir.path(), "all", false).unwrap();
    assert_same(&set, &by_name(dir.path(), "all", Colours::Auto));
}

#[test]
fn names_are_folders_names_and_nothing_is_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let (source, imports) = (dir.path().join("source"), dir.path().join("imports"));
    small(&source, USUAL, [TEN, TEN]);
    let set = good(&source, "source", Options::default());
    for (name, expect) in [
        ("", "is empty"),
        ("../x", "begins with a `.`"),
        (".replaced-x", "begins with a `.`"),
        ("a/b", "a character a folder name should not have"),
        ("aux", "Windows calls a device"),
        ("fashion-mnist", "stands for the published files"),
        ("Fashion-MNIST", "stands for the published files"),
    ] {
        for replace in [false, true] {
            let error = write(&set, &imports, name, replace).unwrap_err();
            assert!(error.to_string().contains(expect), "{error}");
        }
    }
    assert!(!imports.exists());
    write(&set, &imports, "mine", false).unwrap();
    let error = write(&set, &imports, "mine", false).unwrap_err();
    assert!(matches!(error, ImportError::Exists(_)) && error.hint().contains("--force"));
    small(&dir.path().join("other"), USUAL, [&[0, 1], &[1]]);
    let other = good(&dir.path().join("other"), "other", Options::default());
    write(&other, &imports, "mine", true).unwrap();
    assert_same(&other, &by_name(&imports, "mine", Colours::Grey));
    let request = Request {
        imports: Some(&imports),
        ..Request::new("yours")
    };
    let error = load(&request, &mut |_| {}).unwrap_err();
    assert_eq!(
        error.to_string(),
        "data set \"yours\" is not imported, and no folder is given"
    );
    assert!(
        error.hint().ends_with("or use an import: mine"),
        "{}",
        error.hint()
    );
}

/// What a killed process leaves is never taken for an import, and goes with the next one.
#[test]
fn leftovers_are_cleared_away() {
    let dir = tempfile::tempdir().unwrap();
    let (source, imports) = (dir.path().join("source"), dir.path().join("imports"));
    small(&source, USUAL, [TEN, TEN]);
    let set = good(&source, "source", Options::default());
    put(&imports, ".writing/train-images-idx3-ubyte", "half");
    // Killed between the two renames: what was to be replaced comes back.
    write(&set, &imports, "kept", false).unwrap();
    fs::rename(imports.join("kept"), imports.join(".replaced-kept")).unwrap();
    put(&imports, ".replaced-new/imported.json", "old");
    write(&set, &imports, "new", true).unwrap();
    let mut names: Vec<String> = fs::read_dir(&imports)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, [".lock", "kept", "new"]);
    assert_same(&set, &by_name(&imports, "kept", Colours::Grey));
    // One at a time.
    let lock = fs::File::open(imports.join(".lock")).unwrap();
    lock.lock().unwrap();
    let error = write(&set, &imports, "third", false).unwrap_err();
    assert!(matches!(error, ImportError::Busy(_)), "{error}");
}

/// Where a file cannot be written, nothing is left, and what was there is as it was.
#[test]
fn a_failure_leaves_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let (source, imports) = (dir.path().join("source"), dir.path().join("imports"));
    small(&source, USUAL, [TEN, TEN]);
    let set = good(&source, "source", Options::default());
    fs::write(&imports, "a file").unwrap();
    let error = write(&set, &imports, "mine", false).unwrap_err();
    assert!(error.to_string().contains("cannot be written"), "{error}");
    assert_eq!(fs::read(&imports).unwrap(), b"a file");
}

#[test]
fn damage_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("source");
    small(&source, USUAL, [TEN, TEN]);
    let set = good(&source, "source", Options::default());
    let place = write(&set, dir.path(), "mine", false).unwrap();
    let again = "import it again: trainer data import SOURCE --as NAME --force";
    for (name, change, expect) in [
        (USUAL[0], Change::Flip, "has changed since it was imported"),
        (USUAL[1], Change::Flip, "has changed since it was imported"),
        (USUAL[3], Change::Remove, "is not there"),
        ("imported.json", Change::Cut, "cannot be understood"),
        ("imported.json", Change::Format, "has format 9"),
    ] {
        let file = place.join(name);
        let before = fs::read(&file).unwrap();
        match change {
            Change::Flip => {
                let mut bytes = before.clone();
                *bytes.last_mut().unwrap() ^= 1;
                fs::write(&file, bytes).unwrap();
            }
            Change::Remove => fs::remove_file(&file).unwrap(),
            Change::Cut => fs::write(&file, &before[..20]).unwrap(),
            Change::Format => {
                let text = String::from_utf8(before.clone()).unwrap();
                fs::write(&file, text.replace("\"format\": 1", "\"format\": 9")).unwrap();
            }
        }
        check_error(&place, "mine", expect, again);
        fs::write(&file, before).unwrap();
    }
    good(&place, "mine", Options::default());
    assert!(check_import(dir.path(), "mine", true).is_ok());
}

enum Change {
    Flip,
    Remove,
    Cut,
    Format,
}

#[test]
fn idx_files_say_what_they_are_called() {
    let dir = tempfile::tempdir().unwrap();
    for (folder, prefix, expect) in [
        ("KMNIST/raw", "", "KMNIST"),
        ("x/kmnist", "", "kmnist"),
        ("x/data", "k49-", "k49"),
        ("gzip", "emnist-digits-", "emnist-digits"),
    ] {
        let place = dir.path().join(folder);
        let names = USUAL.map(|name| format!("{prefix}{name}"));
        small(&place, names.each_ref().map(String::as_str), [TEN, TEN]);
        assert_eq!(data::own_name(&place).as_deref(), Some(expect));
        let file = place.join(&names[1]);
        assert_eq!(data::own_name(&file).as_deref(), Some(expect));
    }
    // Several sets in one folder, and what are no IDX files: the folder's name.
    let several = dir.path().join("several");
    for prefix in ["a", "b"] {
        let names = USUAL.map(|name| format!("{prefix}-{name}"));
        small(&several, names.each_ref().map(String::as_str), [TEN, TEN]);
    }
    assert_eq!(data::own_name(&several).as_deref(), Some("several"));
    let data = dir.path().join("pets/data");
    put(&data, "cat/1.png", "");
    assert_eq!(data::own_name(&data).as_deref(), Some("data"));
    assert_eq!(
        data::own_name(&dir.path().join("digits.csv")).as_deref(),
        Some("digits")
    );
}
