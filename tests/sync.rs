//! Locks and signals from outside: one file a primitive, each test a situation.

#[path = "common/mod.rs"]
mod common;
#[path = "channel/support.rs"]
#[allow(dead_code, reason = "it is for the tests of the channel too")]
mod support;

#[path = "sync/mutex.rs"]
mod mutex;
#[path = "sync/mutex_threads.rs"]
mod mutex_threads;
#[path = "sync/rwlock.rs"]
mod rwlock;
#[path = "sync/semaphore.rs"]
mod semaphore;
#[path = "sync/semaphore_random.rs"]
mod semaphore_random;
#[path = "sync/wakers.rs"]
mod wakers;
