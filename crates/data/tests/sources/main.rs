//! Tests of what a path may hold, without Burn and without a download. `main.rs` has what several of them need.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has found something, and says where"
)]

mod audit;
mod class_folders;
mod colours;
mod csv_files;
mod damage;
mod idx_files;
mod imports;
#[path = "../mutations/mod.rs"]
mod mutations;
mod npz;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(not(feature = "parquet"))]
mod parquet_left_out;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use data::idx::{write_images, write_labels};
use data::{DataSet, Images, Options, Progress, Request, SourceError, load};
use flate2::{Compression, write::GzEncoder};

/// The names of the four files.
pub const USUAL: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// Returns bytes packed.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Images of noise, so that no two are equal and the whole range is used.
pub fn noise(seed: u64, count: usize, height: usize, width: usize) -> Images {
    let mut chance = mutations::Chance(seed);
    let pixels = (0..count * height * width)
        .map(|_| chance.number() as u8)
        .collect();
    Images {
        count,
        height,
        width,
        pixels,
    }
}

/// Writes the four files; those whose name ends in .gz are packed.
pub fn four(dir: &Path, names: [&str; 4], images: [&Images; 2], labels: [&[u8]; 2]) {
    fs::create_dir_all(dir).unwrap();
    let contents = [
        write_images(images[0]),
        write_labels(labels[0]),
        write_images(images[1]),
        write_labels(labels[1]),
    ];
    for (name, bytes) in names.iter().zip(contents) {
        let bytes = if name.ends_with(".gz") {
            gzip(&bytes)
        } else {
            bytes
        };
        fs::write(dir.join(name), bytes).unwrap();
    }
}

/// Writes a small set of 4 x 4 noise under these names.
pub fn small(dir: &Path, names: [&str; 4], labels: [&[u8]; 2]) {
    let images = [
        noise(1, labels[0].len(), 4, 4),
        noise(2, labels[1].len(), 4, 4),
    ];
    four(dir, names, [&images[0], &images[1]], labels);
}

/// Writes a file, with its folders.
pub fn put(dir: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

/// Returns the data set at a path.
pub fn read(path: &Path, name: &str, options: Options) -> Result<DataSet, SourceError> {
    let request = Request {
        dir: Some(path),
        options,
        ..Request::new(name)
    };
    load(&request, &mut |at| {
        assert!(matches!(at, Progress::Pictures { .. }), "no download");
    })
}

/// Returns the data set at a path that has one.
pub fn good(path: &Path, name: &str, options: Options) -> DataSet {
    read(path, name, options).unwrap_or_else(|error| panic!("{error}\n{}", error.hint()))
}

/// Checks the error of a path, and its hint.
pub fn check_error(path: &Path, name: &str, expect: &str, hint: &str) {
    let error = read(path, name, Options::default()).unwrap_err();
    assert!(
        error.to_string().contains(expect),
        "{error}\nexpected: {expect}"
    );
    assert!(
        error.hint().contains(hint),
        "{}\nexpected: {hint}",
        error.hint()
    );
}

/// Whether one of the lines contains the text.
pub fn says(lines: &[String], text: &str) -> bool {
    lines.iter().any(|line| line.contains(text))
}

/// Returns the names of the classes in one line.
pub fn names(set: &DataSet) -> String {
    set.class_names.join(" ")
}

/// Returns why each file that was not read was left out.
pub fn reasons(set: &data::DataSet) -> Vec<&str> {
    let left_out = set.understood.left_out.iter();
    left_out.map(|left| left.reason.as_str()).collect()
}
