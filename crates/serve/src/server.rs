//! Start, reload, end.

use std::error::Error;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use axum::http::HeaderValue;
use axum_server::Handle;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::connections::Connections;
use crate::content::{Content, Served};
use crate::options::Options;
use crate::routes;
use crate::service::Service;

/// Largest head of a request, in bytes.
const MAX_HEAD: usize = 64 << 10;
/// Time for what is left after the end of all connections: a picture that is being decoded is not waited for.
const LEAVE: Duration = Duration::from_millis(200);

/// Why there is no service.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system gives no threads or signals.
    #[error("cannot start the service: {0}")]
    System(#[source] io::Error),
    /// The content could not be loaded.
    #[error("{0}")]
    Load(Box<dyn Error + Send + Sync>),
    /// There is nothing to answer with.
    #[error("no network is given")]
    NoModel,
    /// A name cannot be part of an address.
    #[error(
        "{0:?} cannot be a network's name: 1 to 128 characters, without `/` and control characters"
    )]
    Name(String),
    /// Two networks have one name.
    #[error("two networks are named {0:?}")]
    SameName(String),
    /// A record cannot be used.
    #[error("the record of {name:?} cannot be used: {error}")]
    Record {
        /// The network's name.
        name: String,
        /// What is wrong with it.
        error: String,
    },
    /// A file's media type cannot be sent.
    #[error("the media type of {0:?} cannot be sent")]
    File(String),
    /// The origin cannot be sent.
    #[error("{0:?} is not an origin")]
    Origin(String),
}

/// What [`Server::start`] loads its content with.
type Load = Box<dyn Fn() -> Result<Content, Box<dyn Error + Send + Sync>> + Send + Sync>;

/// A running service. Dropping it ends it, as [`Server::stop`] does.
pub struct Server {
    address: SocketAddr,
    service: Service,
    load: Load,
    handle: Handle<SocketAddr>,
    /// `None` once it has ended.
    running: Option<(Runtime, JoinHandle<io::Result<()>>)>,
}

impl Server {
    /// Returns a service of what `load` returns; it listens already.
    ///
    /// # Errors
    /// When `load` fails or returns nothing that can be served, or the address is in use.
    pub fn start(
        options: Options,
        load: impl Fn() -> Result<Content, Box<dyn Error + Send + Sync>> + Send + Sync + 'static,
    ) -> Result<Self, ServeError> {
        let served = Served::new(load().map_err(ServeError::Load)?)?;
        let cors = options
            .allow_origin
            .map(|origin| HeaderValue::from_str(&origin).map_err(|_| ServeError::Origin(origin)));
        let cors = cors.transpose()?;
        let listening = |source| ServeError::Listen {
            address: options.listen,
            source,
        };
        let listener = TcpListener::bind(options.listen).map_err(listening)?;
        let address = listener.local_addr().map_err(listening)?;
        let runtime = Builder::new_multi_thread()
            .thread_name("serve")
            .enable_all()
            .build()
            .map_err(ServeError::System)?;
        let service = Service::new(served, options.limits);
        let handle = Handle::new();
        let task = {
            let _context = runtime.enter();
            let server = axum_server::from_tcp(listener).map_err(ServeError::System)?;
            let limits = service.limits();
            let connections = Connections::new(limits.connections, service.metrics());
            let mut server = server
                .handle(handle.clone())
                .http1_only()
                .acceptor(connections);
            // Without the time, a connection that sends nothing is kept for ever.
            server
                .http_builder()
                .http1()
                .header_read_timeout(limits.head)
                .max_buf_size(MAX_HEAD);
            let router = routes::routes(service.clone(), cors);
            runtime.spawn(server.serve(router.into_make_service()))
        };
        Ok(Self {
            address,
            service,
            load: Box::new(load),
            handle,
            running: Some((runtime, task)),
        })
    }

    /// Returns the address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Loads the content again. Requests in progress are answered with what they began with; if something cannot be
    /// used, everything stays as it is.
    ///
    /// # Errors
    /// As of [`Server::start`].
    pub fn reload(&self) -> Result<(), ServeError> {
        let content = (self.load)().map_err(ServeError::Load)?;
        self.service.replace(Served::new(content)?);
        Ok(())
    }

    /// Ends the service: no connection is accepted any more, answers in progress are finished within
    /// [`Limits::drain`](crate::Limits::drain).
    pub fn stop(self) {
        drop(self);
    }

    /// Runs until SIGTERM or SIGINT, then ends as [`Server::stop`] does. At SIGHUP the content is loaded again, and
    /// `reloaded` told whether that was possible.
    ///
    /// # Errors
    /// When the system gives no signals.
    pub fn until_signal(
        self,
        mut reloaded: impl FnMut(Result<(), ServeError>),
    ) -> Result<(), ServeError> {
        let Some((runtime, _)) = &self.running else {
            return Ok(());
        };
        let mut signals = {
            let _context = runtime.enter();
            Signals::listen().map_err(ServeError::System)?
        };
        while runtime.block_on(signals.next_is_reload()) {
            reloaded(self.reload());
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some((runtime, task)) = self.running.take() {
            let drain = self.service.limits().drain;
            self.handle.graceful_shutdown(Some(drain));
            let _ = runtime.block_on(task); // it ends without an error, or has panicked
            runtime.shutdown_timeout(LEAVE);
        }
    }
}

/// The signals of a service.
#[cfg(unix)]
struct Signals {
    hup: tokio::signal::unix::Signal,
    int: tokio::signal::unix::Signal,
    term: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            hup: signal(SignalKind::hangup())?,
            int: signal(SignalKind::interrupt())?,
            term: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next one; returns whether it is SIGHUP.
    async fn next_is_reload(&mut self) -> bool {
        tokio::select! {
            _ = self.hup.recv() => true,
            _ = self.int.recv() => false,
            _ = self.term.recv() => false,
        }
    }
}

/// Elsewhere there is Ctrl-C only.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next_is_reload(&mut self) -> bool {
        let _ = tokio::signal::ctrl_c().await;
        false
    }
}
