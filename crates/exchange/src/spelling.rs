//! What strangers write in their notes: activations, sizes and lists in any spelling.

use model::{Activation, Output};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Returns a key without capitals and whatever separates words: `Class names` is classnames.
pub(crate) fn plain(key: &str) -> String {
    let letters = key.chars().filter(|c| c.is_ascii_alphanumeric());
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

/// Returns the value of a type that is written in one way only.
pub(crate) fn typed<T: DeserializeOwned>(value: &Value) -> Option<T> {
    serde_json::from_value(value.clone()).ok()
}

/// Returns a text, or a number as one.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Returns a list of texts: a list, or a text with commas.
pub(crate) fn list(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(items) => items.iter().map(text).collect(),
        Value::String(items) if items.contains(',') && !items.starts_with('[') => {
            Some(items.split(',').map(|item| item.trim().into()).collect())
        }
        _ => None,
    }
}

/// Returns what pixels are divided by.
pub(crate) fn divisor(value: &Value) -> Option<f32> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok()?,
        value => value.as_f64()? as f32,
    };
    crate::Scale::of_divisor(number).map(|_| number)
}

/// Returns height and width: `1x28x28`, `(28, 28)`, `[null, 28, 28, 1]`.
pub(crate) fn size(value: &Value) -> Option<[usize; 2]> {
    let sizes: Vec<usize> = match value {
        Value::Array(sizes) => {
            let known = sizes.iter().filter(|size| !size.is_null());
            known
                .map(|size| size.as_u64()?.try_into().ok())
                .collect::<Option<_>>()?
        }
        Value::String(text) => {
            let text = text.replace("None", "");
            let numbers = text.split(|c: char| "xX×*,()[] ".contains(c));
            let numbers = numbers.filter(|number| !number.is_empty());
            numbers
                .map(|number| number.parse().ok())
                .collect::<Option<_>>()?
        }
        _ => return None,
    };
    // One channel, one image, may be said as well.
    let (mut sizes, mut ones) = (sizes.clone(), sizes.len().saturating_sub(2));
    sizes.retain(|&size| {
        let is_left_out = size == 1 && ones > 0;
        ones -= usize::from(is_left_out);
        !is_left_out
    });
    sizes.try_into().ok()
}

/// Returns an activation: `ReLU`, `nn.ReLU(inplace=True)`, `logistic`.
pub(crate) fn activation(value: &Value) -> Option<Activation> {
    let text = value.as_str()?;
    let (name, arguments) = text.split_once('(').unwrap_or((text, ""));
    if arguments.contains("approximate") && !arguments.contains("none") {
        return None; // another function
    }
    let name = name.rsplit(['.', ':']).next().unwrap_or(name);
    match plain(name).as_str() {
        "relu" => Some(Activation::Relu),
        "sigmoid" | "logistic" => Some(Activation::Sigmoid),
        "tanh" => Some(Activation::Tanh),
        "gelu" => Some(Activation::Gelu),
        _ => None,
    }
}

/// Returns what output neurons mean.
pub(crate) fn output(value: &Value) -> Option<Output> {
    match plain(value.as_str()?).as_str() {
        "softmax" | "logsoftmax" | "logits" | "linear" => Some(Output::Softmax),
        "sigmoid" => Some(Output::Sigmoid),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_activations_in_many_spellings() {
        for (text, expect) in [
            ("1x28x28", Some([28, 28])),
            ("(28, 56)", Some([28, 56])),
            ("[None, 28, 28, 1]", Some([28, 28])),
            ("1x1", Some([1, 1])),
            ("3x28x28", None),
            ("28 wide", None),
            ("784", None),
        ] {
            assert_eq!(size(&Value::from(text)), expect, "{text}");
        }
        for (text, expect) in [
            ("ReLU", Some(Activation::Relu)),
            ("torch.nn.ReLU(inplace=True)", Some(Activation::Relu)),
            ("logistic", Some(Activation::Sigmoid)),
            ("GELU(approximate='none')", Some(Activation::Gelu)),
            ("GELU(approximate='tanh')", None),
            ("swish", None),
        ] {
            assert_eq!(activation(&Value::from(text)), expect, "{text}");
        }
    }
}
