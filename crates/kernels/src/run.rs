//! An epoch: batches, threads, and what the caller sees of it.

use std::ops::Range;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread;

use crate::exchange::{Exchange, Scratch};
use crate::network::{self, Network, Plan, Shard};
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

/// Multiplications in a step from which on a thread is worth starting, about 4 microseconds: as long as threads
/// that wait for each other take to notice, twice.
const WORTH: usize = 200_000;

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
        let threads = self.threads(threads, batches.batch_size);
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
        let per_thread = self.shards.len().div_ceil(threads);
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

    /// Returns how many of `threads` threads train this network, see [`threads`]. Convolutions are work for one in
    /// each shard.
    pub fn threads(&self, threads: usize, batch: usize) -> usize {
        if self.plan.front.is_some() {
            return spread(self.shards.len(), threads);
        }
        self::threads(&self.plan.widths, threads, batch)
    }
}

/// Returns how many of `threads` threads train a network of these `widths`, from inputs to classes, on batches of so
/// many images. Each has a shard with neurons at least, none of them could be spared without giving another one
/// more shards, and a step's share of work is worth the time in which they wait for each other.
pub fn threads(widths: &[usize], threads: usize, batch: usize) -> usize {
    let weights = widths
        .windows(2)
        .map(|pair| pair[0].saturating_mul(pair[1]));
    let weights = weights.fold(0, usize::saturating_add);
    let products = weights.saturating_mul(3).saturating_mul(batch);
    let [all, with_neurons] = network::count_shards(widths);
    let most = with_neurons.min(products / WORTH);
    spread(all, threads.min(most))
}

/// Returns how many of `threads` threads it takes to work on `shards`, none of them on more than all would.
fn spread(shards: usize, threads: usize) -> usize {
    let per_thread = shards.div_ceil(threads.clamp(1, shards));
    shards.div_ceil(per_thread)
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
