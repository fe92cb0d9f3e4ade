//! How fast a record answers: the 10,000 test images at once, in batches of 32, and one image alone.
//!
//! `cargo run -p trainer --example inference_speed -- RECORD` prints one JSON line: medians and least
//! of the seconds (nine repeats after one to warm up), and of the microseconds for one image (the
//! median and the 99th percentile of 2,000), and of eight threads that share a queue and wait for each
//! answer. Images are bytes in memory, answers are probabilities, of the queue whole answers.
#![allow(clippy::indexing_slicing)] // it measures, and a panic would say where

use std::error::Error;
use std::thread;
use std::time::Instant;

use model::{Classifier, Queue, QueueError};
use serde_json::json;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args()
        .nth(1)
        .ok_or("usage: inference_speed RECORD")?;
    let classifier = Classifier::from_bytes(&std::fs::read(file)?)?;
    let test = data::load(&data::Request::new("fashion-mnist"), &mut |_| ())?.test;
    let pixels: Vec<u8> = (0..test.len())
        .flat_map(|i| test.image(i))
        .copied()
        .collect();
    let size = test.height() * test.width();

    let answers = classifier.predict(&pixels)?;
    let classes = test.classes();
    let right = (0..test.len())
        .filter(|&i| top(&answers[i * classes..][..classes]) == usize::from(test.label(i)))
        .count();
    let at_once = seconds(|| classifier.predict(&pixels).map(drop))?;
    let by_32 = seconds(|| {
        pixels
            .chunks(32 * size)
            .try_for_each(|batch| classifier.predict(batch).map(drop))
    })?;
    let mut one = Vec::new();
    for image in pixels.chunks(size).take(2_100) {
        let started = Instant::now();
        classifier.predict(image)?;
        one.push(started.elapsed().as_secs_f64() * 1e6);
    }
    let mut one = one.split_off(100);
    one.sort_by(f64::total_cmp);
    let queue = Queue::new(classifier.clone(), 64, 64)?;
    let queued = seconds(|| eight_callers(&queue, &pixels, size))?;
    println!(
        "{}",
        json!({
            "what": "inference", "peer": "ours", "version": env!("CARGO_PKG_VERSION"),
            "test_acc": right as f64 / test.len() as f64,
            "times": {
                "10000 at once": at_once,
                "batch 32": by_32,
                "queue of 8 callers": queued,
                "one image": { "median_us": one[one.len() / 2], "p99_us": one[one.len() * 99 / 100] },
            },
        })
    );
    Ok(())
}

/// Each asks for an eighth of the images, one after the other.
fn eight_callers(queue: &Queue, pixels: &[u8], size: usize) -> Result<(), QueueError> {
    let ask = |image: &[u8]| queue.submit(image.to_vec())?.wait().map(drop);
    let share = (pixels.len() / size).div_ceil(8) * size;
    thread::scope(|scope| {
        let callers: Vec<_> = pixels
            .chunks(share)
            .map(|images| scope.spawn(move || images.chunks(size).try_for_each(ask)))
            .collect();
        callers
            .into_iter()
            .try_for_each(|caller| caller.join().unwrap_or(Err(QueueError::Ended)))
    })
}

fn top(row: &[f32]) -> usize {
    (0..row.len())
        .max_by(|&a, &b| row[a].total_cmp(&row[b]))
        .unwrap_or(0)
}

fn seconds<E>(mut work: impl FnMut() -> Result<(), E>) -> Result<serde_json::Value, E> {
    let mut taken = Vec::new();
    for _ in 0..10 {
        let started = Instant::now();
        work()?;
        taken.push(started.elapsed().as_secs_f64());
    }
    let mut taken = taken.split_off(1);
    taken.sort_by(f64::total_cmp);
    Ok(json!({ "median_s": taken[taken.len() / 2], "min_s": taken[0] }))
}
