//! Damaged tables and archives: thousands of copies each, and claims that cannot be true.

use std::path::Path;

use data::Options;
use zip::CompressionMethod;

use crate::mutations::{overwrite, survive, without_time_or_memory};
use crate::npz::{npy, npz};
use crate::{noise, read};

/// Reads a file as a data set; what is read must fit together.
fn as_data(file: &Path, bytes: &[u8]) -> Result<(), String> {
    overwrite(file, bytes);
    let found = read(file, "mine", Options::default());
    let set = found.map_err(|error| {
        assert!(!error.hint().is_empty());
        error
            .to_string()
            .replace(file.parent().unwrap().to_str().unwrap(), "")
    })?;
    let length = set.train.size().iter().product::<usize>();
    assert!((0..set.train.len()).all(|i| set.train.image(i).len() == length));
    assert!((0..set.test.len()).all(|i| usize::from(set.test.label(i)) < set.class_names.len()));
    Ok(())
}

fn arrays() -> Vec<(&'static str, Vec<u8>)> {
    let labels = [0, 1, 0, 1, 0, 1];
    vec![
        ("x_train", npy("|u1", &[6, 4, 4], &noise(1, 6, 4, 4).pixels)),
        ("y_train", npy("|u1", &[6], &labels)),
    ]
}

#[test]
fn damaged_archives() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("set.npz");
    for (name, method) in [
        ("npz, stored", CompressionMethod::Stored),
        ("npz", CompressionMethod::Deflated),
    ] {
        survive(name, &npz(&arrays(), method), |bytes| as_data(&file, bytes));
    }
}

#[test]
fn damaged_arrays_in_sound_archives() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("set.npz");
    let mut all = arrays();
    let good = all[0].1.clone();
    survive("npy", &good, |bytes| {
        all[0].1 = bytes.to_vec();
        as_data(&file, &npz(&all, CompressionMethod::Stored))
    });
}

#[test]
fn damaged_tables() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("set.csv");
    let images = noise(1, 6, 3, 3);
    let row = |i: usize| {
        let pixels: Vec<String> = images.image(i).iter().map(u8::to_string).collect();
        format!("{},{}\n", i % 2, pixels.join(","))
    };
    let table = "label,a,b,c,d,e,f,g,h,i\n".to_string() + &(0..6).map(row).collect::<String>();
    let accepted = survive("CSV", table.as_bytes(), |bytes| as_data(&file, bytes));
    assert!(accepted > 100, "another number is a number");
    survive(
        "CSV of paths",
        b"path,label\na.png,1\nb.png,2\nc.png,1\n",
        |bytes| as_data(&file, bytes),
    );
}

#[cfg(feature = "parquet")]
#[test]
fn damaged_parquet() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("set.parquet");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parquet");
    for name in ["snappy", "lz4", "gzip", "second"] {
        let good = std::fs::read(fixtures.join(format!("{name}.parquet"))).unwrap();
        survive(name, &good, |bytes| as_data(&file, bytes));
    }
}

/// Small files that claim a lot, or unpack to a lot: refused before memory is taken.
#[test]
fn claims_that_cannot_be_true_are_refused_at_once() {
    without_time_or_memory(|| {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("set.npz");
        let labels = || ("y", npy("|u1", &[2], &[0, 1]));
        let bomb = [npy("|u1", &[2, 2, 2], &[7; 8]), vec![0; 256 << 20]].concat();
        for images in [
            npy("|u1", &[usize::MAX, 2, 2], &[7; 8]),
            npy("|u1", &[1 << 40, 28, 28], &[7; 8]),
            npy("<f8", &[1 << 61, 1, 1], &[7; 8]),
            bomb,
        ] {
            let bytes = npz(&[("x", images), labels()], CompressionMethod::Deflated);
            let text = as_data(&file, &bytes).unwrap_err();
            assert!(
                text.contains("claims [") || text.contains("cannot be understood"),
                "{text}"
            );
        }
    });
}
