//! [`Batches`] as tensors, for Burn.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};

use burn::data::dataloader::{DataLoader, DataLoaderIterator, Progress};
use burn::data::dataset::DatasetError;
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::batches::{Batches, Epoch};
use crate::resident::Resident;

/// Images and labels on a device.
#[derive(Clone, Debug)]
pub struct Batch {
    /// `[batch, channels, height, width]`, 0 (black) to 1.
    pub images: Tensor<4>,
    /// `[batch]`, class numbers.
    pub labels: Tensor<1, Int>,
}

/// Loads batches, epoch by epoch: each call of `iter` is the next epoch.
pub struct Loader {
    batches: Batches,
    /// Epoch and batch where the first call of `iter` starts.
    start: (usize, usize),
    /// The next epoch, shared with the copies made by `to_device`.
    next: Arc<AtomicUsize>,
    device: Device,
    resident: bool,
    /// All images on `device`, once the first epoch has started, if they are kept there and the same in every epoch.
    uploaded: OnceLock<Arc<Resident>>,
}

impl Loader {
    /// Returns a loader of `batches` onto `device`.
    pub fn new(batches: Batches, device: &Device) -> Self {
        Self {
            batches,
            start: (0, 0),
            next: Arc::default(),
            device: device.clone(),
            resident: false,
            uploaded: OnceLock::new(),
        }
    }

    /// Makes the first call of `iter` start at a batch of an epoch, both counted from 0; later calls
    /// give whole epochs. At or past the end of an epoch, the first call gives no batches.
    pub fn starting_at(self, epoch: usize, batch: usize) -> Self {
        let next = Arc::new(AtomicUsize::new(epoch));
        Self {
            start: (epoch, batch),
            next,
            ..self
        }
    }

    /// Sets whether all pixels are kept on the device, one byte each. On a GPU, a batch then
    /// costs a few small kernels and no copy. The values are the same.
    pub fn resident(self, yes: bool) -> Self {
        Self {
            resident: yes,
            uploaded: OnceLock::new(),
            ..self
        }
    }

    /// Returns the batches that it loads.
    pub fn batches(&self) -> &Batches {
        &self.batches
    }

    /// Returns where the batches of `epoch` come from.
    fn form(&self, epoch: &Epoch) -> Form {
        if !self.resident || epoch.is_empty() {
            return Form::Bytes(Vec::new(), Vec::new());
        }
        let upload = || Arc::new(Resident::upload(epoch, &self.device));
        let resident = if self.batches.changes() {
            upload()
        } else {
            self.uploaded.get_or_init(upload).clone()
        };
        let order = epoch.order().iter().map(|&index| index as i32).collect();
        Form::Resident(resident, Box::new(integers(order, &self.device)))
    }

    fn images(&self) -> usize {
        self.batches.images().len()
    }
}

impl DataLoader<Batch> for Loader {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<Batch> + 'a> {
        let number = self.next.fetch_add(1, SeqCst);
        let (start, first) = self.start;
        let epoch = self.batches.epoch(number);
        Box::new(Rest {
            next: if number == start { first } else { 0 },
            form: self.form(&epoch),
            epoch,
            loader: self,
        })
    }

    fn num_items(&self) -> usize {
        self.images()
    }

    /// The copy continues from this loader's epoch: both count the same epochs.
    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<Batch>> {
        Arc::new(Self {
            batches: self.batches.clone(),
            next: self.next.clone(),
            device: device.clone(),
            uploaded: OnceLock::new(),
            ..*self
        })
    }

    /// The slice counts its own epochs, starting from this loader's.
    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<Batch>> {
        Arc::new(Self {
            batches: self.batches.slice(start, end),
            next: Arc::new(AtomicUsize::new(self.next.load(SeqCst))),
            device: self.device.clone(),
            uploaded: OnceLock::new(),
            ..*self
        })
    }
}

/// The rest of an epoch.
struct Rest<'a> {
    loader: &'a Loader,
    epoch: Epoch,
    /// The next batch.
    next: usize,
    form: Form,
}

/// The source of a batch.
enum Form {
    /// Pixels and labels in host memory, refilled for each batch.
    Bytes(Vec<u8>, Vec<u8>),
    /// All images on the device, and their order in this epoch, `[images]`.
    Resident(Arc<Resident>, Box<Tensor<1, Int>>),
}

impl Iterator for Rest<'_> {
    type Item = Result<Batch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let positions = self.epoch.positions(self.next);
        if positions.is_empty() {
            return None;
        }
        let batch = match &mut self.form {
            Form::Bytes(pixels, labels) => {
                self.epoch.fill(positions, pixels, labels);
                let [channels, height, width] = self.loader.batches.images().size();
                let shape = [labels.len(), channels, height, width];
                tensors(pixels, labels, shape, &self.loader.device)
            }
            Form::Resident(resident, order) => {
                resident.batch(order.as_ref().clone().slice([positions]))
            }
        };
        self.next += 1;
        Some(Ok(batch))
    }
}

impl DataLoaderIterator<Batch> for Rest<'_> {
    fn progress(&self) -> Progress {
        let done = self.epoch.positions(self.next).start;
        Progress::new(done, self.loader.images(), Some("items".into()))
    }
}

/// Returns bytes as a batch of floats, in one block.
#[expect(clippy::indexing_slicing, reason = "a byte is below 256")]
fn tensors(pixels: &[u8], labels: &[u8], shape: [usize; 4], device: &Device) -> Batch {
    const UNIT: [f32; 256] = unit_table();
    let pixels: Vec<f32> = pixels.iter().map(|&byte| UNIT[usize::from(byte)]).collect();
    Batch {
        images: Tensor::from_data(TensorData::new(pixels, shape), device),
        labels: integers(labels.iter().map(|&label| label.into()).collect(), device),
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
