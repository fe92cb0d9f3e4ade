//! The files of a page, from memory.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;
use crate::service::Service;

/// By their paths.
pub(crate) type Pages = HashMap<String, Page>;

/// What a page may do: run its own scripts and WebAssembly, style itself, show pictures that it made, use the camera
/// and ask this service. Nothing from elsewhere, and no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
    style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' blob: mediastream:; \
    connect-src 'self' data:; worker-src 'self' blob:; font-src 'self' data:; manifest-src 'self'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// A file with what its answer says of it.
#[derive(Debug)]
pub(crate) struct Page {
    content_type: HeaderValue,
    tag: HeaderValue,
    bytes: Bytes,
}

impl Page {
    pub fn new(content_type: HeaderValue, bytes: Vec<u8>) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(&bytes);
        let tag = format!("\"{:016x}-{}\"", hasher.finish(), bytes.len());
        Self {
            content_type,
            tag: HeaderValue::from_str(&tag).unwrap_or_else(|_| HeaderValue::from_static("\"\"")),
            bytes: bytes.into(),
        }
    }
}

/// `GET /`
pub(crate) async fn index(State(service): State<Service>, headers: HeaderMap) -> Response {
    page(&service, "index.html", &headers)
}

/// `GET /site/PATH`: a name in memory, never a file.
pub(crate) async fn file(
    State(service): State<Service>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Response {
    page(&service, &path, &headers)
}

fn page(service: &Service, path: &str, headers: &HeaderMap) -> Response {
    let served = service.served();
    let Some(page) = served.pages.get(path) else {
        return missing(path, served.pages.is_empty()).into_response();
    };
    let about = [
        (ETAG, page.tag.clone()),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")), // ask again, by the tag
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    ];
    let known = headers.get_all(IF_NONE_MATCH).iter();
    let tags = known
        .filter_map(|tags| tags.to_str().ok())
        .flat_map(|tags| tags.split(','));
    let is_known = |tag: &str| {
        let tag = tag.trim();
        tag == "*" || page.tag == *tag.strip_prefix("W/").unwrap_or(tag)
    };
    if tags.into_iter().any(is_known) {
        return (StatusCode::NOT_MODIFIED, about).into_response();
    }
    let content_type = [(CONTENT_TYPE, page.content_type.clone())];
    (content_type, about, page.bytes.clone()).into_response()
}

fn missing(path: &str, is_without_page: bool) -> Problem {
    let hint = if is_without_page {
        "this service has no page; POST a picture to /v1/predict, or see /openapi.json"
    } else {
        "the page is at /"
    };
    let detail = format!("there is no file {path:?}");
    Problem::new(StatusCode::NOT_FOUND, detail).hint(hint)
}
