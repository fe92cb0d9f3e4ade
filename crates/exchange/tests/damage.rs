//! No damage makes a reader panic or hang.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use std::fs;
use std::time::{Duration, Instant};

use common::{cases, mutate, small};
use exchange::{Format, Layout, Reading};

/// Mutations that each file of another program gets, and each small one of this.
const MUTATIONS: u64 = 400;
const MUTATIONS_OF_SMALL: u64 = 2000;
/// No file of 50 KB takes as long, on a machine as busy as it may be.
const LONGEST: Duration = Duration::from_secs(10);

#[test]
fn cut_off_or_changed_files_are_errors_or_networks() {
    let mut kinds = 0;
    for file in fs::read_dir(cases()).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if [".json", ".data", ".md"]
            .iter()
            .any(|end| name.ends_with(end))
        {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let folder = cases();
        let reading = Reading {
            folder: Some(&folder),
            ..Reading::default()
        };
        let intact = exchange::read(&bytes, &reading);
        assert_eq!(
            intact.is_ok(),
            name != "k3-norms.weights.h5",
            "{name}: {intact:?}"
        );
        let mut different = 0;
        let check = |bytes: &[u8]| {
            let start = Instant::now();
            let read = exchange::read(bytes, &reading);
            assert!(start.elapsed() < LONGEST, "{name}");
            if let Err(error) = &read {
                assert!(!error.to_string().is_empty() && !error.hint().is_empty());
            }
            read
        };
        for length in (0..bytes.len().min(3000))
            .step_by(7)
            .chain((0..bytes.len()).step_by(997))
        {
            let cut = check(&bytes[..length]);
            assert!(
                cut.is_err()
                    || cut.map(|(_, n)| n.tensors) == intact.clone().map(|(_, n)| n.tensors)
            );
        }
        for seed in 0..MUTATIONS {
            different += u64::from(check(&mutate(&bytes, seed)) != intact);
        }
        assert!(
            different > MUTATIONS / 3,
            "{name}: {different} mutations did anything"
        );
        kinds += 1;
    }
    assert!(kinds >= 20);
}

#[test]
fn our_own_files_cut_off_anywhere_or_changed_are_errors_or_networks() {
    for (name, format) in Format::ALL {
        let bytes = exchange::write(&small(), format, Layout::InOut).unwrap();
        let intact = exchange::read(&bytes, &Reading::default()).unwrap();
        for length in 0..bytes.len() {
            if let Ok((_, cut)) = exchange::read(&bytes[..length], &Reading::default()) {
                // Metadata comes last in an ONNX file, and may be missing.
                let expect = ("onnx", intact.1.tensors.clone());
                assert_eq!((name, cut.tensors), expect, "{length}");
            }
        }
        let mut different = 0;
        for seed in 0..MUTATIONS_OF_SMALL {
            let read = exchange::read(&mutate(&bytes, seed), &Reading::default());
            different += u64::from(read.as_ref() != Ok(&intact));
        }
        assert!(
            different > MUTATIONS_OF_SMALL / 2,
            "{name}: {different} mutations did anything"
        );
    }
}
