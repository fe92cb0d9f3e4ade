//! Tests of the public API. `main.rs` has what several of them need.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has found something, and says where"
)]

mod damage;
mod formats;
#[path = "../../../data/tests/mutations/mod.rs"]
mod mutations;
mod preparation;
mod prepare;

use std::path::Path;

use data::fashion_mnist::DEBIAN_FOLDER;

/// The published files, from the distribution's package.
fn package() -> &'static Path {
    let dir = Path::new(DEBIAN_FOLDER);
    assert!(
        dir.is_dir(),
        "these tests read {DEBIAN_FOLDER}: run `apt install dataset-fashion-mnist`"
    );
    dir
}
