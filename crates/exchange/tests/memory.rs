//! No file takes more memory than the crate says, however it is made.
#![allow(unsafe_code)] // an allocator that counts
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::alloc::{GlobalAlloc, Layout as Size, System};
use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{cases, mutate, network};
use exchange::protobuf::Message;
use exchange::{Format, Layout, Reading, archive};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use model::{Activation, Output};

static USED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, size: Size) -> *mut u8 {
        let used = USED.fetch_add(size.size(), Ordering::Relaxed) + size.size();
        PEAK.fetch_max(used, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, size: Size) {
        USED.fetch_sub(size.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(at, size) }
    }
}

/// What the crate's documentation promises.
const TIMES: usize = 8;
const BESIDE: usize = 32 << 20;

/// Returns the bytes that reading takes at most at a time, and whether there was a network.
fn peak(bytes: &[u8]) -> (usize, bool) {
    let before = USED.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let folder = cases();
    let reading = Reading {
        folder: Some(&folder),
        ..Reading::default()
    };
    let is_network = exchange::read(bytes, &reading).is_ok();
    (PEAK.load(Ordering::Relaxed) - before, is_network)
}

/// Bytes of a file, unpacked, where it is an archive that is opened at all.
fn content(bytes: &[u8]) -> usize {
    match archive::Archive::open(bytes, "zip") {
        Ok(archive) => bytes.len().max(archive.size() as usize),
        Err(_) => bytes.len(),
    }
}

fn check(name: &str, bytes: &[u8]) -> bool {
    let (peak, is_network) = peak(bytes);
    let most = TIMES * content(bytes) + BESIDE;
    println!(
        "{name}: {} bytes, {} unpacked, at most {peak} in memory, a network: {is_network}",
        bytes.len(),
        content(bytes)
    );
    assert!(
        peak <= most,
        "{name}: {peak} bytes in memory, {most} allowed"
    );
    is_network
}

fn npy(kind: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
}

/// Returns a zip of deflated files; with `entries` the directory lists all of them so many times.
fn deflated(files: &[(&str, Vec<u8>)], entries: usize) -> Vec<u8> {
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let offset = zip.len() as u32;
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content).unwrap();
        let packed = encoder.finish().unwrap();
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let mut header = vec![20, 0, 0, 0, 8, 0, 0, 0, 0, 0];
        for field in [crc.sum(), packed.len() as u32, content.len() as u32] {
            header.extend(field.to_le_bytes());
        }
        header.extend((name.len() as u16).to_le_bytes());
        header.extend([0, 0]);
        zip.extend([b"PK\x03\x04", &header[..], name.as_bytes(), &packed].concat());
        for _ in 0..entries {
            let place = [&[0; 10][..], &offset.to_le_bytes()].concat();
            directory.extend(
                [
                    b"PK\x01\x02",
                    &[20, 0][..],
                    &header,
                    &place,
                    name.as_bytes(),
                ]
                .concat(),
            );
        }
    }
    let count = ((files.len() * entries) as u16).to_le_bytes();
    let size = (directory.len() as u32).to_le_bytes();
    let start = (zip.len() as u32).to_le_bytes();
    let end = [
        b"PK\x05\x06",
        &[0; 4][..],
        &count,
        &count,
        &size,
        &start,
        &[0; 2],
    ]
    .concat();
    [zip, directory, end].concat()
}

fn archives() -> Vec<(&'static str, Vec<u8>)> {
    let weight = |kind: &str, side: usize, size: usize| {
        npy(
            kind,
            &format!("({side}, {side})"),
            &vec![0; side * side * size],
        )
    };
    let last = |side: usize| npy("<f4", &format!("({side}, 10)"), &vec![1; side * 40]);
    // Noise that shrinks to a tenth: it is read, and is as much as an archive may grow by, nearly.
    let mut noise: Vec<u8> = weight("<f2", 1000, 2);
    for (i, byte) in noise.iter_mut().skip(128).step_by(16).enumerate() {
        let mixed = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        *byte = ((mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 58) as u8;
    }
    vec![
        ("a bomb", deflated(&[("w.npy", vec![0; 100_000_000])], 1)),
        (
            "a small bomb",
            deflated(&[("w.npy", weight("<f4", 600, 4))], 1),
        ),
        (
            "listed often",
            deflated(&[("0.weight.npy", weight("<f4", 200, 4))], 5000),
        ),
        (
            "halves, deflated",
            deflated(&[("0.weight.npy", noise), ("1.weight.npy", last(1000))], 1),
        ),
        (
            "halves",
            archive::write(&[
                ("0.weight.npy".into(), weight("<f2", 1500, 2)),
                ("1.weight.npy".into(), last(1500)),
            ]),
        ),
        (
            "doubles",
            archive::write(&[
                ("0.weight.npy".into(), weight("<f8", 800, 8)),
                ("1.weight.npy".into(), last(800)),
            ]),
        ),
    ]
}

/// Pickles of a checkpoint: each instruction that makes a value of one byte, as often as there is room.
fn pickles() -> Vec<(&'static str, Vec<u8>)> {
    let zip = |pickle: &[u8]| archive::write(&[("a/data.pkl".into(), pickle.to_vec())]);
    let many = |part: &[u8]| {
        zip(&[
            b"\x80\x02",
            &part.repeat((1 << 20) / part.len() - 4)[..],
            b".",
        ]
        .concat())
    };
    let storage = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nq\x00((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQ";
    let view = b"K\x00M\xe8\x03M\xe8\x03\x86K\x00K\x00\x86\x89)tRq\x01";
    // One tensor of a million numbers that are all the same one, under a thousand names.
    let mut views = [&storage[..], view, b"0}("].concat();
    for name in 0..1000 {
        views.extend(format!("X\x0b\x00\x00\x00{name:0>4}.weighth\x01").bytes());
    }
    views.extend(b"u.");
    let mut all = vec![
        ("a/data.pkl".to_string(), views),
        ("a/data/0".into(), vec![0; 4]),
    ];
    let repeated = archive::write(&all);
    all[1].1 = vec![0; 4_000_000];
    vec![
        ("empty dictionaries", many(b"}")),
        ("marks", many(b"(")),
        (
            "memory",
            zip(&[b"\x80\x02}", &b"\x94".repeat(1 << 19)[..], b"."].concat()),
        ),
        ("tuples of tuples", many(b")\x85")),
        (
            "gets",
            zip(&[b"\x80\x02}q\x00", &b"h\x00".repeat(1 << 18)[..], b"."].concat()),
        ),
        ("names", many(b"cos\nsystem\n")),
        ("one number as a million", repeated),
        ("a tensor under a thousand names", archive::write(&all)),
        (
            "deflated dictionaries",
            deflated(&[("a/data.pkl", vec![b'}'; 1 << 20])], 1),
        ),
    ]
}

fn graphs() -> Vec<(&'static str, Vec<u8>)> {
    let side = 512u64;
    let weight = Message::default()
        .number(1, side)
        .number(1, side)
        .number(2, 1)
        .bytes(8, "w")
        .bytes(9, vec![0; 4 * (side * side) as usize]);
    let input = Message::default().bytes(1, "v0");
    let graph = |nodes: usize| {
        let mut graph = Message::default().bytes(5, &weight).bytes(11, &input);
        for i in 0..nodes {
            let (from, to) = (format!("v{i}"), format!("v{}", i + 1));
            let (from, to) = (from.as_bytes(), to.as_bytes());
            let between = [to, b"h"].concat();
            let product = Message::default()
                .bytes(1, from)
                .bytes(1, "w")
                .bytes(2, &between)
                .bytes(4, "MatMul");
            let relu = Message::default()
                .bytes(1, &between)
                .bytes(2, to)
                .bytes(4, "Relu");
            graph = graph.bytes(1, product).bytes(1, relu);
        }
        let output = Message::default().bytes(1, format!("v{nodes}"));
        Message::default()
            .number(1, 8)
            .bytes(7, graph.bytes(12, output))
            .0
    };
    let parts = |field: u64, part: &[u8], count: usize| {
        let graph = (0..count).fold(Message::default(), |graph, _| graph.bytes(field, part));
        Message::default().number(1, 8).bytes(7, graph).0
    };
    vec![
        ("one weight in 64 layers", graph(64)),
        ("one weight in 400 layers", graph(400)),
        ("nodes", parts(1, b"", 500_000)),
        ("inputs of nodes", parts(1, &b"\x0a\x00".repeat(60), 900)),
        ("constants", parts(5, b"", 500_000)),
        (
            "axes",
            parts(
                5,
                &[&b"\x08\x01".repeat(100_000)[..], b"\x10\x01"].concat(),
                1,
            ),
        ),
    ]
}

fn headers() -> Vec<(&'static str, Vec<u8>)> {
    let file = |header: &str, data: usize| {
        let length = (header.len() as u64).to_le_bytes();
        [&length[..], header.as_bytes(), &vec![0; data]].concat()
    };
    let mut tensors = String::from("{");
    for i in 0..15_000 {
        write!(
            tensors,
            r#""{i}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}},"#
        )
        .unwrap();
    }
    let tensors = tensors.trim_end_matches(',').to_string() + "}";
    let mut notes = String::from(r#"{"__metadata__":{"#);
    for i in 0..90_000 {
        write!(notes, r#""{i}":"","#).unwrap();
    }
    let notes = notes.trim_end_matches(',').to_string() + "}}";
    let deep = format!(
        r#"{{"__metadata__":{{"classifier":"{}"}}}}"#,
        "[".repeat(200_000)
    );
    let wide = format!(
        r#"{{"__metadata__":{{"class_names":"[{}1]"}}}}"#,
        "1,".repeat(125_000)
    );
    let sizes = format!(
        r#"{{"a":{{"dtype":"F32","shape":[{}0],"data_offsets":[0,0]}}}}"#,
        "0,".repeat(400_000)
    );
    let scales = r#"{"0.weight":{"dtype":"I8","shape":[1000,1000],"data_offsets":[0,1000000]},"0.weight_scale":{"dtype":"F32","shape":[1000],"data_offsets":[1000000,1004000]}}"#;
    vec![
        ("tensors of nothing", file(&tensors, 0)),
        ("notes", file(&notes, 0)),
        ("deep notes", file(&deep, 0)),
        ("wide notes", file(&wide, 0)),
        ("sizes", file(&sizes, 0)),
        ("bytes with scales", file(scales, 1_004_000)),
        ("a long header", file(&" ".repeat(20_000_000), 0)),
    ]
}

#[test]
fn no_file_takes_more_memory_than_is_said() {
    let mut networks = Vec::new();
    for (name, bytes) in [archives(), pickles(), graphs(), headers()].concat() {
        if check(name, &bytes) {
            networks.push(name);
        }
    }
    // The measure measures: large networks that are read are among them.
    assert_eq!(networks, ["halves, deflated", "halves", "doubles"]);
    let large = network([100, 100], &[300], Activation::Relu, Output::Softmax);
    for format in [
        Format::Safetensors,
        Format::Onnx,
        Format::Npz,
        Format::F16,
        Format::Int8,
        Format::Keras,
    ] {
        for layout in [Layout::InOut, Layout::OutIn] {
            let bytes = exchange::write(&large, format, layout).unwrap();
            let (peak, is_network) = peak(&bytes);
            assert!(
                is_network && peak <= TIMES * bytes.len(),
                "{format:?} {layout:?}: {peak}"
            );
            assert!(peak >= 4 * 3_000_000, "the weights are in memory: {peak}");
        }
    }
    // Of damaged files, too.
    let mut files: Vec<_> = fs::read_dir(cases())
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.retain(|path| {
        !["json", "data", "md"]
            .iter()
            .any(|end| path.extension().unwrap() == *end)
    });
    for path in files {
        let bytes = fs::read(&path).unwrap();
        for seed in 0..20 {
            let (peak, _) = peak(&mutate(&bytes, seed));
            let most = TIMES * 17 * bytes.len() + BESIDE;
            assert!(peak <= most, "{} {seed}: {peak}", path.display());
        }
    }
}
