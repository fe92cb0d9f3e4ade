//! How well scores tell strange pictures from garments: the tables of docs/trust.md.
//!
//! `cargo run -p trainer --example trust -- RECORD...` prints, as a mean ± standard deviation over the
//! records (which must be of Fashion-MNIST and have a calibration and a threshold), the AUROC of three
//! scores for each kind of picture, and the share that the record's own threshold finds. The first table's kinds
//! chose the score that is used and the share of garments that it may cost; the second's chose nothing.
#![allow(clippy::indexing_slicing)] // it measures, and a panic would say where

use std::error::Error;
use std::fs;

use model::calibration::top;
use model::{Classifier, Record};

#[allow(dead_code)]
#[path = "../tests/all/foreign.rs"]
mod foreign;

use foreign::{Picture, auroc};

/// Pictures made by rule, of each kind.
const COUNT: usize = 2_000;
const SCORES: [&str; 3] = ["1 - likeliest", "energy", "residual"];

fn main() -> Result<(), Box<dyn Error>> {
    let test = data::load(&data::Request::new("fashion-mnist"), &mut |_| ())?.test;
    let garments: Vec<Picture> = (0..test.len()).map(|i| test.image(i).to_vec()).collect();
    let (digits, _) = foreign::digits(COUNT);
    let that_chose = [
        ("garments", garments.clone()),
        ("noise", foreign::noise(COUNT)),
        ("blurred noise", foreign::clouds(COUNT)),
        ("inverted", foreign::inverted(&garments)),
        ("digits", digits),
        ("heaps of four", foreign::heaps(&garments)),
        ("upside down", foreign::upside_down(&garments)),
    ];
    let that_chose_nothing = [
        ("garments on their side", foreign::quarter_turned(&garments)),
        ("halves of two garments", foreign::spliced(&garments)),
        ("stripes", foreign::stripes(COUNT)),
        ("rings and discs", foreign::rings(COUNT)),
    ];
    let mut records = Vec::new();
    for file in std::env::args().skip(1) {
        records.push(Record::from_bytes(&fs::read(file)?)?);
    }
    let known = of_each(&records, &garments)?;
    print(&records, &known, &that_chose)?;
    println!();
    print(&records, &known, &that_chose_nothing)
}

/// Prints the table of some kinds of pictures, compared with the scores of `known` ones.
fn print(
    records: &[Record],
    known: &[[Vec<f32>; 3]],
    kinds: &[(&str, Vec<Picture>)],
) -> Result<(), Box<dyn Error>> {
    println!("| pictures | {} | found |", SCORES.join(" | "));
    println!("| --- |{}", " --- |".repeat(SCORES.len() + 1));
    for (name, pictures) in kinds {
        let scores = of_each(records, pictures)?;
        let mut cells: Vec<String> = (0..SCORES.len())
            .map(|s| {
                let pairs = known.iter().zip(&scores);
                mean(pairs.map(|(known, strange)| auroc(&known[s], &strange[s])))
            })
            .collect();
        let found = records.iter().zip(&scores).filter_map(|(record, scores)| {
            let unknown = record.metadata.unknown.as_ref()?;
            let found = scores[2].iter().filter(|&&s| unknown.is_beyond(s)).count();
            Some(found as f64 / pictures.len() as f64)
        });
        cells.push(mean(found));
        println!("| {name} | {} |", cells.join(" | "));
    }
    Ok(())
}

/// Returns the scores of all pictures by each record.
fn of_each(records: &[Record], pictures: &[Picture]) -> Result<Vec<[Vec<f32>; 3]>, Box<dyn Error>> {
    let scores = records.iter().map(|record| scores(record, pictures));
    scores.collect()
}

/// Returns every picture's [`SCORES`]; each is higher for what is stranger.
fn scores(record: &Record, pictures: &[Picture]) -> Result<[Vec<f32>; 3], Box<dyn Error>> {
    let pixels = pictures.concat();
    let classes = record.metadata.architecture.classes();
    let calibrated = Classifier::new(record.clone())?.predict(&pixels)?;
    let forward = record
        .metadata
        .architecture
        .forward(record.weights.clone())?;
    let logits = forward.logits(&pixels, 2);
    let energy = |row: &[f32]| {
        let highest = top(row).1;
        let total: f32 = row.iter().map(|logit| (logit - highest).exp()).sum();
        -(highest + total.ln())
    };
    let residual = |picture: &Picture| {
        let unknown = record.metadata.unknown.as_ref();
        unknown.map_or(0.0, |unknown| unknown.strangeness(picture))
    };
    Ok([
        calibrated
            .chunks(classes)
            .map(|row| 1.0 - top(row).1)
            .collect(),
        logits.chunks(classes).map(energy).collect(),
        pictures.iter().map(residual).collect(),
    ])
}

fn mean(values: impl Iterator<Item = f64>) -> String {
    let values: Vec<f64> = values.collect();
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    format!(
        "{mean:.3} ± {:.3}",
        (squares / (count - 1.0).max(1.0)).sqrt()
    )
}
