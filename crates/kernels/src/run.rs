//! An epoch: batches, threads, and what the caller sees of it.

use std::ops::Range;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread;

use crate::exchange::{Exchange, Scratch};
use crate::network::{Network, Plan, SHARDS, Shard};
use crate::optimizer::Update;
use crate::settings::Optimizer;
use crate::step::Step;
use crate::vector;

/// Replaces what is in its arguments by the pixels `[images, inputs]`, 0 to 255, and the labels `[images]` of the
/// batch of that number.
pub type Fill<'a> = &'a (dyn Fn(usize, &mut Vec<u8>, &mut Vec<u8>) + Sync);

/// The batches of an epoch that are trained on.
pub struct Batches<'a> {
    /// Where their images come from.
    pub fill: Fill<'a>,
    /// Which batches, a step each.
    pub steps: Range<usize>,
    /// Most images in a batch.
    pub batch_size: usize,
}

/// What a step came to, with the weights before it.
pub struct Outcome<'a> {
    /// The batch.
    pub step: usize,
    /// Sum of the losses of its images.
    pub loss: f64,
    /// Logits of its images, `[images, classes]`.
    pub logits: &'a [f32],
    /// Labels of its images, `[images]`.
    pub labels: &'a [u8],
}

impl Network {
    /// Trains on `batches`, on up to `threads` threads.
    ///
    /// `rate` gives the learning rate of a step. `watch` is called after every step and says whether to
    /// continue; one more step may follow. Returns the number of steps done.
    ///
    /// # Panics
    /// When a batch is empty or has more than `batch_size` images, an image has another number of pixels
    /// than the network has inputs, or a label is not below the number of classes.
    pub fn train<'a>(
        &mut self,
        batches: &'a Batches<'a>,
        threads: usize,
        rate: &'a (dyn Fn(usize) -> f64 + Sync),
        watch: &mut dyn FnMut(&Outcome) -> bool,
    ) -> usize {
        let threads = threads.clamp(1, SHARDS);
        let team = Team {
            exchange: Exchange::new(&self.plan, batches.batch_size),
            plan: &self.plan,
            batches,
            rate,
            optimizer: self.optimizer,
            time: self.time,
            barrier: Barrier::new(threads),
            last: AtomicUsize::new(usize::MAX),
        };
        let per_thread = SHARDS.div_ceil(threads);
        let (mine, others) = self.shards.split_at_mut(per_thread);
        let steps = thread::scope(|scope| {
            for shards in others.chunks_mut(per_thread) {
                scope.spawn(|| team.work(shards, &mut |_| true));
            }
            team.work(mine, watch)
        });
        self.time += steps as u64;
        steps
    }
}

/// What the threads of an epoch share.
struct Team<'a> {
    exchange: Exchange,
    plan: &'a Plan,
    batches: &'a Batches<'a>,
    rate: &'a (dyn Fn(usize) -> f64 + Sync),
    optimizer: Optimizer,
    /// Steps done before.
    time: u64,
    barrier: Barrier,
    /// The step after which all threads stop. Set before a barrier of that step, read after it.
    last: AtomicUsize,
}

impl Team<'_> {
    /// Does every step for `shards`; returns how many.
    fn work(&self, shards: &mut [Shard], watch: &mut dyn FnMut(&Outcome) -> bool) -> usize {
        let _alarm = Alarm(&self.barrier);
        let mut scratch = Scratch::new(self.plan, self.batches.batch_size, shards);
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        let mut done = 0;
        for number in self.batches.steps.clone() {
            (self.batches.fill)(number, &mut pixels, &mut labels);
            self.check(&pixels, &labels);
            let time = self.time + done as u64 + 1;
            let step = Step {
                exchange: &self.exchange,
                plan: self.plan,
                labels: &labels,
                parity: done % 2,
                time,
                update: Update::new(self.optimizer, (self.rate)(number), time),
            };
            let meet = || self.barrier.wait();
            if let Some(front) = &self.plan.front {
                step.look(front, shards, &pixels, &mut scratch, &meet);
            } else {
                let input = &mut scratch.input[..pixels.len()];
                vector::scale(self.plan.instructions, input, &pixels);
            }
            let loss = step.run(shards, &mut scratch, &meet);
            if let Some(front) = &self.plan.front {
                step.look_back(front, shards, &mut scratch, &meet);
            }
            step.finish(shards, &meet);
            done += 1;
            let goes_on = watch(&scratch.outcome(number, loss, &labels));
            if self.last.load(Acquire) <= number {
                break;
            }
            if !goes_on {
                self.last.store(number + 1, Release);
            }
        }
        done
    }

    /// Checks that a batch fits the network.
    fn check(&self, pixels: &[u8], labels: &[u8]) {
        let (inputs, classes) = (self.plan.pixels(), self.plan.classes());
        let images = labels.len();
        assert!(
            (1..=self.batches.batch_size).contains(&images),
            "a batch of {images} images, of {} at most",
            self.batches.batch_size
        );
        assert_eq!(pixels.len(), images * inputs, "pixels of a batch");
        let wrong = labels.iter().find(|label| usize::from(**label) >= classes);
        assert!(wrong.is_none(), "label {wrong:?} of {classes} classes");
    }
}

/// Meets all threads of a team. A step is too short for the system's own barrier: it waits spinning,
/// and gives way when the others are late.
struct Barrier {
    threads: usize,
    waiting: AtomicUsize,
    generation: AtomicUsize,
    /// A thread has panicked and will not come.
    broken: AtomicBool,
}

/// Tells the others when its thread panics: they would wait for ever.
struct Alarm<'a>(&'a Barrier);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.broken.store(true, Release);
        }
    }
}

/// Turns of the waiting loop, some 20 microseconds, before the processor is offered to others.
const SPINS: u32 = 2_000;

impl Barrier {
    fn new(threads: usize) -> Self {
        Self {
            threads,
            waiting: AtomicUsize::new(0),
            generation: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
        }
    }

    fn wait(&self) {
        if self.threads == 1 {
            return;
        }
        let generation = self.generation.load(Acquire);
        if self.waiting.fetch_add(1, AcqRel) + 1 == self.threads {
            self.waiting.store(0, Relaxed);
            self.generation.store(generation.wrapping_add(1), Release);
            return;
        }
        let mut spins = 0;
        while self.generation.load(Acquire) == generation {
            spins += 1;
            if spins < SPINS {
                std::hint::spin_loop();
            } else {
                assert!(!self.broken.load(Acquire), "another thread panicked");
                thread::yield_now();
            }
        }
    }
}
