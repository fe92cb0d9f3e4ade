//! An IDX file inside gzip: the stream as it comes, behind gzip's two magic bytes; or, when the first
//! byte is odd, content as it comes in a stream that is sound.
#![no_main]

use std::io::Write;
use std::path::Path;

use data::idx::{parse_images, parse_labels};
use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    let file = if kind % 2 == 0 {
        [&[0x1f, 0x8b], rest].concat()
    } else {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(rest).expect("memory takes it");
        gzip.finish().expect("memory takes it")
    };
    let length = file.len() as u64;
    if let Ok(images) = parse_images(Path::new("images.gz"), &file[..], length) {
        let size = images.height * images.width;
        assert_eq!(images.pixels.len(), images.count * size);
    }
    let _ = parse_labels(Path::new("labels.gz"), &file[..], length);
});
