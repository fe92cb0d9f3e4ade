//! The fuzzer begins with small files (`fuzz/seeds`). One that is refused would teach it little.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;

use exchange::{Kind, Reading, archive};

/// Returns the files of a fuzz target, with their names.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/seeds")
        .join(target);
    let files = fs::read_dir(folder).unwrap().map(|file| {
        let path = file.unwrap().path();
        (path.display().to_string(), fs::read(path).unwrap())
    });
    files.collect()
}

/// Returns the file that the target makes of a seed: behind an even byte it is the file itself.
fn npz(seed: &[u8]) -> Vec<u8> {
    let (kind, rest) = seed.split_first().unwrap();
    if kind % 2 == 0 {
        return rest.to_vec();
    }
    let parts = rest.chunks(rest.len() / 3 + 1);
    let names = ["W1.npy", "b1.npy", "metadata.npy"].map(String::from);
    let files: Vec<_> = names.into_iter().zip(parts.map(<[u8]>::to_vec)).collect();
    archive::write(&files)
}

/// Turns a seed into a file.
type ToFile = fn(&[u8]) -> Vec<u8>;

#[test]
fn the_seeds_of_the_fuzzer_are_networks() {
    let whole = |seed: &[u8]| seed.to_vec();
    let targets: [(&str, Kind, ToFile); 3] = [
        ("exchange_onnx", Kind::Onnx, whole),
        ("exchange_safetensors", Kind::Safetensors, whole),
        ("exchange_npz", Kind::Npz, npz),
    ];
    for (target, kind, file) in targets {
        let seeds = seeds(target);
        assert!(seeds.len() >= 5, "{target}");
        for (name, seed) in seeds {
            assert!(seed.len() <= 4096, "{name}");
            let (found, network) = exchange::read(&file(&seed), &Reading::default())
                .unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(found, kind, "{name}");
            assert!(network.tensors.len() >= 2, "{name}");
        }
    }
}
