//! A server: connections are accepted, spread over rings, served, and brought to an end.
//!
//! Every listener is a *door* with a task that accepts (`accept.rs`), and every ring a group of the
//! tasks that serve its connections (`connection.rs`). What becomes of connections is counted in a
//! ledger. All of it belongs to the future of the server (`run.rs`): who drops that cancels the
//! rest.

mod accept;
mod connection;
mod ledger;
mod listen;
mod run;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

pub use connection::{HandlerOutput, ServeFailure};
pub use ledger::Served;
pub use listen::Listen;

use connection::Hook;
use ledger::Ledger;

use crate::runtime::Runtime;
use crate::stop::StopSource;

/// How long handlers may take to end, unless said otherwise.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// A server that accepts connections and gives each to `handler`, in a task on one of the rings.
///
/// It does nothing until it is awaited, in a task of a pool: then it serves until it is told to
/// stop, or accepting fails for good. The handler gets the connection and its peer's address.
///
/// # Which ring
///
/// All rings of the pool take part, unless [`on`](Serve::on) names some. Which of them gets a
/// connection depends on what is listened at:
///
/// | listens at | the connection goes to | choose it for |
/// |---|---|---|
/// | one [`TcpListener`](super::TcpListener) or [`UnixListener`](super::UnixListener) | the ring with the fewest connections of this server; of several, the one with the fewest tasks ready | most servers: connections that stay are spread exactly |
/// | a [`Vec`] of them, such as [`TcpListener::bind_group`](super::TcpListener::bind_group) makes | the ring of its listener, where it is also accepted: the first listener is the first ring's, and so on | very many short connections: nothing crosses rings. The kernel chooses by a hash of the addresses, so few connections are spread unevenly |
///
/// A connection stays on its ring, unless its handler [switches](crate::switch_to).
///
/// # What can go wrong
///
/// A handler that gives an error or panics ends its own connection. Errors of accept(2) that
/// concern one connection (`ECONNABORTED` and others of the network) are survived, and so is a lack
/// of descriptors or memory (`EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`), after a pause of 1 to 250
/// ms. All that is counted, and told to [`on_failure`](Serve::on_failure). Any other error of
/// accept(2) stops the server, and is its error in the end.
///
/// # How it ends
///
/// [`ServerHandle::stop`], the future given to [`with_graceful_shutdown`], and a stop of the
/// [scope](crate::stop) in which the server is awaited all begin the same:
///
/// 1. Nothing new is accepted. Connections that the kernel has made already are, as far as there is
///    room: it would reset them. Then the listener is closed.
/// 2. Handlers go on, those of the last connections too. With [`stop_handlers`] they are asked to
///    stop.
/// 3. When the time of [`shutdown_timeout`] is up, 10 s unless said otherwise, those that are left
///    are cancelled.
/// 4. When nothing of them is left in the kernel, the server gives what it has [`Served`].
///
/// A connection that is made in the microseconds between the last accept and the close is reset by
/// the kernel; no part of an answer has been sent to it then. A listener whose descriptor another
/// process has too goes on there.
///
/// [`with_graceful_shutdown`]: Serve::with_graceful_shutdown
/// [`shutdown_timeout`]: Serve::shutdown_timeout
/// [`stop_handlers`]: Serve::stop_handlers
///
/// # Examples
///
/// ```
/// use ringpool::net::{self, TcpListener, TcpStream};
///
/// # fn main() -> std::io::Result<()> {
/// let pool = ringpool::Pool::new(2);
/// pool.block_on(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let address = listener.local_addr()?;
///     let server = net::serve(listener, |stream: TcpStream, _| async move {
///         let ring = ringpool::current().expect("handlers run on rings").index();
///         stream.write_all([ring as u8]).await.map(drop)
///     });
///     let handle = server.handle();
///     let server = ringpool::spawn(server.into_future());
///
///     let clients = [TcpStream::connect(address).await?, TcpStream::connect(address).await?];
///     for client in &clients {
///         let ((), _ring) = client.read_exact([0]).await?;
///     }
///     handle.stop();
///     assert_eq!(server.await??.completed, 2);
///     Ok(())
/// })
/// # }
/// ```
///
/// With a limit, and until somebody stops it:
///
/// ```
/// use ringpool::net::{self, TcpListener, TcpStream};
/// use ringpool::stop::StopSource;
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(2);
/// let source = StopSource::new();
/// # source.stop();
/// let served = pool.block_on(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     net::serve(listener, |stream: TcpStream, peer| async move {
///         stream.write_all(format!("hello, {peer}")).await.map(drop)
///     })
///     .max_connections(10_000)
///     .shutdown_timeout(Duration::from_secs(5))
///     .with_graceful_shutdown(source.token())
///     .await
/// })?;
/// println!("{} connections, {} of them failed", served.accepted, served.failed);
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn serve<L, H, F>(listeners: L, handler: H) -> Serve<L, H>
where
    L: Listen,
    H: Fn(L::Stream, L::Address) -> F + Send + Sync + 'static,
    F: Future + Send + 'static,
    F::Output: HandlerOutput,
{
    Serve {
        listeners,
        handler,
        rings: None,
        connections_max: None,
        shutdown_timeout: SHUTDOWN_TIMEOUT,
        shutdown: None,
        stops_handlers: false,
        hook: None,
        ledger: Arc::default(),
        source: StopSource::new(),
        made_at: Location::caller(),
    }
}

/// A server to be awaited; made by [`serve`].
#[must_use = "a server does nothing unless it is awaited"]
pub struct Serve<L: Listen, H> {
    listeners: L,
    handler: H,
    rings: Option<Vec<Runtime>>,
    connections_max: Option<usize>,
    shutdown_timeout: Duration,
    shutdown: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    stops_handlers: bool,
    hook: Option<Hook<L::Address>>,
    ledger: Arc<Ledger>,
    source: StopSource,
    made_at: &'static Location<'static>,
}

impl<L: Listen, H> Serve<L, H> {
    /// Serves on these rings, instead of on all of the pool.
    ///
    /// Of several listeners the first is accepted from on the first of them, and so on, from the
    /// beginning again if there are more listeners than rings.
    pub fn on<'a>(mut self, runtimes: impl IntoIterator<Item = &'a Runtime>) -> Self {
        self.rings = Some(runtimes.into_iter().cloned().collect());
        self
    }

    /// Has no more than so many connections at once, on all rings together: no more are accepted
    /// until one of them has ended, and wait with the kernel, which tells clients to come again
    /// when its line is full. None is dropped.
    ///
    /// With several listeners each may hold one connection more, which waits for a place.
    ///
    /// # Panics
    ///
    /// If `connections` is 0: nothing would ever be accepted.
    #[track_caller]
    pub fn max_connections(mut self, connections: usize) -> Self {
        assert!(connections > 0, "a server with a limit of 0 connections would never accept any");
        self.connections_max = Some(connections);
        self
    }

    /// How long handlers may take to end once the server is to stop; 10 s unless said otherwise.
    /// Those that are left are cancelled.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }

    /// Begins to end when this is ready: a [`StopToken`](crate::stop::StopToken), for instance, or
    /// any future.
    pub fn with_graceful_shutdown<S>(mut self, signal: S) -> Self
    where
        S: IntoFuture<Output = ()>,
        S::IntoFuture: Send + 'static,
    {
        self.shutdown = Some(Box::pin(signal.into_future()));
        self
    }

    /// Asks the handlers to stop as well, when the server begins to end: they run in a
    /// [scope](crate::stop::with_stop) of its, so that their operations end early from then on,
    /// with [`ECANCELED`](libc::ECANCELED), except for what they [shield](crate::stop::shield).
    ///
    /// For connections that would otherwise wait for the next request until the time is up. A
    /// handler that passes that error on counts as [cancelled](Served::cancelled), and is no
    /// failure. Those of the last connections, which waited with the kernel, find themselves
    /// stopped from the beginning.
    pub fn stop_handlers(mut self) -> Self {
        self.stops_handlers = true;
        self
    }

    /// Calls `hook` for each failure that the server survives, on the ring where it happens.
    ///
    /// Without it they are said on stderr. What `hook` panics with is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::net::{self, ServeFailure, TcpListener, TcpStream};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// # let listener = pool.block_on(TcpListener::bind("127.0.0.1:0"))?;
    /// let server = net::serve(listener, |_: TcpStream, _| async { Err("no luck") })
    ///     .on_failure(|failure| match failure {
    ///         ServeFailure::Handler { peer, error, .. } => eprintln!("{peer}: {error}"),
    ///         other => eprintln!("{other}"),
    ///     });
    /// # drop(server);
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_failure(
        mut self,
        hook: impl Fn(&ServeFailure<L::Address>) + Send + Sync + 'static,
    ) -> Self {
        self.hook = Some(Box::new(hook));
        self
    }

    /// What stops the server while it is awaited, and tells how it is.
    pub fn handle(&self) -> ServerHandle {
        ServerHandle { ledger: self.ledger.clone(), source: self.source.clone() }
    }
}

impl<L, H, F> IntoFuture for Serve<L, H>
where
    L: Listen,
    H: Fn(L::Stream, L::Address) -> F + Send + Sync + 'static,
    F: Future + Send + 'static,
    F::Output: HandlerOutput,
{
    type Output = io::Result<Served>;
    type IntoFuture = Serving;

    fn into_future(self) -> Serving {
        Serving(Box::pin(run::run(self)))
    }
}

impl<L: Listen, H> fmt::Debug for Serve<L, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("rings", &self.rings)
            .field("connections_max", &self.connections_max)
            .field("shutdown_timeout", &self.shutdown_timeout)
            .field("stops_handlers", &self.stops_handlers)
            .finish_non_exhaustive()
    }
}

/// A server that serves; what becomes of a [`Serve`] that is awaited.
///
/// # Errors
///
/// That of accept(2) which ended it; [`InvalidInput`](io::ErrorKind::InvalidInput) if there is no
/// listener or no ring; [`Unsupported`](io::ErrorKind::Unsupported) outside the tasks of a pool.
///
/// # Cancel safety
///
/// Dropping it closes the listeners and cancels all handlers at once. It does not wait for them,
/// but who [cancels](crate::Task::cancel) the task that serves finds none of them alive.
#[must_use = "futures do nothing unless they are awaited"]
pub struct Serving(Pin<Box<dyn Future<Output = io::Result<Served>> + Send>>);

impl Future for Serving {
    type Output = io::Result<Served>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving").finish_non_exhaustive()
    }
}

/// Stops a server, and tells how it is, from any thread; made by [`Serve::handle`].
#[derive(Clone)]
pub struct ServerHandle {
    ledger: Arc<Ledger>,
    source: StopSource,
}

impl ServerHandle {
    /// Has the server begin to end, as [`serve`] says; also one that is not awaited yet.
    pub fn stop(&self) {
        self.source.stop();
    }

    /// Connections that are being served.
    pub fn connections(&self) -> usize {
        self.ledger.alive_each().into_iter().sum()
    }

    /// Connections that are being served, for each ring to which they were given; empty until the
    /// server is awaited.
    pub fn connections_per_ring(&self) -> Vec<usize> {
        self.ledger.alive_each()
    }

    /// What the server has done so far. The numbers are read one after another while it goes on,
    /// so they need not add up exactly.
    pub fn served(&self) -> Served {
        self.ledger.read()
    }
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandle")
            .field("is_stop_requested", &self.source.is_stop_requested())
            .field("connections", &self.connections_per_ring())
            .field("served", &self.served())
            .finish()
    }
}
