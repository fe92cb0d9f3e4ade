//! Epochs of convolutional networks beside what the processor can do: `cargo bench -p kernels --bench convolution`.
//!
//! Prints for every network, batch size and number of threads the median of some runs: seconds for an epoch of 60,000
//! images, GFLOP/s, and the share of the peak of fused multiply-adds on as many threads, measured in between. An epoch's
//! operations are those of the products alone: forward, gradient of weights, gradient of inputs but the images'.

use std::hint::black_box;
use std::time::Instant;

use kernels::{
    Activation, Adam, Batches, Block, Cnn, Convolutions, Layer, Loss, Network, Optimizer, Output,
};

const CLASSES: usize = 10;
const IMAGES: f64 = 60_000.0;
const ADAM: Optimizer = Optimizer::Adam(Adam {
    beta_1: 0.9,
    beta_2: 0.999,
    epsilon: 1e-7,
    l2: 0.0,
    decoupled_decay: 0.0,
});

struct Case {
    name: &'static str,
    /// Channels, and whether max-pooling follows.
    blocks: &'static [(usize, bool)],
    average: bool,
    hidden: &'static [usize],
}

const CASES: [Case; 5] = [
    Case {
        name: "16p 32p dense 128",
        blocks: &[(16, true), (32, true)],
        average: false,
        hidden: &[128],
    },
    Case {
        name: "32p 64p dense 128",
        blocks: &[(32, true), (64, true)],
        average: false,
        hidden: &[128],
    },
    Case {
        name: "32 32p 64 64p dense 128",
        blocks: &[(32, false), (32, true), (64, false), (64, true)],
        average: false,
        hidden: &[128],
    },
    Case {
        name: "32p 64p 128p 128p dense 128",
        blocks: &[(32, true), (64, true), (128, true), (128, true)],
        average: false,
        hidden: &[128],
    },
    Case {
        name: "32p 64p 128 average",
        blocks: &[(32, true), (64, true), (128, false)],
        average: true,
        hidden: &[],
    },
];

fn main() {
    let only = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    for case in CASES
        .iter()
        .filter(|case| only.as_ref().is_none_or(|only| case.name.starts_with(only)))
    {
        for batch in [32, 128] {
            for threads in [1, 2] {
                epochs(case, batch, threads);
            }
        }
        answers(case);
    }
}

fn epochs(case: &Case, batch: usize, threads: usize) {
    let convolutions = case.convolutions();
    let layers = case.layers();
    let mut network = Network::convolutional(
        &convolutions,
        &layers,
        Activation::Relu,
        Loss::CrossEntropy,
        ADAM,
    );
    let pixels = pixels(1024);
    let size = pixels.len() / 1024;
    let images = (6_000_000_000.0 / case.operations(true)) as usize * threads;
    let batches = Batches {
        fill: &|step, to, labels| {
            to.clear();
            labels.clear();
            for i in step * batch..(step + 1) * batch {
                to.extend(&pixels[i % 1024 * size..][..size]);
                labels.push((i % CLASSES) as u8);
            }
        },
        steps: 0..images.div_ceil(batch),
        batch_size: batch,
    };
    let trained = (images.div_ceil(batch) * batch) as f64;
    let (mut times, mut peaks) = (Vec::new(), Vec::new());
    for _ in 0..9 {
        peaks.push(peak(threads));
        let start = Instant::now();
        network.train(&batches, threads, &|_| 1e-4, &mut |_| true);
        times.push(start.elapsed().as_secs_f64() / trained);
    }
    let (time, peak) = (median(times), median(peaks));
    let rate = case.operations(true) / time / 1e9;
    println!(
        "{:28} batch {batch:3}, threads {threads}: epoch {:6.2} s  {rate:6.1} GFLOP/s  {:5.1} % of {peak:5.1}",
        case.name,
        time * IMAGES,
        rate / peak * 100.0
    );
}

fn answers(case: &Case) {
    let network = Cnn::new(&case.convolutions(), &case.layers(), Activation::Relu);
    for (images, threads) in [(1, 1), (1024, 1), (1024, 2)] {
        let pixels = pixels(images);
        let calls = (2048 / images).max(3);
        let answer = || {
            let start = Instant::now();
            for _ in 0..calls {
                black_box(network.predict(Output::Softmax, black_box(&pixels), threads));
            }
            start.elapsed().as_secs_f64() / (calls * images) as f64
        };
        let time = median((0..9).map(|_| answer()).collect());
        println!(
            "{:28} {images} images, threads {threads}: {:.1} us an image  {:.1} GFLOP/s",
            case.name,
            time * 1e6,
            case.operations(false) / time / 1e9
        );
    }
}

impl Case {
    fn convolutions(&self) -> Convolutions {
        let block = |&(channels, pool): &(usize, bool)| Block {
            channels,
            kernel: 3,
            pool,
        };
        Convolutions {
            input: [1, 28, 28],
            blocks: self.blocks.iter().map(block).collect(),
            average: self.average,
        }
    }

    /// Returns inputs, outputs and, for a convolution, the pixels of every layer.
    fn shapes(&self) -> Vec<(usize, usize, Option<usize>)> {
        let (mut channels, mut side) = (1, 28);
        let mut shapes = Vec::new();
        for &(outputs, pool) in self.blocks {
            shapes.push((9 * channels, outputs, Some(side * side)));
            channels = outputs;
            side = if pool { side / 2 } else { side };
        }
        let features = if self.average {
            channels
        } else {
            channels * side * side
        };
        let widths = [&[features], self.hidden, &[CLASSES]].concat();
        shapes.extend(widths.windows(2).map(|pair| (pair[0], pair[1], None)));
        shapes
    }

    /// Returns the operations for an image.
    fn operations(&self, training: bool) -> f64 {
        let shapes = self.shapes();
        let layer = |(i, &(inputs, outputs, pixels)): (usize, &(usize, usize, Option<usize>))| {
            let products = match (training, i) {
                (false, _) => 1,
                (true, 0) => 2,
                (true, _) => 3,
            };
            (2 * inputs * outputs * pixels.unwrap_or(1) * products) as f64
        };
        shapes.iter().enumerate().map(layer).sum()
    }

    /// Returns layers of weights that are small and differ.
    fn layers(&self) -> Vec<Layer> {
        let layer = |(inputs, outputs, _)| Layer {
            weight: (0..inputs * outputs)
                .map(|i| ((i * 7919 % 1009) as f32 / 1009.0 - 0.5) / (inputs as f32).sqrt())
                .collect(),
            bias: vec![0.0; outputs],
        };
        self.shapes().into_iter().map(layer).collect()
    }
}

/// Returns images of which half the pixels are lit, as in Fashion-MNIST.
fn pixels(images: usize) -> Vec<u8> {
    let pixel = |i: usize| {
        if i % 56 < 28 {
            0
        } else {
            (i * 7919 % 256) as u8
        }
    };
    (0..images * 784).map(pixel).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Returns the GFLOP/s of fused multiply-adds that depend on nothing but themselves, on so many threads.
fn peak(threads: usize) -> f64 {
    const TURNS: usize = 2_000_000;
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| black_box(fused(black_box(TURNS))));
        }
    });
    let operations = 2 * SUMS * TURNS * threads;
    operations as f64 / start.elapsed().as_secs_f64() / 1e9
}

/// Twelve of the widest registers.
const SUMS: usize = 12 * 16;

fn fused(turns: usize) -> f32 {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has these instructions.
            return unsafe { fused_avx512(turns) };
        }
        if is_x86_feature_detected!("fma") && is_x86_feature_detected!("avx2") {
            // SAFETY: as above.
            return unsafe { fused_avx2(turns) };
        }
    }
    fused_everywhere(turns)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn fused_avx512(turns: usize) -> f32 {
    use std::arch::x86_64::*;
    let mut sums = [_mm512_set1_ps(0.0); SUMS / 16];
    for (i, sum) in sums.iter_mut().enumerate() {
        *sum = _mm512_set1_ps(black_box(i as f32));
    }
    let (a, b) = (
        _mm512_set1_ps(black_box(0.999)),
        _mm512_set1_ps(black_box(0.001)),
    );
    for _ in 0..turns {
        for sum in &mut sums {
            *sum = _mm512_fmadd_ps(*sum, a, b);
        }
    }
    sums.into_iter().map(|sum| _mm512_reduce_add_ps(sum)).sum()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn fused_avx2(turns: usize) -> f32 {
    fused_everywhere(turns)
}

#[inline(always)]
fn fused_everywhere(turns: usize) -> f32 {
    let mut sums: [f32; SUMS] = std::array::from_fn(|i| black_box(i as f32));
    let [a, b] = black_box([0.999, 0.001]);
    for _ in 0..turns {
        for sum in &mut sums {
            *sum = sum.mul_add(a, b);
        }
    }
    sums.iter().sum()
}
