//! The images, and the one trained run that many tests share.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use data::fashion_mnist::{DEBIAN_FOLDER, DEBIAN_PACKAGE, FILES, NAME};
use data::{DataSet, Images, Request, idx};

pub use crate::foreign::numbers as noise_of;
use crate::program::{Desk, Said, arg};

/// Returns the folder of the published files: that of the package or, where there are no such
/// packages, the user's cache. Without either a test fails: none downloads anything.
pub fn package() -> PathBuf {
    let package = PathBuf::from(DEBIAN_FOLDER);
    let places = [
        Some(package),
        dirs::cache_dir().map(|cache| cache.join(NAME)),
    ];
    let found = places.into_iter().flatten().find(|place| place.is_dir());
    found.unwrap_or_else(|| {
        panic!(
            "the tests read Fashion-MNIST: `apt install {DEBIAN_PACKAGE}`, or have it downloaded \
             by `cargo run -p trainer -- data`"
        )
    })
}

/// Returns Fashion-MNIST.
pub fn fashion_mnist() -> &'static DataSet {
    static DATA: OnceLock<DataSet> = OnceLock::new();
    DATA.get_or_init(|| {
        let request = Request {
            dir: Some(&package()),
            ..Request::new(NAME)
        };
        data::load(&request, &mut |_| {}).unwrap()
    })
}

/// A finished run: the tutorial's experiment, one epoch.
pub struct Quick {
    pub folder: PathBuf,
    pub said: Said,
}

/// Returns a run that was trained once for all tests, with `--json`. Nobody writes into it.
pub fn quick() -> &'static Quick {
    static RUN: OnceLock<Quick> = OnceLock::new();
    RUN.get_or_init(|| {
        let folder = shared_folder().join("quick");
        let args = ["--json", "--set", "training.epochs=1", "--run-dir"];
        let said = Desk::new().ok(&[&args[..], &[arg(&folder)]].concat());
        Quick { folder, said }
    })
}

/// Copies the shared run, without its pictures and tables, to where a test may spoil it.
pub fn copy_of_quick(to: &Path) {
    fs::create_dir_all(to).unwrap();
    for name in ["config.toml", "manifest.json", "metrics.jsonl", "model.bpk"] {
        fs::copy(quick().folder.join(name), to.join(name)).unwrap();
    }
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// Returns a folder of this process. Those of processes that are gone are removed: nothing in a
/// static is ever dropped.
pub fn shared_folder() -> PathBuf {
    let all = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let prefix = "trainer-tests-";
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let has_list = Path::new("/proc/self").exists();
        let is_gone = |id: &str| has_list && !Path::new("/proc").join(id).exists();
        if name.strip_prefix(prefix).is_some_and(is_gone) {
            fs::remove_dir_all(entry.path()).unwrap();
        }
    }
    let folder = all.join(format!("{prefix}{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Height, width and classes of the tiny data set.
pub const TINY: [usize; 3] = [6, 5, 3];

/// Writes a data set that trains in milliseconds into the folder `tiny`: 600 + 150 images of 6 x 5
/// pixels, in which class `c` lights two rows.
pub fn tiny(desk: &Desk) {
    idx_folder(desk, "tiny", [600, 150], |noise, label, pixel| {
        let lit = pixel / TINY[1] / 2 == usize::from(label);
        noise % 100 + if lit { 150 } else { 0 }
    });
}

/// Writes a data set of which nothing can be learnt: labels by chance.
pub fn noise(desk: &Desk) {
    idx_folder(desk, "noise", [120, 60], |noise, _, _| noise);
}

/// Writes a data set of 600 + 150 black images: what a network says to them depends on its last
/// bias alone, which starts at 0, whatever the weights.
pub fn black(desk: &Desk) {
    idx_folder(desk, "black", [600, 150], |_, _, _| 0);
}

fn idx_folder(desk: &Desk, folder: &str, counts: [usize; 2], pixel: impl Fn(u8, u8, usize) -> u8) {
    let [height, width, classes] = TINY;
    let mut noise = noise_of(7);
    for (count, files) in counts.into_iter().zip(FILES.chunks(2)) {
        let labels: Vec<u8> = (0..count).map(|i| (i % classes) as u8).collect();
        let area = 0..height * width;
        let pixels = labels
            .iter()
            .flat_map(|&label| area.clone().map(move |at| (label, at)))
            .map(|(label, at)| pixel(noise(), label, at))
            .collect();
        let images = Images {
            count,
            height,
            width,
            pixels,
        };
        desk.write(
            &format!("{folder}/{}", files[0].name),
            idx::write_images(&images),
        );
        desk.write(
            &format!("{folder}/{}", files[1].name),
            idx::write_labels(&labels),
        );
    }
}

/// Arguments that train on the folder `tiny` of the working directory.
pub const ON_TINY: [&str; 6] = [
    "--data-dir",
    "tiny",
    "--set",
    "data.name=tiny",
    "--set",
    "name=tiny",
];

/// Returns the arguments of a training on `tiny` into `run_dir`, with `--set` before each of `sets`.
pub fn on_tiny<'a>(run_dir: &'a str, sets: &[&'a str]) -> Vec<&'a str> {
    let mut args = ON_TINY.to_vec();
    args.extend(["--run-dir", run_dir]);
    args.extend(sets.iter().flat_map(|set| ["--set", set]));
    args
}
