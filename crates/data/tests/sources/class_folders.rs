//! Pictures in a folder a class.

use std::fs;
use std::path::Path;

use data::fashion_mnist::{DEBIAN_FOLDER, NAME};
use data::{Images, Options, Request, load};
use image::{GrayImage, ImageFormat, Luma, RgbImage};

use crate::{check_error, good, names, noise, put, read, reasons, says};

/// Writes image `i` as a picture.
fn save(images: &Images, i: usize, dir: &Path, name: &str) {
    let (width, height) = (images.width as u32, images.height as u32);
    let picture = GrayImage::from_raw(width, height, images.image(i).to_vec()).unwrap();
    fs::create_dir_all(dir).unwrap();
    picture
        .save_with_format(dir.join(name), ImageFormat::Png)
        .unwrap();
}

/// `count` pictures in each class, in the order of their numbers through all classes.
fn numbered(dir: &Path, seed: u64, classes: &[&str], count: usize) -> Images {
    let images = noise(seed, classes.len() * count, 8, 6);
    for i in 0..images.count {
        save(
            &images,
            i,
            &dir.join(classes[i % classes.len()]),
            &format!("{i}.png"),
        );
    }
    images
}

/// The first thousand images of each part of Fashion-MNIST as pictures: the same bytes in the same order, and the
/// same hashes as the IDX files they would be.
#[test]
fn fashion_mnist_as_pictures_is_fashion_mnist() {
    let published = load(&Request::new(NAME), &mut |_| ()).unwrap();
    assert_eq!(published.place, Path::new(DEBIAN_FOLDER));
    let dir = tempfile::tempdir().unwrap();
    for (part, images) in [("train", &published.train), ("test", &published.test)] {
        for i in 0..1000 {
            let picture = GrayImage::from_raw(28, 28, images.image(i).to_vec()).unwrap();
            let class = dir.path().join(part).join(images.label(i).to_string());
            fs::create_dir_all(&class).unwrap();
            picture
                .save_with_format(class.join(format!("{i}.png")), ImageFormat::Png)
                .unwrap();
        }
    }
    let set = good(dir.path(), "mine", Options::default());
    assert_eq!(set.train.size(), [1, 28, 28]);
    for (found, images) in [(&set.train, &published.train), (&set.test, &published.test)] {
        assert_eq!(found.len(), 1000);
        for i in 0..1000 {
            assert_eq!(
                (found.image(i), found.label(i)),
                (images.image(i), images.label(i)),
                "{i}"
            );
        }
    }
    let first = Images {
        count: 1000,
        height: 28,
        width: 28,
        pixels: (0..1000)
            .flat_map(|i| published.train.image(i).to_vec())
            .collect(),
    };
    assert_eq!(set.files[0].sha256, first.sha256());
    let one = good(
        dir.path(),
        "mine",
        Options {
            threads: 1,
            ..Options::default()
        },
    );
    let files = |set: &data::DataSet| set.files.clone();
    assert_eq!(files(&one), files(&set), "one thread or several");
    assert_eq!((set.validation.is_none(), set.files.len()), (true, 4));
}

#[test]
fn parts_have_many_names() {
    for [train, validation, test] in [
        ["train", "val", "test"],
        ["Training", "validation", "TEST"],
        ["training_set", "valid_set", "test_set"],
    ] {
        let dir = tempfile::tempdir().unwrap();
        for (seed, part, count) in [(1, train, 4), (2, validation, 2), (3, test, 3)] {
            numbered(&dir.path().join(part), seed, &["cat", "dog"], count);
        }
        let set = good(dir.path(), "mine", Options::default());
        let held_out = set.validation.as_ref().unwrap();
        assert_eq!(
            (set.train.len(), held_out.len(), set.test.len()),
            (8, 4, 6),
            "{train}"
        );
        assert_eq!((names(&set).as_str(), set.files.len()), ("cat dog", 6));
        let counts: Vec<_> = set
            .understood
            .classes
            .iter()
            .map(|c| (c.train, c.validation, c.test))
            .collect();
        assert_eq!(counts, [(4, 2, 3); 2]);
    }
    let dir = tempfile::tempdir().unwrap();
    numbered(&dir.path().join("data/train"), 1, &["cat", "dog"], 4);
    numbered(&dir.path().join("data/val"), 2, &["cat", "dog"], 2);
    let set = good(dir.path(), "mine", Options::default());
    assert_eq!(
        (set.train.len(), set.validation.is_none(), set.test.len()),
        (8, true, 4)
    );
    assert!(
        says(&set.understood.notes, "there is no test folder: "),
        "{:?}",
        set.understood.notes
    );
    assert!(says(&set.understood.notes, "found in "));
}

/// Without parts, test images are chosen from each class by the seed, and every image is in one part only.
#[test]
fn a_split_by_class() {
    let dir = tempfile::tempdir().unwrap();
    let images = numbered(dir.path(), 1, &["c1", "c2", "c10"], 20);
    save(&images, 0, &dir.path().join("lonely"), "only.png");
    let options = Options {
        test_share: 0.25,
        validation_share: 0.1,
        ..Options::default()
    };
    let set = good(dir.path(), "mine", options);
    assert_eq!(names(&set), "c1 c2 c10 lonely");
    let held_out = set.validation.clone().unwrap();
    assert_eq!(set.train.label_counts(), [13, 13, 13, 1]);
    assert_eq!(held_out.label_counts(), [2, 2, 2, 0]);
    assert_eq!(set.test.label_counts(), [5, 5, 5, 0]);
    assert!(says(
        &set.understood.notes,
        "test images: 25 % of each class, by chance with seed 42"
    ));
    let pixels = |set: &data::ImageDataset| {
        (0..set.len())
            .map(|i| set.image(i).to_vec())
            .collect::<Vec<_>>()
    };
    let mut all = [pixels(&set.train), pixels(&held_out), pixels(&set.test)].concat();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 60, "the lonely one is a copy");
    let again = good(dir.path(), "mine", options);
    assert_eq!(pixels(&again.test), pixels(&set.test));
    let other = good(
        dir.path(),
        "mine",
        Options {
            seed: 43,
            ..options
        },
    );
    assert_ne!(pixels(&other.test), pixels(&set.test));
    check_error(
        &{
            let one = tempfile::tempdir().unwrap().keep();
            numbered(&one, 1, &["a", "b"], 1);
            one
        },
        "mine",
        "has 2 images to train on and 0 to test with",
        "two images at least",
    );
}

/// What is broken or no picture is named, and the others are read; or it is an error.
#[test]
fn broken_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    numbered(dir.path(), 1, &["a", "b"], 5);
    let whole = fs::read(dir.path().join("a/0.png")).unwrap();
    put(dir.path(), "a/broken.png", &whole[..whole.len() / 2]);
    put(dir.path(), "b/notes.txt", "no picture");
    put(
        dir.path(),
        "b/photo.jpg",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    );
    put(dir.path(), "readme.md", "words");
    for litter in [
        "a/.hidden.png",
        "a/Thumbs.db",
        "__MACOSX/a/0.png",
        ".git/a/0.png",
    ] {
        put(dir.path(), litter, "litter");
    }
    let set = good(dir.path(), "mine", Options::default());
    assert_eq!(set.train.len() + set.test.len(), 10);
    let left_out: Vec<String> = set
        .understood
        .left_out
        .iter()
        .map(|left| {
            let path = left.path.strip_prefix(dir.path()).unwrap();
            format!("{}: {}", path.display(), left.reason)
        })
        .collect();
    assert_eq!(
        left_out,
        [
            "readme.md: is in no class's folder",
            "a/broken.png: is a damaged picture: unexpected end of file",
            "b/notes.txt: is not a PNG, JPEG, WebP, GIF, BMP or TIFF picture",
            "b/photo.jpg: is HEIC, the format of an iPhone",
        ]
    );
    let strict = Options {
        strict: true,
        ..Options::default()
    };
    let error = read(dir.path(), "mine", strict).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("a/broken.png: is a damaged picture: unexpected end of file"),
        "{error}"
    );
    assert!(error.hint().contains("save it as PNG or JPEG"));
}

/// A link out of the folder is passed over, and named once; what it leads to is not read.
#[cfg(unix)]
#[test]
fn links_are_not_followed_out() {
    use std::os::unix::fs::symlink;
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    numbered(dir.path(), 1, &["a", "b"], 5);
    numbered(other.path(), 2, &["c"], 5);
    symlink(other.path().join("c"), dir.path().join("c")).unwrap();
    symlink(other.path().join("c/0.png"), dir.path().join("a/link.png")).unwrap();
    let set = good(dir.path(), "mine", Options::default());
    assert_eq!(
        (names(&set).as_str(), set.train.len() + set.test.len()),
        ("a b", 10)
    );
    assert_eq!(
        reasons(&set),
        [
            "is a link to a folder",
            "is a link that leads out of the folder"
        ]
    );
}

/// Folders called like parts hold classes, even a single one; a class may be called like a part.
#[test]
fn parts_or_classes() {
    let dir = tempfile::tempdir().unwrap();
    numbered(&dir.path().join("train"), 1, &["only"], 4);
    numbered(&dir.path().join("test"), 2, &["only"], 2);
    let set = good(dir.path(), "mine", Options::default());
    assert_eq!((names(&set).as_str(), set.test.len()), ("only", 2));
    let dir = tempfile::tempdir().unwrap();
    numbered(dir.path(), 1, &["bus", "train"], 5);
    assert_eq!(
        names(&good(dir.path(), "mine", Options::default())),
        "bus train"
    );
}

/// Pictures of other sizes are prepared as `predict` prepares a person's.
#[test]
fn pictures_are_fitted_to_a_size() {
    let dir = tempfile::tempdir().unwrap();
    for (i, side) in [60, 90, 100, 64].into_iter().enumerate() {
        let picture = GrayImage::from_fn(side, side, |x, y| {
            Luma([if (20..40).contains(&x) && (10..50).contains(&y) {
                30
            } else {
                250 - i as u8
            }])
        });
        fs::create_dir_all(dir.path().join(format!("c{}", i % 2))).unwrap();
        picture
            .save(dir.path().join(format!("c{}/{i}.png", i % 2)))
            .unwrap();
    }
    let set = good(dir.path(), "mine", Options::default());
    assert_eq!(set.train.size(), [1, 28, 28]);
    assert!(says(
        &set.understood.notes,
        "pictures fitted to 28x28, as no size is given"
    ));
    let sized = good(
        dir.path(),
        "mine",
        Options {
            size: Some([20, 24]),
            ..Options::default()
        },
    );
    assert_eq!(sized.train.size(), [1, 20, 24]);
    let all: Vec<_> = (0..2).map(|i| set.train.image(i)).collect();
    let expect = pictures::open(&dir.path().join("c0/0.png"), 28, 28)
        .unwrap()
        .pixels;
    let expects = (1..4).map(|i| {
        pictures::open(&dir.path().join(format!("c{}/{i}.png", i % 2)), 28, 28)
            .unwrap()
            .pixels
    });
    let expects: Vec<_> = std::iter::once(expect).chain(expects).collect();
    assert!(
        all.iter()
            .all(|image| expects.iter().any(|expect| expect == image))
    );
}

#[test]
fn class_names_of_a_person_or_of_a_network() {
    let dir = tempfile::tempdir().unwrap();
    numbered(dir.path(), 1, &["a", "b"], 5);
    let with = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
        let request = Request {
            dir: Some(dir.path()),
            class_names: Some(&names),
            ..Request::new("mine")
        };
        load(&request, &mut |_| ()).map(|set| (set.class_names.join(" "), set.train.label(0)))
    };
    assert_eq!(
        with(&["b", "a", "c"]).unwrap(),
        ("b a c".into(), 1),
        "the network's order"
    );
    assert_eq!(
        with(&["cat", "dog"]).unwrap(),
        ("cat dog".into(), 0),
        "other names for them"
    );
    let error = with(&["cat", "dog", "owl"]).unwrap_err().to_string();
    assert!(
        error.contains("has 2 classes (a, b), and 3 names were given"),
        "{error}"
    );
}

#[test]
fn colours_are_kept_on_request() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..6u8 {
        let picture = RgbImage::from_fn(5, 4, |x, y| {
            image::Rgb([40 * i, 10 * x as u8, 60 * y as u8])
        });
        let class = dir.path().join(["red", "blue"][usize::from(i % 2)]);
        fs::create_dir_all(&class).unwrap();
        picture.save(class.join(format!("{i}.png"))).unwrap();
    }
    for colours in [data::Colours::Rgb, data::Colours::Auto] {
        let set = good(
            dir.path(),
            "mine",
            Options {
                colours,
                ..Options::default()
            },
        );
        assert_eq!((set.train.size(), set.train.channels()), ([3, 4, 5], 3));
        let image = set.train.image(0);
        assert!(image[..20].iter().all(|red| *red == image[0]));
        assert_eq!((image[20 + 3], image[40 + 10]), (30, 120));
    }
    assert_eq!(
        good(dir.path(), "mine", Options::default()).train.size(),
        [1, 4, 5]
    );
}
