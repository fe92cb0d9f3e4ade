//! A table: an image or the path of a picture a row.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use data::{Options, Request, load};
use libfuzzer_sys::fuzz_target;

/// The file, in memory where the system has such a place.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let parent = if memory.is_dir() { memory } else { std::env::temp_dir() };
    tempfile::tempdir_in(parent).expect("a folder").keep().join("set.csv")
});

fuzz_target!(|bytes: &[u8]| {
    fs::write(&*FILE, bytes).expect("written");
    let options = Options { threads: 1, ..Options::default() };
    let request = Request { dir: Some(&FILE), options, ..Request::new("mine") };
    if let Ok(set) = load(&request, &mut |_| ()) {
        assert!(set.train.len() + set.test.len() <= bytes.len());
    }
});
