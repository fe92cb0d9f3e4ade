//! What the service says of itself: `/healthz`, `/metrics`, `/v1/model`.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::predict::{Which, found, which};
use crate::problem::Problem;
use crate::service::Service;

/// A network that is served.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct About {
    /// Its name.
    name: String,
    /// The names of all networks served here.
    served: Vec<String>,
    /// The network as text: `784 -> 128 -> 10`.
    network: String,
    /// Channels, height and width of an image, in pixels.
    input: [usize; 3],
    /// Number of weights and biases.
    parameters: Option<usize>,
    /// Names of the classes, in the order of the probabilities.
    classes: Vec<String>,
    /// Name of the data set it was trained on.
    dataset: String,
    /// Name of the experiment.
    experiment: String,
    /// Accuracy on the test images, 0 to 1; null if it was not measured.
    test_accuracy: Option<f64>,
    /// Whether the probabilities are calibrated.
    calibrated: bool,
    /// A picture whose strangeness is above this is unknown; null if the network has no threshold.
    threshold: Option<f32>,
}

/// Describe a network
#[utoipa::path(
    get,
    path = "/v1/model",
    params(Which),
    responses(
        (status = 200, body = About),
        (status = 400, description = "The query cannot be read", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No network has that name", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn model(
    State(service): State<Service>,
    uri: Uri,
) -> Result<Json<About>, Problem> {
    let served = service.served();
    let model = found(&served, which(&uri)?.as_deref())?;
    let metadata = model.classifier.metadata();
    let test = metadata.test.as_ref();
    Ok(Json(About {
        name: model.name.clone(),
        served: served.names().into_iter().map(String::from).collect(),
        network: metadata.architecture.chain(),
        input: metadata.architecture.input(),
        parameters: metadata.architecture.parameters(),
        classes: metadata.class_names.clone(),
        dataset: metadata.dataset.clone(),
        experiment: metadata.experiment.clone(),
        test_accuracy: test.and_then(|test| test.figures.get("accuracy").copied()),
        calibrated: metadata.calibration.is_some(),
        threshold: metadata.unknown.as_ref().map(|unknown| unknown.threshold),
    }))
}

/// Say that the service runs
#[utoipa::path(get, path = "/healthz", responses((status = 200, body = String, content_type = "text/plain")))]
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Count requests, latencies, what waits and what is refused, for Prometheus
#[utoipa::path(
    get,
    path = "/metrics",
    responses((status = 200, body = String, content_type = "application/openmetrics-text"))
)]
pub(crate) async fn metrics(State(service): State<Service>) -> Response {
    const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, TYPE)], service.metrics().text()).into_response()
}
