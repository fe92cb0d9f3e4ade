//! Damaged records: thousands of copies, read by everything that reads them.

use burn::tensor::{Bytes, DType};
use model::{Architecture, Classifier, MlpConfig, Record, record as packs};

use crate::fixtures::{self, record};
use crate::mutations::{is_readable, survive};
use crate::small;

/// What is read must fit together, and answer.
fn as_record(bytes: &[u8]) -> Result<(), String> {
    let found = Record::from_bytes(bytes);
    let classifier = Classifier::from_bytes(bytes);
    assert_eq!(found.is_ok(), classifier.is_ok());
    let record = found.map_err(|error| error.to_string())?;
    let classifier = classifier.map_err(|error| error.to_string())?;
    let config = &record.metadata.architecture;
    config.validate().unwrap();
    let names = &record.metadata.class_names;
    assert_eq!(names.len(), config.classes());
    assert!(!names.iter().any(|name| name.chars().any(char::is_control)));
    let black = vec![0; config.pixels()];
    assert_eq!(fixtures::predict(&record, &black).len(), config.classes());
    assert_eq!(classifier.predict(&black).unwrap().len(), config.classes());
    Ok(())
}

#[test]
fn records() {
    survive("record", &record(&small()).to_bytes().unwrap(), as_record);
}

/// The parts of a checkpoint are packs without metadata, read for a network that is known.
#[test]
fn parts_of_checkpoints() {
    let architecture = Architecture::Mlp(small());
    let good = packs::tensors_to_bytes(&record(&small()).weights).unwrap();
    survive("weights or moments", &good, |bytes| {
        let found = packs::tensors_from_bytes(bytes, &architecture);
        let tensors = found.map_err(|error| error.to_string())?;
        assert_eq!(tensors.len(), architecture.tensors().len());
        for (tensor, expect) in tensors.iter().zip(architecture.tensors()) {
            assert_eq!((&tensor.name, &tensor.shape), (&expect.name, &expect.shape));
            assert_eq!(tensor.values.len(), expect.shape.iter().product::<usize>());
            assert!(tensor.values.iter().all(|value| value.is_finite()));
        }
        Ok(())
    });
}

/// Names in a file are shown in errors, and must not steer a terminal or fill it.
#[test]
fn errors_show_what_is_in_a_file_on_one_short_line() {
    let garbled = "\u{1b}[31m\n".repeat(1000);
    let metadata = serde_json::json!({"format": 1, (garbled.as_str()): 0}).to_string();
    let tensor = burn_pack::Tensor::new(
        garbled,
        DType::F32,
        vec![1],
        None,
        Bytes::from_bytes_vec(vec![0; 4]),
    );
    let config = MlpConfig {
        hidden: vec![],
        ..small()
    };
    let good = packs::tensors_to_bytes(&record(&config).weights);
    let reader = burn_pack::Reader::from_bytes(Bytes::from_bytes_vec(good.unwrap())).unwrap();
    let mut tensors = reader.into_tensors().unwrap();
    tensors.push(tensor);
    let pack = |writer: burn_pack::Writer| writer.into_bytes().unwrap().to_vec();
    let named = pack(burn_pack::Writer::new(tensors));
    let text = packs::tensors_from_bytes(&named, &Architecture::Mlp(config))
        .unwrap_err()
        .to_string();
    assert!(text.contains("[31m") && is_readable(&text), "{text:?}");
    let unknown = burn_pack::Writer::new(vec![]).with_metadata("classifier", &metadata);
    let text = as_record(&pack(unknown)).unwrap_err();
    assert!(text.contains("[31m") && is_readable(&text), "{text:?}");
}
