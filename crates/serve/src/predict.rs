//! `POST /v1/predict`

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Query, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use model::Answer;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::body;
use crate::connections::Slot;
use crate::content::{Model, Served};
use crate::options::Limits;
use crate::problem::Problem;
use crate::request::{Input, Kind, Picture, PixelsRequest};
use crate::service::Service;
use crate::work::is_short;

/// A picture file, or JSON, of more bytes is not read in a moment.
const SHORT_BODY: usize = 128 << 10;
/// A picture of more pixels is not decoded and prepared in a moment.
const SHORT_PICTURE: u64 = 64 * 64;

/// Which network.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct Which {
    /// Its name; the first one served if it is not given.
    pub model: Option<String>,
}

/// The predictions for the pictures of a request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Predictions<'a> {
    /// Name of the network.
    model: &'a str,
    /// Names of the classes, in the order of the probabilities.
    classes: &'a [String],
    /// Whether the probabilities are calibrated.
    calibrated: bool,
    /// A picture whose strangeness is above this is unknown.
    threshold: Option<f32>,
    /// One for each picture, in order.
    predictions: Vec<Prediction<'a>>,
}

/// The prediction for one picture, as `trainer predict --json` prints it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Prediction<'a> {
    /// What the request calls the picture.
    name: Option<String>,
    /// The most probable class.
    label: &'a str,
    /// Its probability.
    probability: f32,
    /// Whether the picture is unlike the training images; null if the network has no threshold.
    unknown: Option<bool>,
    /// How unlike them it is, 0 to 1.
    strangeness: Option<f32>,
    /// Probability of every class.
    probabilities: Vec<f32>,
    /// How the picture was prepared as the network's input.
    done: Vec<String>,
    /// How to take a better picture, if parts of this one may be lost.
    hint: Option<&'static str>,
}

/// Classify pictures
///
/// One picture file as the body, several as multipart/form-data, or pixels as the network takes them (light on dark,
/// one byte or number each, row by row) as JSON or raw bytes.
#[utoipa::path(
    post,
    path = "/v1/predict",
    params(Which),
    request_body(content(
        (Vec<u8> = "image/png"),
        (Vec<u8> = "image/jpeg"),
        (Vec<u8> = "image/webp"),
        (PixelsRequest = "application/json"),
        (Vec<u8> = "application/octet-stream"),
    )),
    responses(
        (status = 200, body = Predictions),
        (status = 400, description = "The request cannot be read", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No network has that name", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body came too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too many bytes, pixels or pictures", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not a picture, or another type of body", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A damaged or blank picture, or a wrong number of pixels", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too much to do at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn predict(
    State(service): State<Service>,
    Extension(slot): Extension<Arc<Slot>>,
    request: Request,
) -> Result<Response, Problem> {
    let served = service.served();
    let named = which(request.uri())?;
    let model = found(&served, named.as_deref())?;
    let content_type = request.headers().get(CONTENT_TYPE);
    let kind = Kind::of(content_type.map(|value| value.as_bytes()))?;
    let held = body::read(&service, request).await?;
    let _answering = slot.answering();
    let is_short = kind_is_short(&kind, &held.bytes, model);
    let (limits, metrics) = (service.limits().clone(), service.metrics().clone());
    let served = served.clone();
    let answer = move || {
        let model = found(&served, named.as_deref())?;
        let input = kind.read(held.bytes.clone(), limits.pictures)?;
        let predictions = predictions(model, input, &limits)?;
        metrics.count_pictures(&model.name, predictions.predictions.len());
        serde_json::to_vec(&predictions).map_err(|_| crate::work::internal())
    };
    let json = service.work().run(is_short, answer).await?;
    Ok(([(CONTENT_TYPE, "application/json")], json).into_response())
}

/// Returns the name of the network that a query asks for.
///
/// # Errors
/// When the query cannot be read (400).
pub(crate) fn which(uri: &Uri) -> Result<Option<String>, Problem> {
    let query = Query::<Which>::try_from_uri(uri);
    let query = query.map_err(|error| Problem::malformed(error.to_string()))?;
    Ok(query.0.model)
}

/// Returns the network of that name, or the first one.
///
/// # Errors
/// When none has that name (404).
pub(crate) fn found<'a>(served: &'a Served, name: Option<&str>) -> Result<&'a Model, Problem> {
    served.model(name).ok_or_else(|| {
        let detail = format!("no network is named {:?}", name.unwrap_or_default());
        let names = served.names().join(", ");
        Problem::new(StatusCode::NOT_FOUND, detail).hint(format!("served here: {names}"))
    })
}

fn kind_is_short(kind: &Kind, body: &Bytes, model: &Model) -> bool {
    let pixels = model.classifier.metadata().architecture.pixels();
    match kind {
        Kind::Multipart(_) => false,
        Kind::Raw => is_short(body.len() / pixels, model.operations),
        // A number and its comma take two bytes or more.
        Kind::Json => {
            body.len() <= SHORT_BODY && is_short(body.len() / pixels / 2, model.operations)
        }
        Kind::Picture => {
            let size = || pictures::dimensions_of(body, Path::new("picture"));
            let is_small = |(width, height)| u64::from(width) * u64::from(height) <= SHORT_PICTURE;
            // What cannot be read at all is short as well.
            body.len() <= SHORT_BODY
                && is_short(1, model.operations)
                && size().map_or(true, is_small)
        }
    }
}

fn predictions<'a>(
    model: &'a Model,
    input: Input,
    limits: &Limits,
) -> Result<Predictions<'a>, Problem> {
    let metadata = model.classifier.metadata();
    let (pixels, about) = match input {
        Input::Pixels(pixels) => (pixels, Vec::new()),
        Input::Pictures(pictures) => prepare(model, pictures, limits)?,
    };
    let answers = answers(model, &pixels, limits)?;
    let mut about = about.into_iter();
    let predictions = answers
        .iter()
        .map(|answer| prediction(model, answer, about.next().unwrap_or_default()))
        .collect();
    Ok(Predictions {
        model: &model.name,
        classes: &metadata.class_names,
        calibrated: metadata.calibration.is_some(),
        threshold: metadata.unknown.as_ref().map(|unknown| unknown.threshold),
        predictions,
    })
}

/// Returns the answers for images given as bytes: at least one, and not too many.
///
/// # Errors
/// When they are not a whole number of images (422), or too many (413).
pub(crate) fn answers(
    model: &Model,
    pixels: &[u8],
    limits: &Limits,
) -> Result<Vec<Answer>, Problem> {
    let architecture = &model.classifier.metadata().architecture;
    let [channels, height, width] = architecture.input();
    let size = architecture.pixels();
    if pixels.is_empty() || !pixels.len().is_multiple_of(size) {
        let detail = format!("{} pixels are no whole number of images", pixels.len());
        let hint = format!("an image has {size} pixels: {channels} x {height} x {width}");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).hint(hint));
    }
    if pixels.len() / size > limits.pictures {
        let detail = format!("more than {} pictures in one request", limits.pictures);
        let problem = Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail);
        return Err(problem.hint("send them in several requests"));
    }
    Ok(model.classifier.answers(pixels)?)
}

/// What is said of a picture besides its answer.
#[derive(Default)]
struct About {
    name: Option<String>,
    done: Vec<String>,
    hint: Option<&'static str>,
}

/// Returns pictures as the network's input, all in one, and what was done to each.
fn prepare(
    model: &Model,
    pictures: Vec<Picture>,
    limits: &Limits,
) -> Result<(Vec<u8>, Vec<About>), Problem> {
    let until = Instant::now() + limits.answer;
    let input = model.classifier.metadata().architecture.input();
    let (mut pixels, mut about) = (Vec::new(), Vec::new());
    for Picture { name, bytes } in pictures {
        if Instant::now() > until {
            return Err(Problem::busy("the pictures take too long to decode"));
        }
        let shown = Path::new(name.as_deref().unwrap_or("picture"));
        let prepared = pictures::from_bytes_as(bytes.into(), shown, input, &model.preparation)?;
        pixels.extend_from_slice(&prepared.pixels);
        about.push(About {
            name,
            done: prepared.done,
            hint: prepared.hint,
        });
    }
    Ok((pixels, about))
}

fn prediction<'a>(model: &'a Model, answer: &Answer, about: About) -> Prediction<'a> {
    let metadata = model.classifier.metadata();
    let (best, probability) = answer.top.first().copied().unwrap_or_default();
    Prediction {
        name: about.name,
        label: metadata.class_names.get(best).map_or("", String::as_str),
        probability,
        unknown: answer.strangeness.map(|_| answer.unknown),
        strangeness: answer.strangeness,
        probabilities: in_order(answer),
        done: about.done,
        hint: about.hint,
    }
}

/// Returns the probabilities in the order of the classes.
pub(crate) fn in_order(answer: &Answer) -> Vec<f32> {
    let mut probabilities = vec![0.0; answer.top.len()];
    for &(class, probability) in &answer.top {
        if let Some(place) = probabilities.get_mut(class) {
            *place = probability;
        }
    }
    probabilities
}
