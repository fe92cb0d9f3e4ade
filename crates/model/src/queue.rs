//! Many callers, one classifier: a bounded queue, and a worker that classifies in batches.
//!
//! A batch costs less than its pictures one by one, and a service that falls behind gets larger batches, so it
//! catches up. There is no timeout: the worker takes whatever is waiting and starts at once.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, JoinHandle};

use crate::answer::Answer;
use crate::classifier::Classifier;
use crate::record::RecordError;

/// A classifier behind a queue. Threads share it by reference. When it is dropped, the waiting pictures are
/// classified and the worker ends.
#[derive(Debug)]
pub struct Queue {
    classifier: Arc<Classifier>,
    /// `None` only while dropping.
    requests: Option<SyncSender<Request>>,
    worker: Option<JoinHandle<()>>,
}

/// A pending answer.
#[derive(Debug)]
pub struct Pending(Receiver<Answer>);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The queue is full at the moment; try again later.
    #[error("the queue is full")]
    Full,
    /// The picture does not fit the network; it was not queued.
    #[error(transparent)]
    Picture(#[from] RecordError),
    /// The worker could not be started, as on a target without threads.
    #[error("the queue's worker cannot be started: {0}")]
    Worker(#[source] std::io::Error),
    /// The worker has ended, which is a bug in this program.
    #[error("the queue's worker has ended")]
    Ended,
}

struct Request {
    pixels: Vec<u8>,
    answer: SyncSender<Answer>,
}

impl Queue {
    /// Starts the worker. At most `capacity` pictures wait (0 counts as 1), and at most `batch` of them
    /// (0 counts as 1) are classified together; both limit the memory used for pixels.
    ///
    /// # Errors
    /// [`QueueError::Worker`] when the system cannot start a thread.
    pub fn new(classifier: Classifier, capacity: usize, batch: usize) -> Result<Self, QueueError> {
        let classifier = Arc::new(classifier);
        let (requests, waiting) = sync_channel(capacity.max(1));
        let worker = {
            let classifier = classifier.clone();
            Builder::new()
                .name("classifier".into())
                .spawn(move || work(&classifier, &waiting, batch.max(1)))
                .map_err(QueueError::Worker)?
        };
        Ok(Self {
            classifier,
            requests: Some(requests),
            worker: Some(worker),
        })
    }

    /// Returns the classifier.
    pub fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    /// Queues one picture: grey bytes `[height * width]`, row-major, light on dark. Waits while the
    /// queue is full. Answers become ready in the order in which the pictures were queued.
    ///
    /// # Errors
    /// [`QueueError::Picture`] when it is not exactly one picture of the network's size.
    pub fn submit(&self, pixels: Vec<u8>) -> Result<Pending, QueueError> {
        let (request, pending) = self.request(pixels)?;
        let requests = self.requests.as_ref().ok_or(QueueError::Ended)?;
        requests.send(request).map_err(|_| QueueError::Ended)?;
        Ok(pending)
    }

    /// Queues one picture like [`Queue::submit`], but without waiting.
    ///
    /// # Errors
    /// As [`Queue::submit`], and [`QueueError::Full`] when the queue has no room.
    pub fn try_submit(&self, pixels: Vec<u8>) -> Result<Pending, QueueError> {
        let (request, pending) = self.request(pixels)?;
        let requests = self.requests.as_ref().ok_or(QueueError::Ended)?;
        requests.try_send(request).map_err(|error| match error {
            TrySendError::Full(_) => QueueError::Full,
            TrySendError::Disconnected(_) => QueueError::Ended,
        })?;
        Ok(pending)
    }

    fn request(&self, pixels: Vec<u8>) -> Result<(Request, Pending), QueueError> {
        self.classifier.metadata().check_picture(&pixels)?;
        let (answer, pending) = sync_channel(1);
        Ok((Request { pixels, answer }, Pending(pending)))
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}

impl Pending {
    /// Waits for the answer and returns it.
    ///
    /// # Errors
    /// [`QueueError::Ended`] when the worker has ended.
    pub fn wait(self) -> Result<Answer, QueueError> {
        self.0.recv().map_err(|_| QueueError::Ended)
    }
}

/// Classifies until every sender is gone and nothing is waiting.
fn work(classifier: &Classifier, waiting: &Receiver<Request>, batch: usize) {
    while let Ok(first) = waiting.recv() {
        let mut pixels = first.pixels;
        let mut callers = vec![first.answer];
        for next in waiting.try_iter().take(batch - 1) {
            pixels.extend(next.pixels);
            callers.push(next.answer);
        }
        // The sizes were checked, so there is an answer for each; without one, its caller gets an error.
        let answers = classifier.answers(&pixels).unwrap_or_default();
        for (caller, answer) in callers.iter().zip(answers) {
            // The caller may no longer be waiting.
            let _ = caller.send(answer);
        }
    }
}
