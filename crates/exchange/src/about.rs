//! What is known of a network besides its weights: written into every export, and read from any file.
//!
//! The file has it as one JSON object, or as an entry a key, each text or JSON:
//!
//! | key | what |
//! | --- | --- |
//! | `class_names` | list of texts, in label order |
//! | `pixel_divisor` | bytes of pixels are divided by it: 255 |
//! | `input` | `[height, width]` in pixels |
//! | `activation` | of the hidden layers: `relu`, `sigmoid`, `tanh` or `gelu` |
//! | `output` | `softmax`, or `sigmoid`: a neuron a class, divided by their sum |
//! | `layout` | `in-out` or `out-in`: what comes first in a weight's shape |
//! | `calibration` | `temperature` that logits are divided by for honest probabilities, and how well it fits |
//! | `dataset`, `dataset_sha256`, `experiment`, `test` | where it comes from, and its result |

mod assumed;

use std::collections::BTreeMap;

use model::calibration::Calibration;
use model::{Activation, Metadata, Output, TestMetrics};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::printable;
use crate::layout::Layout;
use crate::spelling;

pub use assumed::{Told, metadata};

/// Name of the one entry that has it all as JSON, as in a `.bpk` record.
pub const KEY: &str = "classifier";
/// Keys whose values are texts of any kind, as [`spelling::plain`] has them.
const TEXTS: [&str; 3] = ["dataset", "datasetsha256", "experiment"];
/// Most bytes of entries that are looked at: 256 class names have 64 KiB. In memory JSON is sixteen times as long
/// and more.
pub(crate) const MAX_TEXT: usize = 256 << 10;
/// Most entries that are named when they are passed over.
const MOST_NOTES: usize = 8;

/// What a file says besides weights. All of it may be missing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    /// Name of every class, in label order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_names: Option<Vec<String>>,
    /// What pixel bytes are divided by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pixel_divisor: Option<f32>,
    /// Height and width in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<[usize; 2]>,
    /// Of the hidden layers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
    /// What the output neurons mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Output>,
    /// What comes first in a weight's shape.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// Name of the data set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// SHA-256 of the training images file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset_sha256: Option<String>,
    /// Name of the experiment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub experiment: Option<String>,
    /// What makes the probabilities honest. (The threshold for unknown pictures stays in the record: it comes
    /// with seventeen pictures.)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// Result on the test images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<TestMetrics>,
}

impl About {
    /// Returns what a record says.
    pub fn of(metadata: &Metadata) -> Self {
        let architecture = &metadata.architecture;
        let [_, height, width] = architecture.input();
        Self {
            class_names: Some(metadata.class_names.clone()),
            pixel_divisor: Some(metadata.pixel_divisor),
            input: Some([height, width]),
            activation: Some(architecture.activation()),
            output: Some(architecture.output()),
            layout: None,
            dataset: Some(metadata.dataset.clone()),
            dataset_sha256: Some(metadata.dataset_sha256.clone()),
            experiment: Some(metadata.experiment.clone()),
            calibration: metadata.calibration,
            test: metadata.test.clone(),
        }
    }

    /// Returns it as one JSON object.
    pub fn to_json(&self) -> String {
        Value::Object(self.object()).to_string()
    }

    /// Returns an entry a key: texts as they are, everything else as JSON.
    pub fn to_entries(&self) -> BTreeMap<String, String> {
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let entries = self.object().into_iter();
        entries.map(|(key, value)| (key, text(value))).collect()
    }

    fn object(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(object)) => object,
            _ => Map::new(),
        }
    }

    /// Returns what is in a file's `entries`: those of [`About::to_entries`], or one named [`KEY`] that
    /// is [`About::to_json`], in any spelling; and what is to be said of those that are not understood, which
    /// are passed over.
    pub fn from_entries<'a>(
        entries: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> (Self, Vec<String>) {
        let (mut about, mut left_out) = (Self::default(), Vec::new());
        let mut left = MAX_TEXT;
        for (key, text) in entries {
            left = left.saturating_sub(key.len() + text.len());
            if left == 0 {
                left_out.push(key.to_string());
                continue;
            }
            let json = serde_json::from_str(text);
            if let Ok(Value::Object(all)) = &json
                && key == KEY
            {
                let unknown = all
                    .iter()
                    .filter(|(key, value)| !about.understand(key, value));
                left_out.extend(unknown.map(|(key, _)| key.clone()));
                continue;
            }
            // Names may look like numbers.
            let json = json
                .ok()
                .filter(|_| !TEXTS.contains(&spelling::plain(key).as_str()));
            let is_understood = json.is_some_and(|value| about.understand(key, &value));
            if !is_understood && !about.understand(key, &Value::from(text)) {
                left_out.push(key.to_string());
            }
        }
        let note = |key: &String| {
            let key = printable(key);
            format!("left out the file's note `{key}`, which is not understood")
        };
        (about, left_out.iter().take(MOST_NOTES).map(note).collect())
    }

    /// Takes over an entry; returns whether it is understood.
    fn understand(&mut self, key: &str, value: &Value) -> bool {
        fn set<T>(place: &mut Option<T>, value: Option<T>) -> bool {
            let is_understood = value.is_some();
            if is_understood {
                *place = value;
            }
            is_understood
        }
        match spelling::plain(key).as_str() {
            "classnames" | "classes" | "labels" => {
                set(&mut self.class_names, spelling::list(value))
            }
            "pixeldivisor" => set(&mut self.pixel_divisor, spelling::divisor(value)),
            "input" | "inputshape" | "inputsize" | "imagesize" | "imageshape" => {
                set(&mut self.input, spelling::size(value))
            }
            "activation" | "hiddenactivation" | "nonlinearity" => {
                set(&mut self.activation, spelling::activation(value))
            }
            "output" | "outputactivation" => set(&mut self.output, spelling::output(value)),
            "layout" => set(&mut self.layout, spelling::typed(value)),
            "dataset" => set(&mut self.dataset, spelling::text(value)),
            "datasetsha256" => set(&mut self.dataset_sha256, spelling::text(value)),
            "experiment" => set(&mut self.experiment, spelling::text(value)),
            "calibration" => set(&mut self.calibration, spelling::typed(value)),
            "test" => set(&mut self.test, spelling::typed(value)),
            // Hugging Face's word for the framework.
            "format" => true,
            _ => false,
        }
    }
}
