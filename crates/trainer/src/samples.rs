//! Data sets that this program draws, written as IDX files.

use std::path::{Path, PathBuf};

use data::audit::Part;
use data::fashion_mnist::FILES;
use data::{idx, samples};

use crate::failure::{Failure, shown};
use crate::run::write;

/// What says of a folder what its files are.
const README: &str = "README.txt";

/// Writes `train` and `test` pictures of digits, drawn by `seed`, to `folder`: four IDX files with MNIST's names, and a
/// text that says what they are. Returns the files.
///
/// # Errors
/// When the folder has other files of these names (exit code 2), or cannot be written.
pub fn digits(
    folder: &Path,
    train: usize,
    test: usize,
    seed: u64,
) -> Result<Vec<PathBuf>, Failure> {
    let (pictures, labels) = samples::digits(train, Part::Training, seed);
    let (test_pictures, test_labels) = samples::digits(test, Part::Test, seed);
    let contents = [
        idx::write_images(&pictures),
        idx::write_labels(&labels),
        idx::write_images(&test_pictures),
        idx::write_labels(&test_labels),
    ];
    let names = FILES.iter().map(|file| file.name);
    let mut files: Vec<(PathBuf, Vec<u8>)> = names
        .zip(contents)
        .map(|(name, bytes)| (folder.join(name), bytes))
        .collect();
    files.push((folder.join(README), about(train, test, seed).into_bytes()));
    for (file, bytes) in &files {
        refuse_other(file, bytes)?;
    }
    std::fs::create_dir_all(folder).map_err(|e| {
        Failure::usage(format!("cannot create {}", shown(folder)))
            .because(e)
            .hint("give a folder that can be written: --out D")
    })?;
    for (file, bytes) in &files {
        write::atomically(file, bytes)?;
    }
    Ok(files.into_iter().map(|(file, _)| file).collect())
}

/// Fails when `file` is there with another content.
fn refuse_other(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let is_other = file.exists() && std::fs::read(file).map_or(true, |found| found != bytes);
    if is_other {
        let message = format!("{} is there already, with other content", shown(file));
        return Err(Failure::usage(message).hint("give another folder: --out D"));
    }
    Ok(())
}

fn about(train: usize, test: usize, seed: u64) -> String {
    format!(
        "Digits drawn by a program, not written by people: {train} training and {test} test images.\n\
         Made by: trainer data sample digits --train {train} --test {test} --seed {seed}\n\
         They are for lessons. They are far more regular than handwriting, so a result on them says nothing about\n\
         MNIST or any other handwriting. The same seed gives the same bytes.\n"
    )
}
