//! Saved networks as an HTTP service: pictures in, answers out.
//!
//! ```rust,no_run
//! use serve::{Content, NamedRecord, Options, Server};
//!
//! let load = || {
//!     let record = model::Record::from_bytes(&std::fs::read("model.bpk")?)?;
//!     let models = vec![NamedRecord { name: "boots".into(), record }];
//!     Ok(Content { models, site: Vec::new() })
//! };
//! let server = Server::start(Options::default(), load)?;
//! println!("http://{}", server.address());
//! server.until_signal(|reloaded| println!("{reloaded:?}"))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Reading order: `options` (what a client may ask for) → `content` (what is served) → `server` (start, reload,
//! end) → `connections` (how many) → `routes` (what there is, and what every answer has) → `body` (bytes within
//! limits) → `request` (bytes → pictures) → `predict` (pictures → answers) → `work` (where that is computed) →
//! `v2` (the same for clients of the Open Inference Protocol) → `about`, `metrics`, `pages` (everything else) →
//! `problem` (errors).
//!
//! Nothing here prints, reads files or arguments, or knows Burn, TLS or a data set. Nothing in a request is ever used
//! as a path or an address.

#![forbid(unsafe_code)]

mod about;
mod body;
mod connections;
mod content;
mod metrics;
mod options;
mod pages;
mod predict;
mod problem;
pub mod request;
mod routes;
mod server;
mod service;
mod v2;
mod work;

pub use content::{Content, NamedRecord, StaticFile};
pub use options::{Limits, Options};
pub use problem::Problem;
pub use server::{ServeError, Server};
