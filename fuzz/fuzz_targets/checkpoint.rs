//! A run's checkpoint: its manifest as it comes; or, when the first byte is odd, its state as it comes
//! under a manifest with the right hash.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};
use trainer::run::checkpoint::newest;

/// A run folder with one set, in memory where the system has such a place.
static RUN: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let parent = if memory.is_dir() { memory } else { std::env::temp_dir() };
    let run = tempfile::tempdir_in(parent).expect("a folder").keep();
    fs::create_dir_all(run.join("checkpoints/epoch-000001-step-000000001")).expect("a folder");
    run
});

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    let set = RUN.join("checkpoints/epoch-000001-step-000000001");
    let manifest = if kind % 2 == 0 {
        rest.to_vec()
    } else {
        fs::write(set.join("state.json"), rest).expect("written");
        let hash: String = Sha256::digest(rest).iter().map(|byte| format!("{byte:02x}")).collect();
        let manifest = serde_json::json!({ "format": 1, "sha256": { "state.json": hash } });
        manifest.to_string().into_bytes()
    };
    fs::write(set.join("manifest.json"), manifest).expect("written");
    let _ = newest(&RUN);
});
