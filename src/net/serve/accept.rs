//! Accepting at one listener, until that is to stop.

use std::future::Future;
use std::io;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::connection::{HandlerOutput, Service, connection};
use super::ledger::least;
use super::listen::{Door, Listen, Source};
use crate::net::accepting::Accepted;
use crate::net::socket::BACKLOG;
use crate::runtime::Runtime;
use crate::stop::{StopToken, until, with_stop};
use crate::sync::Semaphore;
use crate::task::TaskGroup;
use crate::time::sleep;

/// How long to wait when there is no descriptor or no memory left, at first.
const PAUSE_MIN: Duration = Duration::from_millis(1);

/// And when that has lasted for some time: somebody may have freed some.
const PAUSE_MAX: Duration = Duration::from_millis(250);

/// A ring, and the connections that were given to it.
pub(super) struct Place {
    pub(super) runtime: Runtime,
    pub(super) connections: TaskGroup<()>,
}

/// Which ring gets the connections of a listener.
pub(super) enum Goes {
    /// The one that has the fewest; this one got the last.
    ToTheLeast {
        last: usize,
    },
    To(usize),
}

/// What takes the connections of one listener.
pub(super) struct Outlet<L: Listen, H> {
    pub(super) places: Arc<[Place]>,
    pub(super) goes: Goes,
    /// How many connections may be alive.
    pub(super) limit: Option<Arc<Semaphore>>,
    pub(super) service: Arc<Service<L, H>>,
    pub(super) stop: StopToken,
    pub(super) spawned_at: &'static Location<'static>,
}

/// What to do after an error of accept(2).
#[derive(Debug, PartialEq, Eq)]
enum Then {
    /// It was about one connection, or nothing.
    GoOn,
    /// Something is used up.
    Pause,
    /// It would fail for ever.
    End,
}

/// The errors that the network has for a connection which has not been accepted yet come out of
/// accept(2) as well.
fn then(error: &io::Error) -> Then {
    match error.raw_os_error() {
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => Then::Pause,
        Some(
            libc::ECONNABORTED
            | libc::ECONNRESET
            | libc::EHOSTDOWN
            | libc::EHOSTUNREACH
            | libc::EINTR
            | libc::ENETDOWN
            | libc::ENETUNREACH
            | libc::ENONET
            | libc::ENOPROTOOPT
            | libc::EPERM
            | libc::EPROTO
            | libc::ETIMEDOUT,
        ) => Then::GoOn,
        _ => Then::End,
    }
}

fn was_cancelled(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ECANCELED)
}

impl<L, H, F> Outlet<L, H>
where
    L: Listen,
    H: Fn(L::Stream, L::Address) -> F + Send + Sync + 'static,
    F: Future + Send + 'static,
    F::Output: HandlerOutput,
{
    /// Accepts until that is to stop, and then what has come by then. Gives an error if accepting
    /// fails for good. The door is closed in any case.
    pub(super) async fn accept_at(mut self, door: Door) -> io::Result<()> {
        let accepted = with_stop(self.stop.clone(), self.accept_until_stopped(&door)).await;
        self.accept_rest(&door).await;
        accepted
    }

    async fn accept_until_stopped(&mut self, door: &Door) -> io::Result<()> {
        let mut source = Source::new(door);
        let mut pause = PAUSE_MIN;
        loop {
            self.wait_for_room().await;
            // Where connections come faster than they are taken, nothing else would tell us.
            if self.stop.is_stop_requested() {
                return Ok(());
            }
            let error = match source.next(self.room()).await {
                Ok(accepted) => {
                    pause = PAUSE_MIN;
                    self.take(accepted).await;
                    continue;
                }
                Err(error) if was_cancelled(&error) && self.stop.is_stop_requested() => continue,
                Err(error) => error,
            };
            match then(&error) {
                Then::End => {
                    self.service.ledger.accept_failed();
                    return Err(error);
                }
                Then::GoOn => self.service.accept_failed(error),
                Then::Pause => {
                    self.service.accept_failed(error);
                    let _ = until(sleep(pause)).await;
                    pause = (2 * pause).min(PAUSE_MAX);
                }
            }
        }
    }

    /// Accepts the connections that the kernel has made already: it resets them when the door is
    /// closed, which is to be done at once after this. Not more than can have waited in line, since
    /// others may come all the time; and not those for which there is no room, except for what was
    /// delivered.
    async fn accept_rest(&mut self, door: &Door) {
        for _ in 0..BACKLOG {
            if !door.has_more() || door.is_idle() && self.room() == 0 {
                return;
            }
            match door.accept_waiting().await {
                Ok(accepted) => self.take(accepted).await,
                // Somebody else was quicker, or that was all that had been delivered.
                Err(error) if was_cancelled(&error) => {}
                Err(error) => match then(&error) {
                    Then::GoOn => self.service.accept_failed(error),
                    Then::Pause => return self.service.accept_failed(error),
                    Then::End => return,
                },
            }
        }
    }

    /// How many connections more may be alive.
    fn room(&self) -> usize {
        self.limit.as_ref().map_or(usize::MAX, |limit| limit.available_permits())
    }

    /// Waits until one more may be alive, or accepting is to stop.
    async fn wait_for_room(&self) {
        if let Some(limit) = &self.limit {
            let _ = until(limit.acquire()).await;
        }
    }

    /// Gives a connection to a ring. If another listener was quicker to use the last place, it
    /// waits here for the next.
    async fn take(&mut self, accepted: Accepted) {
        let connected = match L::connection(accepted) {
            Ok(connected) => connected,
            Err(error) => return self.service.accept_failed(error),
        };
        let ring = self.choose();
        let entry = self.service.ledger.enter(ring);
        let place = match &self.limit {
            None => None,
            // Nobody closes the semaphore.
            Some(limit) => limit.clone().acquire_owned().await.ok(),
        };
        let Place { runtime, connections } = &self.places[entry.ring()];
        let future = connection(self.service.clone(), place, entry, connected);
        connections.spawn_on_from(runtime, self.spawned_at, future);
    }

    /// The ring for the next connection. One that has stopped takes none; if all have, it does not
    /// matter.
    fn choose(&mut self) -> usize {
        let (places, ledger) = (&self.places, &self.service.ledger);
        match &mut self.goes {
            Goes::To(ring) => *ring,
            Goes::ToTheLeast { last } => {
                let key = |ring: usize| {
                    let runtime = &places[ring].runtime;
                    let load = runtime.load();
                    let key = (ledger.alive(ring), load.tasks_ready, load.tasks_alive);
                    (!runtime.is_stopped()).then_some(key)
                };
                *last = least(places.len(), *last, key).unwrap_or(0);
                *last
            }
        }
    }
}

#[cfg(all(test, not(ringpool_shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn errors_that_pass_are_told_from_those_that_do_not() {
        let then = |number| then(&io::Error::from_raw_os_error(number));
        for number in [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM] {
            assert_eq!(then(number), Then::Pause, "{number}");
        }
        for number in [libc::ECONNABORTED, libc::EPROTO, libc::EPERM, libc::ENETDOWN] {
            assert_eq!(then(number), Then::GoOn, "{number}");
        }
        for number in [libc::EBADF, libc::EINVAL, libc::ENOTSOCK, libc::ECANCELED] {
            assert_eq!(then(number), Then::End, "{number}");
        }
    }
}
