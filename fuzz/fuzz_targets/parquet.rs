//! Parquet: the file as it comes; or, when the first byte is odd, what comes between the marks of a file, with its
//! length behind: all of it is the description, and pages may lie anywhere in it.
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
    tempfile::tempdir_in(parent).expect("a folder").keep().join("set.parquet")
});

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    let length = (rest.len() as u32).to_le_bytes();
    let file = if kind % 2 == 1 { [b"PAR1", rest, &length, b"PAR1"].concat() } else { rest.to_vec() };
    fs::write(&*FILE, &file).expect("written");
    // Pictures of a size of their own are taken as they are: fitting them is another target's.
    let options = Options { threads: 1, size: Some([4, 6]), ..Options::default() };
    let request = Request { dir: Some(&FILE), options, ..Request::new("mine") };
    if let Ok(set) = load(&request, &mut |_| ()) {
        assert!(set.train.len() + set.test.len() <= file.len());
    }
});
