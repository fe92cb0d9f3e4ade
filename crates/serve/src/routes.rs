//! What there is under which path, and what every answer has.

use std::any::Any;
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{Any as AnyOrigin, CorsLayer};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::metrics::Counted;
use crate::problem::Problem;
use crate::service::Service;
use crate::{about, pages, predict, v2, work};

#[derive(OpenApi)]
#[openapi(info(
    title = "trainer serve",
    description = "Small image classifiers: pictures in, probabilities out."
))]
struct Document;

/// Returns all routes.
pub(crate) fn routes(service: Service, cors: Option<HeaderValue>) -> Router {
    let (router, document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(predict::predict))
        .routes(routes!(about::model))
        .routes(routes!(about::healthz))
        .routes(routes!(about::metrics))
        .routes(routes!(v2::server))
        .routes(routes!(v2::live))
        .routes(routes!(v2::ready))
        .routes(routes!(v2::metadata))
        .routes(routes!(v2::model_ready))
        .routes(routes!(v2::infer))
        .split_for_parts();
    let document = Bytes::from(document.to_json().unwrap_or_default());
    let openapi = move || async { ([(CONTENT_TYPE, "application/json")], document) };
    let router = router
        .route("/openapi.json", get(openapi))
        .route("/", get(pages::index))
        .route("/site/{*path}", get(pages::file))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(CatchPanicLayer::custom(panicked));
    let router = match cors {
        Some(origin) => router.layer(allow(origin)),
        None => router,
    };
    router
        .layer(from_fn_with_state(service.clone(), observe))
        .with_state(service)
}

/// Returns what lets pages of that origin read answers.
fn allow(origin: HeaderValue) -> CorsLayer {
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([CONTENT_TYPE]);
    if origin == "*" {
        layer.allow_origin(AnyOrigin)
    } else {
        layer.allow_origin(origin)
    }
}

/// Counts a request, and adds the headers that every answer has.
async fn observe(State(service): State<Service>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let _in_progress = Counted::new(&service.metrics().in_progress);
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(policy);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let status = response.status().as_u16();
    service.metrics().count(route, status, start.elapsed());
    response
}

async fn no_route(uri: Uri) -> Problem {
    let detail = format!("there is nothing at {}", uri.path());
    Problem::new(StatusCode::NOT_FOUND, detail).hint("/openapi.json says what there is")
}

async fn no_method(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} does not take {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail).hint("/openapi.json says what there is")
}

fn panicked(_panic: Box<dyn Any + Send>) -> Response {
    work::internal().into_response()
}
