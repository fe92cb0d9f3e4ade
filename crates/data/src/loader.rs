//! Batches in a known order.
//!
//! Burn's own loader keeps its random state in the loader, so the order of an epoch depends on what
//! was asked for before, and a resumed run cannot repeat it. Here the order is a function of the seed
//! and the epoch: see [`permutation`].

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};

use burn::data::dataloader::{DataLoader, DataLoaderIterator, Progress};
use burn::data::dataset::DatasetError;
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::dataset::{ImageDataset, permutation};
use crate::resident::Resident;

/// Images and labels on a device.
#[derive(Clone, Debug)]
pub struct Batch {
    /// `[batch, height, width]`, 0 (black) to 1.
    pub images: Tensor<3>,
    /// `[batch]`, class numbers.
    pub labels: Tensor<1, Int>,
}

/// Hands out batches, epoch by epoch: each call of `iter` is the next epoch. The last batch of an
/// epoch has what is left, so that every image is seen.
pub struct Loader {
    data: ImageDataset,
    batch_size: usize,
    /// `None` for the order of the data.
    seed: Option<u64>,
    /// Epoch and batch where the first call of `iter` begins.
    start: (usize, usize),
    /// The next epoch, shared by the copies that `to_device` makes.
    next: Arc<AtomicUsize>,
    device: Device,
    resident: bool,
    /// All images on `device`, once the first epoch has begun. `None` inside: not wanted.
    uploaded: OnceLock<Option<Resident>>,
}

impl Loader {
    /// Returns a loader that keeps the order of the data, for evaluation. A batch size of 0 counts
    /// as 1.
    pub fn sequential(data: ImageDataset, batch_size: usize, device: &Device) -> Self {
        Loader {
            data,
            batch_size: batch_size.max(1),
            seed: None,
            start: (0, 0),
            next: Arc::default(),
            device: device.clone(),
            resident: false,
            uploaded: OnceLock::new(),
        }
    }

    /// Returns a loader for training. Epoch `e` has the order `permutation(seed, e, len)`. A batch
    /// size of 0 counts as 1.
    pub fn shuffled(data: ImageDataset, batch_size: usize, seed: u64, device: &Device) -> Self {
        let seed = Some(seed);
        Loader {
            seed,
            ..Loader::sequential(data, batch_size, device)
        }
    }

    /// Makes the first call of `iter` begin at a batch of an epoch, both counted from 0; later calls
    /// give whole epochs. At or past the end of an epoch, the first call gives nothing.
    pub fn starting_at(self, epoch: usize, batch: usize) -> Self {
        let next = Arc::new(AtomicUsize::new(epoch));
        Loader {
            start: (epoch, batch),
            next,
            ..self
        }
    }

    /// Chooses whether all pixels are kept on the device, one byte each. For a GPU: a batch then
    /// costs a few small kernels and no copy. The values are the same.
    pub fn resident(self, yes: bool) -> Self {
        Loader {
            resident: yes,
            uploaded: OnceLock::new(),
            ..self
        }
    }

    /// Returns the number of batches in a whole epoch.
    pub fn batches_per_epoch(&self) -> usize {
        self.data.len().div_ceil(self.batch_size)
    }

    fn order(&self, epoch: usize) -> Vec<u32> {
        match self.seed {
            Some(seed) => permutation(seed, epoch as u64, self.data.len()),
            None => (0..self.data.len() as u32).collect(),
        }
    }

    fn source(&self, order: Vec<u32>) -> Source<'_> {
        let upload = || {
            self.resident
                .then(|| Resident::upload(&self.data, &self.device))
        };
        match self.uploaded.get_or_init(upload) {
            Some(resident) => {
                let order = integers(order.into_iter().map(|i| i as i32).collect(), &self.device);
                Source::Device {
                    resident,
                    order: Box::new(order),
                }
            }
            None => Source::Host {
                data: &self.data,
                order,
                device: &self.device,
            },
        }
    }
}

impl DataLoader<Batch> for Loader {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<Batch> + 'a> {
        let epoch = self.next.fetch_add(1, SeqCst);
        let total = self.data.len();
        let done = match epoch == self.start.0 {
            true => self.start.1.saturating_mul(self.batch_size).min(total),
            false => 0,
        };
        let source = match total {
            0 => Source::Host {
                data: &self.data,
                order: Vec::new(),
                device: &self.device,
            },
            _ => self.source(self.order(epoch)),
        };
        Box::new(Batches {
            source,
            batch_size: self.batch_size,
            done,
            total,
        })
    }

    fn num_items(&self) -> usize {
        self.data.len()
    }

    /// The copy goes on where this loader is: both count the same epochs.
    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<Batch>> {
        Arc::new(Loader {
            data: self.data.clone(),
            next: self.next.clone(),
            device: device.clone(),
            uploaded: OnceLock::new(),
            ..*self
        })
    }

    /// The part counts its own epochs, from where this loader is.
    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<Batch>> {
        Arc::new(Loader {
            data: self.data.slice(start, end),
            next: Arc::new(AtomicUsize::new(self.next.load(SeqCst))),
            device: self.device.clone(),
            uploaded: OnceLock::new(),
            ..*self
        })
    }
}

/// The rest of an epoch.
struct Batches<'a> {
    source: Source<'a>,
    batch_size: usize,
    /// Images handed out, those before a resumed start included.
    done: usize,
    total: usize,
}

impl Iterator for Batches<'_> {
    type Item = Result<Batch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done >= self.total {
            return None;
        }
        let end = (self.done.saturating_add(self.batch_size)).min(self.total);
        let range = self.done..end;
        self.done = end;
        Some(Ok(match &self.source {
            Source::Host {
                data,
                order,
                device,
            } => gather(data, order.get(range).unwrap_or_default(), device),
            Source::Device { resident, order } => resident.batch(Tensor::clone(order).slice(range)),
        }))
    }
}

impl DataLoaderIterator<Batch> for Batches<'_> {
    fn progress(&self) -> Progress {
        Progress::new(self.done, self.total, Some("items".into()))
    }
}

/// What batches of one epoch are made from. An order is `[len]`, positions in the data.
enum Source<'a> {
    Host {
        data: &'a ImageDataset,
        order: Vec<u32>,
        device: &'a Device,
    },
    Device {
        resident: &'a Resident,
        order: Box<Tensor<1, Int>>,
    },
}

/// Returns the images at `order`, built in host memory as one block of floats.
#[expect(clippy::indexing_slicing, reason = "a byte is below 256")]
fn gather(data: &ImageDataset, order: &[u32], device: &Device) -> Batch {
    const UNIT: [f32; 256] = unit_table();
    let (count, height, width) = (order.len(), data.height(), data.width());
    let mut pixels = Vec::with_capacity(count * height * width);
    let mut labels = Vec::with_capacity(count);
    for &i in order {
        pixels.extend(
            data.image(i as usize)
                .iter()
                .map(|&byte| UNIT[usize::from(byte)]),
        );
        labels.push(i32::from(data.label(i as usize)));
    }
    Batch {
        images: Tensor::from_data(TensorData::new(pixels, [count, height, width]), device),
        labels: integers(labels, device),
    }
}

/// Returns `byte / 255` for each byte.
#[expect(clippy::indexing_slicing, reason = "at compile time")]
const fn unit_table() -> [f32; 256] {
    let mut table = [0.0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = byte as f32 / 255.0;
        byte += 1;
    }
    table
}

/// Returns a tensor of the device's own integer type, `[values]`.
pub(crate) fn integers(values: Vec<i32>, device: &Device) -> Tensor<1, Int> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}
