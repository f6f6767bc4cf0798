//! Rings whose threads are shuttle's.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use shuttle::thread::{self, JoinHandle, Thread};

use crate::Runtime;
use crate::attendance::Attendance;
use crate::balance::Balance;
use crate::balance::board::Board;
use crate::blocking::{BlockingOptions, BlockingPool};
use crate::builder::Doorbell;
use crate::mailbox::Mailbox;
use crate::ring::RingOptions;
use crate::runtime::{Shared, deadline_after};
use crate::thread::{ThreadOptions, live};

thread_local! {
    /// Which thread of the run sleeps behind which mailbox.
    static SLEEPERS: RefCell<HashMap<usize, Thread>> = RefCell::new(HashMap::new());
}

fn address_of(mailbox: &'static Mailbox) -> usize {
    ptr::from_ref(mailbox).addr()
}

/// Wakes the thread of the mailbox, if it has begun and has not ended.
pub(crate) fn ring_bell(mailbox: &'static Mailbox) {
    let sleeper = SLEEPERS.with_borrow(|sleepers| sleepers.get(&address_of(mailbox)).cloned());
    sleeper.inspect(Thread::unpark);
}

/// As a `Pool`, for as long as one run lasts.
pub(super) struct Rings {
    pub(super) runtimes: Vec<Runtime>,
    threads: Vec<JoinHandle<()>>,
}

impl Rings {
    pub(super) fn new(count: usize) -> Self {
        Self::with_balance(count, Balance::Manual)
    }

    pub(super) fn with_balance(count: usize, balance: Balance) -> Self {
        let blocking = Arc::new(BlockingPool::new(BlockingOptions {
            thread_limit: 1,
            keep_alive: Duration::ZERO,
            thread_name: "never-started".to_owned(),
            cores: None,
        }));
        let board = Arc::new(Board::new(count));
        let new_shared =
            |index| Arc::new(Shared::new(index, None, blocking.clone(), (balance, board.clone())));
        let rings: Vec<_> = (0..count).map(new_shared).collect();
        let peers = if balance == Balance::Shed { rings.clone() } else { Vec::new() }.into();
        let (runtimes, threads) = rings.into_iter().map(|shared| start(shared, &peers)).unzip();
        Self { runtimes, threads }
    }

    /// Any of them.
    pub(super) fn any(&self) -> &Runtime {
        &self.runtimes[super::below(self.runtimes.len())]
    }

    /// Stops them all and waits for their threads.
    pub(super) fn stop(self) {
        let deadline = deadline_after(Duration::from_secs(60));
        self.runtimes.iter().for_each(|runtime| runtime.shared().request_stop(deadline));
        for thread in self.threads {
            thread.join().expect("the loop of a ring does not panic");
        }
        for runtime in self.runtimes {
            let metrics = runtime.metrics();
            assert_eq!(metrics.tasks_alive, 0);
            assert_eq!(metrics.operations_started, metrics.operations_completed);
        }
    }
}

fn start(shared: Arc<Shared>, peers: &Arc<[Arc<Shared>]>) -> (Runtime, JoinHandle<()>) {
    let runtime = Runtime::new(shared.clone());
    let attendance = Arc::new(Attendance::default());
    let mut presence = attendance.admit();
    let options = ThreadOptions {
        name: "a-ring".to_owned(),
        ring: RingOptions { submission_entries: 8, completion_entries: 32, ..Default::default() },
        spin_before_sleep: Duration::ZERO,
        busy_poll: false,
        doorbell: Doorbell::Automatic,
        peers: peers.clone(),
        soon_ns: 0,
        on_start: None,
        on_stop: None,
    };
    let mailbox = address_of(shared.mailbox);
    let thread = thread::spawn(move || {
        SLEEPERS.with_borrow_mut(|sleepers| sleepers.insert(mailbox, thread::current()));
        drop(live(&shared, &options, &mut presence));
        SLEEPERS.with_borrow_mut(|sleepers| sleepers.remove(&mailbox));
    });
    loop {
        if let Some(started) = attendance.outcome() {
            started.expect("io_uring works here");
            return (runtime, thread);
        }
        thread::yield_now();
    }
}
