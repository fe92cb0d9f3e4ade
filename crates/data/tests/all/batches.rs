//! Batches of bytes: their order, and how images are changed on the way.

use std::collections::{BTreeMap, BTreeSet};

use data::{Augmentation, Batches, Epoch, ImageDataset, Images, permutation};

use crate::images;

const HEIGHT: usize = 6;
const WIDTH: usize = 9;

/// Image `i` has the label `i`.
fn set(count: usize) -> ImageDataset {
    let labels = (0..count).map(|i| i as u8).collect();
    ImageDataset::new(images(count, HEIGHT, WIDTH), labels, 256).unwrap()
}

/// Returns the pixels and labels of every batch of an epoch.
fn all(epoch: &Epoch, batches: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let fill = |batch| {
        let (mut pixels, mut labels) = (vec![7; 3], vec![9; 300]); // what was there goes
        epoch.fill(epoch.positions(batch), &mut pixels, &mut labels);
        (pixels, labels)
    };
    (0..batches).map(fill).collect()
}

/// Returns an image moved down and right, pixel by pixel.
fn moved(image: &[u8], [down, right]: [i8; 2]) -> Vec<u8> {
    let mut out = vec![0; image.len()];
    for y in 0..HEIGHT as isize {
        for x in 0..WIDTH as isize {
            let (to_y, to_x) = (y + isize::from(down), x + isize::from(right));
            if (0..HEIGHT as isize).contains(&to_y) && (0..WIDTH as isize).contains(&to_x) {
                let to = to_y as usize * WIDTH + to_x as usize;
                out[to] = image[y as usize * WIDTH + x as usize];
            }
        }
    }
    out
}

#[test]
fn a_batch_is_the_images_at_its_place_of_the_permutation() {
    let data = set(11);
    let batches = Batches::shuffled(data.clone(), 4, 5);
    assert_eq!((batches.per_epoch(), batches.batch_size()), (3, 4));
    for number in 0..3 {
        let epoch = batches.epoch(number);
        let order = permutation(5, number as u64, 11);
        let found = all(&epoch, 3);
        for ((pixels, labels), chunk) in found.iter().zip(order.chunks(4)) {
            let expect: Vec<u8> = chunk.iter().map(|&i| i as u8).collect();
            assert_eq!(*labels, expect);
            let images: Vec<&[u8]> = chunk.iter().map(|&i| data.image(i as usize)).collect();
            assert_eq!(*pixels, images.concat());
        }
        assert!(epoch.positions(3).is_empty() && epoch.positions(usize::MAX).is_empty());
        assert_eq!(all(&epoch, 4)[3], (vec![], vec![]));
    }
}

/// Returns the images of an epoch by their labels.
fn by_label(epoch: &Epoch) -> BTreeMap<u8, Vec<u8>> {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    epoch.fill(0..epoch.len(), &mut pixels, &mut labels);
    let images = pixels.chunks_exact(HEIGHT * WIDTH).map(<[u8]>::to_vec);
    labels.into_iter().zip(images).collect()
}

fn shifted(shift: u8) -> Augmentation {
    Augmentation {
        shift,
        ..Augmentation::default()
    }
}

/// One augmentation of each kind, and all of them.
fn augmentations() -> Vec<Augmentation> {
    let none = Augmentation::default();
    let all = Augmentation {
        shift: 2,
        flip: true,
        rotation: 10.0,
        zoom: 0.2,
        noise: 0.1,
        erasing: 0.5,
    };
    vec![
        shifted(3),
        Augmentation { flip: true, ..none },
        Augmentation {
            rotation: 20.0,
            ..none
        },
        Augmentation { zoom: 0.3, ..none },
        Augmentation { noise: 0.1, ..none },
        Augmentation {
            erasing: 0.9,
            ..none
        },
        all,
    ]
}

#[test]
fn images_are_changed_by_a_function_of_seed_epoch_and_image() {
    let data = set(200);
    for augmentation in augmentations() {
        let of = |seed, number| {
            let batches = Batches::shuffled(data.clone(), 32, seed).augmented(augmentation);
            by_label(&batches.epoch(number))
        };
        // Equal for equal seed and epoch, in any order of the epochs; different for others.
        assert_eq!(of(1, 2), of(1, 2), "{augmentation:?}");
        assert_ne!(of(1, 2), of(1, 3), "{augmentation:?}");
        assert_ne!(of(1, 2), of(2, 2), "{augmentation:?}");
        // An image is changed alike in any batch, and when others are held out: its place in the file counts.
        let batches = Batches::shuffled(data.clone(), 7, 1).augmented(augmentation);
        let found: Vec<_> = all(&batches.epoch(2), batches.per_epoch());
        let expect = of(1, 2);
        for (pixels, labels) in found {
            for (image, label) in pixels.chunks_exact(HEIGHT * WIDTH).zip(labels) {
                assert_eq!(expect[&label], image, "{augmentation:?}");
            }
        }
        let (train, _) = data.split(30, 4).unwrap();
        let split = Batches::shuffled(train, 32, 1).augmented(augmentation);
        for (label, image) in by_label(&split.epoch(2)) {
            assert_eq!(expect[&label], image, "{augmentation:?}");
        }
    }
}

#[test]
fn every_move_occurs_and_none_beyond() {
    let data = set(200);
    for most in 0..=4_u8 {
        let batches = Batches::shuffled(data.clone(), 32, 9).augmented(shifted(most));
        let range = -(most as i8)..=most as i8;
        let places: Vec<[i8; 2]> = range
            .clone()
            .flat_map(|down| range.clone().map(move |right| [down, right]))
            .collect();
        let mut found = BTreeSet::new();
        for number in 0..20 {
            for (label, image) in by_label(&batches.epoch(number)) {
                let original = data.image(label.into());
                let place = places.iter().find(|by| moved(original, **by) == image);
                found.insert(*place.expect("a move of at most so many pixels"));
            }
        }
        assert_eq!(found.len(), places.len(), "shift {most}");
    }
}

#[test]
fn half_of_the_images_are_mirrored() {
    let data = set(200);
    let flip = Augmentation {
        flip: true,
        ..Augmentation::default()
    };
    let batches = Batches::shuffled(data.clone(), 32, 9).augmented(flip);
    let mut mirrored = 0;
    for number in 0..10 {
        for (label, image) in by_label(&batches.epoch(number)) {
            let original = data.image(label.into());
            let rows = original.chunks_exact(WIDTH);
            let mirror: Vec<u8> = rows.flat_map(|row| row.iter().rev().copied()).collect();
            assert!(image == original || image == mirror);
            mirrored += usize::from(image == mirror);
        }
    }
    assert!((900..1100).contains(&mirrored), "{mirrored} of 2000");
}

/// The mean of many pixels in the middle of grey is grey, and their deviation what was asked for.
#[test]
fn noise_has_the_deviation_asked_for() {
    let grey = Images {
        count: 250,
        height: 28,
        width: 28,
        pixels: vec![128; 250 * 784],
    };
    let grey = ImageDataset::new(grey, vec![0; 250], 2).unwrap();
    for deviation in [0.02, 0.1] {
        let noise = Augmentation {
            noise: deviation,
            ..Augmentation::default()
        };
        let batches = Batches::shuffled(grey.clone(), 32, 3).augmented(noise);
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        batches.epoch(0).fill(0..250, &mut pixels, &mut labels);
        let count = pixels.len() as f64;
        let mean = pixels.iter().map(|&pixel| f64::from(pixel)).sum::<f64>() / count;
        let squares = pixels
            .iter()
            .map(|&pixel| (f64::from(pixel) - mean).powi(2));
        let found = (squares.sum::<f64>() / count).sqrt() / 255.0;
        assert!((mean - 128.0).abs() < 0.5, "mean {mean}");
        assert!(
            (found / deviation - 1.0).abs() < 0.03,
            "{found} for {deviation}"
        );
    }
}

/// A rectangle of 2 to 40 % of the image is replaced, in as many images as asked for, and nothing else.
#[test]
fn a_rectangle_is_erased() {
    let white = Images {
        count: 2000,
        height: 20,
        width: 30,
        pixels: vec![255; 2000 * 600],
    };
    let white = ImageDataset::new(white, vec![0; 2000], 2).unwrap();
    let erasing = Augmentation {
        erasing: 0.5,
        ..Augmentation::default()
    };
    let batches = Batches::shuffled(white, 32, 3).augmented(erasing);
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    batches.epoch(0).fill(0..2000, &mut pixels, &mut labels);
    let mut erased = 0;
    for image in pixels.chunks_exact(600) {
        let places = (0..600).filter(|at| image[*at] != 255);
        let [rows, columns]: [BTreeSet<usize>; 2] = [
            places.clone().map(|at| at / 30).collect(),
            places.clone().map(|at| at % 30).collect(),
        ];
        let Some(first) = rows.first() else { continue };
        erased += 1;
        let height = rows.last().unwrap() - first + 1;
        let width = columns.last().unwrap() - columns.first().unwrap() + 1;
        // A random byte may be white too.
        assert!((5..=400).contains(&(height * width)), "{height} x {width}");
        assert!(
            places.count() * 10 > height * width * 9,
            "{height} x {width}"
        );
    }
    assert!((900..1100).contains(&erased), "{erased} of 2000");
}

#[test]
fn evaluation_keeps_the_order_and_moves_nothing() {
    let data = set(5);
    let batches = Batches::sequential(data.clone(), 2).augmented(shifted(4));
    let found = all(&batches.epoch(3), 3);
    let labels: Vec<u8> = found
        .iter()
        .flat_map(|(_, labels)| labels.clone())
        .collect();
    assert_eq!(labels, [0, 1, 2, 3, 4]);
    let pixels: Vec<u8> = found.into_iter().flat_map(|(pixels, _)| pixels).collect();
    let expect: Vec<u8> = (0..5).flat_map(|i| data.image(i).to_vec()).collect();
    assert_eq!(pixels, expect);
    let empty = Images {
        count: 0,
        height: 2,
        width: 2,
        pixels: Vec::new(),
    };
    let empty = Batches::sequential(ImageDataset::new(empty, Vec::new(), 2).unwrap(), 0);
    assert_eq!((empty.per_epoch(), empty.epoch(0).len()), (0, 0));
}
