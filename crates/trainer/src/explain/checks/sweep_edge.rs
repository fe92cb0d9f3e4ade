//! Whether the best setting of a sweep lies at the edge of what was tried.

use super::evidence::Evidence;
use super::{Finding, Outcome, Text};
use crate::sweep::SweepState;

/// With fewer values, every one is at the edge.
const LEAST_VALUES: usize = 3;

pub fn check(run: &Evidence) -> Outcome {
    let Some(sweep) = &run.sweep else {
        return Outcome::NotMade(Text::new(
            "the run is not part of a sweep",
            "a execução não faz parte de uma varredura",
        ));
    };
    let Some(best) = sweep.best else {
        return Outcome::NotMade(Text::new(
            "the sweep has no best setting yet",
            "a varredura ainda não tem uma melhor configuração",
        ));
    };
    let Some((key, value, is_largest)) = edge(sweep, best) else {
        return Outcome::Clear;
    };
    let (en, pt, beyond, alem) = if is_largest {
        ("largest", "o maior", "larger", "maiores")
    } else {
        ("smallest", "o menor", "smaller", "menores")
    };
    Outcome::Found(Finding {
        what: Text::new(
            format!("the sweep's best setting has the {en} {key} that was tried, {value}"),
            format!("a melhor configuração da varredura tem {pt} {key} testado, {value}"),
        ),
        advice: Text::new(
            format!("the best may lie beyond it: add {beyond} values to the sweep"),
            format!("o melhor pode estar além dele: inclua valores {alem} na varredura"),
        ),
        figures: vec![("value", value)],
    })
}

/// Returns the first key whose best value is the smallest or largest of those tried, the value, and whether it is the
/// largest.
fn edge(sweep: &SweepState, best: usize) -> Option<(String, f64, bool)> {
    let keys = sweep.settings.first()?.iter().map(|(key, _)| key);
    keys.into_iter().find_map(|key| {
        let number = |setting: &Vec<(String, String)>| {
            let value = setting.iter().find(|(name, _)| name == key)?;
            value.1.parse::<f64>().ok()
        };
        let mut values: Vec<f64> = sweep.settings.iter().map(number).collect::<Option<_>>()?;
        let of_best = *values.get(best.checked_sub(1)?)?;
        values.sort_by(f64::total_cmp);
        values.dedup();
        let (first, last) = (*values.first()?, *values.last()?);
        let is_edge = values.len() >= LEAST_VALUES && (of_best == first || of_best == last);
        is_edge.then(|| (key.clone(), of_best, of_best == last))
    })
}
