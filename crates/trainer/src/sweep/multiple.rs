//! Many settings against the best of them, when the same figures chose the best: Tukey's range test.
//!
//! Whoever takes the highest of fifty equal settings and tests the others against it finds differences: it was
//! chosen for being high. The range test asks instead how far apart the highest and the lowest of so many
//! equal settings are by chance, so the choice is part of the question. (Constants for comparisons with the
//! best alone, as Hsu's, are a little smaller: they keep the best from being called worse, but not one of
//! several that are equally good.)

use statrs::distribution::{ContinuousCDF, Normal};

use super::statistics::{Paired, ROUNDING};

/// Below it, a difference is called more than chance.
pub const SIGNIFICANT: f64 = 0.05;

/// Returns the test of each setting against the first, which has the best mean; the others follow in the order
/// of theirs. `scores` has a row for each setting and a column for each seed. The first has no test, nor has any
/// where there is one seed only, or where no figure varies beyond what setting and seed add.
///
/// The test is Tukey's (1953; Miller 1981, Simultaneous Statistical Inference, chapter 2) with seeds as blocks:
/// the variance is that of what setting and seed leave over, pooled over the settings. Settings that are worse
/// are set aside and the others tested again among themselves, so that one setting of wild figures does not hide
/// the differences of the rest.
pub fn against_first(scores: &[Vec<f64>]) -> Vec<Option<Paired>> {
    let means: Vec<f64> = scores.iter().map(|row| mean(row)).collect();
    let mut tests = vec![None; scores.len()];
    let (mut candidates, mut least) = (scores.len(), 0.0);
    while let Some(range) = scores.get(..candidates).and_then(Range::of) {
        let first = means.first().copied().unwrap_or_default();
        let mut alike = 1;
        let rows = tests.iter_mut().zip(&means).enumerate();
        for (row, (test, mean)) in rows.take(candidates).skip(1) {
            let difference = mean - first;
            let p = range.probability(difference).map(|p| f64::max(p, least));
            *test = p.map(|p| Paired { difference, p });
            if p.is_none_or(|p| p >= SIGNIFICANT) {
                alike = row + 1;
            }
        }
        if alike == candidates {
            break;
        }
        let next = tests.get(alike).copied().flatten();
        least = next.map_or(least, |test| test.p); // a better setting is not surer to be worse
        candidates = alike;
    }
    tests
}

/// How far apart equal settings are by chance.
struct Range {
    settings: usize,
    /// Standard error of a setting's mean.
    error: f64,
    /// Degrees of freedom of the error.
    freedom: f64,
    /// Largest figure, in whose last digits nothing is told apart.
    largest: f64,
}

impl Range {
    /// Returns the range of settings, given as rows of equally many figures; `None` when there are fewer than
    /// two settings or seeds.
    fn of(scores: &[Vec<f64>]) -> Option<Self> {
        let (settings, seeds) = (scores.len(), scores.first()?.len());
        if settings < 2 || seeds < 2 || scores.iter().any(|row| row.len() != seeds) {
            return None;
        }
        let of_seed: Vec<f64> = (0..seeds)
            .map(|seed| {
                scores.iter().filter_map(|row| row.get(seed)).sum::<f64>() / settings as f64
            })
            .collect();
        let all = mean(&of_seed);
        let squares: f64 = scores
            .iter()
            .map(|row| {
                let own = mean(row);
                let left = row
                    .iter()
                    .zip(&of_seed)
                    .map(|(y, seed)| y - own - seed + all);
                left.map(|left| left * left).sum::<f64>()
            })
            .sum();
        let freedom = ((settings - 1) * (seeds - 1)) as f64;
        Some(Self {
            settings,
            error: (squares / freedom / seeds as f64).sqrt(),
            freedom,
            largest: scores
                .iter()
                .flatten()
                .fold(0.0, |most, y| f64::max(most, y.abs())),
        })
    }

    /// Returns how probable it is that the best and the worst of so many equal settings are at least this far
    /// apart; `None` when there is no chance in the figures, and a difference.
    fn probability(&self, difference: f64) -> Option<f64> {
        let least = ROUNDING * self.largest;
        if self.error > least {
            let q = difference.abs() / self.error;
            Some(1.0 - studentized_range(q, self.settings, self.freedom))
        } else {
            (difference.abs() <= least).then_some(1.0)
        }
    }
}

/// Steps of the integrals below.
const OUTER: usize = 48;
const INNER: usize = 32;

/// Returns the probability that the range of `count` normal figures is below `q` times an estimate of their
/// standard deviation that has so many degrees of `freedom` (Tukey's studentized range; R's `ptukey`), to some
/// 1e-5.
pub fn studentized_range(q: f64, count: usize, freedom: f64) -> f64 {
    // Over the logarithm of the estimate, in which its density is ever smoother.
    let width = 7.0 / (2.0 * freedom).sqrt();
    let (low, high) = (-width.max(14.0 / freedom), width.min(2.0));
    let log_density = |t: f64| freedom * (t - ((2.0 * t).exp() - 1.0) / 2.0);
    let (mut sum, mut all) = (0.0, 0.0);
    for t in midpoints(low, high, OUTER) {
        let weight = log_density(t).exp();
        all += weight;
        sum += weight * normal_range(q * t.exp(), count);
    }
    (sum / all).clamp(0.0, 1.0)
}

/// Returns the probability that the range of `count` standard normal figures is below `width`: that all are
/// between the least, wherever it is, and that much more.
fn normal_range(width: f64, count: usize) -> f64 {
    let normal = Normal::standard();
    let (low, high) = (-8.0, 6.0);
    let step = (high - low) / INNER as f64;
    let others = i32::try_from(count.saturating_sub(1)).unwrap_or(i32::MAX);
    let density = |z: f64| (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let sum: f64 = midpoints(low, high, INNER)
        .map(|z| density(z) * (normal.cdf(z + width) - normal.cdf(z)).powi(others))
        .sum();
    (sum * step * count as f64).min(1.0)
}

/// Returns the midpoints of so many equal parts.
fn midpoints(low: f64, high: f64, parts: usize) -> impl Iterator<Item = f64> {
    let step = (high - low) / parts as f64;
    (0..parts).map(move |part| low + (part as f64 + 0.5) * step)
}

fn mean(figures: &[f64]) -> f64 {
    figures.iter().sum::<f64>() / figures.len().max(1) as f64
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::super::statistics::paired;
    use super::*;

    /// The upper 5 % and 1 % points that textbooks have (Harter 1960, <https://doi.org/10.1214/aoms/1177705684>);
    /// those of 18 and 50 figures are `scipy.stats.studentized_range`'s.
    #[test]
    fn published_points_of_the_studentized_range() {
        for (count, freedom, upper_5, upper_1) in [
            (2, 1.0, 17.969, 90.024),
            (3, 4.0, 5.040, 8.120),
            (3, 10.0, 3.877, 5.270),
            (4, 12.0, 4.199, 5.502),
            (4, 20.0, 3.958, 5.018),
            (10, 60.0, 4.646, 5.447),
            (20, 120.0, 5.126, 5.827),
            (18, 68.0, 5.128, 5.888),
            (50, 441.0, 5.689, 6.293),
        ] {
            for (q, expected) in [(upper_5, 0.95), (upper_1, 0.99)] {
                let p = studentized_range(q, count, freedom);
                assert!((p - expected).abs() < 1e-4, "{count} {freedom} {q}: {p}");
            }
        }
    }

    /// Of two settings it is the paired t-test.
    #[test]
    fn two_settings() {
        let scores = [
            vec![0.88, 0.89, 0.875, 0.885],
            vec![0.87, 0.875, 0.873, 0.86],
        ];
        let pairs: Vec<(f64, f64)> = scores[0].iter().copied().zip(scores[1].clone()).collect();
        let (ours, theirs) = (against_first(&scores)[1], paired(&pairs));
        let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
        assert!((ours.p - theirs.p).abs() < 1e-5, "{} {}", ours.p, theirs.p);
        assert!((ours.difference - theirs.difference).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_told() {
        assert_eq!(against_first(&[]), []);
        assert_eq!(against_first(&[vec![0.9, 0.8]]), [None]);
        assert_eq!(against_first(&[vec![0.9], vec![0.8]]), [None, None]);
        let constant = against_first(&[vec![0.3, 0.4], vec![0.2, 0.3]]);
        assert_eq!(constant, [None, None], "no chance in it");
        let equal = against_first(&[vec![0.3, 0.4], vec![0.3, 0.4]]);
        assert_eq!(equal[1].map(|test| test.p), Some(1.0));
    }

    /// Figures of settings as sweeps have them: a mean each, a part that all trainings of a seed have in
    /// common, and chance of a deviation each. The best mean first.
    fn drawn(
        settings: &[(f64, f64)],
        seeds: usize,
        next: &mut impl FnMut() -> f64,
    ) -> Vec<Vec<f64>> {
        let common: Vec<f64> = (0..seeds).map(|_| 0.5 * next()).collect();
        let mut row = |(mean, deviation): &(f64, f64)| -> Vec<f64> {
            common
                .iter()
                .map(|part| mean + part + deviation * next())
                .collect()
        };
        let mut scores: Vec<Vec<f64>> = settings.iter().map(&mut row).collect();
        scores.sort_by(|a, b| mean(b).total_cmp(&mean(a)));
        scores
    }

    /// Returns standard normal figures, the same ones every time.
    fn normals(seed: u64) -> impl FnMut() -> f64 {
        let (mut state, normal) = (seed, Normal::standard());
        move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            normal.inverse_cdf(((state >> 12) as f64 + 0.5) / (1u64 << 52) as f64)
        }
    }

    /// Returns how often, of `times`, a setting is called worse.
    fn called_worse(settings: &[(f64, f64)], seeds: usize, times: usize) -> f64 {
        let mut next = normals(settings.len() as u64);
        let is_wrong = |_: &usize| {
            let tests = against_first(&drawn(settings, seeds, &mut next));
            tests.iter().flatten().any(|test| test.p < SIGNIFICANT)
        };
        (0..times).filter(is_wrong).count() as f64 / times as f64
    }

    /// With Holm's correction of paired t-tests it was 13 % of 18 settings with 5 seeds, and 30 % of 50 with 10.
    /// The limits are three standard errors of so many tries to either side of 5 %.
    #[test]
    fn equal_settings_are_called_worse_once_in_twenty_times() {
        for (settings, seeds, times) in [(3, 3, 1000), (18, 2, 300), (18, 5, 300), (50, 10, 100)] {
            let share = called_worse(&vec![(0.0, 1.0); settings], seeds, times);
            let limit = 3.0 * (0.05 * 0.95 / times as f64).sqrt();
            println!("{settings} equal settings x {seeds} seeds: {share}");
            assert!(
                (share - 0.05).abs() <= limit,
                "{settings} x {seeds}: {share}"
            );
        }
    }

    /// Two equally good settings among worse ones, the last of which is wild: what is called worse is, but once
    /// in twenty times.
    #[test]
    fn the_best_of_unequal_settings_are_not_called_worse() {
        let mut next = normals(1);
        let settings = [
            (0.0, 1.0),
            (0.0, 1.0),
            (-1.0, 1.0),
            (-4.0, 1.0),
            (-60.0, 20.0),
        ];
        let (times, seeds) = (1000, 5);
        let mut wrong = 0;
        for _ in 0..times {
            let common: Vec<f64> = (0..seeds).map(|_| next()).collect();
            let mut rows: Vec<(usize, Vec<f64>)> = settings
                .iter()
                .map(|(mean, deviation)| {
                    common
                        .iter()
                        .map(|c| mean + c + deviation * next())
                        .collect()
                })
                .enumerate()
                .collect();
            rows.sort_by(|(_, a), (_, b)| mean(b).total_cmp(&mean(a)));
            let (order, scores): (Vec<usize>, Vec<Vec<f64>>) = rows.into_iter().unzip();
            let tests = against_first(&scores);
            let is_worse = |test: &Option<Paired>| test.is_some_and(|test| test.p < SIGNIFICANT);
            let of_best = order
                .iter()
                .zip(&tests)
                .filter(|(setting, _)| **setting < 2);
            wrong += usize::from(of_best.map(|(_, test)| test).any(is_worse));
        }
        let share = wrong as f64 / times as f64;
        println!("one of the two best is called worse: {share}");
        assert!(share <= 0.07, "{share}");
    }

    /// Differences that are there, in standard deviations of a training: four of them are found with five
    /// seeds, also beside a setting that has gone wild, and two of them with ten.
    #[test]
    fn real_differences_are_found() {
        let found = |settings: &[(f64, f64)], seeds: usize, least: usize| {
            let (mut next, times) = (normals(3), 200);
            let is_found = |_: &usize| {
                let tests = against_first(&drawn(settings, seeds, &mut next));
                let worse = tests.iter().flatten().filter(|test| test.p < SIGNIFICANT);
                worse.count() >= least
            };
            let share = (0..times).filter(is_found).count() as f64 / times as f64;
            println!("{settings:?} x {seeds}: {share}");
            share
        };
        assert!(found(&[(4.0, 1.0), (0.0, 1.0), (0.0, 1.0)], 5, 2) > 0.95);
        assert!(found(&[(4.0, 1.0), (4.0, 1.0), (0.0, 1.0), (-60.0, 20.0)], 5, 2) > 0.9);
        assert!(found(&[(4.0, 1.0), (2.0, 1.0), (0.0, 1.0)], 10, 2) > 0.9);
    }
}
