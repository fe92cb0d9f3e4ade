use std::sync::Arc;

use burn::data::dataloader::DataLoader;
use burn::tensor::Device;
use data::{Augmentation, Batch, Batches, ImageDataset, Loader, permutation};

use crate::images;

/// Image `i` has the label `i`.
fn set(count: usize, height: usize, width: usize) -> ImageDataset {
    let labels = (0..count).map(|i| i as u8).collect();
    ImageDataset::new(images(count, height, width), labels, 256).unwrap()
}

fn shuffled(data: ImageDataset, batch_size: usize, seed: u64, device: &Device) -> Loader {
    Loader::new(Batches::shuffled(data, batch_size, seed), device)
}

fn sequential(data: ImageDataset, batch_size: usize, device: &Device) -> Loader {
    Loader::new(Batches::sequential(data, batch_size), device)
}

fn labels(batch: &Batch) -> Vec<u32> {
    batch
        .labels
        .clone()
        .into_data()
        .iter::<i64>()
        .map(|label| label as u32)
        .collect()
}

/// Returns the labels of each batch of the next epoch; checks the progress on the way.
fn epoch(loader: &dyn DataLoader<Batch>) -> Vec<Vec<u32>> {
    let mut batches = loader.iter();
    let mut all = Vec::new();
    while let Some(batch) = batches.next() {
        all.push(labels(&batch.unwrap()));
        assert_eq!(batches.progress().items_total, loader.num_items());
    }
    assert!(batches.next().is_none());
    assert_eq!(batches.progress().items_processed, loader.num_items());
    all
}

fn chunks(order: &[u32], size: usize) -> Vec<Vec<u32>> {
    order.chunks(size).map(<[u32]>::to_vec).collect()
}

#[test]
fn epochs_follow_the_permutation() {
    let device = Device::flex();
    for resident in [false, true] {
        for (count, size) in [(10, 3), (10, 5), (10, 64), (1, 1), (10, 0)] {
            let loader = shuffled(set(count, 2, 3), size, 9, &device).resident(resident);
            assert_eq!(loader.batches().per_epoch(), count.div_ceil(size.max(1)));
            for e in 0..3 {
                let expect = chunks(&permutation(9, e, count), size.max(1));
                assert_eq!(epoch(&loader), expect, "{count} {size} {e} {resident}");
            }
        }
        let loader = sequential(set(7, 2, 3), 3, &device).resident(resident);
        for _ in 0..2 {
            assert_eq!(epoch(&loader), [vec![0, 1, 2], vec![3, 4, 5], vec![6]]);
        }
    }
}

#[test]
fn a_restart_is_the_tail_of_the_uninterrupted_sequence() {
    let device = Device::flex();
    let loader = || shuffled(set(11, 2, 2), 4, 5, &device);
    let whole = loader();
    let epochs: Vec<_> = (0..4).map(|_| epoch(&whole)).collect();
    for start in 0..3 {
        for batch in 0..=4 {
            for resident in [false, true] {
                let again = loader().starting_at(start, batch).resident(resident);
                let tail = epochs[start].get(batch..).unwrap_or_default();
                assert_eq!(epoch(&again), tail, "epoch {start} batch {batch}");
                assert_eq!(epoch(&again), epochs[start + 1]);
            }
        }
    }
}

#[test]
fn copies_on_devices_count_together_and_parts_alone() {
    let device = Device::flex();
    let loader = shuffled(set(12, 2, 2), 5, 1, &device).starting_at(2, 1);
    let copy: Arc<dyn DataLoader<Batch>> = loader.to_device(&device.clone().autodiff());
    let order = |e, n| chunks(&permutation(1, e, n), 5);
    assert_eq!(epoch(&*copy), order(2, 12)[1..]);
    let part = loader.slice(4, 10);
    assert_eq!(part.num_items(), 6);
    assert_eq!(epoch(&loader), order(3, 12));
    assert_eq!(epoch(&*copy), order(4, 12));
    let shifted: Vec<Vec<u32>> = order(3, 6)
        .iter()
        .map(|batch| batch.iter().map(|i| i + 4).collect())
        .collect();
    assert_eq!(epoch(&*part), shifted);
}

#[test]
fn resident_batches_equal_host_batches() {
    let plain = Device::flex();
    for device in [plain.clone(), plain.autodiff()] {
        // 1, 6, 15, 16 and 784 pixels: with and without padding of the last word
        for (height, width) in [(1, 1), (2, 3), (3, 5), (4, 4), (28, 28)] {
            let data = set(23, height, width).slice(2, 21);
            let host = shuffled(data.clone(), 8, 3, &device);
            let resident = shuffled(data, 8, 3, &device).resident(true);
            let resident = resident.to_device(&device);
            for _ in 0..2 {
                let mut count = 0;
                for (a, b) in host.iter().zip(resident.iter()) {
                    let (a, b) = (a.unwrap(), b.unwrap());
                    assert_eq!(a.images.dims(), [labels(&a).len(), 1, height, width]);
                    assert_eq!(a.images.device().is_autodiff(), device.is_autodiff());
                    assert_eq!(b.images.device().is_autodiff(), device.is_autodiff());
                    assert_eq!(labels(&a), labels(&b));
                    a.images.into_data().assert_eq(&b.images.into_data(), true);
                    a.labels.into_data().assert_eq(&b.labels.into_data(), true);
                    count += 1;
                }
                assert_eq!(count, 3);
            }
        }
    }
}

/// 0 is 0, 255 is 1, every byte is the nearest float to `byte / 255`.
#[test]
fn pixels_are_scaled_exactly() {
    let images = data::Images {
        count: 1,
        height: 16,
        width: 16,
        pixels: (0..=255).collect(),
    };
    let data = ImageDataset::new(images, vec![0], 1).unwrap();
    for resident in [false, true] {
        let loader = sequential(data.clone(), 1, &Device::flex()).resident(resident);
        let batch = loader.iter().next().unwrap().unwrap();
        let values: Vec<f32> = batch.images.into_data().iter::<f32>().collect();
        let expect: Vec<f32> = (0..256).map(|byte| byte as f32 / 255.0).collect();
        assert_eq!(values, expect);
    }
}

#[test]
fn nothing_to_load() {
    for resident in [false, true] {
        let empty = set(3, 2, 2).take(0);
        let loader = shuffled(empty, 4, 0, &Device::flex()).resident(resident);
        assert_eq!((loader.batches().per_epoch(), loader.num_items()), (0, 0));
        assert!(epoch(&loader).is_empty());
        let ahead = sequential(set(3, 2, 2), 2, &Device::flex())
            .resident(resident)
            .starting_at(usize::MAX, usize::MAX);
        assert!(ahead.iter().next().is_none());
        assert_eq!(epoch(&ahead).len(), 2);
    }
}

/// Images of a GPU's own copy are changed like those that are changed on the host.
#[test]
fn resident_batches_are_changed_as_on_the_host() {
    let device = Device::flex();
    let augmentation = Augmentation {
        shift: 4,
        flip: true,
        rotation: 30.0,
        zoom: 0.2,
        noise: 0.1,
        erasing: 0.5,
    };
    for (height, width) in [(1, 1), (2, 9), (5, 4), (28, 28)] {
        let batches = Batches::shuffled(set(40, height, width), 16, 3).augmented(augmentation);
        let host = Loader::new(batches.clone(), &device);
        let resident = Loader::new(batches, &device).resident(true);
        for _ in 0..2 {
            for (a, b) in host.iter().zip(resident.iter()) {
                let (a, b) = (a.unwrap(), b.unwrap());
                a.images.into_data().assert_eq(&b.images.into_data(), true);
                a.labels.into_data().assert_eq(&b.labels.into_data(), true);
            }
        }
    }
}
