//! The results of a sweep's settings for a user: table rows and sentences.

use super::folder::SweepState;
use super::outcome::Outcome;
use super::statistics::Spread;
use crate::format;

/// Significance level: below it, a difference is called more than chance.
const SIGNIFICANT: f64 = 0.05;

/// Returns the header of [`rows`].
pub fn header(measure: &str) -> [&str; 8] {
    [
        "setting",
        "sets",
        "seeds",
        "epochs",
        measure,
        "95 % interval",
        "vs best",
        "p",
    ]
}

/// Returns a row for each setting: number, values, seeds, epochs, mean and deviation, interval, difference
/// from the best, p-value.
pub fn rows(outcomes: &[Outcome]) -> Vec<Vec<String>> {
    let dash = || "-".to_string();
    let row = |outcome: &Outcome| {
        let epochs = if outcome.given_up {
            format!("{}, stopped early", outcome.epochs)
        } else {
            outcome.epochs.to_string()
        };
        let seeds = match outcome.failed {
            0 => outcome.scores.len().to_string(),
            failed => format!("{}, {failed} failed", outcome.scores.len()),
        };
        let interval = outcome.spread.and_then(|spread| spread.interval);
        vec![
            outcome.setting.to_string(),
            described(&outcome.values),
            seeds,
            epochs,
            outcome.spread.map_or_else(dash, |spread| mean(&spread)),
            interval.map_or_else(dash, |[low, high]| format!("{low:.4} to {high:.4}")),
            outcome
                .against_best
                .map_or_else(dash, |test| format!("{:+.4}", test.difference)),
            outcome
                .against_best
                .map_or_else(dash, |test| probability(test.p)),
        ]
    };
    outcomes.iter().map(row).collect()
}

/// Returns a short description of what a setting sets.
pub fn described(values: &[(String, String)]) -> String {
    let texts: Vec<String> = values
        .iter()
        .map(|(key, value)| format::setting(key, value))
        .collect();
    if texts.is_empty() {
        "as in the file".to_string()
    } else {
        texts.join(", ")
    }
}

/// Returns a mean with its standard deviation.
pub fn mean(spread: &Spread) -> String {
    match spread.deviation {
        Some(deviation) => format!("{:.4} ± {deviation:.4}", spread.mean),
        None => format!("{:.4}", spread.mean),
    }
}

fn probability(p: f64) -> String {
    if p < 1e-4 {
        "< 0.0001".to_string()
    } else {
        format!("{p:.4}")
    }
}

/// Returns the conclusions as sentences.
pub fn sentences(outcomes: &[Outcome], sweep: &SweepState) -> Vec<String> {
    let mut lines = Vec::new();
    let Some(best) = sweep
        .best
        .and_then(|best| outcomes.iter().find(|outcome| outcome.setting == best))
    else {
        return lines;
    };
    lines.push(format!(
        "best on the validation images: setting {}, {}",
        best.setting,
        described(&best.values)
    ));
    let tests: Vec<f64> = outcomes
        .iter()
        .filter_map(|outcome| outcome.against_best)
        .map(|test| test.p)
        .collect();
    let alike = tests.iter().filter(|p| **p >= SIGNIFICANT).count();
    lines.push(match (tests.len(), alike, best.scores.len()) {
        (0, _, _) if outcomes.len() < 2 => "there is nothing to compare it with".to_string(),
        (0, _, 1) => {
            "one seed per setting cannot tell a difference from chance: set seeds = 5 in [sweep]"
                .to_string()
        }
        (0, _, _) if outcomes.iter().any(|outcome| outcome.given_up) => {
            "the others were stopped earlier".to_string()
        }
        (0, _, _) => "no other setting has two seeds in common with it".to_string(),
        (all, 0, _) => format!(
            "better than each of {} by more than chance",
            format::counted(all, "other setting")
        ),
        (all, alike, seeds) => format!(
            "{alike} of {} may be as good: with {} the difference may be chance",
            format::counted(all, "other setting"),
            format::counted(seeds, "seed"),
        ),
    });
    if !tests.is_empty() {
        lines.push("(p: paired t-test over the seeds, Holm's correction; the best was chosen by the same figures, which \
             makes p a little too small)"
                .to_string());
    }
    if let Some(test) = &sweep.test {
        let looks = match sweep.test_looks {
            1 => "used once".to_string(),
            looks => format!("used {looks} times"),
        };
        lines.push(format!(
            "its test accuracy {}  loss {}  ({}; the test images were {looks})",
            mean(&test.accuracy),
            mean(&test.loss),
            format::counted(test.accuracy.count, "seed"),
        ));
    }
    lines
}
