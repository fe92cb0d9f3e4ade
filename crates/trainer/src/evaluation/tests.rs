//! Figures of a small confusion matrix.

use super::*;

#[test]
fn figures_of_a_small_confusion_matrix() {
    // true 0: predicted 0, 0, 1; true 1: predicted 1; class 2 never occurs
    let one_hot = |c: usize| (0..3).map(move |i| if i == c { 0.8 } else { 0.1 });
    let predictions = Predictions {
        classes: 3,
        probabilities: [0, 0, 1, 1].into_iter().flat_map(one_hot).collect(),
        losses: vec![0.1, 0.2, 0.3, 0.4],
        labels: vec![0, 0, 0, 1],
    };
    let names = ["a", "b", "c"].map(String::from);
    let e = predictions.evaluate(&names);
    assert_eq!(e.confusion, [[2, 1, 0], [0, 1, 0], [0, 0, 0]]);
    assert_eq!((e.images, e.figures.accuracy()), (4, 0.75));
    assert!((e.figures.loss() - 0.25).abs() < 1e-7);
    let rounded: Vec<_> = e
        .per_class
        .iter()
        .map(|c| (c.precision, c.recall, c.f1, c.images))
        .collect();
    assert_eq!(
        rounded,
        [
            (Some(1.0), Some(2.0 / 3.0), Some(0.8), 3),
            (Some(0.5), Some(1.0), Some(2.0 / 3.0), 1),
            (None, None, None, 0)
        ]
    );
    // Of a class without images that something is taken for, precision is 0 and the rest is nothing.
    let taken = class_result("d", 0, 0, 3);
    assert_eq!(
        (taken.precision, taken.recall, taken.f1),
        (Some(0.0), None, None)
    );
    // A class that nothing is taken for has recall and F1, which are 0.
    let missed = class_result("e", 0, 4, 0);
    assert_eq!(
        (missed.precision, missed.recall, missed.f1),
        (None, Some(0.0), Some(0.0))
    );
}
