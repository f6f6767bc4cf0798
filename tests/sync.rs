//! Locks and signals from outside: one file a primitive, each test a situation.

#[path = "common/mod.rs"]
mod common;
#[path = "channel/support.rs"]
#[allow(dead_code, reason = "it is for the tests of the channel too")]
mod support;

#[path = "sync/barrier.rs"]
mod barrier;
#[path = "sync/condvar.rs"]
mod condvar;
#[path = "sync/event.rs"]
mod event;
#[path = "sync/latch.rs"]
mod latch;
#[path = "sync/mutex.rs"]
mod mutex;
#[path = "sync/mutex_threads.rs"]
mod mutex_threads;
#[path = "sync/notify.rs"]
mod notify;
#[path = "sync/once_cell.rs"]
mod once_cell;
#[path = "sync/rwlock.rs"]
mod rwlock;
#[path = "sync/semaphore.rs"]
mod semaphore;
#[path = "sync/semaphore_random.rs"]
mod semaphore_random;
#[path = "sync/signal_churn.rs"]
mod signal_churn;
#[path = "sync/wakers.rs"]
mod wakers;
