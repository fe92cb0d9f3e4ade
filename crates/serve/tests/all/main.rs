//! The running service over real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has found something, and says where"
)]

mod answers;
mod attacks;
mod client;
mod life;
mod limits;
mod pages;
mod v2;

use std::path::{Path, PathBuf};

use model::Record;
use serve::{Content, Limits, NamedRecord, Options, Server, StaticFile};

/// Records of networks for 6 x 8 pixels and 3 classes, with calibration and a threshold, and without.
const RECORDS: [&str; 2] = ["v2-softmax", "v2-plain"];

/// Returns the file of such a record.
fn file(name: &str) -> PathBuf {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/tests/golden");
    golden.join(format!("{name}.bpk"))
}

fn record(name: &str) -> Record {
    Record::from_bytes(&std::fs::read(file(name)).unwrap()).unwrap()
}

/// Starts a service of both records, with these limits and files.
fn start(limits: Limits, site: Vec<StaticFile>) -> Server {
    start_with(limits, site, None)
}

fn start_with(limits: Limits, site: Vec<StaticFile>, allow_origin: Option<&str>) -> Server {
    let options = Options {
        listen: ([127, 0, 0, 1], 0).into(),
        allow_origin: allow_origin.map(String::from),
        limits,
    };
    let content = move || {
        let models = RECORDS.map(|name| NamedRecord {
            name: name.into(),
            record: record(name),
        });
        Ok(Content {
            models: models.into(),
            site: site.clone(),
        })
    };
    Server::start(options, content).unwrap()
}
