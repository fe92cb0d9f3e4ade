//! What `/metrics` counts, for Prometheus.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// The metrics of a service. A clone counts the same ones.
#[derive(Clone)]
pub(crate) struct Metrics {
    registry: Arc<Registry>,
    requests: Family<Outcome, Counter>,
    seconds: Family<Route, Histogram>,
    pictures: Family<OfModel, Counter>,
    refused: Family<Why, Counter>,
    /// Answers that wait for a thread.
    pub waiting: Gauge,
    /// Requests whose answer is in progress.
    pub in_progress: Gauge,
    /// Open connections.
    pub connections: Gauge,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfModel {
    model: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Why {
    why: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        // From 16 microseconds to half a second, in steps of two.
        let buckets = || Histogram::new(exponential_buckets(16e-6, 2.0, 16));
        let mut metrics = Self {
            registry: Arc::default(),
            requests: Family::default(),
            seconds: Family::new_with_constructor(buckets),
            pictures: Family::default(),
            refused: Family::default(),
            waiting: Gauge::default(),
            in_progress: Gauge::default(),
            connections: Gauge::default(),
        };
        metrics.registry = Arc::new(metrics.register());
        metrics
    }
}

impl Metrics {
    fn register(&self) -> Registry {
        let mut registry = Registry::with_prefix("trainer_serve");
        let (requests, seconds) = (self.requests.clone(), self.seconds.clone());
        registry.register("requests", "Requests by route and status", requests);
        let text = "Time from a request's head to its answer";
        registry.register_with_unit("request", text, Unit::Seconds, seconds);
        let text = "Pictures that were classified";
        registry.register("pictures", text, self.pictures.clone());
        let text = "Requests refused with 408, 413 or 503, and connections closed for others";
        registry.register("refused", text, self.refused.clone());
        let text = "Answers that wait for a thread";
        registry.register("waiting", text, self.waiting.clone());
        let text = "Requests whose answer is in progress";
        registry.register("in_progress", text, self.in_progress.clone());
        registry.register("connections", "Open connections", self.connections.clone());
        registry
    }

    /// Counts an answered request.
    pub fn count(&self, route: &str, status: u16, took: Duration) {
        let route = route.to_string();
        let seconds = self.seconds.get_or_create(&Route {
            route: route.clone(),
        });
        seconds.observe(took.as_secs_f64());
        drop(seconds);
        let why = match status {
            408 => Some("slow"),
            413 => Some("too large"),
            503 => Some("busy"),
            _ => None,
        };
        if let Some(why) = why {
            self.refused(why).inc();
        }
        self.requests
            .get_or_create(&Outcome { route, status })
            .inc();
    }

    /// Counts pictures that `model` has classified.
    pub fn count_pictures(&self, model: &str, pictures: usize) {
        let model = model.to_string();
        let counter = self.pictures.get_or_create(&OfModel { model });
        counter.inc_by(pictures as u64);
    }

    /// Returns the counter of what is refused for this reason.
    pub fn refused(&self, why: &'static str) -> Counter {
        self.refused.get_or_create(&Why { why }).clone()
    }

    /// Returns all of them in OpenMetrics' text format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let _ = encode(&mut text, &self.registry); // writing to a string does not fail
        text
    }
}

/// Counts one more on a gauge until it is dropped.
pub(crate) struct Counted(Gauge);

impl Counted {
    pub fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
