//! How many connections there are. When one more comes than may be open, the one that has waited longest without an
//! answer in progress is closed: clients that open connections and send nothing, or a byte now and then, cannot keep
//! others out.

use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use axum::extract::Request;
use axum_server::accept::Accept;
use prometheus_client::metrics::counter::Counter;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tower_service::Service as TowerService;

use crate::metrics::{Counted, Metrics};

/// The open connections.
#[derive(Clone)]
pub(crate) struct Connections(Arc<Open>);

struct Open {
    most: usize,
    slots: Mutex<Vec<Arc<Slot>>>,
    metrics: Metrics,
    evicted: Counter,
}

/// One of them.
pub(crate) struct Slot {
    state: Mutex<State>,
    is_closed: AtomicBool,
}

struct State {
    is_answering: bool,
    /// When it was opened, or its last answer was ready.
    since: Instant,
    /// Woken when the connection is closed here.
    waker: Option<Waker>,
}

impl Connections {
    /// Returns a limit of `most` connections.
    pub fn new(most: usize, metrics: &Metrics) -> Self {
        Self(Arc::new(Open {
            most: most.max(1),
            slots: Mutex::default(),
            evicted: metrics.refused("connection"),
            metrics: metrics.clone(),
        }))
    }

    /// Returns a place for one more connection; `None` if all the others are being answered.
    fn slot(&self) -> Option<Arc<Slot>> {
        let mut slots = locked(&self.0.slots);
        if slots.len() >= self.0.most {
            self.0.evicted.inc();
            let waiting = slots.iter().enumerate().filter_map(|(at, slot)| {
                let state = locked(&slot.state);
                (!state.is_answering).then_some((state.since, at))
            });
            let (_, longest) = waiting.min()?;
            slots.swap_remove(longest).close();
        }
        let slot = Arc::new(Slot {
            state: Mutex::new(State {
                is_answering: false,
                since: Instant::now(),
                waker: None,
            }),
            is_closed: AtomicBool::new(false),
        });
        slots.push(slot.clone());
        Some(slot)
    }
}

impl Slot {
    /// Marks the connection as being answered until the returned value is dropped.
    pub fn answering(&self) -> Answering<'_> {
        locked(&self.state).is_answering = true;
        Answering(self)
    }

    fn close(&self) {
        self.is_closed.store(true, SeqCst);
        if let Some(waker) = locked(&self.state).waker.take() {
            waker.wake();
        }
    }

    /// Returns an error if the connection was closed here; otherwise the task is woken when it is.
    fn check(&self, context: &Context) -> io::Result<()> {
        let mut state = locked(&self.state);
        if self.is_closed.load(SeqCst) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let waker = context.waker();
        if !state
            .waker
            .as_ref()
            .is_some_and(|known| known.will_wake(waker))
        {
            state.waker = Some(waker.clone());
        }
        Ok(())
    }
}

/// See [`Slot::answering`].
pub(crate) struct Answering<'a>(&'a Slot);

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        let mut state = locked(&self.0.state);
        state.is_answering = false;
        state.since = Instant::now();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S> Accept<TcpStream, S> for Connections {
    type Stream = Connection;
    type Service = WithSlot<S>;
    type Future = Ready<io::Result<(Connection, WithSlot<S>)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let Some(slot) = self.slot() else {
            return ready(Err(io::ErrorKind::ConnectionRefused.into()));
        };
        let connection = Connection {
            stream,
            slot: slot.clone(),
            open: self.0.clone(),
            _counted: Counted::new(&self.0.metrics.connections),
        };
        let nodelay = connection.stream.set_nodelay(true); // an answer is not held back
        ready(nodelay.map(|()| (connection, WithSlot { service, slot })))
    }
}

/// A connection with its place among the others, which it leaves when it is dropped.
pub(crate) struct Connection {
    stream: TcpStream,
    slot: Arc<Slot>,
    open: Arc<Open>,
    _counted: Counted,
}

impl Drop for Connection {
    fn drop(&mut self) {
        locked(&self.open.slots).retain(|slot| !Arc::ptr_eq(slot, &self.slot));
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        buffer: &mut ReadBuf,
    ) -> Poll<io::Result<()>> {
        self.slot.check(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.slot.check(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        bytes: &[io::IoSlice],
    ) -> Poll<io::Result<usize>> {
        self.slot.check(context)?;
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// A service whose requests know their connection.
#[derive(Clone)]
pub(crate) struct WithSlot<S> {
    service: S,
    slot: Arc<Slot>,
}

impl<S: TowerService<Request<B>>, B> TowerService<Request<B>> for WithSlot<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        request.extensions_mut().insert(self.slot.clone());
        self.service.call(request)
    }
}
