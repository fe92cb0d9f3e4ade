//! An epoch: batches, threads, and what the caller sees of it.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread;

use crate::math::{self, FlushDenormals, Update};
use crate::network::{Network, Optimizer, SHARDS, Shard};
use crate::step::{Exchange, Plan, Scratch, Step};

/// The images of an epoch, in the order they are trained on.
pub struct Batches<'a> {
    /// Returns the pixels of an image, `[inputs]`, 0 to 255.
    pub pixels: &'a (dyn Fn(u32) -> &'a [u8] + Sync),
    /// Returns the label of an image.
    pub label: &'a (dyn Fn(u32) -> u8 + Sync),
    /// The images, first to last.
    pub order: &'a [u32],
    /// Images of a step; the last one has what is left.
    pub batch_size: usize,
    /// Sums over the images of the epoch that came before these.
    pub before: Score,
}

/// Sums over the images of an epoch so far, each seen with the weights of its step.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Score {
    /// Sum of the losses.
    pub loss: f64,
    /// Right answers.
    pub correct: usize,
    /// Images.
    pub images: usize,
}

impl Network {
    /// Trains on `batches`, on up to `threads` threads.
    ///
    /// `rate` gives the learning rate of a step of this call, counted from 0. `watch` is called after
    /// every step with the sums so far and says whether to go on; one more step may follow. Returns
    /// the sums, [`Batches::before`] included.
    ///
    /// # Panics
    /// When an image has another number of pixels than the network has inputs, or a label is not
    /// below the number of classes.
    pub fn train<'a>(
        &mut self,
        batches: &'a Batches<'a>,
        threads: usize,
        rate: &'a (dyn Fn(usize) -> f64 + Sync),
        watch: &mut dyn FnMut(Score) -> bool,
    ) -> Score {
        let plan = Plan::of(self);
        let largest = batches.batch_size.min(batches.order.len()).max(1);
        let threads = threads.clamp(1, SHARDS);
        let team = Team {
            exchange: Exchange::new(&plan, largest),
            plan,
            batches,
            rate,
            optimizer: self.optimizer,
            time: self.time,
            largest,
            barrier: Barrier::new(threads),
            last: AtomicUsize::new(usize::MAX),
        };
        let per_thread = SHARDS.div_ceil(threads);
        let (mine, others) = self.shards.split_at_mut(per_thread);
        let score = thread::scope(|scope| {
            for shards in others.chunks_mut(per_thread) {
                scope.spawn(|| team.work(shards, &mut |_| true));
            }
            team.work(mine, watch)
        });
        let images = score.images - batches.before.images;
        self.time += images.div_ceil(batches.batch_size.max(1)) as u64;
        score
    }
}

/// What the threads of an epoch share.
struct Team<'a> {
    exchange: Exchange,
    plan: Plan,
    batches: &'a Batches<'a>,
    rate: &'a (dyn Fn(usize) -> f64 + Sync),
    optimizer: Optimizer,
    /// Steps done before.
    time: u64,
    largest: usize,
    barrier: Barrier,
    /// The step after which all threads stop. Set before a barrier of that step, read after it.
    last: AtomicUsize,
}

impl Team<'_> {
    /// Does every step for `shards`.
    fn work(&self, shards: &mut [Shard], watch: &mut dyn FnMut(Score) -> bool) -> Score {
        let _mode = FlushDenormals::new();
        let _alarm = Alarm(&self.barrier);
        let mut scratch = Scratch::new(&self.plan, self.largest, shards.len());
        let mut labels = Vec::with_capacity(self.largest);
        let mut score = self.batches.before;
        for (i, images) in self
            .batches
            .order
            .chunks(self.batches.batch_size.max(1))
            .enumerate()
        {
            self.gather(images, &mut scratch.input, &mut labels);
            let step = Step {
                exchange: &self.exchange,
                plan: &self.plan,
                labels: &labels,
                parity: i % 2,
                update: Update::new(self.optimizer, (self.rate)(i), self.time + i as u64 + 1),
            };
            let (loss, correct) = step.run(shards, &mut scratch, &|| self.barrier.wait());
            score.loss += loss;
            score.correct += correct;
            score.images += images.len();
            if self.last.load(Acquire) <= i {
                break;
            }
            if !watch(score) {
                self.last.store(i + 1, Release);
            }
        }
        score
    }

    fn gather(&self, images: &[u32], input: &mut [f32], labels: &mut Vec<u8>) {
        let (inputs, classes) = (self.plan.widths[0], self.plan.classes());
        labels.clear();
        for (&image, row) in images.iter().zip(input.chunks_exact_mut(inputs)) {
            let pixels = (self.batches.pixels)(image);
            let label = (self.batches.label)(image);
            assert_eq!(pixels.len(), inputs, "pixels of image {image}");
            assert!(
                usize::from(label) < classes,
                "label {label} of image {image}"
            );
            math::scale(row, pixels);
            labels.push(label);
        }
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
