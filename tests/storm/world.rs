//! What the tasks of the storm share, and the book that is kept about what must not be lost.

use std::io::{self, PipeReader, PipeWriter};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use ringpool::net::TcpListener;
use ringpool::op::SharedFd;
use ringpool::sync::{Mutex, Notify, Semaphore};
use ringpool::{Channel, Pool, Runtime};

use crate::common::*;

/// Items that one task sends at most.
const ITEMS_OF_A_TASK: usize = 3;

/// Permits there are.
pub(crate) const PERMITS: usize = 4;

/// What all tasks know.
pub(crate) struct World {
    pub(crate) runtimes: Vec<Runtime>,
    pub(crate) listener: TcpListener,
    pub(crate) address: SocketAddr,
    /// A pipe into which nobody writes.
    pub(crate) silent: SharedFd,
    _writer: PipeWriter,
    pub(crate) items: Channel<Item>,
    pub(crate) lock: Mutex<u64>,
    pub(crate) permits: Semaphore,
    pub(crate) signal: Notify,
    pub(crate) ledger: Arc<Ledger>,
}

impl World {
    pub(crate) fn new(pool: &Pool, tasks: usize) -> Self {
        let (reader, writer) = io::pipe().expect("a pipe");
        let listener = pool.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port is free");
        Self {
            runtimes: pool.runtimes().to_vec(),
            address: listener.local_addr().expect("it is bound"),
            listener,
            silent: shared(reader),
            _writer: writer,
            items: Channel::bounded(4),
            lock: Mutex::new(0),
            permits: Semaphore::new(PERMITS),
            signal: Notify::new(),
            ledger: Arc::new(Ledger::new(tasks * ITEMS_OF_A_TASK)),
        }
    }

    /// Takes what is left in the channel, and looks whether the locks are free; the rest goes.
    pub(crate) fn end(self) {
        assert!(self.lock.try_lock().is_ok(), "the lock is lost");
        assert_eq!(self.permits.available_permits(), PERMITS, "permits are lost");
        while let Ok(item) = self.items.try_recv() {
            self.ledger.received(&item);
        }
    }

    pub(crate) async fn send_some(&self) {
        for _ in 0..ITEMS_OF_A_TASK {
            let item = self.ledger.make_item();
            let number = item.number;
            self.items.send(item).await.expect("the channel is open");
            self.ledger.note(number, ACCEPTED);
        }
    }
}

pub(crate) fn shared(reader: PipeReader) -> SharedFd {
    SharedFd::from(OwnedFd::from(reader))
}

/// Something that is sent, and counted until it is dropped.
pub(crate) struct Item {
    number: usize,
    _dropped: CountsDrop,
}

/// Who sent it knows that the channel took it.
const ACCEPTED: u8 = 1;
/// It came out of the channel.
const RECEIVED: u8 = 2;

/// What must come out even.
#[derive(Default)]
pub(crate) struct Ledger {
    begun: Count,
    /// Tasks that had begun to wait before they were cancelled.
    pub(crate) polled: Count,
    ended: Count,
    /// What became of each item.
    items: Vec<AtomicU8>,
    items_made: AtomicUsize,
    items_dropped: Count,
    pub(crate) connected: Count,
    pub(crate) accepted: Count,
}

impl Ledger {
    fn new(items: usize) -> Self {
        Self { items: (0..items).map(|_| AtomicU8::new(0)).collect(), ..Self::default() }
    }

    /// The life of one task's future.
    pub(crate) fn begin(&self) -> CountsDrop {
        self.begun.add();
        self.ended.on_drop()
    }

    pub(crate) fn alive(&self) -> usize {
        // In this order, lest one seems to have ended that had not begun.
        let ended = self.ended.get();
        self.begun.get() - ended
    }

    fn make_item(&self) -> Item {
        let number = self.items_made.fetch_add(1, Ordering::SeqCst);
        Item { number, _dropped: self.items_dropped.on_drop() }
    }

    pub(crate) fn received(&self, item: &Item) {
        self.note(item.number, RECEIVED);
    }

    fn note(&self, number: usize, what: u8) {
        let before = self.items[number].fetch_or(what, Ordering::SeqCst);
        assert_eq!(before & what, 0, "twice: item {number}");
    }

    /// That all has come out even, when everything is over.
    pub(crate) fn check(&self) {
        assert_eq!(self.alive(), 0, "futures are left");
        let made = self.items_made.load(Ordering::SeqCst);
        assert_eq!(self.items_dropped.get(), made, "items dropped, and made");
        let lost = self.items.iter().filter(|item| item.load(Ordering::SeqCst) == ACCEPTED);
        assert_eq!(lost.count(), 0, "items are lost that the channel had accepted");
        assert_eq!(self.accepted.get(), self.connected.get(), "accepted, and connected");
    }
}
