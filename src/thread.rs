//! One ring's thread, from its start to its end.

use std::cell::{Cell, RefCell};
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::affinity::pin_to;
use crate::attendance::Presence;
use crate::buf::provided::AwaitedPools;
use crate::builder::{Doorbell, Hook, call_hook};
use crate::context::{self, Local};
use crate::dump::Looks;
use crate::foreign::shielded;
use crate::recycle;
use crate::ring::{Features, RetiredRing, Ring, RingOptions, doorbell, open};
use crate::runtime::Shared;
use crate::shutdown;
use crate::sleep::SpinPolicy;
use crate::task::queue::LiveTasks;
use crate::task::ready::Ready;
use crate::time::heap::TimerHeap;
use crate::time::moment::Moment;
use crate::trace::Tracer;
use crate::worker::Worker;

/// The thread of a ring, which it leaves to who joins it.
pub(crate) type RingThread = JoinHandle<Option<RetiredRing>>;

/// What a thread needs to know to begin.
pub(crate) struct ThreadOptions {
    pub(crate) name: String,
    pub(crate) ring: RingOptions,
    pub(crate) spin_before_sleep: Duration,
    pub(crate) busy_poll: bool,
    pub(crate) doorbell: Doorbell,
    /// See [`Local::peers`].
    pub(crate) peers: Arc<[Arc<Shared>]>,
    /// What a ring runs within this time it does not give to others.
    pub(crate) soon_ns: u64,
    pub(crate) on_start: Option<Hook>,
    pub(crate) on_stop: Option<Hook>,
}

/// Starts the thread; `presence` is told what came of it, and is dropped when the thread ends.
pub(crate) fn start(
    shared: Arc<Shared>,
    options: ThreadOptions,
    mut presence: Presence,
) -> io::Result<RingThread> {
    let name = format!("{}-{}", options.name, shared.index);
    std::thread::Builder::new().name(name).spawn(move || {
        // Whatever a user's code does is caught where it is called. A panic that gets here is a
        // defect of ours, and to go on would break promises that memory safety rests on.
        let _guard = AbortOnPanic;
        let ring = live(&shared, &options, &mut presence);
        drop(shared);
        // What its tasks and operations were made of; other rings make do without.
        recycle::empty_depot();
        // Where nobody waits, who knows when somebody will.
        if presence.end() { ring } else { None }
    })
}

struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("ringpool: the loop of a ring has panicked, which is a defect; aborting");
            std::process::abort();
        }
    }
}

/// All of a ring's life, on its thread; gives what is left of it.
pub(crate) fn live(
    shared: &Arc<Shared>,
    options: &ThreadOptions,
    presence: &mut Presence,
) -> Option<RetiredRing> {
    let begun = begin(shared, options);
    let (local, spin) = match begun {
        Ok(begun) => begun,
        Err(error) => {
            shared.set_stopped();
            presence.report(Err(error));
            return None;
        }
    };
    let entered = context::enter(&local);
    let event_fd = match open_bell(&local, options) {
        Ok(event_fd) => event_fd,
        Err(error) => {
            shared.set_stopped();
            presence.report(Err(error));
            return None;
        }
    };
    presence.report(Ok(()));
    let mut worker = Worker {
        local: &local,
        event_fd,
        spin,
        reaped: Vec::new(),
        completes_at_once: false,
        turns: 0,
        own_first: 0,
    };
    let outcome = worker.run();
    if let Err(error) = &outcome {
        let index = shared.index;
        // Printing panics where stderr is gone.
        let _ = shielded(|| eprintln!("ringpool: ring {index} fails and stops: {error}"));
        shared.request_stop(Instant::now());
    }
    worker.stop();
    // Nobody is left to hear of it.
    let _ = call_hook(options.on_stop.as_ref(), shared.index);
    // What the hook has spawned.
    shutdown::end_everything(&local);
    drop(entered);
    let ring = local.ring.into_inner().retire();
    // Nobody joins a thread whose ring has failed, before the pool ends.
    outcome.is_ok().then_some(ring)
}

/// Pins the thread and makes its ring.
fn begin(shared: &Arc<Shared>, options: &ThreadOptions) -> io::Result<(Local, SpinPolicy)> {
    if let Some(core) = shared.core
        && !pin_to(core)
    {
        let message = format!("thread {} could not be pinned to core {core}", shared.index);
        return Err(io::Error::other(message));
    }
    let ring = Ring::new(open(&options.ring)?);
    call_hook(options.on_start.as_ref(), shared.index)?;
    let local = Local {
        mailbox: shared.mailbox,
        shared: shared.clone(),
        peers: options.peers.clone(),
        ready: Ready::new(options.peers.len() > 1, options.soon_ns),
        live: LiveTasks::default(),
        ring: RefCell::new(ring),
        timers: RefCell::new(TimerHeap::default()),
        current: Cell::new(None),
        ends_turn: Cell::new(false),
        look_again_ns: Cell::new(0),
        destination: Cell::new(None),
        now: Cell::new(Moment::now()),
        awaited_pools: AwaitedPools::default(),
        looks: Looks::default(),
        stopping: Cell::new(false),
        trace: Tracer::default(),
    };
    let spin = if options.busy_poll {
        SpinPolicy::always()
    } else {
        SpinPolicy::new(options.spin_before_sleep)
    };
    Ok((local, spin))
}

/// From here on the ring can be reached.
fn open_bell(local: &Local, options: &ThreadOptions) -> io::Result<std::os::fd::OwnedFd> {
    use std::os::fd::AsRawFd;

    let event_fd = doorbell::new_eventfd()?;
    let mut ring = local.ring.borrow_mut();
    ring.watch_eventfd(&event_fd);
    ring.enter()?;
    let ring_fd = uses_messages(options.doorbell, ring.features()).then(|| ring.fd());
    local.mailbox.gate.open(ring_fd, event_fd.as_raw_fd());
    local.mailbox.inbox.open();
    Ok(event_fd)
}

fn uses_messages(doorbell: Doorbell, features: &Features) -> bool {
    match doorbell {
        Doorbell::MsgRing => true,
        Doorbell::EventFd => false,
        Doorbell::Automatic => match std::env::var("RINGPOOL_DOORBELL").as_deref() {
            Ok("eventfd") => false,
            Ok("msg_ring") => true,
            _ => features.fast_msg_ring,
        },
    }
}
