//! What a comparison says, in sentences: of the networks, and of the settings they were trained with.

use experiment::Metric;

use super::Comparison;
use super::mcnemar::McNemar;
use super::settings::{AgainstFirst, SeedAlone, Setting, seed_alone, sweep_command};
use crate::format::counted;
use crate::run::list::Summary;
use crate::sweep::multiple::SIGNIFICANT;

/// What McNemar's test is about, and what not. Measured with the seeds 1 to 20 of the tutorial, all 190 pairs.
pub const OF_NETWORKS: &str = "McNemar's test is about these networks, not about their settings: of 190 pairs of the \
                               tutorial that differ in nothing but the seed, 66 have p below 0.05";

/// Returns what McNemar's tests say of each network but the first against the first.
pub fn of_networks(comparison: &Comparison) -> Vec<String> {
    let letters = comparison.letters();
    let tests = letters.iter().skip(1).zip(&comparison.tests);
    let line = |(letter, test): (&String, &McNemar)| {
        let verdict = if test.p < SIGNIFICANT {
            "the networks differ by more than the choice of test images explains"
        } else {
            "the networks differ by no more than the choice of test images explains"
        };
        format!(
            "A and {letter} on the test images: {} only A gets right, {} only {letter}; p = {:.4} (McNemar, exact): \
             {verdict}",
            test.only_first, test.only_second, test.p
        )
    };
    let mut lines: Vec<String> = tests.map(line).collect();
    if lines.len() > 1 {
        lines.push(format!(
            "of {} tests, one in twenty is below 0.05 by chance alone",
            lines.len()
        ));
    }
    lines.push(OF_NETWORKS.to_string());
    lines
}

/// Returns what can be said of the settings: by several seeds each, or what would settle it.
pub fn of_settings(comparison: &Comparison) -> Vec<String> {
    let Some((first, others)) = comparison.settings.split_first() else {
        return Vec::new();
    };
    if others.is_empty() {
        return vec![
            "the runs are of one setting: they differ in nothing but the seed".to_string(),
        ];
    }
    let names = |setting: &Setting| named(comparison, setting);
    let runs = |setting: &Setting| runs_of(comparison, setting);
    let mut lines = Vec::new();
    for other in others {
        let what = format!("settings {} and {}", names(first), names(other));
        lines.push(match &other.against_first {
            Some(against) => format!("{what}: {}", over_seeds(against, &names(other))),
            None => {
                let pair = [runs(first), runs(other)].map(|runs| runs.first().copied());
                let [Some(a), Some(b)] = pair else { continue };
                format!("{what}: {}", by_one_seed(a, b))
            }
        });
    }
    if others.iter().any(|other| other.against_first.is_none()) {
        let all: Vec<&Summary> = comparison.settings.iter().flat_map(runs).collect();
        let command = sweep_command(&all);
        lines.extend(
            command.map(|command| format!("several seeds each would settle it: {command}")),
        );
    } else if others.len() > 1 {
        lines.push(
            "(p: paired t-test over the seeds, with Holm's correction for several settings)"
                .to_string(),
        );
    }
    lines
}

/// Says what the seeds that two settings have in common come to.
fn over_seeds(against: &AgainstFirst, other: &str) -> String {
    let [low, high] = against.interval;
    let seeds = counted(against.seeds, "seed");
    let verdict = match against.p {
        None => "the same with every seed, of which nothing can be said".to_string(),
        Some(p) if p < SIGNIFICANT => format!("p = {p:.4}: more than chance explains"),
        Some(p) => format!("p = {p:.4}: no more than chance explains"),
    };
    format!(
        "test accuracy of {other} {:+.2} points over {seeds}, 95 % interval {:+.2} to {:+.2}; {verdict}",
        100.0 * against.difference,
        100.0 * low,
        100.0 * high
    )
}

/// Says what one seed each can tell.
fn by_one_seed(a: &Summary, b: &Summary) -> String {
    let alone = [a, b].map(|run| seed_alone(&run.experiment));
    let [x, y] = alone;
    let SeedAlone {
        experiment,
        difference: limit,
    } = if x.difference >= y.difference { x } else { y };
    let found = a.test(Metric::ACCURACY).zip(b.test(Metric::ACCURACY));
    let found = found.map_or(0.0, |(a, b)| (b - a).abs());
    let verdict = if found > limit {
        "which says something if these trainings vary no more than those"
    } else {
        "so this difference says nothing of the settings"
    };
    format!(
        "fewer than two seeds in common. They are {:.2} points of test accuracy apart, and the seed alone drives two \
         trainings of {experiment} up to {:.1} points apart (19 of 20 pairs), {verdict}",
        100.0 * found,
        100.0 * limit
    )
}

/// Returns the letters of a setting's runs: `A`, `A C D`.
fn named(comparison: &Comparison, setting: &Setting) -> String {
    let letters = comparison.letters();
    let names = setting.runs.iter().filter_map(|place| letters.get(*place));
    let names: Vec<&str> = names.map(String::as_str).collect();
    names.join(" ")
}

fn runs_of<'c>(comparison: &'c Comparison, setting: &Setting) -> Vec<&'c Summary> {
    let runs = setting.runs.iter();
    runs.filter_map(|place| Some(&comparison.runs.get(*place)?.run))
        .collect()
}
