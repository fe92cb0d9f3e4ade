//! Digits that are drawn.

use std::collections::BTreeSet;

use data::audit::Part;
use data::samples::{SIDE, digits};

#[test]
fn a_picture_is_a_function_of_seed_part_and_number() {
    let (images, labels) = digits(30, Part::Training, 1);
    assert_eq!(
        (images.count, images.height, images.width),
        (30, SIDE, SIDE)
    );
    assert_eq!(labels[..12], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
    let (more, _) = digits(50, Part::Training, 1);
    assert_eq!(more.image(29), images.image(29));
    for (part, seed) in [(Part::Test, 1), (Part::Training, 2)] {
        let (others, _) = digits(30, part, seed);
        assert!((0..30).all(|i| others.image(i) != images.image(i)));
    }
}

/// Only operations are used that are the same on every machine: so are the bytes.
#[test]
fn the_same_bytes_on_every_machine() {
    let (images, _) = digits(100, Part::Training, 42);
    assert_eq!(
        images.sha256(),
        "3eda40b116cd30d7f42725fbf692b685d3d2cdaba5ca420ade304c1b9ac8b377"
    );
}

#[test]
fn every_picture_has_ink_within_the_frame_and_none_is_there_twice() {
    let (images, _) = digits(500, Part::Test, 7);
    let mut seen = BTreeSet::new();
    for i in 0..images.count {
        let image = images.image(i);
        let ink = image.iter().filter(|&&pixel| pixel > 100).count();
        assert!(
            (25..260).contains(&ink),
            "picture {i} has {ink} pixels of ink"
        );
        let edge = (0..SIDE).map(|x| image[x].max(image[(SIDE - 1) * SIDE + x]));
        let edge = edge.filter(|&pixel| pixel > 100).count();
        assert!(
            edge < 6,
            "picture {i} is cut off: {edge} pixels at the edge"
        );
        assert!(seen.insert(image.to_vec()), "picture {i}");
    }
}
