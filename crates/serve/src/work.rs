//! Where answers are computed: what takes a moment where the request was read, anything else on threads of its own,
//! one per core.
//!
//! A small picture takes less time than handing it to another thread does. A large one would keep the thread from
//! its other connections.

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use axum::http::StatusCode;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::metrics::{Counted, Metrics};
use crate::problem::Problem;

/// Multiply-adds that take about a millisecond.
const MOMENT: usize = 20_000_000;

/// The threads for long answers.
pub(crate) struct Work {
    free: Arc<Semaphore>,
    most: Duration,
    /// Answers that wait for a thread.
    waiting: Gauge,
}

impl Work {
    /// Returns one thread per core; an answer takes at most that time, with its waiting.
    pub fn new(most: Duration, metrics: &Metrics) -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self {
            free: Arc::new(Semaphore::new(cores)),
            most,
            waiting: metrics.waiting.clone(),
        }
    }

    /// Returns what `job` returns, computed here and now if it `is_short`.
    ///
    /// # Errors
    /// Those of `job`; 503 when it takes too long (a picture that is being decoded then is, to its end), 500 when it
    /// panics.
    pub async fn run<T: Send + 'static>(
        &self,
        is_short: bool,
        job: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        if is_short {
            return job();
        }
        let long = async {
            let permit = {
                let _waiting = Counted::new(&self.waiting);
                self.free.clone().acquire_owned().await
            };
            let job = spawn_blocking(move || {
                let _permit = permit;
                job()
            });
            job.await.unwrap_or_else(|_panic| Err(internal()))
        };
        let late = |_| {
            let seconds = self.most.as_secs_f32();
            Err(Problem::busy(format!("no answer within {seconds} s"))
                .hint("send fewer or smaller pictures at a time"))
        };
        timeout(self.most, long).await.unwrap_or_else(late)
    }
}

/// Returns whether a network of so many multiply-adds an image answers so many images in a moment.
pub(crate) fn is_short(images: usize, operations: usize) -> bool {
    images.saturating_mul(operations) <= MOMENT
}

/// Returns the problem of a bug in this program.
pub(crate) fn internal() -> Problem {
    let detail = "internal error while the answer was computed";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
        .hint("this is a bug in the program, not in your request; please report it")
}
