//! Records that need no Burn, for the tests of inference and for `fixtures`.

use std::collections::BTreeMap;

use model::record::{BURN_VERSION, FORMAT_VERSION, PIXEL_DIVISOR};
use model::{Architecture, Metadata, MlpConfig, Record, Shape, TestMetrics};

#[allow(dead_code)] // not used by every test
/// Returns a record of a network like `config`, with weights from -0.05 to 0.05 that tell their places.
pub fn record(config: &MlpConfig) -> Record {
    record_of(Architecture::Mlp(config.clone()))
}

#[allow(dead_code)] // not used by every test
/// Returns such a record of any network.
pub fn record_of(architecture: Architecture) -> Record {
    let classes = architecture.classes();
    let fill = |(layer, shape): (usize, Shape)| {
        let count = shape.shape.iter().product();
        let value = |i: usize| ((i * 7919 + layer * 104_729) % 1009) as f32 / 10_090.0 - 0.05;
        shape.filled((0..count).map(value).collect())
    };
    Record {
        weights: architecture
            .tensors()
            .into_iter()
            .enumerate()
            .map(fill)
            .collect(),
        metadata: Metadata {
            format: FORMAT_VERSION,
            architecture,
            class_names: (0..classes).map(|c| format!("class {c}")).collect(),
            pixel_divisor: PIXEL_DIVISOR,
            dataset: "test".into(),
            dataset_sha256: "00".into(),
            experiment: "unit".into(),
            calibration: None,
            unknown: None,
            test: Some(TestMetrics {
                figures: BTreeMap::from([("accuracy".into(), 0.5), ("loss".into(), 0.7)]),
                ece: Some(0.1),
                calibrated_ece: None,
                unknown: None,
            }),
            preparation: None,
            burn: BURN_VERSION.into(),
        },
    }
}
