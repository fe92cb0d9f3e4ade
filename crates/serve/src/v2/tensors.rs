//! Requests and answers of the protocol: JSON, with tensors in it or as binary data behind it.

use model::Answer;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::content::Model;
use crate::predict::in_order;
use crate::problem::Problem;
use crate::request::Pixels;

/// Name of the input.
pub(super) const INPUT: &str = "pixels";
/// Its type.
pub(super) const INPUT_TYPE: &str = "UINT8";

/// A request for answers.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct InferRequest {
    /// Repeated in the answer.
    id: Option<String>,
    #[serde(default)]
    parameters: RequestParameters,
    /// The one input, `pixels`.
    #[schema(min_items = 1, max_items = 1)]
    inputs: Vec<InferInput>,
    /// The outputs that are asked for; all of them if there are none.
    #[serde(default)]
    outputs: Vec<InferOutput>,
}

/// Parameters of a request.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct RequestParameters {
    /// Whether outputs that do not say so are binary.
    #[serde(default)]
    binary_data_output: bool,
}

/// An input tensor.
#[derive(Debug, Deserialize, ToSchema)]
struct InferInput {
    /// `pixels`
    #[schema(pattern = "^pixels$")]
    name: String,
    /// Number of pictures, channels, height, width.
    shape: Vec<usize>,
    /// `UINT8`
    #[schema(pattern = "^UINT8$")]
    datatype: String,
    #[serde(default)]
    parameters: InputParameters,
    /// Numbers 0 to 255, flat or in lists; none if they come as binary data.
    #[schema(value_type = Option<Vec<u8>>)]
    data: Option<Pixels>,
}

/// Parameters of an input.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct InputParameters {
    /// Number of bytes of binary data.
    binary_data_size: Option<usize>,
}

/// An output that is asked for.
#[derive(Debug, Deserialize, ToSchema)]
struct InferOutput {
    name: String,
    #[serde(default)]
    parameters: OutputParameters,
}

/// Parameters of an output.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct OutputParameters {
    /// Whether it is wanted as binary data.
    binary_data: Option<bool>,
}

/// The outputs of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    Probabilities,
    Label,
    Strangeness,
    Unknown,
}

impl Output {
    /// Returns the outputs that a network has.
    pub fn of(model: &Model) -> Vec<Self> {
        let mut all = vec![Self::Probabilities, Self::Label];
        if model.classifier.metadata().unknown.is_some() {
            all.extend([Self::Strangeness, Self::Unknown]);
        }
        all
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Probabilities => "probabilities",
            Self::Label => "label",
            Self::Strangeness => "strangeness",
            Self::Unknown => "unknown",
        }
    }

    pub fn datatype(self) -> &'static str {
        match self {
            Self::Probabilities | Self::Strangeness => "FP32",
            Self::Label => "BYTES",
            Self::Unknown => "BOOL",
        }
    }
}

/// What a request asks for.
#[derive(Debug)]
pub(super) struct Asked {
    id: Option<String>,
    /// Outputs, and whether each is wanted as binary data.
    outputs: Vec<(Output, bool)>,
}

/// Returns the pixels of a request, and what it asks for. Of `body`, so many bytes are JSON; all, if that is `None`.
///
/// # Errors
/// When it is no request for this network.
pub(super) fn read(
    body: &[u8],
    json_length: Option<usize>,
    model: &Model,
) -> Result<(Vec<u8>, Asked), Problem> {
    let json_length = json_length.unwrap_or(body.len());
    let (json, binary) = body.split_at_checked(json_length).ok_or_else(|| {
        let detail = "Inference-Header-Content-Length is more than the body has";
        Problem::malformed(detail)
    })?;
    let request: InferRequest = serde_json::from_slice(json)
        .map_err(|error| Problem::malformed(format!("the JSON cannot be used: {error}")))?;
    let outputs = outputs(&request, model)?;
    let inputs: Result<[InferInput; 1], _> = request.inputs.try_into();
    let [input] = inputs.map_err(|inputs: Vec<_>| {
        Problem::malformed(format!("{} inputs are given, not one", inputs.len()))
            .hint(format!("the input is {INPUT}"))
    })?;
    let asked = Asked {
        id: request.id,
        outputs,
    };
    Ok((pixels(input, binary)?, asked))
}

fn outputs(request: &InferRequest, model: &Model) -> Result<Vec<(Output, bool)>, Problem> {
    let all = Output::of(model);
    let is_binary = request.parameters.binary_data_output;
    if request.outputs.is_empty() {
        return Ok(all.into_iter().map(|output| (output, is_binary)).collect());
    }
    let asked = request.outputs.iter().map(|asked| {
        let found = all.iter().find(|output| output.name() == asked.name);
        let found = found.ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|output| output.name()).collect();
            Problem::malformed(format!("there is no output {:?}", asked.name))
                .hint(format!("the outputs are {}", names.join(", ")))
        })?;
        Ok((*found, asked.parameters.binary_data.unwrap_or(is_binary)))
    });
    asked.take(all.len() + 1).collect()
}

fn pixels(input: InferInput, binary: &[u8]) -> Result<Vec<u8>, Problem> {
    if input.name != INPUT {
        let detail = format!("there is no input {:?}", input.name);
        return Err(Problem::malformed(detail).hint(format!("the input is {INPUT}")));
    }
    if input.datatype != INPUT_TYPE {
        let detail = format!("{INPUT} is {:?}", input.datatype);
        let hint = format!("send {INPUT_TYPE}: bytes, 0 to 255");
        return Err(Problem::malformed(detail).hint(hint));
    }
    let pixels = match (input.data, input.parameters.binary_data_size) {
        (Some(Pixels(pixels)), None) if binary.is_empty() => pixels,
        (None, Some(size)) if size == binary.len() => binary.to_vec(),
        (None, Some(size)) => {
            let detail = format!("{} bytes of binary data, not {size}", binary.len());
            return Err(Problem::malformed(detail));
        }
        _ => {
            let detail = format!("{INPUT} must have either data or binary_data_size");
            return Err(Problem::malformed(detail));
        }
    };
    let size = input
        .shape
        .iter()
        .try_fold(1usize, |all, side| all.checked_mul(*side));
    if size != Some(pixels.len()) {
        let detail = format!(
            "{} pixels do not have the shape {:?}",
            pixels.len(),
            input.shape
        );
        return Err(Problem::malformed(detail));
    }
    Ok(pixels)
}

/// The answers to a request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InferResponse {
    model_name: String,
    model_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    outputs: Vec<OutputTensor>,
}

/// An output tensor.
#[derive(Debug, Serialize, ToSchema)]
struct OutputTensor {
    name: &'static str,
    datatype: &'static str,
    shape: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Value>,
    /// The values, row by row; none if they come as binary data.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Vec<Value>>,
}

impl InferResponse {
    /// Returns the response, and the binary data that follows it.
    pub(super) fn new(model: &Model, asked: &Asked, answers: &[Answer]) -> (Self, Vec<u8>) {
        let mut binary = Vec::new();
        let outputs = asked.outputs.iter().map(|&(output, is_binary)| {
            let (name, datatype) = (output.name(), output.datatype());
            let mut shape = vec![answers.len()];
            if output == Output::Probabilities {
                shape.push(model.classifier.metadata().architecture.classes());
            }
            let before = binary.len();
            let data = if is_binary {
                answers
                    .iter()
                    .for_each(|answer| append(output, model, answer, &mut binary));
                None
            } else {
                let values = answers
                    .iter()
                    .flat_map(|answer| values(output, model, answer));
                Some(values.collect())
            };
            OutputTensor {
                name,
                datatype,
                shape,
                parameters: is_binary.then(|| json!({ "binary_data_size": binary.len() - before })),
                data,
            }
        });
        let outputs = outputs.collect();
        let response = Self {
            model_name: model.name.clone(),
            model_version: "1",
            id: asked.id.clone(),
            outputs,
        };
        (response, binary)
    }
}

fn label<'a>(model: &'a Model, answer: &Answer) -> &'a str {
    let class = answer.top.first().map_or(0, |(class, _)| *class);
    let names = &model.classifier.metadata().class_names;
    names.get(class).map_or("", String::as_str)
}

fn values(output: Output, model: &Model, answer: &Answer) -> Vec<Value> {
    match output {
        Output::Probabilities => in_order(answer).into_iter().map(Value::from).collect(),
        Output::Label => vec![label(model, answer).into()],
        Output::Strangeness => vec![answer.strangeness.unwrap_or_default().into()],
        Output::Unknown => vec![answer.unknown.into()],
    }
}

/// Appends an output as binary data: little-endian, texts after their length in four bytes.
fn append(output: Output, model: &Model, answer: &Answer, to: &mut Vec<u8>) {
    match output {
        Output::Probabilities => {
            in_order(answer)
                .into_iter()
                .for_each(|p| to.extend(p.to_le_bytes()));
        }
        Output::Label => {
            let label = label(model, answer);
            to.extend((label.len() as u32).to_le_bytes()); // at most 256
            to.extend(label.bytes());
        }
        Output::Strangeness => to.extend(answer.strangeness.unwrap_or_default().to_le_bytes()),
        Output::Unknown => to.push(answer.unknown.into()),
    }
}
