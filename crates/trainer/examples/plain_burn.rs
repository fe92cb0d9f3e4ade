//! The tutorial as Burn's book would write it, with Burn's defaults, to compare this program with.
//!
//! `cargo run -p trainer --example plain_burn -- --epochs 10` trains on the CPU, scores the test
//! images and prints one JSON line. Only the renderer is not Burn's: its own prints a line a batch.
//! Set `BURN_DEVICE=flex`, or the loaders' builder opens the first backend of this build, a GPU's.

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use burn::data::dataloader::{DataLoader, DataLoaderBuilder, batcher::Batcher};
use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{Linear, LinearConfig, Relu};
use burn::optim::AdamConfig;
use burn::tensor::{Device, Int, Tensor, TensorData};
use burn::train::logger::TrainingProgressLogger;
use burn::train::metric::{AccuracyMetric, LossMetric};
use burn::train::{
    ClassificationOutput, InferenceStep, Learner, SupervisedTraining, TrainOutput, TrainStep,
};
use data::{LabelledImage, Request};
use trainer::learner::Silent;

#[derive(Clone, Debug)]
struct Batch {
    images: Tensor<3>,      // [batch, 28, 28]
    labels: Tensor<1, Int>, // [batch]
}

#[derive(Clone)]
struct ImageBatcher;

impl Batcher<LabelledImage, Batch> for ImageBatcher {
    fn batch(&self, items: Vec<LabelledImage>, device: &Device) -> Batch {
        let images = items
            .iter()
            .map(|item| TensorData::new(item.pixels().to_vec(), [1, 28, 28]).convert::<f32>())
            .map(|data| Tensor::<3>::from_data(data, device) / 255)
            .collect();
        let labels = items
            .iter()
            .map(|item| Tensor::from_data([i64::from(item.label())], device))
            .collect();
        Batch {
            images: Tensor::cat(images, 0),
            labels: Tensor::cat(labels, 0),
        }
    }
}

#[derive(Module, Debug)]
struct Model {
    hidden: Linear,
    output: Linear,
    activation: Relu,
}

impl Model {
    fn new(device: &Device) -> Self {
        Self {
            hidden: LinearConfig::new(784, 128).init(device),
            output: LinearConfig::new(128, 10).init(device),
            activation: Relu::new(),
        }
    }

    fn score(&self, batch: Batch) -> ClassificationOutput {
        let x = batch.images.flatten::<2>(1, 2); // [batch, 784]
        let x = self.activation.forward(self.hidden.forward(x)); // [batch, 128]
        let logits = self.output.forward(x); // [batch, 10]
        let loss = CrossEntropyLossConfig::new()
            .init(&logits.device())
            .forward(logits.clone(), batch.labels.clone()); // [1]
        ClassificationOutput::new(loss, logits, batch.labels)
    }
}

impl TrainStep for Model {
    type Input = Batch;
    type Output = ClassificationOutput;

    fn step(&self, batch: Batch) -> TrainOutput<ClassificationOutput> {
        let item = self.score(batch);
        TrainOutput::new(self, item.loss.backward(), item)
    }
}

impl InferenceStep for Model {
    type Input = Batch;
    type Output = ClassificationOutput;

    fn step(&self, batch: Batch) -> ClassificationOutput {
        self.score(batch)
    }
}

/// The moments at which training splits begin and end.
#[derive(Clone, Default)]
struct Clock(Arc<Mutex<Vec<Instant>>>);

impl Clock {
    fn tick(&self) {
        self.0
            .lock()
            .into_iter()
            .for_each(|mut ticks| ticks.push(Instant::now()));
    }
}

impl TrainingProgressLogger for Clock {
    fn start(&mut self, _: usize, _: usize, _: Option<usize>, _: Option<&str>) {
        self.tick();
    }
    fn update_epoch(&mut self, _epoch: usize) {
        self.tick();
    }
    fn start_split(&mut self, _split: &str, _total_items: usize) {}
    fn update_split(&mut self, _items_processed: usize) {}
    fn end_split(&mut self) {}
    fn end(&mut self) {}
    fn log_event_training(&mut self, _event: String) {}
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let epochs: usize = match (args.next().as_deref(), args.next()) {
        (None, _) => 10,
        (Some("--epochs"), Some(count)) => count.parse()?,
        _ => return Err("usage: plain_burn [--epochs N]".into()),
    };
    let device = Device::flex();
    device.seed(42);
    let data = data::load(&Request::new("fashion-mnist"), &mut |_| {})?;
    let loader = || {
        DataLoaderBuilder::new(ImageBatcher)
            .batch_size(32)
            .set_device(device.clone())
    };
    let train = loader().shuffle(42).build(data.train.clone());
    let none = loader().build(data.train.take(0)); // the tutorial validates nothing
    let test: Arc<dyn DataLoader<Batch>> = loader().build(data.test.clone());

    let adam = AdamConfig::new().with_epsilon(1e-7).init(); // Keras's epsilon
    let learner = Learner::new(Model::new(&device.clone().autodiff()), adam, 1e-3);
    let folder = tempfile::tempdir()?;
    let clock = Clock::default();
    let started = Instant::now();
    let trained = SupervisedTraining::new(folder.path(), train, none)
        .metrics((AccuracyMetric::new(), LossMetric::new()))
        .renderer(Box::new(Silent))
        .with_progress_logger(clock.clone())
        .num_epochs(epochs)
        .launch(learner);
    let seconds = started.elapsed().as_secs_f64();
    if let Some(error) = trained.error {
        return Err(error.to_string().into());
    }

    let (mut loss, mut correct) = (0.0, 0.0);
    for batch in test.iter() {
        let output = trained.model.score(batch?);
        let count = output.targets.dims()[0] as f64;
        loss += count * output.loss.try_into_scalar::<f64>()?;
        let hits = output
            .output
            .argmax(1)
            .squeeze_dim::<1>(1)
            .equal(output.targets); // [batch]
        correct += hits.int().sum().try_into_scalar::<i64>()? as f64;
    }
    let ticks = clock
        .0
        .lock()
        .map_err(|_| "a thread of the training panicked")?;
    let epoch: Vec<f64> = ticks
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_secs_f64())
        .collect();
    let images = data.test.len() as f64;
    println!(
        "{}",
        serde_json::json!({
            "peer": "plain_burn", "version": model::record::BURN_VERSION, "epochs": epochs,
            "wall_s_train": seconds, "wall_s_epoch": epoch,
            "test_acc": correct / images, "test_loss": loss / images,
        })
    );
    Ok(())
}
