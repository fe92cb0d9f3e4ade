use burn::data::dataset::Dataset;
use data::{ImageDataset, Images, permutation};

use crate::images;

fn set(count: usize) -> ImageDataset {
    let labels = (0..count).map(|i| (i % 3) as u8).collect();
    ImageDataset::new(images(count, 2, 3), labels, 4).unwrap()
}

/// The order of every training run that was ever published hangs on these numbers.
#[test]
fn golden_order() {
    let start = |seed, stream, n| permutation(seed, stream, n)[..8].to_vec();
    assert_eq!(start(0, 0, 60_000), GOLDEN[0]);
    assert_eq!(start(0, 1, 60_000), GOLDEN[1]);
    assert_eq!(start(42, 0, 60_000), GOLDEN[2]);
    assert_eq!(start(42, u64::MAX, 60_000), GOLDEN[3]);
    assert_eq!(start(7, 3, 10), GOLDEN[4]);
}

/// Computed by a second implementation of ChaCha8 and the shuffle, in Python.
const GOLDEN: [[u32; 8]; 5] = [
    [20133, 47685, 55158, 49747, 18664, 14332, 245, 683],
    [12764, 3543, 31866, 12966, 52683, 6127, 26018, 42453],
    [5211, 16894, 16560, 29729, 38223, 38676, 54467, 13226],
    [49568, 29171, 12725, 30079, 48351, 28486, 38231, 30629],
    [4, 5, 8, 3, 9, 6, 2, 7],
];

#[test]
fn a_permutation_depends_on_seed_and_stream_only() {
    for n in [0, 1, 2, 3, 10, 1000] {
        let order = permutation(5, 6, n);
        assert_eq!(order, permutation(5, 6, n));
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..n as u32).collect::<Vec<_>>());
        if n >= 10 {
            assert_ne!(order, permutation(5, 7, n));
            assert_ne!(order, permutation(6, 6, n));
            assert_ne!(order, sorted);
        }
    }
}

/// All 24 orders of four come up about equally often: no swap is left out, none is favoured.
#[test]
fn all_orders_are_equally_likely() {
    let mut counts = std::collections::BTreeMap::new();
    for stream in 0..24_000 {
        *counts.entry(permutation(1, stream, 4)).or_insert(0_u32) += 1;
    }
    assert_eq!(counts.len(), 24);
    // 1000 expected, standard deviation 31
    assert!(
        counts.values().all(|count| (840..1160).contains(count)),
        "{counts:?}"
    );
}

#[test]
fn a_data_set_shares_its_pixels() {
    let set = set(7);
    assert_eq!(
        (set.len(), set.height(), set.width(), set.classes()),
        (7, 2, 3, 4)
    );
    assert_eq!(set.label_counts(), [3, 2, 2, 0]);
    let item = set.get(4).unwrap();
    assert_eq!((item.pixels(), item.label()), (set.image(4), 1));
    assert!(std::ptr::eq(item.pixels(), set.clone().image(4)));
    assert_eq!(Dataset::iter(&set).count(), 7);
    assert_eq!(set.take(3).label_counts(), [1, 1, 1, 0]);
    assert_eq!((set.take(0).len(), set.take(99).len()), (0, 7));
    let part = set.slice(2, 5);
    assert_eq!(
        (part.len(), part.image(0), part.label(2)),
        (3, set.image(2), set.label(4))
    );
    for (start, end) in [(5, 2), (9, 12), (7, 7)] {
        assert!(set.slice(start, end).is_empty(), "{start} {end}");
    }
}

#[test]
fn split_cuts_a_permutation() {
    let set = set(20);
    let (train, validation) = set.split(6, 3).unwrap();
    assert_eq!((train.len(), validation.len()), (14, 6));
    let order = permutation(3, u64::MAX, 20);
    for (i, &row) in order.iter().enumerate() {
        let (part, i) = if i < 14 {
            (&train, i)
        } else {
            (&validation, i - 14)
        };
        assert_eq!(part.image(i), set.image(row as usize));
        assert_eq!(part.label(i), set.label(row as usize));
    }
    let (again, _) = set.split(6, 3).unwrap();
    assert!((0..14).all(|i| again.image(i) == train.image(i)));

    let (all, none) = set.split(0, 3).unwrap();
    assert!((0..20).all(|i| all.image(i) == set.image(i)));
    assert!(none.is_empty());
    for validation in [20, 21, usize::MAX] {
        let error = set.split(validation, 3).unwrap_err().to_string();
        assert!(error.contains("of 20 images cannot be held out"), "{error}");
    }
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let broken = Images {
        count: 3,
        ..images(2, 2, 2)
    };
    let huge = Images {
        height: usize::MAX,
        ..images(2, 2, 2)
    };
    for (images, labels, classes, expect) in [
        (
            images(2, 2, 2),
            vec![0],
            10,
            "there are 2 images and 1 labels",
        ),
        (
            images(2, 2, 2),
            vec![0, 1, 2],
            10,
            "there are 2 images and 3 labels",
        ),
        (
            images(2, 2, 2),
            vec![0, 3],
            3,
            "the label at index 1 is 3, but there are 3 classes (0 to 2)",
        ),
        (
            images(2, 2, 2),
            vec![0, 3],
            0,
            "the label at index 0 is 0, but there are 0 classes",
        ),
        (
            broken,
            vec![0; 3],
            1,
            "3 images of 2 x 2 cannot have 8 bytes of pixels",
        ),
        (huge, vec![0; 2], 1, "cannot have 8 bytes of pixels"),
    ] {
        let found = ImageDataset::new(images, labels, classes)
            .unwrap_err()
            .to_string();
        assert!(found.contains(expect), "{found}");
    }
}
