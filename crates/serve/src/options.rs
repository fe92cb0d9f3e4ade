//! What a service is told at its start: where it listens, and its limits.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread::available_parallelism;
use std::time::Duration;

/// Settings of a service.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Origin (`https://example.org`, or `*`) whose pages may read answers in a browser; `None` for the service's
    /// own only.
    pub allow_origin: Option<String>,
    /// What a client may ask for at most.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 8080).into(),
            allow_origin: None,
            limits: Limits::default(),
        }
    }
}

/// What a client, and all of them together, may ask for at most.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a request's body.
    pub body: usize,
    /// Bytes of all bodies that are held at once.
    pub bodies: usize,
    /// Pictures of a request.
    pub pictures: usize,
    /// Open connections. When a further client comes, the connection that has waited longest without an answer in
    /// progress is closed.
    pub connections: usize,
    /// Time to send a request's head, and between two requests on a connection.
    pub head: Duration,
    /// Time to send a body.
    pub body_time: Duration,
    /// Time to wait for the next bytes of a body.
    pub body_pause: Duration,
    /// Time to work on an answer.
    pub answer: Duration,
    /// Time that answers in progress have to finish when the service ends.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self {
            body: 16 << 20,
            bodies: 256 << 20,
            pictures: 1024,
            connections: 64 * cores,
            head: Duration::from_secs(10),
            body_time: Duration::from_secs(30),
            body_pause: Duration::from_secs(5),
            answer: Duration::from_secs(10),
            drain: Duration::from_millis(1500),
        }
    }
}
