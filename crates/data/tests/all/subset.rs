//! Some of the images, and all with other labels.

use data::{DataError, ImageDataset, Selection};

use crate::images;

fn set(count: usize) -> ImageDataset {
    let labels = (0..count).map(|i| (i % 3) as u8).collect();
    ImageDataset::new(images(count, 2, 3), labels, 3).unwrap()
}

fn pairs(set: &ImageDataset) -> Vec<(Vec<u8>, u8)> {
    let pair = |i| (set.image(i).to_vec(), set.label(i));
    (0..set.len()).map(pair).collect()
}

#[test]
fn images_are_drawn_by_the_seed_in_the_order_of_the_file() {
    let all = set(40);
    let draw = |seed| {
        let selection = Selection {
            take: 7,
            seed,
            ..Selection::default()
        };
        pairs(&selection.of(&all).unwrap())
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    let everything = pairs(&all);
    let places: Vec<usize> = draw(1)
        .iter()
        .map(|pair| everything.iter().position(|other| other == pair).unwrap())
        .collect();
    assert_eq!(places.len(), 7);
    assert!(places.array_windows().all(|[a, b]| a < b), "{places:?}");
    assert_eq!(pairs(&Selection::default().of(&all).unwrap()), everything);
}

#[test]
fn more_than_there_are_cannot_be_drawn() {
    let selection = |take| Selection {
        take,
        ..Selection::default()
    };
    assert_eq!(selection(5).of(&set(5)).unwrap().len(), 5);
    let error = selection(6).of(&set(5)).unwrap_err();
    assert_eq!(error, DataError::Take { take: 6, count: 5 });
}

/// A third of the labels stay what they were, by chance: no more, or they would still say something.
#[test]
fn shuffled_labels_keep_their_counts_and_say_nothing_of_the_image() {
    let all = set(3000);
    let shuffled = all.with_shuffled_labels(5);
    assert_eq!(shuffled.label_counts(), all.label_counts());
    let same = (0..all.len()).filter(|&i| all.label(i) == shuffled.label(i));
    let same = same.count();
    assert!((900..1100).contains(&same), "{same}"); // 1000 expected, standard deviation 26
    assert_eq!(all.image(17), shuffled.image(17));
    let again = pairs(&all.with_shuffled_labels(5));
    assert_eq!(pairs(&shuffled), again);
    assert_ne!(again, pairs(&all.with_shuffled_labels(6)));
}

/// Labels outside a view are not touched: those of a validation split, for one.
#[test]
fn only_the_labels_of_the_view_are_shuffled() {
    let all = set(300);
    let part = all.slice(100, 200);
    let counts = part.label_counts();
    assert_eq!(part.with_shuffled_labels(1).label_counts(), counts);
}
