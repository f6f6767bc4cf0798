//! What a ring's thread writes down while it is traced.
//!
//! As long as it is not, each of these is one branch on a cell of the thread's own.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::mem;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::sync::{Arc, Weak};
use std::time::Instant;

use super::buffer::Buffer;
use super::event::{Doing, Event, How, TaskMark, What};
use super::session::Session;
use crate::inbox::{Message, Node};
use crate::mailbox::Mailbox;
use crate::task::header::Header;
use crate::time::since_start_ns;

/// A ring's place for a recorder; no user code runs while it is borrowed.
#[derive(Default)]
pub(crate) struct Tracer {
    is_on: Cell<bool>,
    recorder: RefCell<Option<Recorder>>,
}

/// The hooks. What they do while a trace is taken is kept out of the functions that call them, and
/// is handed values only, so that these functions stay as they are.
impl Tracer {
    /// A task is about to be polled.
    #[inline]
    pub(crate) fn poll_begins(&self, task: &Header) {
        if self.is_on.get() {
            self.note_task(Doing::Poll, task);
        }
    }

    /// The future of a cancelled task is about to be dropped.
    #[inline]
    pub(crate) fn drop_begins(&self, task: &Header) {
        if self.is_on.get() {
            self.note_task(Doing::Drop, task);
        }
    }

    /// The thread is about to block in the kernel.
    #[inline]
    pub(crate) fn sleep_begins(&self) {
        if self.is_on.get() {
            self.note_wait(Doing::Sleep);
        }
    }

    /// The thread is about to wait awake.
    #[inline]
    pub(crate) fn spin_begins(&self) {
        if self.is_on.get() {
            self.note_wait(Doing::Spin);
        }
    }

    /// What has begun last is over; whether the task it was about has finished.
    #[inline]
    pub(crate) fn ends(&self, finished: bool) {
        if self.is_on.get() {
            self.note_end(finished);
        }
    }

    /// A message is about to be delivered.
    #[inline]
    pub(crate) fn delivered(&self, message: &Message) {
        if self.is_on.get() {
            self.note_point(What::Delivered { node: message.address() as u64 });
        }
    }

    /// The message that is being delivered has brought a task.
    #[inline]
    pub(crate) fn arrived(&self, task: &Header, how: How) {
        if self.is_on.get() {
            self.note_arrival(task, how);
        }
    }

    /// A task is about to become this ring's, which was laid out by another one.
    #[inline]
    pub(crate) fn taken(&self, task: &Header) {
        if self.is_on.get() {
            self.note_taken(task);
        }
    }

    /// A task is about to be laid out for other rings to take.
    #[inline]
    pub(crate) fn laid_out(&self, task: &Header) {
        if self.is_on.get() {
            self.note_point(What::LaidOut { task: task.identity().0.get() });
        }
    }

    /// A message is about to be sent; on `false` this ring is not traced together with that one.
    pub(super) fn sent(&self, node: NonNull<Node>, to: &'static Mailbox) -> bool {
        let mut recorder = self.recorder.borrow_mut();
        let Some(recorder) = recorder.as_mut() else { return false };
        let Some(to) = recorder.session.index_of(to) else { return false };
        recorder.point(What::Sent { node: node.as_ptr().addr() as u64, to });
        true
    }

    #[cold]
    #[inline(never)]
    fn note_task(&self, doing: Doing, task: &Header) {
        self.record(|recorder| {
            let task = recorder.mark(task);
            recorder.begin(What::TaskBegins { doing, task });
        });
    }

    #[cold]
    #[inline(never)]
    fn note_wait(&self, doing: Doing) {
        self.record(|recorder| recorder.begin(What::WaitBegins { doing }));
    }

    #[cold]
    #[inline(never)]
    fn note_end(&self, finished: bool) {
        self.record(|recorder| recorder.end(finished));
    }

    #[cold]
    #[inline(never)]
    fn note_point(&self, what: What) {
        self.record(|recorder| recorder.point(what));
    }

    #[cold]
    #[inline(never)]
    fn note_arrival(&self, task: &Header, how: How) {
        self.record(|recorder| {
            let task = recorder.mark(task);
            recorder.point(What::Arrived { task, how });
        });
    }

    #[cold]
    #[inline(never)]
    fn note_taken(&self, task: &Header) {
        self.record(|recorder| {
            let giver = recorder.session.index_of(task.address());
            // One of another pool cannot be; and there are not so many rings.
            let from = giver.and_then(|ring| ring.try_into().ok()).unwrap_or(u16::MAX);
            let task = recorder.mark(task);
            recorder.point(What::Arrived { task, how: How::Shed { from } });
        });
    }

    fn record(&self, write: impl FnOnce(&mut Recorder)) {
        self.recorder.borrow_mut().as_mut().map(write);
    }

    /// Records from here on, as ring `index` of the session, unless that is over.
    pub(super) fn begin(&self, session: &Weak<Session>, index: usize) {
        let Some(session) = session.upgrade() else { return };
        let recorder = Recorder::new(session, index);
        recorder.buffer().begin(now_ns());
        *self.recorder.borrow_mut() = Some(recorder);
        self.is_on.set(true);
    }

    /// Records nothing more.
    pub(super) fn end(&self) {
        self.is_on.set(false);
        let recorder = self.recorder.take();
        drop(recorder);
    }
}

/// Writes the events of one ring.
struct Recorder {
    session: Arc<Session>,
    index: usize,
    /// The beginning of something has been recorded, and its end has not: room is kept for it.
    is_open: bool,
    /// An event has found no room: nothing is recorded any more but the end of what is open.
    is_full: bool,
    /// Tasks whose names the buffer has.
    named: HashSet<u64>,
    /// The indices of places by their addresses, and the one asked for last.
    places: HashMap<usize, u32>,
    last_place: (usize, u32),
}

impl Recorder {
    fn new(session: Arc<Session>, index: usize) -> Self {
        Self {
            session,
            index,
            is_open: false,
            is_full: false,
            named: HashSet::new(),
            places: HashMap::new(),
            last_place: (0, 0),
        }
    }

    fn buffer(&self) -> &Buffer {
        &self.session.rings[self.index]
    }

    /// Something begins that will end. Nothing else is open.
    fn begin(&mut self, what: What) {
        self.is_open = self.has_room(2);
        if self.is_open { self.push(what) } else { self.buffer().dropped.add(1) }
    }

    fn end(&mut self, finished: bool) {
        let was_open = mem::take(&mut self.is_open);
        let what = What::Ends { finished };
        if was_open { self.push(what) } else { self.buffer().dropped.add(1) }
    }

    /// Something that takes no time.
    fn point(&mut self, what: What) {
        if self.has_room(1 + usize::from(self.is_open)) {
            self.push(what);
        } else {
            self.buffer().dropped.add(1);
        }
    }

    /// Once there is no room, there is none: what comes after a gap would be taken for the truth.
    fn has_room(&mut self, count: usize) -> bool {
        self.is_full = self.is_full || self.buffer().room() < count;
        !self.is_full
    }

    fn push(&self, what: What) {
        self.buffer().push(Event { at_ns: now_ns(), what });
    }

    fn mark(&mut self, task: &Header) -> TaskMark {
        let (id, name, spawned_at) = task.identity();
        let id = id.get();
        if let Some(name) = name
            && !self.is_full
            && self.named.insert(id)
        {
            self.buffer().add_name(id, name);
        }
        TaskMark { id, place: self.place(spawned_at) }
    }

    fn place(&mut self, place: &'static Location<'static>) -> u32 {
        let address = ptr::from_ref(place).addr();
        if self.last_place.0 != address {
            let known = self.places.get(&address).copied();
            let index = known.unwrap_or_else(|| self.buffer().add_place(place));
            self.places.insert(address, index);
            self.last_place = (address, index);
        }
        self.last_place.1
    }
}

pub(super) fn now_ns() -> u64 {
    since_start_ns(Instant::now())
}
