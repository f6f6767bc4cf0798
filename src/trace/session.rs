//! What belongs to one trace of a pool, and how senders find it.
//!
//! A ring's thread has a recorder of its own. Messages may also come from threads without a ring,
//! or from another pool's: these look at the mailbox they send to.

use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::buffer::Buffer;
use super::event::{Event, What};
use super::recorder::now_ns;
use crate::context;
use crate::inbox::Node;
use crate::mailbox::Mailbox;
use crate::primitives::unpoisoned;

/// One trace of a pool.
pub(super) struct Session {
    pub(super) mailboxes: Vec<&'static Mailbox>,
    /// What each ring has recorded.
    pub(super) rings: Vec<Buffer>,
    /// What was sent by threads that are no ring of this pool.
    pub(super) others: Buffer,
    /// Whoever writes to `others`.
    turn: Mutex<()>,
    /// When it began.
    pub(super) began_ns: u64,
}

impl Session {
    pub(super) fn new(mailboxes: Vec<&'static Mailbox>, events_max: usize) -> Self {
        Self {
            rings: mailboxes.iter().map(|_| Buffer::new(events_max)).collect(),
            mailboxes,
            others: Buffer::new(events_max),
            turn: Mutex::new(()),
            began_ns: now_ns(),
        }
    }

    /// Which of our rings it is.
    pub(super) fn index_of(&self, mailbox: *const Mailbox) -> Option<u32> {
        let index = self.mailboxes.iter().position(|own| ptr::eq(*own, mailbox));
        index.map(|index| index as u32)
    }

    fn sent_from_elsewhere(&self, node: NonNull<Node>, to: &'static Mailbox) {
        let Some(to) = self.index_of(to) else { return };
        if self.index_of(context::here()).is_some() {
            // A ring of this pool that has not begun to record.
            return;
        }
        let what = What::Sent { node: node.as_ptr().addr() as u64, to };
        let _turn = unpoisoned(self.turn.lock());
        if self.others.room() > 0 {
            self.others.push(Event { at_ns: now_ns(), what });
        } else {
            self.others.dropped.add(1);
        }
    }
}

/// Where a mailbox says that its ring is traced.
pub(crate) struct Tap {
    is_on: AtomicBool,
    session: Mutex<Option<Arc<Session>>>,
}

impl Tap {
    pub(crate) const fn new() -> Self {
        Self { is_on: AtomicBool::new(false), session: Mutex::new(None) }
    }

    /// Whether senders are to call [`sent`].
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        // Ordering: Acquire, partner of the Release in `switch_on`: what is pushed by who sees it
        // comes after the message that told the ring to record.
        self.is_on.load(Ordering::Acquire)
    }

    /// Takes the mailbox for a session; on `false` it has one already.
    #[must_use]
    pub(super) fn claim(&self, session: &Arc<Session>) -> bool {
        let mut place = unpoisoned(self.session.lock());
        let is_free = place.is_none();
        if is_free {
            *place = Some(session.clone());
        }
        is_free
    }

    /// The ring has been told to record.
    pub(super) fn switch_on(&self) {
        // Ordering: Release, partner of the Acquire in `is_on`.
        self.is_on.store(true, Ordering::Release);
    }

    pub(super) fn switch_off(&self) {
        // Ordering: Relaxed: the lock in `give_up` orders it for those who take a session.
        self.is_on.store(false, Ordering::Relaxed);
    }

    /// The session is over.
    pub(super) fn give_up(&self) {
        let session = unpoisoned(self.session.lock()).take();
        drop(session);
    }
}

/// A message is about to be pushed to a mailbox whose tap is on.
#[cold]
pub(crate) fn sent(to: &'static Mailbox, node: NonNull<Node>) {
    let by_ring = context::with(|local| local.is_some_and(|local| local.trace.sent(node, to)));
    if !by_ring {
        let session = unpoisoned(to.tap.session.lock()).clone();
        // Again: it may be another session by now, which has not told the ring yet.
        if let Some(session) = session.filter(|_| to.tap.is_on()) {
            session.sent_from_elsewhere(node, to);
        }
    }
}
