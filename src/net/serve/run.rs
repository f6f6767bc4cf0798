//! A server from its first connection to the end of its last.

use std::future::{Future, IntoFuture, pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::Serve;
use super::accept::{Goes, Outlet, Place};
use super::connection::{HandlerOutput, Service};
use super::ledger::Served;
use super::listen::sealed::Doors;
use super::listen::{Door, Listen};
use crate::future::{join, join_all, select};
use crate::runtime::{Runtime, current};
use crate::stop::{StopSource, StopToken};
use crate::sync::Semaphore;
use crate::task::TaskGroup;
use crate::time::sleep;

/// The tasks that accept.
type Acceptors = TaskGroup<io::Result<()>>;

pub(super) async fn run<L, H, F>(mut serve: Serve<L, H>) -> io::Result<Served>
where
    L: Listen,
    H: Fn(L::Stream, L::Address) -> F + Send + Sync + 'static,
    F: Future + Send + 'static,
    F::Output: HandlerOutput,
{
    let here = current().ok_or_else(not_on_a_ring)?;
    let rings = serve.rings.take().unwrap_or_else(|| here.of_its_pool());
    let (source, timeout) = (serve.source.clone(), serve.shutdown_timeout);
    let (shutdown, ledger) = (serve.shutdown.take(), serve.ledger.clone());
    let (acceptors, places) = open(serve, rings, &here)?;
    let mut outcome = Ok(());
    let is_late = {
        let mut asking = pin!(ask_to_stop(shutdown, source.clone()));
        let mut ending = pin!(until_all_ended(&acceptors, &places, &source, &mut outcome));
        let mut late = pin!(too_late(source.token(), timeout));
        let mut is_asked = false;
        let ended = poll_fn(|cx| {
            is_asked = is_asked || asking.as_mut().poll(cx).is_ready();
            match ending.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(false),
                Poll::Pending => late.as_mut().poll(cx).map(|()| true),
            }
        });
        ended.await
    };
    if is_late {
        let connections = join_all(places.iter().map(|place| place.connections.cancel()));
        join((acceptors.cancel(), connections)).await;
        // One that was waiting for a place may have got one of those.
        join_all(places.iter().map(|place| place.connections.cancel())).await;
    }
    outcome.map(|()| ledger.read())
}

/// Has a task accept at each door.
fn open<L, H, F>(
    serve: Serve<L, H>,
    rings: Vec<Runtime>,
    here: &Runtime,
) -> io::Result<(Acceptors, Arc<[Place]>)>
where
    L: Listen,
    H: Fn(L::Stream, L::Address) -> F + Send + Sync + 'static,
    F: Future + Send + 'static,
    F::Output: HandlerOutput,
{
    if rings.is_empty() {
        return Err(invalid("a server has no ring to serve on; give `on` at least one"));
    }
    let count = rings.len();
    serve.ledger.open(count);
    let place = |runtime| Place { runtime, connections: TaskGroup::without_outcomes() };
    let places: Arc<[Place]> = rings.into_iter().map(place).collect();
    let never = StopToken::never();
    let handlers_stop = if serve.stops_handlers { serve.source.token() } else { never };
    let (handler, hook, ledger) = (serve.handler, serve.hook, serve.ledger);
    let service = Arc::new(Service::<L, H> { handler, hook, handlers_stop, ledger });
    let limit = serve.connections_max.map(|max| max.min(Semaphore::MAX_PERMITS));
    let limit = limit.map(|max| Arc::new(Semaphore::new(max)));
    let acceptors = Acceptors::new();
    let accept_at = |door: Door, goes: Goes, runtime: &Runtime| {
        let outlet = Outlet {
            places: places.clone(),
            goes,
            limit: limit.clone(),
            service: service.clone(),
            stop: serve.source.token(),
            spawned_at: serve.made_at,
        };
        acceptors.spawn_on_from(runtime, serve.made_at, outlet.accept_at(door));
    };
    match serve.listeners.into_doors() {
        // The first connection goes to the first ring.
        Doors::Shared(door) => accept_at(*door, Goes::ToTheLeast { last: count - 1 }, here),
        Doors::Own(doors) if doors.is_empty() => {
            return Err(invalid("a server has no listener; there must be at least one"));
        }
        Doors::Own(doors) => {
            for (index, door) in doors.into_iter().enumerate() {
                let ring = index % count;
                accept_at(door, Goes::To(ring), &places[ring].runtime);
            }
        }
    }
    Ok((acceptors, places))
}

/// Passes on what asks the server to stop.
async fn ask_to_stop(
    shutdown: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    source: StopSource,
) {
    let shutdown = async {
        match shutdown {
            Some(shutdown) => shutdown.await,
            None => pending().await,
        }
    };
    select((shutdown, StopToken::current().into_future())).await;
    source.stop();
}

/// Waits until nobody accepts any more, and then for all connections. The first that fails for good
/// to accept stops the others.
async fn until_all_ended(
    acceptors: &Acceptors,
    places: &[Place],
    source: &StopSource,
    outcome: &mut io::Result<()>,
) {
    while let Some(ended) = acceptors.next().await {
        if let Err(error) = ended.unwrap_or_else(|error| Err(error.into())) {
            source.stop();
            if outcome.is_ok() {
                *outcome = Err(error);
            }
        }
    }
    for place in places {
        place.connections.wait_all().await;
    }
}

/// Waits until the server has been told to stop, and its time is up.
async fn too_late(stop: StopToken, timeout: Duration) {
    stop.stopped().await;
    sleep(timeout).await;
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

fn not_on_a_ring() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "a server has to be awaited in a task of a pool, and this thread has no ring; \
         `pool.block_on` or `pool.spawn` it",
    )
}
