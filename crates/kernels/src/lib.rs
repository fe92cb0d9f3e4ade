//! A small network on the CPU, multilayer perceptron or convolutional: the training step as one piece, and answers.
//!
//! Forward, backward and Adam of a small network take about 0.1 ms; built from tensor operations, the
//! bookkeeping around them takes longer than they do. Here a step is a handful of matrix products and
//! one pass over the weights, split over threads that meet once a layer.
//!
//! Reading order: [`settings`] (what is computed) → [`network`] (weights in, weights out) → `step` (one
//! shard's part of a step), `front` (the convolutions' part of it), `exchange` (what shards show each other) → [`run`]
//! (threads, batches) → `product` (matrix products), `convolution` (images and their products), `activation`, `dropout`,
//! `loss`, `optimizer`, `vector` (loops over slices), `aligned` (where values begin) → [`instructions`] (for which
//! processors they are compiled); [`forward`] is for answers alone.
//!
//! Results do not depend on the number of threads: the network is cut into shards, as many as its shape
//! says, every shard does the same operations in the same order, and sums over shards have a
//! fixed order.

pub mod settings;
pub mod network;
mod step;
mod front;
mod exchange;
pub mod run;
pub mod forward;
mod product;
mod convolution;
mod activation;
mod dropout;
mod loss;
mod optimizer;
mod vector;
mod aligned;
pub mod instructions;

pub use convolution::{Block, Convolutions};
pub use dropout::Mask;
pub use forward::{Cnn, logits, predict};
pub use instructions::Instructions;
pub use loss::{Objective, probabilities};
pub use network::{Layer, Network};
pub use run::{Batches, Outcome, threads};
pub use settings::{Activation, Adam, Dropout, Extras, Loss, Optimizer, Output, Sgd};
