//! Batches of bytes: their order, and how images are changed on the way.

use std::collections::BTreeSet;

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
        epoch.fill(batch, &mut pixels, &mut labels);
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

#[test]
fn images_are_moved_by_a_function_of_seed_epoch_and_image() {
    let data = set(200);
    let shift = |shift| Augmentation { shift };
    let batches = |seed, most| Batches::shuffled(data.clone(), 32, seed).augmented(shift(most));
    let moves = |seed, most, number: usize| -> Vec<(u32, [i8; 2])> {
        let epoch = batches(seed, most).epoch(number);
        let mut moves: Vec<_> = epoch.samples(0..200).map(|s| (s.index, s.shift)).collect();
        moves.sort();
        moves
    };
    // Each image as its sample says, whatever the batch it is in.
    let epoch = batches(1, 3).epoch(2);
    let samples: Vec<_> = epoch.samples(0..200).collect();
    let (pixels, labels): (Vec<_>, Vec<_>) = all(&epoch, 7).into_iter().unzip();
    let (pixels, labels) = (pixels.concat(), labels.concat());
    let images = pixels.chunks_exact(HEIGHT * WIDTH);
    for ((sample, image), label) in samples.iter().zip(images).zip(labels) {
        assert_eq!(usize::from(label), sample.index as usize);
        assert_eq!(
            image,
            moved(data.image(sample.index as usize), sample.shift)
        );
    }
    // Equal for equal seed and epoch, in any order of the epochs; different for others.
    assert_eq!(moves(1, 3, 2), moves(1, 3, 2));
    assert_ne!(moves(1, 3, 2), moves(1, 3, 3));
    assert_ne!(moves(1, 3, 2), moves(2, 3, 2));
    // Every move there is, and none beyond.
    for most in 0..=4 {
        let found: BTreeSet<[i8; 2]> = (0..20)
            .flat_map(|number| moves(9, most, number))
            .map(|(_, shift)| shift)
            .collect();
        let side = 2 * usize::from(most) + 1;
        assert_eq!(found.len(), side * side, "shift {most}");
        let is_within = |by: &i8| by.unsigned_abs() <= most;
        assert!(found.iter().flatten().all(is_within), "shift {most}");
    }
}

/// An image is moved alike whether others are held out or not: its place in the file counts.
#[test]
fn a_validation_split_moves_no_image_otherwise() {
    let data = set(100);
    let moves = |data: ImageDataset| {
        let batches = Batches::shuffled(data.clone(), 10, 4).augmented(Augmentation { shift: 4 });
        let epoch = batches.epoch(1);
        let mut moves: Vec<(u8, [i8; 2])> = epoch
            .samples(0..data.len())
            .map(|s| (data.label(s.index as usize), s.shift))
            .collect();
        moves.sort();
        moves
    };
    let (train, _) = data.split(30, 4).unwrap();
    let all = moves(data);
    assert!(moves(train).iter().all(|one| all.contains(one)));
}

#[test]
fn evaluation_keeps_the_order_and_moves_nothing() {
    let data = set(5);
    let batches = Batches::sequential(data.clone(), 2).augmented(Augmentation { shift: 4 });
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
