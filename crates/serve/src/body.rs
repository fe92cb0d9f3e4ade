//! A request's body as bytes, within the limits of size, memory and time.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use axum::http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

use crate::problem::Problem;
use crate::service::Service;

/// A body, and the share of the memory for bodies that it takes until it is dropped.
pub(crate) struct Held {
    pub bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

/// Reads the body of a request.
///
/// # Errors
/// When it is compressed (415), too large (413), too slow (408), or there is no memory for it now (503).
pub(crate) async fn read(service: &Service, request: Request) -> Result<Held, Problem> {
    let most = service.limits().body;
    let (head, body) = request.into_parts();
    check_encoding(&head.headers)?;
    let length = head.headers.get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > most as u64) {
        return Err(too_large(most));
    }
    let mut body = Reader::new(service, body);
    let Some(first) = body.next().await? else {
        return Ok(Held {
            bytes: Bytes::new(),
            _share: None,
        });
    };
    // Most bodies come in one piece, which needs no copy.
    let Some(second) = body.next().await? else {
        return Ok(Held {
            bytes: first,
            _share: body.share,
        });
    };
    let mut bytes = [first, second].concat();
    while let Some(piece) = body.next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(Held {
        bytes: bytes.into(),
        _share: body.share,
    })
}

fn check_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    let encoding = headers.get(CONTENT_ENCODING);
    if encoding.is_none_or(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Ok(());
    }
    let detail = "the body is compressed (Content-Encoding)";
    let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail);
    Err(problem.hint("send it as it is; PNG, JPEG and WebP are compressed already"))
}

fn too_large(most: usize) -> Problem {
    let detail = format!("the body has more than {} MiB", most >> 20);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
        .hint("send fewer pictures at a time, or smaller ones: the network sees far fewer pixels")
        .unread()
}

/// The pieces of a body as they come.
struct Reader<'a> {
    service: &'a Service,
    body: Body,
    read: usize,
    share: Option<OwnedSemaphorePermit>,
    until: Instant,
}

impl<'a> Reader<'a> {
    fn new(service: &'a Service, body: Body) -> Self {
        Self {
            service,
            body,
            read: 0,
            share: None,
            until: Instant::now() + service.limits().body_time,
        }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let limits = self.service.limits();
        loop {
            let until = self.until.min(Instant::now() + limits.body_pause);
            let Ok(frame) = timeout_at(until, self.body.frame()).await else {
                let detail = format!("the body stopped after {} bytes", self.read);
                return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, detail)
                    .hint("send it faster, or fewer pictures at a time")
                    .unread());
            };
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|_| Problem::malformed("the body cannot be read"))?;
            let Ok(piece) = frame.into_data() else {
                continue; // trailers
            };
            self.read = self.read.saturating_add(piece.len());
            if self.read > limits.body {
                return Err(too_large(limits.body));
            }
            self.hold(piece.len())?;
            return Ok(Some(piece));
        }
    }

    /// Takes memory for a piece.
    fn hold(&mut self, bytes: usize) -> Result<(), Problem> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let bodies = self.service.bodies().clone();
        let more = bodies.try_acquire_many_owned(bytes).map_err(|_| {
            let detail = "the service holds as many large bodies as it may at the moment";
            Problem::busy(detail).unread()
        })?;
        match &mut self.share {
            Some(share) => share.merge(more),
            None => self.share = Some(more),
        }
        Ok(())
    }
}
