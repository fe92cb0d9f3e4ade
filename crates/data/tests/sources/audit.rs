//! What an audit finds: duplicates and odd images.

use data::audit::{Part, Place, duplicates, oddities};
use data::{Images, Options};

use crate::{USUAL, four, good, noise, put};

fn place(part: Part, index: usize) -> Place {
    Place { part, index }
}

/// Returns images that are unlike each other: noise, coarse enough to be seen on a grid.
fn coarse(seed: u64, count: usize) -> Images {
    let small = noise(seed, count, 7, 7);
    let pixel = |at: usize| {
        let (i, y, x) = (at / 784, at % 784 / 28, at % 28);
        small.image(i)[y / 4 * 7 + x / 4]
    };
    Images {
        count,
        height: 28,
        width: 28,
        pixels: (0..count * 784).map(pixel).collect(),
    }
}

/// Writes `from` over image `to`, each pixel changed.
fn copy(images: &mut Images, from: &[u8], to: usize, change: impl Fn(usize, u8) -> u8) {
    let changed = from
        .iter()
        .enumerate()
        .map(|(at, &pixel)| change(at, pixel));
    let changed: Vec<u8> = changed.collect();
    images.pixels[to * 784..(to + 1) * 784].copy_from_slice(&changed);
}

#[test]
fn duplicates_are_found_in_all_parts() {
    let dir = tempfile::tempdir().unwrap();
    let (mut train, mut test) = (coarse(1, 60), coarse(2, 20));
    let [a, b, c] = [3, 5, 7].map(|i| train.image(i).to_vec());
    copy(&mut train, &a, 50, |_, pixel| pixel);
    copy(&mut test, &a, 4, |_, pixel| pixel);
    copy(&mut train, &b, 51, |_, pixel| pixel);
    // As another compression would change it, and as no compression would.
    copy(&mut test, &c, 9, |at, pixel| {
        pixel.saturating_add((at * 7 % 9) as u8).saturating_sub(4)
    });
    copy(&mut test, &c, 10, |_, pixel| 255 - pixel);
    let labels: Vec<u8> = (0..60).map(|i| u8::from(i >= 50)).collect();
    four(dir.path(), USUAL, [&train, &test], [&labels, &labels[..20]]);
    let set = good(dir.path(), "mine", Options::default());
    let found = duplicates::find(&set);
    let (train, test) = (|i| place(Part::Training, i), |i| place(Part::Test, i));
    assert_eq!(
        found.exact,
        [
            vec![train(3), train(50), test(4)],
            vec![train(5), train(51)]
        ]
    );
    let near: Vec<[Place; 2]> = found
        .near
        .iter()
        .map(|near| [near.one, near.other])
        .collect();
    assert_eq!(near, [[train(7), test(9)]]);
    assert!((1.0..4.0).contains(&found.near[0].difference));
    assert_eq!(train(50).label(&set), Some(1));
    assert_eq!(train(60).label(&set), None);
}

/// However alike images are, time is bounded, and blank ones are equal at most.
#[test]
fn many_images_that_are_alike() {
    let dir = tempfile::tempdir().unwrap();
    let first = coarse(1, 1);
    let count = 400;
    let mut images = Images {
        count,
        height: 28,
        width: 28,
        pixels: first.pixels.repeat(count),
    };
    for i in 0..count {
        images.pixels[i * 784] = (i % 256) as u8;
        images.pixels[i * 784 + 1] = (i / 256) as u8;
    }
    images.pixels[..784].fill(9);
    images.pixels[784..2 * 784].fill(10);
    let labels = vec![0; count];
    four(dir.path(), USUAL, [&images, &images], [&labels, &labels]);
    let found = duplicates::find(&good(dir.path(), "mine", Options::default()));
    assert_eq!(found.exact.len(), count);
    assert_eq!(found.near.len(), count - 3); // all but the first of them and the blank ones
}

#[test]
fn images_that_show_nothing_and_pictures_of_odd_sizes() {
    let dir = tempfile::tempdir().unwrap();
    let mut image = noise(4, 1, 60, 80);
    for class in ["a", "b"] {
        for i in 0..10 {
            let (width, height, level): (u32, u32, u8) = match (class, i) {
                ("a", 0) => (80, 20, 1),
                ("a", 1) => (10, 8, 1),
                ("b", 2) => (80, 60, 0),
                ("b", 3) => (80, 60, 16),
                _ => (80, 60, 1),
            };
            image.pixels.rotate_left(13);
            let pixel = |x: u32, y: u32| {
                let noise = image.pixels[(y * width + x) as usize];
                image::Luma([noise.checked_div(level).unwrap_or(200)])
            };
            let path = put(dir.path(), &format!("{class}/{i}.png"), "");
            let picture = image::GrayImage::from_fn(width, height, pixel);
            picture.save(path).unwrap();
        }
    }
    let options = Options {
        size: Some([60, 80]),
        test_share: 0.2,
        ..Options::default()
    };
    let set = good(dir.path(), "mine", options);
    let mut found: Vec<(String, &str)> = oddities::find(&set)
        .iter()
        .map(|odd| {
            let path = &odd.place.origin(&set).unwrap().path;
            let name = path.strip_prefix(dir.path()).unwrap();
            (name.to_str().unwrap().to_string(), odd.kind)
        })
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            ("a/0.png".to_string(), "size"),
            ("a/1.png".to_string(), "size"),
            ("b/2.png".to_string(), "blank"),
            ("b/3.png".to_string(), "dark"),
        ]
    );
}

/// Every image is held out once, and never trained on then.
#[test]
fn folds_share_the_images_out() {
    let dir = tempfile::tempdir().unwrap();
    let images = noise(1, 11, 4, 4);
    let labels: Vec<u8> = (0..11).collect();
    four(dir.path(), USUAL, [&images, &images], [&labels, &labels]);
    let set = good(dir.path(), "mine", Options::default());
    let folds = set.train.folds(3, 7);
    let mut all: Vec<u32> = Vec::new();
    for (rest, held_out, positions) in &folds {
        assert_eq!(rest.len() + held_out.len(), 11);
        for (i, &position) in positions.iter().enumerate() {
            assert_eq!(held_out.label(i), set.train.label(position as usize));
            assert!((0..rest.len()).all(|j| rest.label(j) != held_out.label(i)));
        }
        all.extend(positions);
    }
    all.sort_unstable();
    assert_eq!(all, (0..11).collect::<Vec<u32>>());
    assert!(set.train.folds(12, 7).is_empty() && set.train.folds(1, 7).is_empty());
}
