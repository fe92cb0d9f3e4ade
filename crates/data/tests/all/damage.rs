//! Damaged files of every format that is read here: thousands of copies each, and claims that cannot
//! be true.

use std::path::Path;

use data::idx::{parse_images, parse_labels, write_images, write_labels};

use crate::mutations::{Chance, survive, without_time_or_memory};
use crate::{gzip, images};

/// Reads `bytes` as images; what is read must fit together.
fn as_images(bytes: &[u8]) -> Result<(), String> {
    let found = parse_images(Path::new("file"), bytes, bytes.len() as u64);
    let images = found.map_err(|error| error.to_string())?;
    assert_eq!(
        images.pixels.len(),
        images.count * images.height * images.width
    );
    assert!(!images.pixels.is_empty());
    Ok(())
}

/// Reads `bytes` as labels; there must be some, and no more than the file can hold.
fn as_labels(bytes: &[u8]) -> Result<(), String> {
    let found = parse_labels(Path::new("file"), bytes, bytes.len() as u64);
    let labels = found.map_err(|error| error.to_string())?;
    assert!(!labels.is_empty());
    Ok(())
}

fn labels() -> Vec<u8> {
    let labels: Vec<u8> = (0..4500).map(|i| (i % 10) as u8).collect();
    write_labels(&labels)
}

#[test]
fn idx_images() {
    survive("IDX images", &write_images(&images(6, 28, 28)), as_images);
}

#[test]
fn idx_labels() {
    survive("IDX labels", &labels(), as_labels);
}

/// What gzip gives back is not the file: its checksum has to be right at the end.
#[test]
fn idx_in_gzip() {
    let mut chance = Chance(1);
    let mut noise = images(6, 28, 28);
    noise
        .pixels
        .iter_mut()
        .for_each(|pixel| *pixel = chance.number() as u8); // hard to compress
    let original = write_images(&noise);
    let accepted = survive("IDX in gzip", &gzip(&original), |bytes| {
        let found = parse_images(Path::new("file"), bytes, bytes.len() as u64);
        found
            .map(|images| assert!(images == noise))
            .map_err(|error| error.to_string())
    });
    assert!(
        accepted > 0,
        "gzip's header has bytes that nothing depends on"
    );
    survive("IDX damaged, then in gzip", &original, |bytes| {
        as_images(&gzip(bytes))
    });
}

/// Headers that claim more than there is, up to the most they can say: refused before memory is taken.
#[test]
fn claims_that_cannot_be_true_are_refused_at_once() {
    let most = u32::MAX.to_be_bytes();
    let claim = |magic: u32, words: usize, rest: &[u8]| {
        let mut file = magic.to_be_bytes().to_vec();
        file.extend(most.repeat(words));
        file.extend(rest);
        file
    };
    // So much noise could, were it gzip's best case, be 2^32 labels; it ends after four million.
    let mut chance = Chance(3);
    let incompressible: Vec<u8> = (0..4_200_000).map(|_| chance.number() as u8).collect();
    without_time_or_memory(|| {
        for (bytes, read) in [
            (claim(0x803, 3, &[0; 64]), as_images as fn(&[u8]) -> _),
            (gzip(&claim(0x803, 3, &[0; 64])), as_images),
            (gzip(&claim(0x803, 3, &vec![0; 64 << 20])), as_images),
            (claim(0x801, 1, &[0; 64]), as_labels),
            (gzip(&claim(0x801, 1, &vec![0; 64 << 20])), as_labels),
            (gzip(&claim(0x801, 1, &incompressible)), as_labels),
            // A bomb behind four labels: nobody waits for its end.
            (
                gzip(&[&[0, 0, 8, 1, 0, 0, 0, 4][..], &vec![0; 256 << 20]].concat()),
                as_labels,
            ),
        ] {
            let text: Result<(), String> = read(&bytes);
            let text = text.unwrap_err();
            assert!(
                text.contains("claim") || text.contains("should be"),
                "{text}"
            );
        }
    });
}
