//! Files of other programs, as bytes: what is written comes back, and no bytes can do harm.

use std::collections::BTreeMap;
use std::process::Command;

use exchange::{About, ExchangeError, Format, Kind, Layout, Network, archive};
use model::record::{BURN_VERSION, FORMAT_VERSION, PIXEL_DIVISOR};
use model::{Activation, Architecture, Metadata, MlpConfig, Output, TestMetrics};

use crate::fixtures::noise_of;
use crate::import::interop::fixture;
use crate::program::{Desk, Said, TRAINER};

/// Mutations of a file that each reader gets.
const MUTATIONS: usize = 2000;

fn network(input: [usize; 2], hidden: &[usize], activation: Activation, output: Output) -> Network {
    let architecture = MlpConfig {
        hidden: hidden.to_vec(),
        activation,
        output,
        ..MlpConfig::tutorial([1, input[0], input[1]], 3)
    };
    let architecture = Architecture::Mlp(architecture);
    let weights = architecture.init(5).unwrap();
    let metadata = Metadata {
        format: FORMAT_VERSION,
        architecture,
        class_names: ["naïve \"café\"", "2", "[3]"].map(String::from).to_vec(),
        pixel_divisor: PIXEL_DIVISOR,
        dataset: "7".into(),
        dataset_sha256: "0".repeat(64),
        experiment: "true".into(),
        test: Some(TestMetrics {
            figures: BTreeMap::from([("accuracy".into(), 0.1), ("loss".into(), 2.5)]),
            ece: None,
            calibrated_ece: None,
            unknown: None,
        }),
        calibration: None,
        unknown: None,
        preparation: None,
        burn: BURN_VERSION.into(),
    };
    Network::of(weights, &metadata)
}

/// A small network for files that are to be damaged.
fn small() -> Network {
    network([2, 3], &[4], Activation::Tanh, Output::Softmax)
}

const LAYOUTS: [Layout; 2] = [Layout::InOut, Layout::OutIn];

#[test]
fn exact_formats_bring_back_every_bit_and_all_that_is_known() {
    let shapes: [([usize; 2], &[usize]); 4] = [
        ([4, 5], &[7]),
        ([1, 3], &[3, 3]),
        ([3, 2], &[]),
        ([2, 2], &[5; 12]),
    ];
    let activations = [
        Activation::Relu,
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Gelu,
    ];
    for ((input, hidden), activation) in shapes.into_iter().zip(activations) {
        for output in [Output::Softmax, Output::Sigmoid] {
            let before = network(input, hidden, activation, output);
            for (format, kind) in [
                (Format::Safetensors, Kind::Safetensors),
                (Format::Npz, Kind::Npz),
                (Format::Onnx, Kind::Onnx),
            ] {
                for layout in LAYOUTS {
                    let bytes = exchange::write(&before, format, layout).unwrap();
                    let (found, mut after) =
                        exchange::read(&bytes, &exchange::Reading::default()).unwrap();
                    after.about.layout = None;
                    assert_eq!((found, &after), (kind, &before), "{format:?} {layout:?}");
                    let again = exchange::write(&before, format, layout).unwrap();
                    assert!(again == bytes, "{format:?}: equal networks, equal bytes");
                }
            }
        }
    }
}

#[test]
fn f16_rounds_once_and_int8_to_half_a_scale() {
    let before = network([6, 5], &[8], Activation::Relu, Output::Softmax);
    for layout in LAYOUTS {
        let bytes = exchange::write(&before, Format::F16, layout).unwrap();
        let (_, after) = exchange::read(&bytes, &exchange::Reading::default()).unwrap();
        assert_eq!(after.tensors.len(), 4);
        for (a, b) in after.tensors.iter().zip(&before.tensors) {
            let rounded = |v: &f32| half::f16::from_f32(*v).to_f32();
            assert_eq!(a.values, b.values.iter().map(rounded).collect::<Vec<_>>());
        }
    }
    let bytes = exchange::write(&before, Format::Int8, Layout::InOut).unwrap();
    let (_, after) = exchange::read(&bytes, &exchange::Reading::default()).unwrap();
    assert_eq!(after.tensors.len(), 4);
    for (a, b) in after.tensors.iter().zip(&before.tensors) {
        if b.name.ends_with("bias") {
            assert_eq!(a, b);
            continue;
        }
        let largest = b.values.iter().fold(0f32, |m, w| m.max(w.abs()));
        let off = a.values.iter().zip(&b.values).map(|(a, b)| (a - b).abs());
        let off = off.fold(0f32, f32::max);
        assert!(off > 0.0 && off <= 0.501 * largest / 127.0, "{off}");
    }
    let mut large = small();
    large.tensors[2].values[2] = 1e6;
    let error = exchange::write(&large, Format::F16, Layout::InOut).unwrap_err();
    assert_eq!(
        error.to_string(),
        "layer 1 has 1000000; 16-bit floats end at 65504"
    );
}

#[test]
fn weights_that_are_no_numbers_are_refused() {
    for bad in [f32::NAN, f32::INFINITY] {
        let mut network = small();
        network.tensors[3].values[0] = bad;
        for format in [Format::Safetensors, Format::Npz, Format::Onnx] {
            let bytes = exchange::write(&network, format, Layout::InOut).unwrap();
            let error = exchange::read(&bytes, &exchange::Reading::default()).unwrap_err();
            assert_eq!(
                error,
                ExchangeError::NotFinite("layer 1".into()),
                "{format:?}"
            );
        }
    }
}

/// A file of every kind, small enough to be damaged in thousands of ways.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let mut files: Vec<(&str, Vec<u8>)> = [
        ("safetensors", Format::Safetensors),
        ("f16", Format::F16),
        ("int8", Format::Int8),
        ("npz", Format::Npz),
        ("onnx", Format::Onnx),
    ]
    .map(|(name, format)| {
        (
            name,
            exchange::write(&small(), format, Layout::InOut).unwrap(),
        )
    })
    .to_vec();
    files.push(("torch", fixture("tiny.pt")));
    files
}

#[test]
fn no_damage_makes_a_reader_panic() {
    for (name, bytes) in files() {
        let intact = exchange::read(&bytes, &exchange::Reading::default()).unwrap();
        for length in 0..bytes.len() {
            if let Ok((_, cut)) = exchange::read(&bytes[..length], &exchange::Reading::default()) {
                // Metadata comes last in an ONNX file, and may be missing.
                assert_eq!(
                    (name, cut.tensors),
                    ("onnx", intact.1.tensors.clone()),
                    "{length}"
                );
            }
        }
        let mut noise = noise_of(11);
        let mut number = |below: usize| {
            let wide = (0..4).fold(0usize, |wide, _| wide << 8 | usize::from(noise()));
            wide % below
        };
        let mut different = 0;
        for _ in 0..MUTATIONS {
            let mut damaged = bytes.clone();
            for _ in 0..=number(3) {
                let at = number(damaged.len());
                match number(4) {
                    0 => damaged[at] ^= 1 << number(8),
                    1 => damaged[at] = [0, 1, 0x7f, 0x80, 0xff][number(5)],
                    2 => drop(damaged.remove(at)),
                    _ => damaged.insert(at, number(256) as u8),
                }
            }
            // An error, or a network: what is checked is that it comes back.
            different += usize::from(
                exchange::read(&damaged, &exchange::Reading::default()).as_ref() != Ok(&intact),
            );
        }
        assert!(
            different > MUTATIONS / 2,
            "{name}: {different} mutations did anything"
        );
    }
}

/// Returns a zip of one file.
fn zipped(name: &str, content: &[u8]) -> Vec<u8> {
    archive::write(&[(name.into(), content.to_vec())])
}

fn npy(header: &str) -> Vec<u8> {
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes()].concat()
}

/// Small files that say they are large: none is believed, whatever memory there is.
#[test]
fn declared_sizes_are_not_believed() {
    let header = r#"{"0.weight":{"dtype":"F32","shape":[1099511627776,1099511627776],"data_offsets":[0,8]}}"#;
    let length = (header.len() as u64).to_le_bytes();
    let array = npy(
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 1099511627776), }\n",
    );
    // A tensor "w" with dims [2^40, 2^20], the type FLOAT and eight bytes; a node that multiplies by it.
    let part = |field: u8, bytes: &[u8]| [&[field << 3 | 2, bytes.len() as u8], bytes].concat();
    let tensor = [
        b"\x08\x80\x80\x80\x80\x80\x20\x08\x80\x80\x40\x10\x01",
        &part(8, b"w")[..],
        &part(9, &[0; 8]),
    ]
    .concat();
    let node = [
        part(1, b"x"),
        part(1, b"w"),
        part(2, b"y"),
        part(4, b"MatMul"),
    ]
    .concat();
    let graph = [part(11, &part(1, b"x")), part(5, &tensor), part(1, &node)].concat();
    let onnx = [&[0x08, 0x08][..], &part(7, &graph)].concat();
    let files = [
        (
            "huge.safetensors",
            [&length[..], header.as_bytes(), &[0; 8]].concat(),
        ),
        (
            "header.safetensors",
            [&0x7fff_ffffu64.to_le_bytes()[..5], b"\0\0\0{"].concat(),
        ),
        ("huge.npz", zipped("0.weight.npy", &array)),
        ("huge.onnx", onnx),
        (
            "text.pt",
            zipped("a/data.pkl", b"\x80\x02X\xff\xff\xff\xff"),
        ),
        ("deep.pt", zipped("a/data.pkl", &[b'('; 1 << 20])),
        ("long.pt", zipped("a/data.pkl", &[b'}'; (1 << 20) + 1])),
    ];
    let desk = Desk::new();
    for (name, bytes) in files {
        desk.write(name, bytes);
        // 4 GB of addresses, of which the program itself reserves some.
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "ulimit -v 4000000; exec \"$@\"",
            "sh",
            TRAINER,
            "import",
            name,
            "--as",
            "x",
        ]);
        desk.quieten(&mut command);
        let said = Said::of(&mut command);
        assert_eq!(said.code, 1, "{name}: {said:?}");
        assert!(
            said.stderr.contains("error: ") && said.stderr.contains("hint: "),
            "{name}: {said:?}"
        );
    }
}

/// Python's own pickles would run this. Here it is named, and not run.
#[test]
fn a_pickle_that_calls_something_is_not_executed() {
    let desk = Desk::new();
    let calls: [&[u8]; 3] = [
        b"\x80\x02cos\nsystem\nX\x0b\x00\x00\x00touch ownedq\x00\x85R.",
        b"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0btouch owned\x85R.",
    ];
    for (call, name) in calls
        .into_iter()
        .zip(["os.system", "builtins.eval", "os.system"])
    {
        desk.write("bad.pt", zipped("bad/data.pkl", call));
        let said = desk.run(&["import", "bad.pt", "--as", "bad"]);
        assert_eq!(said.code, 1);
        assert!(
            said.stderr.contains(&format!("a call of `{name}`")),
            "{}",
            said.stderr
        );
        assert!(!desk.path("owned").exists() && !desk.path("artifacts").exists());
    }
}

#[test]
fn metadata_may_be_an_entry_or_a_key_and_what_is_not_understood_is_named() {
    let read =
        |entries: &[(&'static str, &'static str)]| About::from_entries(entries.iter().copied());
    let about = read(&[
        ("class_names", r#"["a", "b"]"#),
        ("activation", "tanh"),
        ("dataset", "12"),
        ("format", "pt"),
    ]);
    let expect = About {
        class_names: Some(vec!["a".into(), "b".into()]),
        activation: Some(Activation::Tanh),
        dataset: Some("12".into()),
        ..About::default()
    };
    assert_eq!(about, (expect.clone(), vec![]));
    let json = expect.to_json();
    assert_eq!(
        About::from_entries([("classifier", json.as_str())]),
        (expect, vec![])
    );
    for wrong in [
        ("activation", "swish"),
        ("class_names", "7"),
        ("input", "[28]"),
        ("pixel_divisor", "much"),
    ] {
        let (about, notes) = read(&[wrong]);
        assert_eq!((about, notes.len()), (About::default(), 1), "{wrong:?}");
        assert!(notes[0].contains(wrong.0), "{notes:?}");
    }
}
