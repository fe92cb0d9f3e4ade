//! The Open Inference Protocol, version 2 (<https://github.com/kserve/open-inference-protocol>), as Triton, KServe and
//! others speak it: a client of theirs needs no adapter. With the extension for binary data
//! (<https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_binary_data.html>).
//!
//! A network has one input, `pixels` (`UINT8`), and the outputs `probabilities`, `label` and, if it has a threshold,
//! `strangeness` and `unknown`. There is one version of each network, `1`.

mod tensors;

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;

use self::tensors::{Asked, InferRequest, InferResponse, Output};
use crate::connections::Slot;
use crate::content::Model;
use crate::predict::{answers, found};
use crate::problem::Problem;
use crate::service::Service;
use crate::work::is_short;
use crate::{body, work};

/// Length of the JSON that comes before binary data.
const JSON_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");

/// What the service says of itself.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServerMetadata {
    name: &'static str,
    version: &'static str,
    extensions: [&'static str; 1],
}

/// Whether the service lives.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IsLive {
    live: bool,
}

/// Whether something can answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IsReady {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    ready: bool,
}

/// What goes in and out of a network.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelMetadata {
    name: String,
    versions: [&'static str; 1],
    platform: &'static str,
    inputs: Vec<TensorMetadata>,
    outputs: Vec<TensorMetadata>,
}

/// Name, type and shape of a tensor; -1 is any number of pictures.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TensorMetadata {
    name: &'static str,
    datatype: &'static str,
    shape: Vec<i64>,
}

/// Name this program, its version, and the extensions of the protocol that it knows
#[utoipa::path(get, path = "/v2", responses((status = 200, body = ServerMetadata)))]
pub(crate) async fn server() -> Json<ServerMetadata> {
    Json(ServerMetadata {
        name: "trainer",
        version: env!("CARGO_PKG_VERSION"),
        extensions: ["binary_tensor_data"],
    })
}

/// Say that the service lives
#[utoipa::path(get, path = "/v2/health/live", responses((status = 200, body = IsLive)))]
pub(crate) async fn live() -> Json<IsLive> {
    Json(IsLive { live: true })
}

/// Say that the service can answer
#[utoipa::path(get, path = "/v2/health/ready", responses((status = 200, body = IsReady)))]
pub(crate) async fn ready() -> Json<IsReady> {
    Json(IsReady {
        name: None,
        ready: true,
    })
}

/// Say that a network can answer
#[utoipa::path(
    get,
    path = "/v2/models/{name}/ready",
    params(("name" = String, Path, description = "The network's name")),
    responses(
        (status = 200, body = IsReady),
        (status = 400, description = "The name cannot be read", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No network has that name", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn model_ready(
    State(service): State<Service>,
    name: Named,
) -> Result<Json<IsReady>, Problem> {
    let name = name_of(name)?;
    found(&service.served(), Some(&name)).map_err(Problem::of_v2)?;
    Ok(Json(IsReady {
        name: Some(name),
        ready: true,
    }))
}

/// Describe a network's input and outputs
#[utoipa::path(
    get,
    path = "/v2/models/{name}",
    params(("name" = String, Path, description = "The network's name")),
    responses(
        (status = 200, body = ModelMetadata),
        (status = 400, description = "The name cannot be read", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No network has that name", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn metadata(
    State(service): State<Service>,
    name: Named,
) -> Result<Json<ModelMetadata>, Problem> {
    let served = service.served();
    let model = found(&served, Some(&name_of(name)?)).map_err(Problem::of_v2)?;
    let architecture = &model.classifier.metadata().architecture;
    let input = architecture.input().map(|side| side as i64);
    let outputs = Output::of(model).into_iter().map(|output| TensorMetadata {
        name: output.name(),
        datatype: output.datatype(),
        shape: match output {
            Output::Probabilities => vec![-1, architecture.classes() as i64],
            _ => vec![-1],
        },
    });
    Ok(Json(ModelMetadata {
        name: model.name.clone(),
        versions: ["1"],
        platform: "burn_pack",
        inputs: vec![TensorMetadata {
            name: tensors::INPUT,
            datatype: tensors::INPUT_TYPE,
            shape: [vec![-1], input.to_vec()].concat(),
        }],
        outputs: outputs.collect(),
    }))
}

/// The name in a path.
type Named = Result<Path<String>, axum::extract::rejection::PathRejection>;

fn name_of(name: Named) -> Result<String, Problem> {
    name.map(|Path(name)| name)
        .map_err(|error| Problem::malformed(error.to_string()).of_v2())
}

/// Classify pictures given as a tensor
#[utoipa::path(
    post,
    path = "/v2/models/{name}/infer",
    params(("name" = String, Path, description = "The network's name")),
    request_body(content = InferRequest, description = "JSON, or JSON and binary data with Inference-Header-Content-Length"),
    responses(
        (status = 200, body = InferResponse),
        (status = 400, description = "The request cannot be read", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No network has that name", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body came too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too many bytes or pictures", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is compressed", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A wrong number of pixels", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too much to do at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn infer(
    State(service): State<Service>,
    Extension(slot): Extension<Arc<Slot>>,
    name: Named,
    request: Request,
) -> Result<Response, Problem> {
    let name = name_of(name)?;
    answer(&service, &slot, name, request)
        .await
        .map_err(Problem::of_v2)
}

async fn answer(
    service: &Service,
    slot: &Slot,
    name: String,
    request: Request,
) -> Result<Response, Problem> {
    let served = service.served();
    let model = found(&served, Some(&name))?;
    let json_length = json_length(request.headers().get(JSON_LENGTH))?;
    let held = body::read(service, request).await?;
    let _answering = slot.answering();
    let is_short = is_short(
        held.bytes.len() / model.classifier.metadata().architecture.pixels(),
        model.operations,
    );
    let (limits, metrics) = (service.limits().clone(), service.metrics().clone());
    let served = served.clone();
    let job = move || {
        let model = found(&served, Some(&name))?;
        let (pixels, asked) = tensors::read(&held.bytes, json_length, model)?;
        let answers = answers(model, &pixels, &limits)?;
        metrics.count_pictures(&model.name, answers.len());
        respond(model, &asked, &answers)
    };
    service.work().run(is_short, job).await
}

fn json_length(header: Option<&HeaderValue>) -> Result<Option<usize>, Problem> {
    let length = |header: &HeaderValue| header.to_str().ok()?.parse().ok();
    let Some(header) = header else {
        return Ok(None);
    };
    let length: Option<usize> = length(header);
    length.map(Some).ok_or_else(|| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "Inference-Header-Content-Length is not a number",
        )
    })
}

fn respond(model: &Model, asked: &Asked, answers: &[model::Answer]) -> Result<Response, Problem> {
    let (response, binary) = InferResponse::new(model, asked, answers);
    let mut bytes = serde_json::to_vec(&response).map_err(|_| work::internal())?;
    if binary.is_empty() {
        return Ok(([(CONTENT_TYPE, "application/json")], bytes).into_response());
    }
    let length = HeaderValue::from(bytes.len());
    bytes.extend(binary);
    let about = [
        (JSON_LENGTH, length),
        (
            CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        ),
    ];
    Ok((about, bytes).into_response())
}
