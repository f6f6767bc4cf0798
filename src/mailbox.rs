//! Where a ring can be reached: its inbox and its bell.
//!
//! # Why mailboxes are never freed
//!
//! Whoever wakes a task reads the task's address, pushes, and then may have to ring the bell. All
//! that time it holds nothing that keeps the ring alive: counting would cost two locked
//! instructions a wake. So mailboxes live for ever, and a pool that ends gives its own back for the
//! next pool to use. A latecomer can therefore reach a mailbox that has another owner by now:
//!
//! * its push meets a closed inbox (and it takes its node back), or the inbox of the new owner,
//!   which delivers the node by what the node itself says: it finds the task complete and lets go;
//! * its bell meets a closed [`BellGate`], or rings a ring that has nothing to do: a spurious wake.
//!
//! The gate is what protects the descriptors: they are closed only when the gate is shut and
//! nobody is inside, so a number that the kernel gave to somebody else is never rung.
//!
//! A [`Runtime`](crate::Runtime) handle keeps its mailbox from being reused, so what is sent while
//! there is a handle never reaches another owner.

use std::mem::offset_of;
use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use crate::context::{self, Local};
use crate::inbox::{Closed, Inbox, Node, Pushed};
use crate::metrics::OutsideCounters;
use crate::primitives::unpoisoned;
use crate::ring::doorbell;
use crate::trace::{self, Tap};

/// The address of a ring; see the module's page.
#[repr(align(128))]
pub(crate) struct Mailbox {
    pub(crate) inbox: Inbox,
    pub(crate) gate: BellGate,
    /// Beside the inbox, whose cache line the sender has in any case.
    pub(crate) outside: OutsideCounters,
    /// Whether messages to here are noted.
    pub(crate) tap: Tap,
}

static UNUSED: Mutex<Vec<&'static Mailbox>> = Mutex::new(Vec::new());

impl Mailbox {
    /// A closed mailbox that nobody else owns.
    pub(crate) fn acquire() -> &'static Self {
        let reused = unpoisoned(UNUSED.lock()).pop();
        if let Some(mailbox) = reused {
            mailbox.outside.reset();
            return mailbox;
        }
        let (inbox, gate, outside) = (Inbox::new(), BellGate::new(), OutsideCounters::default());
        Box::leak(Box::new(Self { inbox, gate, outside, tap: Tap::new() }))
    }

    /// The owner is gone, and the last handle with it.
    pub(crate) fn give_back(&'static self) {
        unpoisoned(UNUSED.lock()).push(self);
    }

    /// Sends a message, and wakes the ring if it sleeps.
    ///
    /// # Safety
    ///
    /// As for [`Inbox::push`].
    #[inline]
    pub(crate) unsafe fn send(&'static self, node: NonNull<Node>) -> Result<(), Closed> {
        if self.tap.is_on() {
            trace::sent(self, node);
        }
        // Before it is there, so that nobody receives what nobody has sent.
        context::with(|sender| match sender {
            Some(sender) => sender.counters().messages_sent.add(1),
            None => self.outside.messages.add(1),
        });
        // SAFETY: the caller's promise.
        match unsafe { self.inbox.push(node) } {
            Ok(Pushed::Quiet) => Ok(()),
            Ok(Pushed::RingTheBell) => {
                doorbell::ring(self);
                Ok(())
            }
            Err(Closed) => {
                self.count_refused();
                Err(Closed)
            }
        }
    }

    /// A message that was counted as sent came back.
    #[cold]
    fn count_refused(&self) {
        context::with(|sender| match sender {
            Some(sender) => sender.counters().messages_sent.subtract(1),
            None => self.outside.messages.subtract(1),
        });
    }
}

/// Work for a ring's own thread, under way to it.
#[repr(C)]
struct Errand<F> {
    node: Node,
    work: F,
}

impl Mailbox {
    /// Does something on the ring's own thread: at once if that is the calling one, and else when
    /// the message comes in. If the ring has stopped, the work is dropped.
    pub(crate) fn run_at_home<F: FnOnce(&Local) + Send + 'static>(&'static self, work: F) {
        if std::ptr::eq(self, context::here()) {
            return context::with(|local| work(local.expect("the thread has a ring")));
        }
        self.run_in_its_turn(work);
    }

    /// As [`run_at_home`](Self::run_at_home), but by a message in any case. Says whether it was
    /// sent.
    pub(crate) fn run_in_its_turn<F>(&'static self, work: F) -> bool
    where
        F: FnOnce(&Local) + Send + 'static,
    {
        let errand = Box::new(Errand { node: Node::new(deliver_errand::<F>), work });
        let errand = NonNull::from(Box::leak(errand));
        // SAFETY: a field of the errand, whose address leads back to all of it.
        let node = unsafe { NonNull::new_unchecked(&raw mut (*errand.as_ptr()).node) };
        // SAFETY: the errand stays until it is delivered, and is sent once.
        let sent = unsafe { self.send(node) }.is_ok();
        if !sent {
            // SAFETY: it was not sent, so it is ours.
            drop(unsafe { Box::from_raw(errand.as_ptr()) });
        }
        sent
    }
}

/// An errand came out of our inbox.
///
/// # Safety
///
/// As for every function given to `Node::new`: `node` is the node it was given for.
unsafe fn deliver_errand<F: FnOnce(&Local)>(node: NonNull<Node>) {
    // SAFETY: this function is only ever given to the `node` of such an errand.
    let errand = unsafe { node.byte_sub(offset_of!(Errand<F>, node)) }.cast::<Errand<F>>();
    // SAFETY: it was leaked to be sent, and comes out once.
    let Errand { work, .. } = *unsafe { Box::from_raw(errand.as_ptr()) };
    context::with(|local| work(local.expect("messages are delivered on a ring's thread")));
}

/// The descriptors of a ring's bell, and who is using them.
pub(crate) struct BellGate {
    /// Who is inside, and [`SHUT`].
    inside: AtomicU32,
    ring_fd: AtomicI32,
    event_fd: AtomicI32,
}

const SHUT: u32 = 1 << 31;

/// The descriptors, for as long as this value lives.
pub(crate) struct OpenBell<'a> {
    gate: &'a BellGate,
    /// The ring, if MSG_RING is to be used.
    pub(crate) ring_fd: Option<i32>,
    /// The eventfd that the ring polls.
    pub(crate) event_fd: i32,
}

impl BellGate {
    fn new() -> Self {
        let none = || AtomicI32::new(-1);
        Self { inside: AtomicU32::new(SHUT), ring_fd: none(), event_fd: none() }
    }

    /// Owner: the bell works from now on. Without `ring_fd` only the eventfd is used.
    pub(crate) fn open(&self, ring_fd: Option<i32>, event_fd: i32) {
        // Ordering: Relaxed, published by the Release below.
        self.ring_fd.store(ring_fd.unwrap_or(-1), Ordering::Relaxed);
        // Ordering: Relaxed, published by the Release below.
        self.event_fd.store(event_fd, Ordering::Relaxed);
        // Ordering: Release, partner of the Acquire in `enter`: who finds the gate open sees the
        // numbers.
        self.inside.fetch_and(!SHUT, Ordering::Release);
    }

    /// Any thread: the descriptors, unless the owner has gone.
    pub(crate) fn enter(&self) -> Option<OpenBell<'_>> {
        // Ordering: Acquire, partner of the Release in `open`.
        let before = self.inside.fetch_add(1, Ordering::Acquire);
        // Ordering: Relaxed: ordered by the Acquire above.
        let ring_fd = self.ring_fd.load(Ordering::Relaxed);
        let bell = OpenBell {
            gate: self,
            ring_fd: (ring_fd >= 0).then_some(ring_fd),
            // Ordering: Relaxed: ordered by the Acquire above.
            event_fd: self.event_fd.load(Ordering::Relaxed),
        };
        (before & SHUT == 0).then_some(bell)
    }

    /// Owner: from here on MSG_RING is not used for this bell any more.
    pub(crate) fn use_eventfd_only(&self) {
        // Ordering: Relaxed: an optimisation; a ring that is rung once more by MSG_RING answers
        // with one more failure.
        self.ring_fd.store(-1, Ordering::Relaxed);
    }

    /// Owner: shuts the gate and waits until everybody has left; then the descriptors may be
    /// closed. Whoever is inside is in one short system call.
    pub(crate) fn shut(&self) {
        // Ordering: Acquire here and below, partner of the Release when an `OpenBell` is dropped:
        // its system call is over.
        let mut inside = self.inside.fetch_or(SHUT, Ordering::Acquire) & !SHUT;
        while inside != 0 {
            std::thread::yield_now();
            // Ordering: as above.
            inside = self.inside.load(Ordering::Acquire) & !SHUT;
        }
    }
}

impl Drop for OpenBell<'_> {
    fn drop(&mut self) {
        // Ordering: Release, partner of the Acquire in `shut`.
        self.gate.inside.fetch_sub(1, Ordering::Release);
    }
}
