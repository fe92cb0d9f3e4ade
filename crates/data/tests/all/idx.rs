use std::path::Path;

use data::fashion_mnist::FILES;
use data::idx::{
    labels_sha256, parse_images, parse_labels, read_images, read_labels, write_images, write_labels,
};

use crate::{gzip, images, package};

#[derive(Clone, Copy, Debug)]
enum Kind {
    Images,
    Labels,
}
use Kind::{Images as I, Labels as L};

/// Big-endian words, then bytes.
fn file(words: &[u32], bytes: &[u8]) -> Vec<u8> {
    words
        .iter()
        .flat_map(|word| word.to_be_bytes())
        .chain(bytes.iter().copied())
        .collect()
}

/// Returns the error for `bytes`, or "ok".
fn parse(kind: Kind, bytes: &[u8]) -> String {
    let (name, length) = (Path::new("file"), bytes.len() as u64);
    let error = match kind {
        I => parse_images(name, bytes, length).err(),
        L => parse_labels(name, bytes, length).err(),
    };
    error.map_or("ok".into(), |error| error.to_string())
}

fn cut(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    bytes.truncate(at);
    bytes
}

fn flip(mut bytes: Vec<u8>, from_the_end: usize) -> Vec<u8> {
    let at = bytes.len() - from_the_end;
    bytes[at] ^= 1;
    bytes
}

#[test]
fn bad_files_name_field_and_offset() {
    let good = file(&[0x803, 2, 2, 3], &[7; 12]);
    let labels = file(&[0x801, 3], &[1, 2, 3]);
    let max = u32::MAX;
    let cases: Vec<(Kind, Vec<u8>, &str)> = vec![
        (I, good.clone(), "ok"),
        (L, labels.clone(), "ok"),
        (I, gzip(&good), "ok"),
        (L, gzip(&labels), "ok"),
        (
            I,
            vec![],
            "file: magic at byte 0 is cut off: the content ends after 0 bytes",
        ),
        (L, vec![], "magic at byte 0 is cut off"),
        (
            I,
            vec![0x1f],
            "magic at byte 0 is cut off: the content ends after 1 bytes",
        ),
        (
            I,
            vec![0x1f, 0x8b],
            "magic at byte 0 cannot be decompressed",
        ),
        (
            I,
            b"not an IDX file at all".to_vec(),
            "magic at byte 0 is 0x6e6f7420, expected 0x00000803 (this is not an IDX file of bytes)",
        ),
        (
            I,
            labels.clone(),
            "file: magic at byte 0 is 0x00000801, expected 0x00000803 (this is a label file)",
        ),
        (
            L,
            good.clone(),
            "magic at byte 0 is 0x00000803, expected 0x00000801 (this is an image file)",
        ),
        (
            I,
            file(&[0x0308, 1, 1, 1], &[1]),
            "magic at byte 0 is 0x00000308",
        ),
        (I, gzip(&labels), "magic at byte 0 is 0x00000801"),
        (I, gzip(&gzip(&good)), "magic at byte 0 is 0x1f8b08"),
        (
            I,
            cut(good.clone(), 3),
            "magic at byte 0 is cut off: the content ends after 3 bytes",
        ),
        (
            I,
            cut(good.clone(), 4),
            "count at byte 4 is cut off: the content ends after 4 bytes",
        ),
        (
            I,
            cut(good.clone(), 11),
            "height at byte 8 is cut off: the content ends after 11 bytes",
        ),
        (
            I,
            cut(good.clone(), 14),
            "width at byte 12 is cut off: the content ends after 14 bytes",
        ),
        (L, cut(labels.clone(), 6), "count at byte 4 is cut off"),
        (
            I,
            gzip(&good[..10]),
            "height at byte 8 is cut off: the content ends after 10 bytes",
        ),
        (
            I,
            cut(good.clone(), 16),
            "pixels at byte 16 should be 2 x 2 x 3 bytes, 12 are missing",
        ),
        (
            I,
            cut(good.clone(), 27),
            "pixels at byte 16 should be 2 x 2 x 3 bytes, 1 are missing",
        ),
        (
            L,
            cut(labels.clone(), 10),
            "labels at byte 8 should be 3 bytes, 1 are missing",
        ),
        (
            I,
            [good.clone(), vec![0]].concat(),
            "pixels at byte 16 should be 2 x 2 x 3 bytes, 1 more follow",
        ),
        (
            L,
            [labels.clone(), vec![0; 9]].concat(),
            "labels at byte 8 should be 3 bytes, 9 more follow",
        ),
        (
            I,
            gzip(&good[..20]),
            "pixels at byte 16 should be 2 x 2 x 3 bytes, 8 are missing",
        ),
        (
            I,
            gzip(&[good.clone(), vec![0]].concat()),
            "pixels at byte 16 should be 2 x 2 x 3 bytes, more follow",
        ),
        (I, file(&[0x803, 0, 28, 28], &[]), "count at byte 4 is 0"),
        (I, file(&[0x803, 1, 0, 28], &[]), "height at byte 8 is 0"),
        (I, file(&[0x803, 1, 28, 0], &[]), "width at byte 12 is 0"),
        (L, file(&[0x801, 0], &[]), "count at byte 4 is 0"),
        (
            I,
            file(&[0x803, max, max, max], &[1]),
            "pixels at byte 16 claim 4294967295 x 4294967295 x 4294967295 bytes, more than memory can hold",
        ),
        (
            I,
            file(&[0x803, 1 << 31, 1 << 31, 4], &[1]),
            "more than memory can hold",
        ),
        (
            I,
            file(&[0x803, 1 << 31, 1 << 31, 2], &[1]),
            "more than memory can hold",
        ),
        (
            I,
            file(&[0x803, max, 1, 1], &[1]),
            "pixels at byte 16 should be 4294967295 x 1 x 1 bytes, 4294967294 are missing",
        ),
        (
            L,
            file(&[0x801, max], &[1]),
            "labels at byte 8 should be 4294967295 bytes, 4294967294 are missing",
        ),
        (I, gzip(&file(&[0x803, max, 28, 28], &[1])), "bytes, which"), // about 30 bytes, as if 3 TB
        (
            I,
            gzip(&file(&[0x803, 1, 1024, 1024], &[1])),
            "compressed bytes cannot hold",
        ),
        (
            L,
            gzip(&file(&[0x801, max], &[1])),
            "labels at byte 8 claim 4294967295 bytes, which",
        ),
        // A true bomb: a megabyte of zeros where four bytes should be.
        (
            L,
            gzip(&file(&[0x801, 4], &vec![0; 1 << 20])),
            "labels at byte 8 should be 4 bytes, more follow",
        ),
        (
            I,
            cut(gzip(&good), gzip(&good).len() - 4),
            "pixels at byte 16 cannot be decompressed",
        ),
        (
            I,
            cut(gzip(&good), gzip(&good).len() - 9),
            "cannot be decompressed",
        ),
        (
            I,
            flip(gzip(&good), 8),
            "pixels at byte 16 cannot be decompressed: corrupt gzip stream does not have a matching checksum",
        ), // CRC
        (
            I,
            flip(gzip(&good), 4),
            "pixels at byte 16 cannot be decompressed",
        ), // length
        (
            L,
            flip(gzip(&labels), 7),
            "labels at byte 8 cannot be decompressed",
        ),
        (
            I,
            [gzip(&good), b"tail".to_vec()].concat(),
            "pixels at byte 16 cannot be decompressed",
        ),
    ];
    for (kind, bytes, expect) in cases {
        let found = parse(kind, &bytes);
        assert!(
            found.contains(expect),
            "{kind:?} {bytes:02x?}\nfound:    {found}\nexpected: {expect}"
        );
    }
}

/// Whatever one changed or missing byte does, it must not panic or be taken for the original.
#[test]
fn every_single_damage_is_survived() {
    let images = images(3, 4, 5);
    let name = Path::new("file");
    for original in [write_images(&images), gzip(&write_images(&images))] {
        for at in 0..original.len() {
            let length = original.len() as u64;
            parse_images(name, &original[..at], at as u64).unwrap_err();
            // The disk says one length and gives another.
            parse_images(name, &original[..at], length).unwrap_err();
            for bit in 0..8 {
                let mut bytes = original.clone();
                bytes[at] ^= 1 << bit;
                let _ = parse_images(name, &bytes[..], length);
                let _ = parse_labels(name, &bytes[..], length);
            }
        }
    }
}

#[test]
fn round_trip() {
    let dir = tempfile::tempdir().unwrap();
    let (plain, packed) = (dir.path().join("plain"), dir.path().join("packed"));
    for (count, height, width) in [(1, 1, 1), (3, 4, 5), (10, 28, 28), (2, 1, 300)] {
        let images = images(count, height, width);
        let bytes = write_images(&images);
        std::fs::write(&plain, &bytes).unwrap();
        std::fs::write(&packed, gzip(&bytes)).unwrap();
        assert_eq!(read_images(&plain).unwrap(), images);
        assert_eq!(read_images(&packed).unwrap(), images);
        assert_eq!(images.image(count - 1).len(), height * width);

        let labels: Vec<u8> = (0..count as u8).collect();
        std::fs::write(&plain, write_labels(&labels)).unwrap();
        std::fs::write(&packed, gzip(&write_labels(&labels))).unwrap();
        assert_eq!(read_labels(&plain).unwrap(), labels);
        assert_eq!(read_labels(&packed).unwrap(), labels);
    }
}

#[test]
fn not_a_regular_file() {
    for (path, expect) in [
        ("/", "cannot be read: not a regular file"),
        ("/dev/zero", "/dev/zero: cannot be read: not a regular file"),
        ("/no/such/file", "/no/such/file: cannot be read"),
    ] {
        let found = read_images(Path::new(path)).unwrap_err().to_string();
        assert!(found.contains(expect), "{found}");
    }
}

#[test]
fn the_package_has_the_published_files() {
    let path = |i: usize| package().join(format!("{}.gz", FILES[i].name));
    for i in [0, 2] {
        let images = read_images(&path(i)).unwrap();
        assert_eq!((images.height, images.width), (28, 28));
        assert_eq!(images.pixels.len() as u64 + 16, FILES[i].bytes);
        assert_eq!(images.sha256(), FILES[i].sha256);
    }
    for i in [1, 3] {
        let labels = read_labels(&path(i)).unwrap();
        assert_eq!(labels.len() as u64 + 8, FILES[i].bytes);
        assert_eq!(labels_sha256(&labels), FILES[i].sha256);
    }
}
