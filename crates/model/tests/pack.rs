//! Burn's pack format as read and written here, against `burn-pack`, Burn's own reader and writer of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has found something, and says where"
)]

#[path = "../../data/tests/mutations/mod.rs"]
mod mutations;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use burn_pack::{Bytes, DType, Reader, Scalar as Number, Writer};
use model::Tensor;
use model::pack::{self, Pack, Scalar};
use mutations::{Chance, survive};

/// Returns what `burn-pack` reads in `bytes`.
fn burn_read(bytes: &[u8]) -> Result<Pack, String> {
    let read = |e: burn_pack::Error| e.to_string();
    let reader = Reader::from_bytes(Bytes::from_bytes_vec(bytes.to_vec())).map_err(read)?;
    let mut pack = Pack {
        metadata: reader.metadata().clone(),
        ..Pack::default()
    };
    for (name, number) in reader.scalars() {
        let scalar = match *number {
            Number::Int(value) => Scalar::Int(value),
            Number::UInt(value) => Scalar::UInt(value),
            Number::Float(_) | Number::Bool(_) => return Err("not an integer".into()),
        };
        pack.scalars.insert(name.clone(), scalar);
    }
    for tensor in reader.into_tensors().map_err(read)? {
        let (name, dtype, shape, parameter, bytes) = tensor.into_parts().map_err(read)?;
        if dtype != DType::F32 {
            return Err("not F32".into());
        }
        if let Some(parameter) = parameter {
            pack.parameters.insert(name.clone(), parameter);
        }
        pack.tensors.push(Tensor {
            name,
            shape: shape.to_vec(),
            values: bytes
                .as_chunks()
                .0
                .iter()
                .map(|&v| f32::from_le_bytes(v))
                .collect(),
        });
    }
    Ok(pack)
}

/// Returns `tensors` as Burn's, the first with the first of `parameters` and so on.
fn burn_tensors(tensors: &[Tensor], parameters: &[u64]) -> Vec<burn_pack::Tensor> {
    let mut parameters = parameters.iter().copied();
    let tensor = |tensor: &Tensor| {
        let bytes = tensor.values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let bytes = Bytes::from_bytes_vec(bytes);
        let shape = tensor.shape.clone();
        burn_pack::Tensor::new(
            tensor.name.clone(),
            DType::F32,
            shape,
            parameters.next(),
            bytes,
        )
    };
    tensors.iter().map(tensor).collect()
}

fn burn_write(writer: Writer) -> Vec<u8> {
    writer.into_bytes().unwrap().to_vec()
}

/// Fails unless both have the same in them. Values are compared as bits: a damaged one may be NaN.
fn assert_same(ours: &Pack, theirs: &Pack, what: &str) {
    let bits = |pack: &Pack| -> Vec<Vec<u32>> {
        let bits = |tensor: &Tensor| tensor.values.iter().map(|v| v.to_bits()).collect();
        pack.tensors.iter().map(bits).collect()
    };
    let names = |pack: &Pack| -> Vec<_> {
        let tensors = pack.tensors.iter();
        tensors
            .map(|tensor| (tensor.name.clone(), tensor.shape.clone()))
            .collect()
    };
    assert_eq!(names(ours), names(theirs), "{what}");
    assert_eq!(bits(ours), bits(theirs), "{what}");
    assert_eq!(ours.parameters, theirs.parameters, "{what}");
    assert_eq!(ours.metadata, theirs.metadata, "{what}");
    assert_eq!(ours.scalars, theirs.scalars, "{what}");
}

#[test]
fn golden_records_are_read_as_burn_reads_them_and_written_as_they_are() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut files = 0;
    for entry in fs::read_dir(golden).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "bpk") {
            let bytes = fs::read(&path).unwrap();
            let ours = pack::read(&bytes).unwrap();
            assert_same(
                &ours,
                &burn_read(&bytes).unwrap(),
                &path.display().to_string(),
            );
            // Records have their layers in order, weight before bias, and not in the order of their names.
            let place = |tensor: &Tensor| {
                let name = tensor
                    .name
                    .replace(".weight", ".0")
                    .replace("unknown.mean", "unknown.0");
                (!name.starts_with("layers"), name)
            };
            let mut tensors = ours.tensors;
            tensors.sort_by_key(place);
            assert_eq!(
                pack::write(&tensors, &ours.metadata).unwrap(),
                bytes,
                "{}",
                path.display()
            );
            files += 1;
        }
    }
    assert_eq!(files, 5);
}

/// Returns up to 40 tensors of up to 4 dimensions, not in the order of their names, and entries of metadata;
/// lengths and sizes on both sides of those at which CBOR changes its form.
fn anything(chance: &mut Chance) -> (Vec<Tensor>, BTreeMap<String, String>) {
    const LENGTHS: [usize; 8] = [0, 1, 23, 24, 255, 256, 1000, 65_536];
    let mut tensors = Vec::new();
    for number in 0..chance.below(40) {
        let rank = chance.below(5);
        let mut shape: Vec<usize> = (0..rank).map(|_| 1 + chance.below(5)).collect();
        if rank > 0 && chance.below(4) == 0 {
            shape = vec![LENGTHS[chance.below(8)]];
        }
        let size = shape.iter().product();
        tensors.push(Tensor {
            name: format!("{}{}", "ä.".repeat(LENGTHS[chance.below(6)]), 99 - number),
            shape,
            values: (0..size)
                .map(|_| f32::from_bits(chance.number() as u32))
                .collect(),
        });
    }
    let entry = |number: usize, chance: &mut Chance| {
        (number.to_string(), "é".repeat(LENGTHS[chance.below(8)]))
    };
    let metadata = (0..chance.below(30))
        .map(|number| entry(number, chance))
        .collect();
    (tensors, metadata)
}

#[test]
fn both_write_the_same_bytes() {
    for seed in 0..300 {
        let (tensors, metadata) = anything(&mut Chance(seed));
        let writer = Writer::new(burn_tensors(&tensors, &[]));
        let writer = metadata.iter().fold(writer, |writer, (key, text)| {
            writer.with_metadata(key, text)
        });
        let ours = pack::write(&tensors, &metadata).unwrap();
        assert!(ours == burn_write(writer), "seed {seed}");
        assert_same(
            &pack::read(&ours).unwrap(),
            &burn_read(&ours).unwrap(),
            &format!("seed {seed}"),
        );
    }
}

#[test]
fn both_read_the_same_parameters_and_numbers() {
    let edges = [
        0,
        1,
        23,
        24,
        255,
        256,
        65_535,
        65_536,
        u64::from(u32::MAX),
        1 << 32,
        u64::MAX,
    ];
    for seed in 0..100 {
        let chance = &mut Chance(seed);
        let (tensors, _) = anything(chance);
        let parameters: Vec<u64> = (0..chance.below(40))
            .map(|_| edges[chance.below(11)])
            .collect();
        let mut writer = Writer::new(burn_tensors(&tensors, &parameters));
        for (number, edge) in edges.into_iter().enumerate() {
            writer = writer.with_scalar(&format!("{number}.u"), Number::UInt(edge));
            writer = writer.with_scalar(&format!("{number}.+"), Number::Int((edge >> 1) as i64));
            writer = writer.with_scalar(&format!("{number}.-"), Number::Int(!(edge >> 1) as i64));
        }
        let bytes = burn_write(writer);
        let ours = pack::read(&bytes).unwrap();
        assert_eq!(ours.scalars.len(), 3 * edges.len());
        assert_eq!(ours.parameters.len(), parameters.len().min(tensors.len()));
        assert_same(&ours, &burn_read(&bytes).unwrap(), &format!("seed {seed}"));
    }
}

#[test]
fn what_cannot_be_read_back_is_not_written() {
    let tensor = |name: &str, shape: &[usize], values: usize| Tensor {
        name: name.into(),
        shape: shape.to_vec(),
        values: vec![0.5; values],
    };
    let check = |tensors: &[Tensor], expect: &str| {
        let error = pack::write(tensors, &BTreeMap::new()).unwrap_err();
        assert_eq!(error.to_string(), format!("Validation error: {expect}"));
    };
    check(
        &[tensor("a", &[2], 3)],
        "tensor 'a' has 3 values for the shape [2]",
    );
    check(
        &[tensor("a", &[usize::MAX, 2], 0)],
        "tensor 'a' has 0 values for the shape [18446744073709551615, 2]",
    );
    check(
        &[tensor("a", &[1; 9], 1)],
        "tensor 'a' has 1 values for the shape [1, 1, 1, 1, 1, 1, 1, 1, 1]",
    );
    check(
        &[tensor("a", &[], 1), tensor("a", &[], 1)],
        "tensor 'a' appears twice",
    );
    let many = (0..=100_000)
        .map(|key| (key.to_string(), String::new()))
        .collect();
    assert!(pack::write(&[], &many).is_err());
}

/// CBOR of text, of an array or a map of fewer than 24 entries, and of a number below 256.
fn text(text: &str) -> Vec<u8> {
    assert!(text.len() < 24);
    [&[0x60 | text.len() as u8], text.as_bytes()].concat()
}

fn array(items: &[Vec<u8>]) -> Vec<u8> {
    [vec![0x80 | items.len() as u8], items.concat()].concat()
}

fn map(pairs: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let pairs = pairs
        .iter()
        .map(|(key, value)| [text(key), value.clone()].concat());
    [
        vec![0xa0 | pairs.len() as u8],
        pairs.collect::<Vec<_>>().concat(),
    ]
    .concat()
}

fn number(number: u8) -> Vec<u8> {
    vec![0x18, number]
}

/// A tensor's description.
fn described(dtype: &str, shape: &[u8], start: u8, end: u8) -> Vec<u8> {
    let shape: Vec<_> = shape.iter().map(|&size| number(size)).collect();
    map(&[
        ("dtype", text(dtype)),
        ("shape", array(&shape)),
        ("data_offsets", array(&[number(start), number(end)])),
    ])
}

/// Returns a pack with this metadata and this many bytes of data.
fn forged(metadata: &[u8], data: usize) -> Vec<u8> {
    let mut bytes = b"NRUB\x01\0".to_vec();
    bytes.extend((metadata.len() as u32).to_le_bytes());
    bytes.extend(metadata);
    bytes.resize(bytes.len().next_multiple_of(256) + data, 0);
    bytes
}

/// A pack of these tensors' descriptions.
fn tensors(tensors: &[(&str, Vec<u8>)], data: usize) -> Vec<u8> {
    forged(&map(&[("tensors", map(tensors))]), data)
}

/// A pack of no tensors and this number.
fn scalar(kind: &str, value: &[u8]) -> Vec<u8> {
    let scalars = map(&[("n", map(&[(kind, value.to_vec())]))]);
    forged(&map(&[("tensors", map(&[])), ("scalars", scalars)]), 0)
}

#[test]
fn what_burn_does_not_write_is_refused() {
    let a = || described("F32", &[2], 0, 8);
    let good = tensors(&[("a", a()), ("b", described("F32", &[1], 8, 12))], 12);
    assert_same(
        &pack::read(&good).unwrap(),
        &burn_read(&good).unwrap(),
        "forged",
    );
    let check = |bytes: &[u8], expect: &str, theirs: Result<(), ()>| {
        let error = pack::read(bytes).expect_err(expect).to_string();
        assert!(
            error.contains(expect),
            "{error:?} should contain {expect:?}"
        );
        assert_eq!(
            burn_read(bytes).map(drop).map_err(drop),
            theirs,
            "{error}: Burn"
        );
    };
    // Both refuse these.
    let version = [b"NRUB\x02\0", &good[6..]].concat();
    check(&good[..9], "Invalid header: insufficient bytes", Err(()));
    check(&good[..40], "Invalid header: insufficient bytes", Err(()));
    check(b"BURN\x01\0\0\0\0\0", "Invalid magic number", Err(()));
    check(&version, "Unsupported version", Err(()));
    check(
        b"NRUB\x01\0\xff\xff\xff\xff",
        "Metadata size 4294967295",
        Err(()),
    );
    check(&good[..good.len() - 1], "File truncated", Err(()));
    check(&good[..256], "File truncated", Err(()));
    check(&forged(&[], 0), "it ends too early", Err(()));
    check(&forged(&map(&[]), 0), "missing field `tensors`", Err(()));
    check(&forged(&array(&[]), 0), "a map was expected", Err(()));
    check(&forged(b"\xa1\x67tensors", 0), "it ends too early", Err(()));
    check(
        &forged(b"\xa1\x7b\xff\xff\xff\xff\xff\xff\xff\xff", 0),
        "it ends too early",
        Err(()),
    );
    check(
        &forged(b"\xa1\x62\xff\xfe", 0),
        "text is not UTF-8",
        Err(()),
    );
    check(&forged(&[0x81; 100_000], 0), "a map was expected", Err(()));
    check(&forged(&[0xd8; 100_000], 0), "a map was expected", Err(()));
    check(
        &tensors(&[("a", map(&[]))], 0),
        "another type than F32",
        Err(()),
    );
    check(
        &tensors(&[("a", map(&[("dtype", text("F32"))]))], 0),
        "without shape",
        Err(()),
    );
    check(
        &tensors(&[("a", described("F31", &[2], 0, 8))], 8),
        "another type than F32",
        Err(()),
    );
    check(
        &tensors(&[("a", described("F32", &[2], 0, 9))], 9),
        "has the bytes 0 to 9",
        Err(()),
    );
    check(
        &tensors(&[("a", described("F32", &[2], 8, 0))], 8),
        "has the bytes 8 to 0",
        Err(()),
    );
    let twice = [
        map(&[("dtype", text("F32"))])[1..].to_vec(),
        a()[1..].to_vec(),
    ]
    .concat();
    check(
        &tensors(&[("a", [vec![0xa4], twice].concat())], 8),
        "a field appears twice",
        Err(()),
    );
    let half = b"\xa3\x65dtype\x63F32\x65shape\x81\x1b\x80\0\0\0\0\0\0\0\x6cdata_offsets\x82\0\0";
    let four =
        b"\xa3\x65dtype\x63F32\x65shape\x82\x1b\x80\0\0\0\0\0\0\0\x04\x6cdata_offsets\x82\0\0";
    check(
        &tensors(&[("a", half.to_vec())], 0),
        "for the shape [9223372036854775808]",
        Err(()),
    );
    check(
        &tensors(&[("a", four.to_vec())], 0),
        "for the shape [9223372036854775808, 4]",
        Err(()),
    );
    check(
        &scalar("Int", &[0x1b, 0x80, 0, 0, 0, 0, 0, 0, 0]),
        "an integer is too large",
        Err(()),
    );
    check(
        &scalar("Int", &[0x3b, 0x80, 0, 0, 0, 0, 0, 0, 0]),
        "an integer is too large",
        Err(()),
    );
    check(
        &scalar("UInt", &[0x20]),
        "an unsigned integer was expected",
        Err(()),
    );
    check(
        &scalar("Word", &[0]),
        "a number that is not an integer",
        Err(()),
    );
    // Burn reads what of this it can use.
    let old = [b"NRUB\0\0", &good[6..]].concat();
    check(&old, "Unsupported version", Ok(()));
    check(
        &[&good[..], &[0]].concat(),
        "269 bytes, 268 expected",
        Ok(()),
    );
    check(
        &forged(&[map(&[("tensors", map(&[]))]), vec![0]].concat(), 0),
        "more bytes",
        Ok(()),
    );
    check(
        &tensors(&[("a", a()), ("a", a())], 8),
        "a name appears twice",
        Ok(()),
    );
    let b = described("F32", &[2], 4, 12);
    check(
        &tensors(&[("a", a()), ("b", b)], 12),
        "tensor 'b' shares bytes",
        Ok(()),
    );
    check(
        &tensors(&[("a", a()), ("b", a())], 8),
        "tensor 'b' shares bytes",
        Ok(()),
    );
    check(
        &tensors(&[("a", described("F32", &[1; 9], 0, 4))], 4),
        "too many dimensions",
        Ok(()),
    );
    check(
        &forged(b"\xbf\x67tensors\xa0\xff", 0),
        "a length is missing",
        Ok(()),
    );
    check(
        &forged(b"\xc1\xa1\x67tensors\xa0", 0),
        "a map was expected",
        Ok(()),
    );
    let new = map(&[("tensors", map(&[])), ("new", text(""))]);
    check(&forged(&new, 0), "an unknown field", Ok(()));
    // Of a type that no record here has.
    check(
        &tensors(&[("a", described("F64", &[1], 0, 8))], 8),
        "another type than F32",
        Err(()),
    );
    check(
        &scalar("Bool", &[0xf5]),
        "a number that is not an integer",
        Err(()),
    );
    check(
        &scalar("Float", &[0xf9, 0x3c, 0]),
        "a number that is not an integer",
        Err(()),
    );
}

/// Whatever is read here of a damaged pack is what Burn reads there.
#[test]
fn damaged_packs_are_refused_or_read_as_burn_reads_them() {
    let tensor = |number: usize| Tensor {
        name: format!("{number}.momentum"),
        shape: vec![number % 4, 3],
        values: vec![0.5; number % 4 * 3],
    };
    let tensors: Vec<_> = (0..8).map(tensor).collect();
    let writer = Writer::new(burn_tensors(&tensors, &[3, 4, 1 << 40]))
        .with_metadata("key", "text")
        .with_metadata("other", "")
        .with_scalar("0.__rank", Number::UInt(2))
        .with_scalar("1.__rank", Number::Int(-70_000));
    let good = burn_write(writer);
    let accepted = survive("pack", &good, |bytes| {
        let ours = pack::read(bytes).map_err(|error| error.to_string())?;
        assert_same(&ours, &burn_read(bytes).unwrap(), "damaged");
        Ok(())
    });
    assert!(accepted > 100, "{accepted}: the comparison was hardly made");
}
