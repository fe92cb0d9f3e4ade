//! NumPy's .npz: the archive as it comes; or, when the first byte is odd, an array as it comes in a sound archive,
//! as images or as labels.
#![no_main]

use std::fs;
use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::sync::LazyLock;

use data::{Options, Request, load};
use libfuzzer_sys::fuzz_target;
use zip::write::FileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The file, in memory where the system has such a place.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let parent = if memory.is_dir() { memory } else { std::env::temp_dir() };
    tempfile::tempdir_in(parent).expect("a folder").keep().join("set.npz")
});

/// Four images of 2 x 2, or four labels, as NumPy writes them.
fn sound(shape: &str, bytes: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = (header.len() as u16).to_le_bytes();
    [&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes(), bytes].concat()
}

fn archive(images: &[u8], labels: &[u8]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in [("x_train.npy", images), ("y_train.npy", labels)] {
        let options = FileOptions::default().compression_method(CompressionMethod::Stored);
        archive.start_file(name, options).expect("memory takes it");
        archive.write_all(bytes).expect("memory takes it");
    }
    archive.finish().expect("memory takes it").into_inner()
}

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    let file = match kind % 4 {
        1 => archive(rest, &sound("(4,)", &[0, 1, 0, 1])),
        3 => archive(&sound("(4, 2, 2)", &[7; 16]), rest),
        _ => rest.to_vec(),
    };
    fs::write(&*FILE, &file).expect("written");
    let request = Request { dir: Some(&FILE), options: Options::default(), ..Request::new("mine") };
    if let Ok(set) = load(&request, &mut |_| ()) {
        let length: usize = set.train.size().iter().product();
        assert!(set.train.len() * length <= 1032 * file.len(), "more than deflate can hold");
    }
});
