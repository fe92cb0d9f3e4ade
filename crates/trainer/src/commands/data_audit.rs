//! `trainer data audit`

use std::io::Write;

use data::audit::label_errors::LabelError;
use data::audit::{Part, Place};
use serde_json::{Value, json};

use super::signals::Signals;
use super::table;
use super::terminal::{self, Messages};
use crate::audit::{self, Audit};
use crate::cli::{AuditArgs, ConfigArgs, ExperimentArgs};
use crate::failure::Failure;
use crate::format::percent;
use crate::report::audit_page;
use crate::run::write;

/// Lines of each table; `--json` has all.
const LINES: usize = 20;

/// Prints what may be wrong with a data set, and writes a page that shows it, if asked for.
///
/// # Errors
/// When config or data are wrong (exit code 2), a training diverges, or the page cannot be written.
pub fn run(args: &AuditArgs) -> Result<(), Failure> {
    let _signals = Signals::listen()?;
    let messages = Messages::of(args.output);
    let mut set = args.config.set.clone();
    set.push(format!("training.epochs={}", args.epochs));
    let experiment = super::config::experiment(&ExperimentArgs {
        config: ConfigArgs {
            set,
            ..args.config.clone()
        },
        ..ExperimentArgs::default()
    })?;
    let audit = audit::audit(experiment, args.folds.into(), &mut messages.listener())?;
    if args.output.json {
        terminal::json(&value(&audit))?;
    } else {
        print(&audit)?;
    }
    if let Some(out) = &args.html {
        write::atomically(out, audit_page::html(&audit)?.as_bytes())?;
        messages.note(format_args!("page    {}", out.display()));
    }
    Ok(())
}

fn print(audit: &Audit) -> Result<(), Failure> {
    let mut out = terminal::out();
    let (duplicates, errors) = (&audit.duplicates, &audit.labels.errors);
    writeln!(
        out,
        "equal images    {} more than once, {} of them in more than one part, {} with different labels",
        duplicates.exact.len(),
        audit.shared().count(),
        audit.conflicts().count()
    )?;
    let groups = audit.conflicts().chain(audit.shared()).take(LINES);
    let rows: Vec<Vec<String>> = groups.map(|group| group_row(audit, group)).collect();
    print_table(&mut out, &["images", "labels"], &rows)?;
    writeln!(out, "nearly equal    {} pairs", duplicates.near.len())?;
    let near = duplicates.near.iter().take(LINES);
    let rows: Vec<Vec<String>> = near
        .map(|near| {
            let mut row = group_row(audit, &[near.one, near.other]);
            row.push(format!("{:.1}", near.difference));
            row
        })
        .collect();
    print_table(&mut out, &["images", "labels", "difference"], &rows)?;
    writeln!(out, "odd images      {}", audit.oddities.len())?;
    let odd = audit.oddities.iter().take(LINES);
    let rows: Vec<Vec<String>> = odd
        .map(|odd| vec![audit.describe(odd.place), odd.reason.clone()])
        .collect();
    print_table(&mut out, &["image", "what"], &rows)?;
    writeln!(
        out,
        "likely wrong    {} labels of {} ({} are predicted as labelled)",
        errors.len(),
        audit.data.train.len(),
        percent(audit.agreement)
    )?;
    let rows: Vec<Vec<String>> = errors
        .iter()
        .take(LINES)
        .map(|e| error_row(audit, e))
        .collect();
    print_table(&mut out, &["image", "label", "likely", "margin"], &rows)?;
    Ok(())
}

fn print_table(
    out: &mut terminal::Out,
    header: &[&str],
    rows: &[Vec<String>],
) -> Result<(), Failure> {
    if !rows.is_empty() {
        table::write(out, header, &[1, 2], rows)?;
        writeln!(out)?;
    }
    Ok(())
}

fn group_row(audit: &Audit, group: &[Place]) -> Vec<String> {
    let of = |text: &dyn Fn(Place) -> String| {
        let all: Vec<String> = group.iter().take(4).map(|&place| text(place)).collect();
        all.join(", ")
    };
    vec![
        of(&|place| audit.describe(place)),
        of(&|place| audit.label(place).to_string()),
    ]
}

fn error_row(audit: &Audit, error: &LabelError) -> Vec<String> {
    vec![
        audit.describe(training(error.index)),
        audit.class(error.label).to_string(),
        audit.class(error.likely).to_string(),
        format!("{:.3}", error.margin),
    ]
}

fn training(index: usize) -> Place {
    Place {
        part: Part::Training,
        index,
    }
}

fn value(audit: &Audit) -> Value {
    let image = |place: Place| {
        let file = place.origin(&audit.data).map(|origin| &origin.path);
        json!({ "part": place.part, "index": place.index, "label": audit.label(place), "file": file })
    };
    let groups = audit.duplicates.exact.iter();
    let equal: Vec<Value> = groups
        .map(|group| group.iter().map(|&place| image(place)).collect())
        .collect();
    let near = audit.duplicates.near.iter().map(|near| {
        json!({ "images": [image(near.one), image(near.other)], "difference": near.difference })
    });
    let odd = audit
        .oddities
        .iter()
        .map(|odd| json!({ "image": image(odd.place), "kind": odd.kind, "reason": odd.reason }));
    let errors = audit.labels.errors.iter().map(|error| {
        json!({
            "image": image(training(error.index)),
            "likely": audit.class(error.likely),
            "margin": error.margin,
        })
    });
    json!({
        "name": audit.data.name,
        "classes": audit.data.class_names,
        "agreement": audit.agreement,
        "equal": equal,
        "near": near.collect::<Vec<_>>(),
        "odd": odd.collect::<Vec<_>>(),
        "label_errors": errors.collect::<Vec<_>>(),
        "confident_joint": audit.labels.joint,
    })
}
