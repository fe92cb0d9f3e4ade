//! Runs that differ in nothing but the seed, as one setting; and settings against each other.
//!
//! McNemar's test asks whether two fitted networks differ. Whether their settings do is another question: the
//! same setting trained with another seed is another network.

use std::collections::BTreeMap;

use experiment::Metric;
use serde::Serialize;

use crate::format::quoted;
use crate::run::folder::CONFIG;
use crate::run::list::Summary;
use crate::sweep::statistics::{Paired, Spread, holm, paired};

/// Keys in which runs of one setting may differ: they change no answer, or are what a setting is repeated with.
const ASIDE: [&str; 3] = ["seed", "name", "data.dir"];

/// Standard deviation of the test accuracy over seeds, with everything else the same: the table in
/// configs/README.md.
const MEASURED: [(&str, f64); 5] = [
    (TUTORIAL, 0.0039),
    ("quick", 0.016),
    ("deep", 0.0037),
    ("neurons", 0.0042),
    ("validated", 0.0083),
];
/// The experiment that stands for those that nobody measured.
const TUTORIAL: &str = "fashion-mnist";

/// Runs that differ in nothing but the seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Their places among the runs that are compared.
    pub runs: Vec<usize>,
    /// How it differs from the first setting, where they have two seeds in common.
    pub against_first: Option<AgainstFirst>,
}

/// A setting less the first one, in test accuracy, seed by seed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AgainstFirst {
    /// Seeds that both were trained with, 2 or more.
    pub seeds: usize,
    /// Mean difference, -1 to 1.
    pub difference: f64,
    /// The interval that holds the mean difference over all seeds with 95 % confidence.
    pub interval: [f64; 2],
    /// How probable a difference at least as large is if the settings are equally good, by the paired t-test,
    /// corrected for the number of settings (Holm); `None` when the difference is the same with every seed.
    pub p: Option<f64>,
}

/// Returns the settings of `runs`, in the order in which they appear, each against the first.
pub fn settings(runs: &[&Summary]) -> Vec<Setting> {
    let mut found: Vec<(BTreeMap<&String, &String>, Setting)> = Vec::new();
    for (place, run) in runs.iter().enumerate() {
        let sets = run.settings.iter();
        let sets = sets
            .filter(|(key, _)| !ASIDE.contains(&key.as_str()))
            .collect();
        match found.iter_mut().find(|(known, _)| *known == sets) {
            Some((_, setting)) => setting.runs.push(place),
            None => found.push((
                sets,
                Setting {
                    runs: vec![place],
                    against_first: None,
                },
            )),
        }
    }
    let mut settings: Vec<Setting> = found.into_iter().map(|(_, setting)| setting).collect();
    compare(runs, &mut settings);
    settings
}

/// Fills in what each setting but the first is against it.
fn compare(runs: &[&Summary], settings: &mut [Setting]) {
    let accuracies = |setting: &Setting| -> BTreeMap<u64, f64> {
        let runs = setting.runs.iter().filter_map(|place| runs.get(*place));
        runs.filter_map(|run| Some((run.seed, run.test(Metric::ACCURACY)?)))
            .collect()
    };
    let Some((first, others)) = settings.split_first_mut() else {
        return;
    };
    let first = accuracies(first);
    let mut tests: Vec<Option<Paired>> = Vec::new();
    for other in others.iter_mut() {
        let other_accuracies = accuracies(other);
        let pairs: Vec<(f64, f64)> = first
            .iter()
            .filter_map(|(seed, accuracy)| Some((*accuracy, *other_accuracies.get(seed)?)))
            .collect();
        let differences: Vec<f64> = pairs.iter().map(|(first, other)| other - first).collect();
        let spread = Spread::of(&differences);
        other.against_first = spread.and_then(|spread| {
            Some(AgainstFirst {
                seeds: spread.count,
                difference: spread.mean,
                interval: spread.interval?,
                p: None,
            })
        });
        tests.push(paired(&pairs));
    }
    holm(&mut tests.iter_mut().flatten().collect::<Vec<_>>());
    for (other, test) in others.iter_mut().zip(tests) {
        if let Some(against) = &mut other.against_first {
            against.p = test.map(|test| test.p);
        }
    }
}

/// How far apart two runs of one setting are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeedAlone {
    /// The experiment that this was measured with.
    pub experiment: &'static str,
    /// The difference in test accuracy that 19 of 20 pairs of runs stay below, 0 to 1.
    pub difference: f64,
}

/// Returns how far the seed alone drives runs of an experiment apart: of the shipped one of that name, or else
/// of the tutorial.
pub fn seed_alone(experiment: &str) -> SeedAlone {
    let measured = |name: &str| MEASURED.into_iter().find(|(known, _)| *known == name);
    let (experiment, deviation) = measured(experiment)
        .or_else(|| measured(TUTORIAL))
        .unwrap_or((TUTORIAL, 0.0));
    SeedAlone {
        experiment,
        // The difference of two independent figures has the square root of two times their deviation.
        difference: 1.96 * std::f64::consts::SQRT_2 * deviation,
    }
}

/// Returns the command that compares settings with several seeds: a sweep over the keys in which `runs` differ,
/// from the config of the first; `None` when they differ in nothing that a sweep can vary.
pub fn sweep_command(runs: &[&Summary]) -> Option<String> {
    let first = runs.first()?;
    let values = |key: &String| -> Vec<&String> {
        let mut values: Vec<&String> = Vec::new();
        for value in runs.iter().filter_map(|run| run.settings.get(key)) {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        values
    };
    let axes: Vec<String> = first
        .settings
        .keys()
        .filter(|key| !ASIDE.contains(&key.as_str()) && *key != "data.validation")
        .map(|key| (key, values(key)))
        .filter(|(_, values)| values.len() > 1)
        .map(|(key, values)| {
            let values: Vec<&str> = values.into_iter().map(String::as_str).collect();
            format!("{key} = [{}]", values.join(", "))
        })
        .collect();
    if axes.is_empty() {
        return None;
    }
    let held_out = |run: &&Summary| {
        run.settings
            .get("data.validation")
            .is_some_and(|n| n != "0")
    };
    let validation = if held_out(first) {
        ""
    } else {
        " --set data.validation=5000"
    };
    Some(format!(
        "cargo run -p trainer -- sweep {} --set name=NAME{validation} --set sweep.seeds=5 --set {}",
        quoted(&first.folder.join(CONFIG)),
        quoted(format!("sweep.grid={{ {} }}", axes.join(", ")).as_ref()),
    ))
}
