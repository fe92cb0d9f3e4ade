//! Several runs side by side: config, metrics, learning curves, classes, and whether the differences are more
//! than chance.

pub mod mcnemar;

use std::collections::BTreeSet;

use experiment::Metric;

use self::mcnemar::{McNemar, Prediction, predictions, recall};
use crate::failure::Failure;
use crate::format::figure;
use crate::run::epoch::EpochMetrics;
use crate::run::list::{self, Summary};
use crate::run::query;

/// A run with everything that is compared.
#[derive(Debug, Clone)]
pub struct Compared {
    /// Summary of the run.
    pub run: Summary,
    /// Its finished epochs.
    pub epochs: Vec<EpochMetrics>,
    /// Its predictions for every test image.
    pub predictions: Vec<Prediction>,
}

/// Runs side by side.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The runs; the others are compared with the first.
    pub runs: Vec<Compared>,
    /// McNemar's test of each later run against the first.
    pub tests: Vec<McNemar>,
}

impl Comparison {
    /// Returns the comparison of the named runs.
    ///
    /// # Errors
    /// When a run is not found or not finished, or they were tested on different images.
    pub fn of(names: &[String]) -> Result<Self, Failure> {
        let mut runs = Vec::new();
        for name in names {
            let run = list::named(name)?;
            runs.push(Compared {
                epochs: list::metrics(&run.folder),
                predictions: predictions(&run.folder)?,
                run,
            });
        }
        let Some((first, others)) = runs.split_first() else {
            let failure = Failure::usage("there is nothing to compare");
            return Err(failure.hint("give two or more runs"));
        };
        let tests: Result<Vec<McNemar>, Failure> = others
            .iter()
            .map(|other| mcnemar::mcnemar(&first.predictions, &other.predictions))
            .collect();
        Ok(Self {
            tests: tests?,
            runs,
        })
    }

    /// Returns the name of each run.
    pub fn letters(&self) -> Vec<String> {
        let letters = ('A'..='Z').cycle();
        letters.take(self.runs.len()).map(String::from).collect()
    }

    /// Returns a row for each key whose values differ.
    pub fn settings(&self) -> Vec<Vec<String>> {
        let keys: BTreeSet<&String> = self
            .runs
            .iter()
            .flat_map(|c| c.run.settings.keys())
            .collect();
        let row = |key: &String| -> Vec<String> {
            let values = self.runs.iter().map(|c| c.run.settings.get(key));
            let values = values.map(|value| value.map_or("-".into(), Clone::clone));
            std::iter::once(key.clone()).chain(values).collect()
        };
        let differs = |row: &Vec<String>| {
            row.windows(2)
                .skip(1)
                .any(|pair| pair.first() != pair.last())
        };
        keys.into_iter().map(row).filter(differs).collect()
    }

    /// Returns a row for each result.
    pub fn metrics(&self) -> Vec<Vec<String>> {
        let row = |name: String, value: &dyn Fn(&Summary) -> String| -> Vec<String> {
            let values = self.runs.iter().map(|compared| value(&compared.run));
            std::iter::once(name).chain(values).collect()
        };
        let seconds = |run: &Summary| run.seconds.map_or("-".into(), |s| format!("{s:.1} s"));
        let best = |run: &Summary| run.best_epoch.map_or("-".into(), |epoch| epoch.to_string());
        let metrics = || Metric::of_results();
        let test = metrics().map(|metric| {
            let test = |run: &Summary| figure(run.test(metric));
            row(format!("test {}", metric.label), &test)
        });
        let validation = metrics().map(|metric| {
            let validation = |run: &Summary| figure(run.validation(metric));
            row(format!("validation {}", metric.label), &validation)
        });
        let others = [
            row("epochs".into(), &|run| run.epochs.to_string()),
            row("best epoch".into(), &best),
            row("time".into(), &seconds),
            row("status".into(), &query::status),
        ];
        test.chain(validation).chain(others).collect()
    }

    /// Returns a row for each class: the recall of each run.
    pub fn classes(&self) -> Vec<Vec<String>> {
        let recalls: Vec<Vec<(String, f64)>> =
            self.runs.iter().map(|c| recall(&c.predictions)).collect();
        let first = recalls.first().cloned().unwrap_or_default();
        let row = |(name, _): (String, f64)| -> Vec<String> {
            let of = |recall: &Vec<(String, f64)>| {
                figure(
                    recall
                        .iter()
                        .find(|(class, _)| *class == name)
                        .map(|(_, share)| *share),
                )
            };
            let values: Vec<String> = recalls.iter().map(of).collect();
            std::iter::once(name.clone()).chain(values).collect()
        };
        first.into_iter().map(row).collect()
    }
}
