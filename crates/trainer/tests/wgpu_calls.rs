//! What a training step asks of wgpu: no pixels go up and nothing is waited for.
//!
//! On a GPU, a transfer or a wait in every step costs more than the step's arithmetic. wgpu reports
//! each of its calls to the crate `log`, so a logger counts them; it is global, hence a test process
//! of its own. `cargo test -p trainer --test wgpu_calls -- --nocapture` shows the counts.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Mutex;

use burn::train::Interrupter;
use data::{DataSet, ImageDataset, Images};
use log::{LevelFilter, Log, Metadata, Record};
use trainer::backend::Compute;
use trainer::config::{Backend, Source, load};
use trainer::learner::epochs::Event;
use trainer::run::{Manifest, RunFolder};
use trainer::training::{Watch, train};

/// How often each call was made: the first word of wgpu's message, `Queue::submit`.
type Calls = BTreeMap<String, i64>;

struct Counter(Mutex<Calls>);

static COUNTER: Counter = Counter(Mutex::new(Calls::new()));

impl Log for Counter {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.target().starts_with("wgpu_core")
    }

    fn log(&self, record: &Record) {
        if self.enabled(record.metadata()) {
            let message = record.args().to_string();
            let call = message.split(&[' ', '('][..]).next().unwrap_or_default();
            *self.0.lock().unwrap().entry(call.to_owned()).or_default() += 1;
        }
    }

    fn flush(&self) {}
}

/// Steps of a short and of a long epoch; the difference is free of what an epoch does once.
const STEPS: [usize; 2] = [8, 24];
/// Images of a step.
const BATCH: usize = 32;

#[test]
fn a_step_uploads_no_pixels_and_waits_for_nothing() {
    log::set_logger(&COUNTER).unwrap();
    log::set_max_level(LevelFilter::Trace);
    let compute = Compute::open(Backend::Wgpu).expect("apt install mesa-vulkan-drivers");
    let [short, long] = STEPS.map(|steps| epoch(&compute, steps));
    for call in long.keys() {
        let counts = [&short, &long].map(|calls| calls.get(call).copied().unwrap_or(0));
        let per_step = (counts[1] - counts[0]) as f64 / (STEPS[1] - STEPS[0]) as f64;
        println!("{call:<40} {counts:>6?} {per_step:8.2} a step");
    }
}

/// Returns the calls of the third epoch of `steps` steps: by then, all kernels are compiled.
fn epoch(compute: &Compute, steps: usize) -> Calls {
    let text = "backend = \"wgpu\"\n[training]\nepochs = 3\n".to_owned();
    let label = "wgpu_calls".to_owned();
    let experiment = load(Source { label, text }, &[]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut run = RunFolder::create(folder.path().join("run"), "", manifest()).unwrap();
    let after = Rc::new(RefCell::new(Vec::new()));
    let seen = after.clone();
    let watch = Watch {
        observer: Box::new(move |event| {
            if let Event::Epoch(_) = event {
                seen.borrow_mut().push(COUNTER.0.lock().unwrap().clone());
            }
            Ok(())
        }),
        live: false,
        dashboard: false,
        interrupter: Interrupter::new(),
    };
    train(
        &experiment,
        &images(steps * BATCH),
        compute,
        &mut run,
        watch,
    )
    .unwrap();
    let after = after.borrow();
    let mut calls = after[2].clone();
    for (call, before) in &after[1] {
        *calls.entry(call.clone()).or_default() -= before;
    }
    calls
}

/// Returns grey images of Fashion-MNIST's size.
fn images(count: usize) -> DataSet {
    let set = |count: usize| {
        let images = Images {
            count,
            height: 28,
            width: 28,
            pixels: (0..count * 784).map(|i| (i % 251) as u8).collect(),
        };
        let labels = (0..count).map(|i| (i % 10) as u8).collect();
        ImageDataset::new(images, labels, 10).unwrap()
    };
    DataSet {
        name: "grey".to_owned(),
        train: set(count),
        test: set(BATCH),
        class_names: (0..10).map(|class| class.to_string()).collect(),
        files: Vec::new(),
        place: std::path::PathBuf::new(),
    }
}

/// Returns a manifest that nobody reads.
fn manifest() -> Manifest {
    let value = serde_json::json!({
        "status": "running", "experiment": "", "run": "", "started": "2026-11-24T00:00:00Z",
        "command": [], "version": "", "burn": "", "backend": "", "processor": "", "seed": 42,
        "dataset": "", "dataset_sha256": {}, "images": [0, 0, 0], "parameters": 0, "epochs": 0,
        "files_sha256": {},
    });
    serde_json::from_value(value).unwrap()
}
