//! Statistics over a few seeds: spread, confidence interval, and whether a difference is more than chance.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Confidence level of an interval.
const CONFIDENCE: f64 = 0.95;
/// A smaller relative difference is a rounding error.
const ROUNDING: f64 = 1e-12;

/// Mean and spread of some figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Number of figures, 1 or more.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// Their sample standard deviation (divisor `count - 1`); `None` for one figure.
    pub deviation: Option<f64>,
    /// The 95 % confidence interval of the mean, by Student's t; `None` for one figure.
    pub interval: Option<[f64; 2]>,
}

/// A paired test of two settings over the seeds they have in common.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Paired {
    /// Mean difference, second minus first, over the seeds.
    pub difference: f64,
    /// The p-value: the probability of a mean difference at least as large if both are equally good, 0 to 1.
    pub p: f64,
}

impl Spread {
    /// Returns the spread of `figures`, or `None` if there are none.
    pub fn of(figures: &[f64]) -> Option<Self> {
        let count = figures.len();
        if count == 0 {
            return None;
        }
        let mean = figures.iter().sum::<f64>() / count as f64;
        let deviation = (count > 1).then(|| {
            let squares: f64 = figures.iter().map(|x| (x - mean).powi(2)).sum();
            (squares / (count - 1) as f64).sqrt()
        });
        let interval = deviation.zip(student(count)).map(|(deviation, t)| {
            let half = t.inverse_cdf(0.5 + CONFIDENCE / 2.0) * deviation / (count as f64).sqrt();
            [mean - half, mean + half]
        });
        Some(Self {
            count,
            mean,
            deviation,
            interval,
        })
    }
}

/// Returns the paired t-test of `pairs` (Student 1908, <https://doi.org/10.1093/biomet/6.1.1>), two-sided;
/// `None` for fewer than two pairs, and if the difference is the same for every seed: without variation there
/// is no test.
pub fn paired(pairs: &[(f64, f64)]) -> Option<Paired> {
    let differences: Vec<f64> = pairs.iter().map(|(first, second)| second - first).collect();
    let Spread {
        count,
        mean,
        deviation,
        ..
    } = Spread::of(&differences)?;
    let error = deviation? / (count as f64).sqrt();
    let varies = error > ROUNDING * mean.abs();
    let p = if varies {
        2.0 * student(count)?.cdf(-(mean / error).abs())
    } else if mean == 0.0 {
        1.0
    } else {
        return None;
    };
    Some(Paired {
        difference: mean,
        p,
    })
}

/// Corrects the p-values of several tests, so that all of them together are wrong no more often than one
/// would be (Holm 1979, <https://www.jstor.org/stable/4615733>).
pub fn holm(tests: &mut [&mut Paired]) {
    tests.sort_by(|a, b| a.p.total_cmp(&b.p));
    let (count, mut least) = (tests.len(), 0.0);
    for (rank, test) in tests.iter_mut().enumerate() {
        least = f64::max(least, test.p * (count - rank) as f64).min(1.0);
        test.p = least;
    }
}

/// Returns Student's t-distribution for the mean of `count` figures.
fn student(count: usize) -> Option<StudentsT> {
    let freedom = count.checked_sub(1)? as f64;
    StudentsT::new(0.0, 1.0, freedom).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Against `statistics.stdev` and `scipy.stats.t.interval(0.95, 4, mean, sem)`.
    #[test]
    fn spread_of_five_figures() {
        let spread = Spread::of(&[0.88, 0.89, 0.87, 0.885, 0.875]).unwrap();
        assert!((spread.mean - 0.88).abs() < 1e-12);
        assert!((spread.deviation.unwrap() - 0.007_905_694_150_420_94).abs() < 1e-12);
        let [low, high] = spread.interval.unwrap();
        assert!((low - 0.870_183_784).abs() < 1e-8, "{low}");
        assert!((high - 0.889_816_216).abs() < 1e-8, "{high}");
        let one = Spread::of(&[0.5]).unwrap();
        assert_eq!((one.mean, one.deviation, one.interval), (0.5, None, None));
        assert_eq!(Spread::of(&[]), None);
    }

    /// Against `scipy.stats.ttest_rel`.
    #[test]
    fn paired_differences() {
        let test = paired(&[(1.0, 2.0), (2.0, 2.5), (3.0, 4.5), (4.0, 4.0)]).unwrap();
        assert!((test.difference - 0.75).abs() < 1e-12);
        assert!((test.p - 0.102_728_078_858_398).abs() < 1e-12, "{}", test.p);
        assert_eq!(paired(&[(1.0, 2.0)]), None);
        assert_eq!(paired(&[(1.0, 1.0), (2.0, 2.0)]).unwrap().p, 1.0);
        assert_eq!(paired(&[(0.1, 0.2), (0.2, 0.3), (0.7, 0.8)]), None);
    }

    /// The example of R's `p.adjust(c(0.01, 0.04, 0.03), "holm")`: 0.03, 0.06, 0.06.
    #[test]
    fn several_tests_are_corrected() {
        let mut tests = [0.01, 0.04, 0.03].map(|p| Paired { difference: 0.0, p });
        holm(&mut tests.iter_mut().collect::<Vec<_>>());
        let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
        assert!(close(tests[0].p, 0.03) && close(tests[1].p, 0.06) && close(tests[2].p, 0.06));
    }
}
