//! Images of three channels in batches.

use data::{Augmentation, Batches, Colours, ImageDataset, Images, Options};

use crate::{USUAL, good, noise, small};

#[test]
fn three_channels_are_moved_alike() {
    let grey = noise(1, 6, 5, 4);
    let coloured: Vec<u8> = (0..6).flat_map(|i| grey.image(i).repeat(3)).collect();
    let one = ImageDataset::new(grey, vec![0; 6], 1).unwrap();
    let three = ImageDataset::of_size(coloured, [3, 5, 4], vec![0; 6], 1).unwrap();
    let fill = |images: ImageDataset| {
        let batches = Batches::shuffled(images, 6, 1).augmented(Augmentation {
            shift: 2,
            ..Augmentation::default()
        });
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        batches.epoch(0).fill(0..6, &mut pixels, &mut labels);
        pixels
    };
    let (one, three) = (fill(one), fill(three));
    let images = one.chunks(20).zip(three.chunks(60));
    assert!(
        images
            .clone()
            .all(|(grey, colours)| colours.chunks(20).all(|plane| plane == grey))
    );
    assert_eq!(images.count(), 6);
}

#[test]
fn grey_files_in_colour() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path(), USUAL, [&[0, 1], &[0, 1]]);
    let grey = good(
        dir.path(),
        "mine",
        Options {
            colours: Colours::Auto,
            ..Options::default()
        },
    );
    let rgb = good(
        dir.path(),
        "mine",
        Options {
            colours: Colours::Rgb,
            ..Options::default()
        },
    );
    assert_eq!(
        (grey.train.size(), rgb.train.size()),
        ([1, 4, 4], [3, 4, 4])
    );
    assert_eq!(grey.train.image(1).repeat(3), rgb.train.image(1));
}

#[test]
fn pixels_must_fit_the_size() {
    let error = ImageDataset::of_size(vec![0; 23], [3, 2, 2], vec![0; 2], 1).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("2 images of 2 x 2 cannot have 23 bytes"),
        "{error}"
    );
    let empty = Images {
        count: 0,
        height: 0,
        width: 0,
        pixels: vec![],
    };
    assert!(ImageDataset::new(empty, vec![], 1).unwrap().is_empty());
}
