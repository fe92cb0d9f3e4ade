//! CSV, in the variants that are about.

use data::{Colours, DataSet, Images, Options, SourceKind};
use image::{GrayImage, Luma};

use crate::{check_error, good, names, noise, put, reasons, says};

/// What each row has besides the pixels, which begin with what the pixel before says.
fn table(images: &Images, labels: &[&str], header: bool, is_last: bool) -> String {
    let size = images.height * images.width;
    let row = |label: &str, pixels: Vec<String>| match is_last {
        true => format!("{},{label}\n", pixels.join(",")),
        false => format!("{label},{}\n", pixels.join(",")),
    };
    let head = row("label", (0..size).map(|i| format!("pixel{i}")).collect());
    let rows = (0..images.count).map(|i| {
        row(
            labels[i],
            images.image(i).iter().map(u8::to_string).collect(),
        )
    });
    let rows: String = rows.collect();
    if header { head + &rows } else { rows }
}

fn is_same(set: &DataSet, images: [&Images; 2]) {
    for (found, images) in [(&set.train, images[0]), (&set.test, images[1])] {
        assert_eq!(found.len(), images.count);
        assert!((0..images.count).all(|i| found.image(i) == images.image(i)));
    }
}

#[test]
fn pixels_a_row() {
    let (train, test) = (noise(1, 12, 28, 28), noise(2, 6, 28, 28));
    let labels: Vec<&str> = (0..12).map(|i| ["4", "0", "9"][i % 3]).collect();
    for (header, is_last) in [(true, false), (false, false), (true, true), (false, true)] {
        let dir = tempfile::tempdir().unwrap();
        put(
            dir.path(),
            "fashion-mnist_train.csv",
            table(&train, &labels, header, is_last),
        );
        put(
            dir.path(),
            "fashion-mnist_test.csv",
            table(&test, &labels, header, is_last),
        );
        let set = good(dir.path(), "mine", Options::default());
        is_same(&set, [&train, &test]);
        assert_eq!(
            (set.train.label(0), set.test.label(2)),
            (4, 9),
            "{header} {is_last}"
        );
        assert_eq!(names(&set), "0 1 2 3 4 5 6 7 8 9");
        assert_eq!(set.understood.kind, SourceKind::CsvPixels);
        let one = good(
            &dir.path().join("fashion-mnist_train.csv"),
            "mine",
            Options::default(),
        );
        assert_eq!(
            (one.train.len(), one.test.len()),
            (9, 3),
            "split by class: 4 of each"
        );
    }
}

#[test]
fn a_table_without_labels_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let images = noise(1, 12, 4, 4);
    let labels: Vec<&str> = (0..12).map(|i| ["0", "1"][i % 2]).collect();
    let whole = table(&images, &labels, true, false);
    let without: String = whole
        .lines()
        .map(|line| format!("{}\n", line.split_once(',').unwrap().1))
        .collect();
    put(dir.path(), "train.csv", whole);
    put(dir.path(), "test.csv", without);
    put(dir.path(), "sample_submission.csv", "id,label\n1,0\n");
    let set = good(dir.path(), "mine", Options::default());
    assert_eq!((set.train.len(), set.test.len()), (10, 2));
    assert_eq!(set.understood.left_out[0].reason, "has no labels");
}

#[test]
fn labels_in_words_floats_and_colours() {
    let dir = tempfile::tempdir().unwrap();
    let images = noise(1, 8, 2, 2);
    let rows = |of: &dyn Fn(u8) -> String| -> String {
        let row = |i: usize| {
            let pixels: Vec<String> = images.image(i).iter().map(|&pixel| of(pixel)).collect();
            format!(
                "{},{}\n",
                ["cat", "dog 2", "dog 10"][i % 3],
                pixels.join(",")
            )
        };
        "class,a,b,c,d\n".to_string() + &(0..8).map(row).collect::<String>()
    };
    put(
        dir.path(),
        "pets.csv",
        rows(&|pixel| format!("{:.6}", f64::from(pixel) / 255.0)),
    );
    let floats = good(dir.path(), "mine", Options::default());
    assert_eq!(names(&floats), "cat dog 2 dog 10");
    assert!(says(&floats.understood.notes, "multiplied by 255"));
    put(dir.path(), "pets.csv", rows(&|pixel| pixel.to_string()));
    let bytes = good(dir.path(), "mine", Options::default());
    assert_eq!(floats.train.image(1), bytes.train.image(1));
    // Three numbers a pixel, beside each other: 1 x 4 pixels are no square, 2 x 2 of three are.
    let colours = (0..4).map(|i| {
        let pixels: Vec<String> = (0..12).map(|p| (20 * p + i).to_string()).collect();
        format!("{},{}\n", pixels.join(","), i % 2)
    });
    put(dir.path(), "pets.csv", colours.collect::<String>());
    let set = good(
        dir.path(),
        "mine",
        Options {
            colours: Colours::Rgb,
            ..Options::default()
        },
    );
    assert_eq!(set.train.size(), [3, 2, 2]);
    assert_eq!(
        set.train.image(0)[..8],
        [0, 60, 120, 180, 20, 80, 140, 200].map(|p| p + set.train.image(0)[0])
    );
    assert_eq!(
        good(dir.path(), "mine", Options::default()).train.size(),
        [1, 2, 2]
    );
}

#[test]
fn paths_a_row() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..8u8 {
        let picture = GrayImage::from_fn(6, 6, |x, y| Luma([i * 20 + (x * y) as u8]));
        std::fs::create_dir_all(dir.path().join("images")).unwrap();
        picture
            .save(dir.path().join(format!("images/{i}.png")))
            .unwrap();
    }
    let row = |i: u8| format!("images/{i}.png,{}\n", ["owl", "cat"][usize::from(i % 2)]);
    let all: String = (0..8).map(row).collect();
    let bad = "images/99.png,owl\n../../etc/passwd,cat\n/etc/passwd,cat\n";
    for header in ["path,label\n", ""] {
        put(dir.path(), "labels.csv", [header, &all, bad].concat());
        let set = good(dir.path(), "mine", Options::default());
        assert_eq!(
            (names(&set).as_str(), set.train.len() + set.test.len()),
            ("cat owl", 8)
        );
        assert_eq!(
            reasons(&set),
            [
                "is not there",
                "leads out of the folder",
                "leads out of the folder"
            ]
        );
    }
    let split: String = (0..8)
        .map(|i| row(i).replace('\n', if i < 5 { ",train\n" } else { ",test\n" }))
        .collect();
    put(
        dir.path(),
        "labels.csv",
        ["file,class,split\n", &split].concat(),
    );
    let set = good(dir.path(), "mine", Options::default());
    assert_eq!(
        (set.train.len(), set.test.len(), set.test.label(0)),
        (5, 3, 0)
    );
    assert_eq!(set.train.image(2)[7], 41);
}

#[test]
fn tables_that_cannot_be_understood() {
    let hint = "a row has a label and the pixels of an image";
    for (text, expect) in [
        ("", "is empty"),
        ("a\n1\n", "has one column"),
        ("1,2,3\n4,5,6\n", "has 2 pixels a row, which is no square"),
        (
            "0,1,2,3,256\n1,1,2,3,4\n",
            "has pixels from 1 to 256: they must be 0 to 255, or 0 to 1",
        ),
        (
            "0,1,2,3,4\n1,1,x,3,4\n",
            "has `x` where a pixel should be (row 2, column 3)",
        ),
        (
            "0,1,2,3,4\n1,1,2,3\n",
            "has a wrong row 2: 4 columns instead of 5",
        ),
        ("label,a,b,c,d\n", "has no row below its header"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let file = put(dir.path(), "table.csv", text);
        check_error(&file, "mine", expect, hint);
    }
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "one.csv", "0,1\n");
    put(dir.path(), "two.csv", "0,1\n");
    check_error(
        dir.path(),
        "mine",
        "more than one table could be meant: one.csv, two.csv",
        "train.csv and test.csv",
    );
}
