//! What two runs did differently on the same test images: McNemar's test.

use std::collections::BTreeMap;
use std::path::Path;

use crate::failure::Failure;
use crate::predictions::{self, Table};

/// One test image, as `predictions.csv` has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Name of its class.
    pub actual: String,
    /// Name of the class that was predicted.
    pub predicted: String,
}

/// How often two runs are right, image by image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct McNemar {
    /// Images that the first run alone gets right.
    pub only_first: usize,
    /// Images that the second run alone gets right.
    pub only_second: usize,
    /// How probable a difference at least as large is if both are equally good, 0 to 1.
    pub p: f64,
}

/// Returns the class names of the run in `folder`, and its predictions for every test image, in order.
///
/// # Errors
/// When there are none, or the table is damaged.
pub fn predictions(folder: &Path) -> Result<(Vec<String>, Vec<Prediction>), Failure> {
    let Table {
        class_names,
        predictions,
    } = predictions::read(folder)?;
    let name = |class: usize| class_names.get(class).cloned().unwrap_or_default();
    let labels = predictions.labels.iter().enumerate();
    let pair = |(i, label): (usize, &u8)| Prediction {
        actual: name(usize::from(*label)),
        predicted: name(predictions.top(i).0),
    };
    let all = labels.map(pair).collect();
    Ok((class_names, all))
}

/// Returns the recall of each of `classes`: the share of its images that is predicted correctly; `None` if there
/// are none.
pub fn recall(classes: &[String], predictions: &[Prediction]) -> Vec<(String, Option<f64>)> {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new(); // correct, all
    for p in predictions {
        let (hits, all) = counts.entry(&p.actual).or_default();
        *hits += usize::from(p.actual == p.predicted);
        *all += 1;
    }
    let share = |class: &String| {
        let counts = counts.get(class.as_str());
        let share = counts.map(|(hits, all)| *hits as f64 / *all as f64);
        (class.clone(), share)
    };
    classes.iter().map(share).collect()
}

/// Returns McNemar's test of two runs on the same images, in its exact form: of the images that one of
/// the two alone gets right, either run gets each with probability 1/2 (McNemar 1947,
/// <https://doi.org/10.1007/BF02295996>).
///
/// # Errors
/// When the images are not the same.
pub fn mcnemar(first: &[Prediction], second: &[Prediction]) -> Result<McNemar, Failure> {
    let same =
        first.len() == second.len() && first.iter().zip(second).all(|(a, b)| a.actual == b.actual);
    if !same {
        return Err(Failure::failed(
            "the two runs were tested on different images",
        ));
    }
    let right = |p: &Prediction| p.actual == p.predicted;
    let pairs = || first.iter().zip(second).map(|(a, b)| (right(a), right(b)));
    let only_first = pairs().filter(|(a, b)| *a && !b).count();
    let only_second = pairs().filter(|(a, b)| !a && *b).count();
    Ok(McNemar {
        only_first,
        only_second,
        p: two_sided(only_first, only_second),
    })
}

/// Returns the two-sided probability of `a` heads and `b` tails, or a more uneven result, of a fair coin.
fn two_sided(a: usize, b: usize) -> f64 {
    let (n, least) = (a + b, a.min(b));
    // Logarithms: 2^-n is below the smallest number from n = 1075 on.
    let mut log_choose = 0.0; // ln of n over k, beginning with k = 0
    let mut sum = 0.0;
    for k in 0..=least {
        sum += (log_choose - n as f64 * std::f64::consts::LN_2).exp();
        log_choose += ((n - k) as f64 / (k + 1) as f64).ln();
    }
    (2.0 * sum).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_without_images_has_no_recall() {
        let prediction = |actual: &str, predicted: &str| Prediction {
            actual: actual.to_string(),
            predicted: predicted.to_string(),
        };
        let predictions = [
            prediction("a", "a"),
            prediction("a", "c"),
            prediction("b", "a"),
        ];
        let classes = ["a", "b", "c"].map(String::from);
        let shares: Vec<Option<f64>> = recall(&classes, &predictions)
            .into_iter()
            .map(|(_, share)| share)
            .collect();
        assert_eq!(shares, [Some(0.5), Some(0.0), None]);
    }

    /// Against `scipy.stats.binomtest(a, a + b).pvalue`.
    #[test]
    fn exact_probabilities() {
        for (a, b, p) in [
            (0, 0, 1.0),
            (1, 0, 1.0),
            (5, 5, 1.0),
            (0, 5, 0.0625),
            (2, 8, 0.109375),
            (10, 30, 0.002_221_434_770_036_489),
        ] {
            assert!(
                (two_sided(a, b) - p).abs() < 1e-9,
                "{a} {b}: {}",
                two_sided(a, b)
            );
            assert_eq!(two_sided(a, b), two_sided(b, a));
        }
        assert!((two_sided(5000, 5000) - 1.0).abs() < 1e-9);
        assert!(two_sided(4000, 6000) > 0.0);
    }
}
