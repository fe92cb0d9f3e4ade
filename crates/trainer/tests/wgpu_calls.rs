//! What a training step asks of wgpu: no pixels go up, and nothing is waited for.
//!
//! On a GPU, a transfer or a wait in every step takes longer than the step's arithmetic. wgpu reports
//! each of its calls to the crate `log`, so a logger counts them; it is global, hence a test process
//! of its own. `cargo test -p trainer --test wgpu_calls -- --nocapture` shows the counts.
//!
//! wgpu does not report how many bytes it writes. It is seen from the loader alone that its batches
//! write nothing, and that batches from the host's memory would be noticed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use burn::data::dataloader::DataLoader;
use burn::tensor::Tensor;
use data::{Augmentation, Batches, DataSet, ImageDataset, Images, Loader};
use experiment::{Backend, Source, load};
use log::{LevelFilter, Log, Metadata, Record};
use trainer::backend::Compute;
use trainer::engine::{EngineKind, Job};
use trainer::learner::{Event, Watch};
use trainer::run::checkpoint::Checkpoint;
use trainer::run::{Manifest, RunFolder};
use trainer::training::train;

/// Images of a step.
const BATCH: usize = 32;
/// Steps of a short and of a long epoch; the difference is free of what an epoch does once.
const STEPS: [usize; 2] = [8, 24];

const SUBMIT: &str = "Queue::submit returned"; // some 32 kernels at once
const KERNEL: &str = "ComputePass::dispatch";
const WRITE: &str = "Queue::write_buffer"; // from the host's memory
const DIRECT_WRITE: &str = "Device::poll Poll"; // where host and device share memory, asked before it
const STAGED_WRITE: &str = "Queue::create_staging_buffer"; // of a length that is no multiple of 4
const NEW_BUFFER: &str = "Device::create_buffer";
const MAP: &str = "Buffer::map_async"; // to read a result, which waits for it
const SYNC: &str = "Queue::on_submitted_work_done";
const WAIT: &str = "Device::poll Wait { submission_index: Some"; // for earlier work
const CALLS: [&str; 9] = [
    SUBMIT,
    KERNEL,
    WRITE,
    DIRECT_WRITE,
    STAGED_WRITE,
    NEW_BUFFER,
    MAP,
    SYNC,
    WAIT,
];

/// How often each of [`CALLS`] was made.
type Counts = BTreeMap<&'static str, u32>;

struct Counter(Mutex<Counts>);

static COUNTER: Counter = Counter(Mutex::new(Counts::new()));

impl Log for Counter {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.target().starts_with("wgpu_core")
    }

    fn log(&self, record: &Record) {
        if self.enabled(record.metadata()) {
            let message = record.args().to_string();
            let call = CALLS.into_iter().find(|call| message.starts_with(call));
            let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            call.into_iter()
                .for_each(|call| *counts.entry(call).or_default() += 1);
        }
    }

    fn flush(&self) {}
}

fn counts() -> Counts {
    COUNTER.0.lock().unwrap().clone()
}

#[test]
fn a_step_uploads_no_pixels_and_waits_for_nothing() {
    log::set_logger(&COUNTER).unwrap();
    log::set_max_level(LevelFilter::Trace);
    let compute = Compute::open(Backend::Wgpu).expect("apt install mesa-vulkan-drivers");

    let [resident, host] = [true, false].map(|it| writes_of_batches(&compute, it, 0));
    let moved = writes_of_batches(&compute, true, 4);
    println!(
        "15 batches alone: {resident} writes from the device's memory, {host} from the host's"
    );
    assert!(host >= 15, "the uploads of a loader are not seen: {host}");
    assert_eq!(resident, 0, "writes of 15 batches");
    assert_eq!(moved, 0, "writes of 15 batches of images that are moved");

    // 44 kernels in Burn 0.22.1; the bias corrections of Adam change with every step, so that each of
    // the four parameters has a new buffer of constants written.
    check_steps(&compute, "", [50.0, 2.0, 4.0]);
    // Dropout draws its numbers on the device; only their seed goes up.
    check_steps(&compute, "[model]\ndropout = 0.2\n", [50.0, 2.0, 4.0]);
    check_steps(&compute, EVERYTHING, [80.0, 3.0, 5.0]);
}

/// What a training can have besides plain steps.
const EVERYTHING: &str = "label_smoothing = 0.1\nclass_weights = \"balanced\"\nclip_norm = 0.5\nema = 0.9\n\
                          [model]\ndropout = 0.2\nactivation = \"gelu\"\n";

/// Checks what a step of the tutorial with `more` in its config asks for, with at most so many kernels, submissions and
/// writes.
fn check_steps(compute: &Compute, more: &str, [kernels, submissions, writes]: [f64; 3]) {
    let [short, long] = STEPS.map(|steps| epoch(compute, more, steps));
    let a_step = |call: &str| {
        let [short, long] =
            [&short, &long].map(|counts| f64::from(*counts.get(call).unwrap_or(&0)));
        (long - short) / (STEPS[1] - STEPS[0]) as f64
    };
    println!("{more}");
    for call in CALLS {
        println!("{call:<44} {:>6.2} a step", a_step(call));
    }
    assert!(a_step(KERNEL) > 1.0, "the calls of wgpu are not seen");
    assert!(a_step(KERNEL) <= kernels);
    assert!(a_step(SUBMIT) <= submissions);
    // Half a write more is allowed: now and then CubeCL puts a constant of an epoch into a buffer of its own once more (seen
    // as 1 write in 16 steps). What every step writes is a whole number.
    assert!(a_step(WRITE) < writes + 0.5);
    if more.is_empty() {
        assert_eq!(
            a_step(WRITE),
            a_step(NEW_BUFFER),
            "writes into the memory of tensors"
        );
    }
    assert_eq!(a_step(DIRECT_WRITE), 0.0);
    assert_eq!(a_step(STAGED_WRITE), 0.0);
    // An epoch reads two results: sums of losses and of right answers.
    assert_eq!(
        (short.get(MAP), long.get(MAP)),
        (Some(&2), Some(&2)),
        "results read in an epoch"
    );
    assert_eq!(a_step(SYNC), 0.0);
    // CubeCL waits once in 512 kernels, so that not too many are under way.
    assert!(a_step(WAIT) <= 0.2);
}

/// Returns the writes of 15 batches in the middle of a second epoch.
fn writes_of_batches(compute: &Compute, resident: bool, shift: u8) -> u32 {
    let augmentation = Augmentation {
        shift,
        ..Augmentation::default()
    };
    let images = images(16 * BATCH).train;
    let batches = Batches::shuffled(images, BATCH, 42).augmented(augmentation);
    let loader = Loader::new(batches, &compute.device).resident(resident);
    let mut before = Counts::new();
    for _ in 0..2 {
        let mut batches = loader.iter();
        let first = batches.next().unwrap().unwrap(); // with it, the order goes up
        first.images.sum().into_scalar::<f32>();
        before = counts();
        let mut total = Tensor::<1>::zeros([1], &compute.device);
        for batch in batches {
            let batch = batch.unwrap();
            total = total + batch.images.sum() + batch.labels.float().sum();
        }
        assert!(total.into_scalar::<f32>() > 0.0);
    }
    let after = counts();
    let made = |call| after.get(call).unwrap_or(&0) - before.get(call).unwrap_or(&0);
    [WRITE, DIRECT_WRITE, STAGED_WRITE].map(made).iter().sum()
}

/// Returns the calls of the third epoch of `steps` steps of the tutorial with `more` in `[training]`: by then, all kernels are
/// compiled.
fn epoch(compute: &Compute, more: &str, steps: usize) -> Counts {
    let source = Source {
        label: "wgpu_calls".to_owned(),
        text: format!(
            "backend = \"wgpu\"\n[checkpoint]\nevery = \"never\"\n[training]\nepochs = 3\n{more}"
        ),
    };
    let experiment = load(source, &[]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut run = RunFolder::create(folder.path().join("run"), "", manifest()).unwrap();
    let after = Rc::new(RefCell::new(Vec::new()));
    let seen = after.clone();
    let watch = Watch {
        observer: Box::new(move |event| {
            if let Event::Epoch(_) = event {
                seen.borrow_mut().push(counts());
            }
            Ok(())
        }),
        live: false,
        dashboard: false,
        stop: Arc::default(),
    };
    let start = Checkpoint::start(String::new());
    let images = images(steps * BATCH);
    let architecture = experiment.architecture(images.train.size(), images.train.classes());
    let job = Job {
        experiment: &experiment,
        architecture: &architecture,
        compute,
        engine: EngineKind::Burn,
    };
    train(job, &images, start, &mut run, watch).unwrap();
    let after = after.borrow();
    let made =
        |(call, count): (&&'static str, &u32)| (*call, count - after[1].get(call).unwrap_or(&0));
    after[2].iter().map(made).collect()
}

/// Returns images of Fashion-MNIST's size, in which nothing is to be seen.
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
        place: PathBuf::new(),
        validation: None,
        understood: data::Understood::default(),
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
