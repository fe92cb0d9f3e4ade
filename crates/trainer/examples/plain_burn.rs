//! The tutorial as Burn's book would write it, with Burn's defaults, to compare this program with.
//!
//! `cargo run -p trainer --example plain_burn -- --epochs 10` trains on the CPU, scores the test
//! images and prints one JSON line. Only the renderer is not Burn's: its own prints a line a batch.
#![allow(clippy::indexing_slicing)] // it measures, and a panic would say where

use std::error::Error;
use std::sync::mpsc::{Sender, channel};
use std::time::Instant;

use burn::data::dataloader::{DataLoaderBuilder, batcher::Batcher};
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
        let image = |item: &LabelledImage| {
            let data = TensorData::new(item.pixels().to_vec(), [1, 28, 28]).convert::<f32>();
            Tensor::<3>::from_data(data, device) / 255
        };
        let label = |item: &LabelledImage| Tensor::from_data([i64::from(item.label())], device);
        Batch {
            images: Tensor::cat(items.iter().map(image).collect(), 0),
            labels: Tensor::cat(items.iter().map(label).collect(), 0),
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
        let loss = CrossEntropyLossConfig::new().init(&logits.device());
        let loss = loss.forward(logits.clone(), batch.labels.clone()); // [1]
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

/// Tells when epochs end.
struct Clock(Sender<Instant>);

impl TrainingProgressLogger for Clock {
    fn start(&mut self, _: usize, _: usize, _: Option<usize>, _: Option<&str>) {}
    fn update_epoch(&mut self, _: usize) {
        let _ = self.0.send(Instant::now());
    }
    fn start_split(&mut self, _: &str, _: usize) {}
    fn update_split(&mut self, _: usize) {}
    fn end_split(&mut self) {}
    fn end(&mut self) {}
    fn log_event_training(&mut self, _: String) {}
}

fn main() -> Result<(), Box<dyn Error>> {
    let epochs = std::env::args().nth(2).map_or(Ok(10), |n| n.parse())?; // --epochs N
    let device = Device::flex();
    let data = data::load(&Request::new("fashion-mnist"), &mut |_| {})?;
    let loader = || {
        let loader = DataLoaderBuilder::new(ImageBatcher).batch_size(32);
        loader.set_device(device.clone())
    };
    let train = loader().shuffle(42).build(data.train.clone());
    let none = loader().build(data.train.take(0)); // the tutorial validates nothing
    let test = loader().build(data.test.clone());

    device.seed(42);
    let model = Model::new(&device.clone().autodiff());
    let adam = AdamConfig::new().with_epsilon(1e-7).init(); // Keras's value
    let (clock, ends) = channel();
    let mut ticks = vec![Instant::now()];
    let trained = SupervisedTraining::new(tempfile::tempdir()?.path(), train, none)
        .metrics((AccuracyMetric::new(), LossMetric::new()))
        .renderer(Box::new(Silent))
        .with_progress_logger(Clock(clock))
        .num_epochs(epochs)
        .launch(Learner::new(model, adam, 1e-3));
    let seconds = ticks[0].elapsed().as_secs_f64();
    ticks.extend(ends);
    if let Some(error) = trained.error {
        return Err(error.to_string().into());
    }
    let epoch = ticks
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_secs_f64());

    let (mut loss, mut correct) = (0.0, 0.0);
    for batch in test.iter() {
        let output = trained.model.score(batch?);
        let count = output.targets.dims()[0] as f64;
        loss += count * output.loss.try_into_scalar::<f64>()?; // the mean of the batch
        let answers: Tensor<1, Int> = output.output.argmax(1).squeeze_dim(1); // [batch]
        let hits = answers.equal(output.targets).int().sum();
        correct += hits.try_into_scalar::<i64>()? as f64;
    }
    let images = data.test.len() as f64;
    let result = serde_json::json!({
        "peer": "plain_burn", "version": model::record::BURN_VERSION, "epochs": epochs,
        "wall_s_train": seconds, "wall_s_epoch": epoch.collect::<Vec<_>>(),
        "test_acc": correct / images, "test_loss": loss / images,
    });
    println!("{result}");
    Ok(())
}
