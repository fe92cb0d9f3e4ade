//! `trainer gallery`

use std::io::Write;

use super::saved::{data_set, messages, open};
use super::terminal;
use crate::cli::GalleryArgs;
use crate::drawing;
use crate::failure::Failure;
use crate::run::folder::{GALLERY, MISTAKES};
use crate::run::write;
use crate::saved;

/// Draws the first test images, or the most confident mistakes, into one PNG and prints its path.
///
/// # Errors
/// When the run or its data is not found, or the picture cannot be written.
pub fn run(args: &GalleryArgs) -> Result<(), Failure> {
    let (compute, saved) = open(&args.saved)?;
    let data = data_set(&saved, &args.saved)?;
    let predictions = saved::predictions(
        &saved,
        &data,
        &compute,
        &mut messages(&args.saved).listener(),
    )?;
    let (draw, name): (fn(_, _, _) -> _, _) = if args.wrong {
        (drawing::mistakes, MISTAKES)
    } else {
        (drawing::first_images, GALLERY)
    };
    let png = draw(&data.test, &predictions, &saved.record.metadata)?;
    let beside = || saved.file.with_file_name(name);
    let out = args.out.clone().unwrap_or_else(beside);
    let hint = "give a PNG file in a folder that exists: --out FILE";
    write::atomically(&out, &png).map_err(|failure| failure.hint(hint))?;
    if args.saved.output.json {
        terminal::json(&serde_json::json!({ "gallery": out }))?;
    } else {
        writeln!(terminal::out(), "{}", out.display())?;
    }
    messages(&args.saved).next(format_args!(
        "cargo run -p trainer -- predict {} --test 0",
        args.saved.run
    ));
    Ok(())
}
