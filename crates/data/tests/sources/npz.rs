//! NumPy's .npz, as Keras, MedMNIST and others have it.

use std::io::{Cursor, Write};
use std::path::Path;

use data::{Colours, Options};
use zip::write::FileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::{check_error, good, names, noise, put, says};

/// An array as NumPy writes it.
pub fn npy(dtype: &str, shape: &[usize], bytes: &[u8]) -> Vec<u8> {
    let sides: String = shape.iter().map(|side| format!("{side}, ")).collect();
    let mut header =
        format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': ({sides}), }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let length = (header.len() as u16).to_le_bytes();
    [&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes(), bytes].concat()
}

pub fn npz(arrays: &[(&str, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in arrays {
        let options = FileOptions::default().compression_method(method);
        archive.start_file(format!("{name}.npy"), options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn deflated(dir: &Path, arrays: &[(&str, Vec<u8>)]) {
    put(dir, "set.npz", npz(arrays, CompressionMethod::Deflated));
}

const LABELS: [u8; 6] = [0, 1, 2, 0, 1, 2];

#[test]
fn keras_and_medmnist() {
    let (train, test) = (noise(1, 6, 5, 4), noise(2, 6, 5, 4));
    let images = |images: &data::Images| npy("|u1", &[6, 5, 4], &images.pixels);
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let dir = tempfile::tempdir().unwrap();
        let keras = [
            ("x_train", images(&train)),
            ("y_train", npy("|u1", &[6], &LABELS)),
            ("x_test", images(&test)),
            ("y_test", npy("|u1", &[6], &LABELS)),
        ];
        let file = put(dir.path(), "mnist.npz", npz(&keras, method));
        for path in [dir.path(), &file] {
            let set = good(path, "mine", Options::default());
            assert!((0..6).all(
                |i| set.train.image(i) == train.image(i) && set.test.image(i) == test.image(i)
            ));
            assert_eq!((set.train.label(5), names(&set).as_str()), (2, "0 1 2"));
            assert_eq!(set.files[0].sha256, train.sha256());
        }
    }
    // MedMNIST: labels [count, 1], a validation part, often in colour.
    let dir = tempfile::tempdir().unwrap();
    let coloured: Vec<u8> = (0..2 * 4 * 3).map(|i| i * 10).collect();
    let part = |what: &str| match what {
        "images" => npy("|u1", &[2, 2, 2, 3], &coloured),
        _ => npy(
            "<i8",
            &[2, 1],
            &[0u64.to_le_bytes(), 1u64.to_le_bytes()].concat(),
        ),
    };
    let arrays: Vec<(String, Vec<u8>)> = ["train", "val", "test"]
        .iter()
        .flat_map(|split| ["images", "labels"].map(|what| (format!("{split}_{what}"), part(what))))
        .collect();
    let arrays: Vec<(&str, Vec<u8>)> = arrays
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.clone()))
        .collect();
    deflated(dir.path(), &arrays);
    let set = good(
        dir.path(),
        "mine",
        Options {
            colours: Colours::Auto,
            ..Options::default()
        },
    );
    assert_eq!(
        (set.train.size(), set.validation.unwrap().len()),
        ([3, 2, 2], 2)
    );
    assert_eq!(
        set.train.image(0),
        [0, 30, 60, 90, 10, 40, 70, 100, 20, 50, 80, 110]
    );
    assert_eq!(set.train.label(1), 1);
    let grey = good(dir.path(), "mine", Options::default());
    // 0.2126 * 0 + 0.7152 * 10 + 0.0722 * 20
    assert_eq!((grey.train.size(), grey.train.image(0)[0]), ([1, 2, 2], 9));
}

/// The same images in every type and shape that means them.
#[test]
fn types_and_shapes() {
    let train = noise(1, 6, 4, 4);
    let floats = |scale: f32| -> Vec<u8> {
        train
            .pixels
            .iter()
            .flat_map(|&pixel| (f32::from(pixel) / scale).to_le_bytes())
            .collect()
    };
    let wide = |big: bool| -> Vec<u8> {
        let bytes = |pixel: u8| {
            if big {
                i32::from(pixel).to_be_bytes()
            } else {
                i32::from(pixel).to_le_bytes()
            }
        };
        train
            .pixels
            .iter()
            .flat_map(|&pixel| bytes(pixel))
            .collect()
    };
    let doubles: Vec<u8> = train
        .pixels
        .iter()
        .flat_map(|&pixel| f64::from(pixel).to_le_bytes())
        .collect();
    let one_hot: Vec<u8> = LABELS
        .iter()
        .flat_map(|&label| (0..3).map(move |class| u8::from(class == label)))
        .collect();
    for (dtype, shape, bytes) in [
        ("|u1", &[6, 4, 4][..], train.pixels.clone()),
        ("|u1", &[6, 16], train.pixels.clone()),
        ("|u1", &[6, 4, 4, 1], train.pixels.clone()),
        ("|u1", &[6, 1, 4, 4], train.pixels.clone()),
        ("<f4", &[6, 4, 4], floats(255.0)),
        ("<f4", &[6, 4, 4], floats(1.0)),
        ("<f8", &[6, 4, 4], doubles),
        ("<i4", &[6, 4, 4], wide(false)),
        (">i4", &[6, 4, 4], wide(true)),
    ] {
        for labels in [npy("|u1", &[6], &LABELS), npy("|b1", &[6, 3], &one_hot)] {
            let dir = tempfile::tempdir().unwrap();
            deflated(
                dir.path(),
                &[
                    ("images", npy(dtype, shape, &bytes)),
                    ("labels", labels),
                    ("about", npy("|u1", &[1], &[0])),
                ],
            );
            let options = Options {
                test_share: 0.5,
                ..Options::default()
            };
            let set = good(dir.path(), "mine", options);
            assert_eq!(
                (set.train.label_counts(), set.test.label_counts()),
                (vec![1; 3], vec![1; 3])
            );
            let is_there = |image: &[u8]| (0..6).any(|i| train.image(i) == image);
            assert!(
                (0..3).all(|i| is_there(set.train.image(i))),
                "{dtype} {shape:?}"
            );
            assert_eq!(set.understood.left_out.len(), 1);
            assert_eq!(
                says(&set.understood.notes, "multiplied by 255"),
                bytes == floats(255.0)
            );
        }
    }
}

/// Names and contents.
type Arrays = Vec<(&'static str, Vec<u8>)>;

#[test]
fn archives_that_cannot_be_used() {
    let images = || npy("|u1", &[2, 2, 2], &[7; 8]);
    let labels = |bytes: &[u8]| npy("|u1", &[bytes.len()], bytes);
    let cases: Vec<(Arrays, &str)> = vec![
        (vec![], "has no arrays of images and labels to train on"),
        (
            vec![("x_train", images())],
            "has x_train.npy without its other half",
        ),
        (
            vec![("x", images()), ("y", labels(&[0]))],
            "y.npy: has the shape [1] for 2 images",
        ),
        (
            vec![("x", npy("|u1", &[2, 3], &[7; 6])), ("y", labels(&[0, 1]))],
            "x.npy: has the shape [2, 3], which is none of images",
        ),
        (
            vec![
                ("x", npy("|u1", &[2, 2, 9], &[7; 8])),
                ("y", labels(&[0, 1])),
            ],
            "x.npy: claims [2, 2, 9] numbers, and has 136 bytes",
        ),
        (
            vec![
                ("x", npy("<f2", &[2, 2, 2], &[7; 16])),
                ("y", labels(&[0, 1])),
            ],
            "x.npy: has numbers of the type f2: save them as uint8",
        ),
        (
            vec![
                ("x", npy("<i2", &[2, 2, 2], &[7; 16])),
                ("y", labels(&[0, 1])),
            ],
            "x.npy: has pixels from 0 to 1799",
        ),
        (
            vec![
                ("x", npy("<f4", &[2, 1, 1], &[0, 0, 192, 127, 0, 0, 0, 0])),
                ("y", labels(&[0, 1])),
            ],
            "numbers that are not finite",
        ),
        (
            vec![
                ("x", b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec()),
                ("y", labels(&[0, 1])),
            ],
            "x.npy: has a header of 4294967295 bytes",
        ),
        (
            vec![
                ("x", images()),
                ("y", npy("|u1", &[2, 3], &[1, 1, 0, 0, 1, 0])),
            ],
            "labels of several classes an image",
        ),
        (
            vec![("x", images()), ("y", npy("|i1", &[2], &[255, 0]))],
            "y.npy: has the label -1: 0 to 255 are read",
        ),
    ];
    for (arrays, expect) in cases {
        let dir = tempfile::tempdir().unwrap();
        deflated(dir.path(), &arrays);
        check_error(dir.path(), "mine", expect, "numpy.savez(file, x_train=");
    }
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "a.npz", b"PK\x03\x04");
    put(dir.path(), "b.npz", b"PK\x03\x04");
    check_error(
        dir.path(),
        "mine",
        "more than one archive could be meant: a.npz, b.npz",
        "numpy.savez",
    );
    check_error(dir.path(), "b", "b.npz: cannot be read: ", "numpy.savez");
}
