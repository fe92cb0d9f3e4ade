//! An optimizer's memory: what Burn is given, and what it must not be given.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that panics has found something, and says where"
)]

use burn_pack::{Bytes, DType, Scalar, Tensor, Writer};
use model::memory::Memory;
use model::{MlpConfig, RecordError};

const ADAM: Memory = Memory {
    tensors: &["first", "second"],
    steps: Some("time"),
};
const STEPS: u64 = 7;

/// Parts of a memory of the network [2 x 3] → 3.
struct Parts {
    tensors: Vec<Tensor>,
    numbers: Vec<(String, Scalar)>,
}

fn network() -> MlpConfig {
    MlpConfig {
        hidden: vec![],
        ..MlpConfig::tutorial([1, 2, 3], 3)
    }
}

fn tensor(name: &str, parameter: Option<u64>, shape: &[usize], value: f32) -> Tensor {
    let values = vec![value; shape.iter().product()];
    let bytes = values.into_iter().flat_map(f32::to_le_bytes).collect();
    let bytes = Bytes::from_bytes_vec(bytes);
    Tensor::new(name.into(), DType::F32, shape.to_vec(), parameter, bytes)
}

fn sound() -> Parts {
    let tensors = [("0", 0, &[6, 3][..]), ("1", 1, &[3])]
        .into_iter()
        .flat_map(|(name, id, shape)| {
            ["first", "second"]
                .map(|field| tensor(&format!("{name}.{field}"), Some(id), shape, 0.5))
        });
    let numbers = [
        ("0.__rank", 2),
        ("0.time", STEPS),
        ("1.__rank", 1),
        ("1.time", STEPS),
    ];
    Parts {
        tensors: tensors.collect(),
        numbers: numbers
            .map(|(name, value)| (name.to_string(), Scalar::UInt(value)))
            .into(),
    }
}

fn checked(parts: Parts, steps: u64) -> Result<(), RecordError> {
    let writer = parts
        .numbers
        .iter()
        .fold(Writer::new(parts.tensors), |writer, (name, value)| {
            writer.with_scalar(name, *value)
        });
    ADAM.check(&writer.into_bytes().unwrap(), &network(), steps)
}

#[test]
fn what_burn_writes_is_accepted() {
    checked(sound(), STEPS).unwrap();
    let nothing = Parts {
        tensors: Vec::new(),
        numbers: Vec::new(),
    };
    checked(nothing, 0).unwrap();
}

#[test]
fn what_burn_would_panic_at_is_refused() {
    type Forge = fn(&mut Parts);
    let cases: [(Forge, &str); 12] = [
        (
            |p| p.tensors[0] = tensor("0.first", Some(0), &[3, 6], 0.5),
            "tensor `0.first` is F32 [3, 6], expected F32 [6, 3]",
        ),
        (
            |p| p.tensors[3] = tensor("1.second", Some(1), &[3, 1], 0.5),
            "tensor `1.second` is F32 [3, 1], expected F32 [3]",
        ),
        (
            |p| p.tensors[0] = tensor("0.first", None, &[6, 3], 0.5),
            "number `0.first: parameter` is None, expected Some(0)",
        ),
        (
            |p| p.tensors[0] = tensor("0.first", Some(1), &[6, 3], 0.5),
            "number `0.first: parameter` is Some(1), expected Some(0)",
        ),
        (
            |p| p.tensors[2] = tensor("1.first", Some(1), &[3], f32::NAN),
            "tensor `1.first` holds a value that is not a finite number",
        ),
        (
            |p| drop(p.tensors.pop()),
            "the record has no tensor `1.second`",
        ),
        (
            |p| p.tensors.push(tensor("2.first", Some(2), &[3], 0.5)),
            "the record has a tensor `2.first` that the network does not have",
        ),
        (
            |p| p.numbers[0].1 = Scalar::UInt(9),
            "number `0.__rank` is UInt(9), expected 2",
        ),
        (
            |p| p.numbers[1].1 = Scalar::Int(-1),
            "number `0.time` is Int(-1), expected 7",
        ),
        (
            |p| p.numbers[3].1 = Scalar::UInt(u64::MAX),
            "number `1.time` is UInt(18446744073709551615), expected 7",
        ),
        (
            |p| drop(p.numbers.remove(1)),
            "number `0.time` is missing, expected 7",
        ),
        (
            |p| p.numbers.push(("5.__rank".into(), Scalar::UInt(77))),
            "number `5.__rank` is UInt(77), expected missing",
        ),
    ];
    for (forge, expect) in cases {
        let mut parts = sound();
        forge(&mut parts);
        assert_eq!(checked(parts, STEPS).unwrap_err().to_string(), expect);
    }
}
