//! What the checks of a run's figures came to.

use maud::{Markup, html};

use crate::explain::Language;
use crate::explain::checks::{Checked, Finding, Outcome};

/// Returns what was found, with what to do about it.
pub fn list(checked: &Checked) -> Markup {
    let found: Vec<(&str, &Finding)> = checked
        .iter()
        .filter_map(|(code, outcome)| match outcome {
            Outcome::Found(finding) => Some((code.name(), finding)),
            _ => None,
        })
        .collect();
    let clear = checked.iter().filter(|(_, o)| *o == Outcome::Clear).count();
    let english = Language::English;
    html! {
        @if found.is_empty() {
            p { "Nothing was found by " (clear) " checks of the run's figures." }
        } @else {
            dl.checks {
                @for (code, finding) in found {
                    dt { code { (code) } " " (finding.what.of(english)) }
                    dd { (finding.advice.of(english)) }
                }
            }
        }
        p {
            "More checks need the data: " code { "trainer explain run" } " counts labels, looks for duplicates, and trains \
            a linear network to compare with."
        }
    }
}
