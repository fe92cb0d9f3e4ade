//! `trainer predict`

use std::io::{Write, stdout};

use serde_json::{Value, json};

use super::saved;
use super::terminal;
use crate::cli::PredictArgs;
use crate::evaluation::{class_name, top};
use crate::failure::Failure;
use crate::inference::{Answer, Inference};
use crate::run::find::Saved;
use crate::trust;

/// Length of the longest bar, in characters.
const BAR: usize = 40;

/// Predicts pictures, or one test image.
///
/// # Errors
/// When the run is not found, or a picture cannot be read (the others are still predicted).
pub fn run(args: &PredictArgs) -> Result<(), Failure> {
    let (compute, saved) = saved::open(&args.saved)?;
    let inference = Inference::new(&saved.record, &compute)?;
    if let Some(missing) = trust::missing(&saved.record.metadata) {
        saved::messages(&args.saved).note(missing);
    }
    match args.test {
        Some(number) => test_image(args, &saved, &inference, number),
        None => pictures(args, &saved, &inference),
    }
}

fn pictures(args: &PredictArgs, saved: &Saved, inference: &Inference) -> Result<(), Failure> {
    let messages = saved::messages(&args.saved);
    let mut unreadable = 0;
    for file in &args.images {
        match inference.picture(file) {
            Ok(answer) => {
                let name = file.display().to_string();
                if args.saved.output.json {
                    let more = json!({ "done": answer.done, "hint": answer.hint });
                    terminal::json(&object(saved, &name, &answer, more)?)?;
                } else {
                    print(saved, &name, &answer, None)?;
                    messages.note(format_args!("  ({})", answer.done.join("; ")));
                    if let Some(hint) = answer.hint {
                        messages.note(format_args!("hint: {hint}"));
                    }
                }
            }
            Err(failure) => {
                unreadable += 1;
                terminal::report(&failure);
            }
        }
    }
    match unreadable {
        0 => {
            messages.next(format_args!(
                "cargo run -p trainer -- gallery {}",
                args.saved.run
            ));
            Ok(())
        }
        _ => Err(Failure::already_reported()),
    }
}

fn test_image(
    args: &PredictArgs,
    saved: &Saved,
    inference: &Inference,
    number: usize,
) -> Result<(), Failure> {
    let data = saved::data_set(saved, &args.saved)?;
    if number >= data.test.len() {
        return Err(
            Failure::usage(format!("there is no test image {number}")).hint(format_args!(
                "they are numbered 0 to {}",
                data.test.len() - 1
            )),
        );
    }
    let answer = inference.pixels(data.test.image(number))?;
    let actual = class_name(&data.class_names, data.test.label(number).into())?;
    let name = format!("test image {number}");
    if args.saved.output.json {
        writeln!(
            stdout(),
            "{}",
            object(saved, &name, &answer, json!({ "true": actual }))?
        )?;
        return Ok(());
    }
    print(saved, &name, &answer, Some(actual))
}

/// Returns one picture's prediction as JSON, with the entries of `more`; probabilities are in the order of
/// `classes`.
fn object(saved: &Saved, name: &str, answer: &Answer, mut more: Value) -> Result<Value, Failure> {
    let metadata = &saved.record.metadata;
    let classes = &metadata.class_names;
    let mut object = json!({
        "file": name,
        "label": class_name(classes, top(&answer.probabilities).0)?,
        "unknown": answer.unknown,
        "strangeness": answer.strangeness,
        "threshold": metadata.unknown.as_ref().map(|unknown| unknown.threshold),
        "probabilities": answer.probabilities,
        "raw_probabilities": answer.raw,
        "calibrated": metadata.calibration.is_some(),
        "classes": classes,
    });
    if let (Some(object), Some(more)) = (object.as_object_mut(), more.as_object_mut()) {
        object.append(more);
    }
    Ok(object)
}

fn print(saved: &Saved, name: &str, answer: &Answer, actual: Option<&str>) -> Result<(), Failure> {
    let classes = &saved.record.metadata.class_names;
    let mut out = terminal::out();
    let (best, p) = top(&answer.probabilities);
    let best = class_name(classes, best)?;
    write!(out, "{name}: ")?;
    if answer.unknown == Some(true) {
        write!(
            out,
            "unknown: unlike the training images; the most probable class is "
        )?;
    }
    write!(out, "{best} ({:.1} %)", 100.0 * p)?;
    match actual {
        Some(actual) if actual == best => writeln!(out, ", which is correct")?,
        Some(actual) => writeln!(out, ", but the true label is {actual}")?,
        None => writeln!(out)?,
    }
    for (class, &p) in classes.iter().zip(&answer.probabilities) {
        let bar = "█".repeat((p * BAR as f32).round() as usize);
        writeln!(out, "{}", format!("  {class:<16} {p:.4} {bar}").trim_end())?;
    }
    Ok(())
}
