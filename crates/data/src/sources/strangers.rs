//! Files that are not what their name says, known by their first bytes.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// What a file is.
pub(crate) struct Stranger {
    /// In words, and what to do about it.
    pub what: &'static str,
}

/// First bytes, and what begins with them. Text is compared in lower case.
const KNOWN: [(&[u8], &str); 16] = [
    (b"<!do", "a web page: the address it came from is gone"),
    (b"<htm", "a web page: the address it came from is gone"),
    (b"<?xm", "XML: the answer of a server whose file is gone"),
    (b"pk\x03\x04", "a zip archive: unpack it"),
    (b"\x1f\x8b", "packed twice with gzip: unpack it once"),
    (b"bzh", "packed with bzip2: unpack it"),
    (b"\xfd7zxz", "packed with xz: unpack it"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it"),
    (b"rar!", "a RAR archive: unpack it"),
    (b"\x89hdf", "an HDF5 file: save its arrays as .npz"),
    (
        b"\x93numpy",
        "one array of NumPy: save images and labels together as .npz",
    ),
    (
        b"version https://git-lfs",
        "a pointer of Git LFS: run `git lfs pull`",
    ),
    (b"%pdf", "a PDF"),
    (
        b"par1",
        "a Parquet file: name it, or its folder, as the data",
    ),
    (b"\x89png", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
];

/// Returns what begins with `bytes`, if that is known.
pub(crate) fn describe(bytes: &[u8]) -> Option<Stranger> {
    let start = bytes.trim_ascii_start().to_ascii_lowercase();
    let known = KNOWN.iter().find(|(known, _)| start.starts_with(known));
    known.map(|&(_, what)| Stranger { what })
}

/// Returns the first bytes of a regular file; none where it cannot be read.
pub(crate) fn start(file: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    if file.is_file()
        && let Ok(opened) = File::open(file)
    {
        let _ = opened.take(64).read_to_end(&mut bytes); // what there is, is looked at
    }
    bytes
}

/// Returns whether a file has this extension, in any case.
pub(crate) fn has_extension(file: &Path, extension: &str) -> bool {
    file.extension()
        .is_some_and(|found| found.eq_ignore_ascii_case(extension))
}
