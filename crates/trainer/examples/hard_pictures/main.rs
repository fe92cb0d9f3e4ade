//! How much accuracy a record keeps on pictures of the test images that were enlarged, inverted,
//! padded, compressed, laid on coloured ground, badly lit, ...: `docs/pictures.md` has the table.
//!
//! `cargo run -p trainer --example hard_pictures -- RECORD` draws every case as the bytes of a PNG
//! or JPEG, has them read as `trainer predict` reads a file, and compares the answers with those to
//! the plain test images. `--validation` takes training images that were held out instead, for those
//! who change how pictures are prepared: the test images choose nothing.
#![allow(clippy::indexing_slicing)] // it measures, and a panic would say where
#![allow(clippy::expect_used)] // what is encoded here, in memory, was made here

mod cases;
mod montage;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::thread;

use cases::Case;
use clap::Parser;
use data::ImageDataset;
use image::GrayImage;
use model::Classifier;
use serde_json::json;

#[derive(Parser)]
struct Args {
    /// A record, such as artifacts/fashion-mnist/<RUN>/model.bpk
    record: PathBuf,
    /// Images of a case; those that are dear to draw have fewer
    #[arg(long, default_value_t = 2_000)]
    images: usize,
    /// Only cases whose group or name contains this
    #[arg(long, default_value = "")]
    case: String,
    /// Take the images held out by configs/validated.toml, with its record, not the test images
    #[arg(long)]
    validation: bool,
    /// Print one line of JSON a case
    #[arg(long)]
    json: bool,
    /// Draw some cases into this PNG instead: each picture, and what the network sees of it
    #[arg(long)]
    montage: Option<PathBuf>,
}

/// The seed of configs/validated.toml, which chooses the images held out.
const SEED: u64 = 42;

/// What became of a case.
struct Row {
    images: usize,
    right: usize,
    /// Of these images, as they are in the data set.
    right_plain: usize,
    /// What is said of images that were right before: label and how often; no label where nothing
    /// was seen.
    newly_wrong: BTreeMap<Option<u8>, usize>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let classifier = Classifier::from_bytes(&std::fs::read(&args.record)?)?.with_threads(1);
    let data = data::load(&data::Request::new("fashion-mnist"), &mut |_| ())?;
    let images = match args.validation {
        true => data.train.split(5_000, SEED)?.1,
        false => data.test,
    };
    let images = images.take(args.images);
    if let Some(file) = &args.montage {
        montage::draw(&classifier, &images, file)?;
        return Ok(());
    }
    let plain: Vec<Option<u8>> = answers(&classifier, &images, None);
    let mut group = "";
    for case in cases::all() {
        if !case.group.contains(&args.case) && !case.name.contains(&args.case) {
            continue;
        }
        let images = images.take(args.images.div_ceil(case.cost));
        let row = compare(&images, &plain, &answers(&classifier, &images, Some(&case)));
        if args.json {
            println!("{}", row.json(&case, &data.class_names));
            continue;
        }
        if group != case.group {
            group = case.group;
            println!("\n| {group} | images | accuracy | lost, points | newly wrong: most said |");
            println!("| --- | --- | --- | --- | --- |");
        }
        println!("{}", row.markdown(&case, &data.class_names));
    }
    Ok(())
}

/// Returns the label that the record gives to each image, drawn as the case says or as it is; none
/// where nothing was seen in the picture.
fn answers(classifier: &Classifier, images: &ImageDataset, case: Option<&Case>) -> Vec<Option<u8>> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = images.len().div_ceil(threads).max(1);
    let starts: Vec<usize> = (0..images.len()).step_by(share).collect();
    let answer = &|i: usize| label(classifier, images, i, case);
    thread::scope(|scope| {
        let parts: Vec<_> = starts
            .into_iter()
            .map(|from| from..(from + share).min(images.len()))
            .map(|part| scope.spawn(move || part.map(answer).collect::<Vec<_>>()))
            .collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().expect("a case draws every image"))
            .collect()
    })
}

fn label(
    classifier: &Classifier,
    images: &ImageDataset,
    i: usize,
    case: Option<&Case>,
) -> Option<u8> {
    let [_, height, width] = classifier.metadata().architecture.input();
    let pixels = match case {
        None => images.image(i).to_vec(),
        Some(case) => {
            let bytes = (case.draw)(&test_image(images, i), i);
            pictures::from_bytes(bytes, Path::new(&case.name), height, width)
                .ok()?
                .pixels
        }
    };
    let row = classifier.predict(&pixels).ok()?;
    let top = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]))?;
    Some(top as u8)
}

fn test_image(images: &ImageDataset, i: usize) -> GrayImage {
    let (width, height) = (images.width() as u32, images.height() as u32);
    GrayImage::from_raw(width, height, images.image(i).to_vec()).unwrap_or_default()
}

fn compare(images: &ImageDataset, plain: &[Option<u8>], found: &[Option<u8>]) -> Row {
    let mut row = Row {
        images: found.len(),
        right: 0,
        right_plain: 0,
        newly_wrong: BTreeMap::new(),
    };
    for (i, (&plain, &found)) in plain.iter().zip(found).enumerate() {
        let actual = Some(images.label(i));
        row.right += usize::from(found == actual);
        row.right_plain += usize::from(plain == actual);
        if plain == actual && found != actual {
            *row.newly_wrong.entry(found).or_default() += 1;
        }
    }
    row
}

impl Row {
    fn accuracy(&self) -> f64 {
        self.right as f64 / self.images as f64
    }

    /// Points of accuracy lost against the plain images.
    fn lost(&self) -> f64 {
        100.0 * (self.right_plain as f64 / self.images as f64 - self.accuracy())
    }

    /// The label said most often of images that were right before, and its share of them.
    fn most<'a>(&self, classes: &'a [String]) -> Option<(&'a str, f64)> {
        let (label, &count) = self.newly_wrong.iter().max_by_key(|(_, count)| **count)?;
        let name = label.map_or("nothing seen", |label| &classes[usize::from(label)]);
        let all: usize = self.newly_wrong.values().sum();
        Some((name, count as f64 / all as f64))
    }

    fn markdown(&self, case: &Case, classes: &[String]) -> String {
        let all: usize = self.newly_wrong.values().sum();
        let most = match self.most(classes) {
            Some((name, share)) => format!("{all}: {name} {:.0} %", 100.0 * share),
            None => "0".into(),
        };
        format!(
            "| {} | {} | {:.4} | {:.1} | {most} |",
            case.name,
            self.images,
            self.accuracy(),
            self.lost()
        )
    }

    fn json(&self, case: &Case, classes: &[String]) -> serde_json::Value {
        let newly_wrong: BTreeMap<&str, usize> = self
            .newly_wrong
            .iter()
            .map(|(label, &count)| {
                let name = label.map_or("nothing seen", |label| &classes[usize::from(label)]);
                (name, count)
            })
            .collect();
        json!({
            "group": case.group, "case": case.name, "images": self.images,
            "accuracy": self.accuracy(), "lost": self.lost(), "newly_wrong": newly_wrong,
        })
    }
}
