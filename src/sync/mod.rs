//! Locks and signals between tasks on any ring, on any executor, and plain threads.
//!
//! | for | there is |
//! |---|---|
//! | one at a time | [`Mutex`] |
//! | one who writes, or many who read | [`RwLock`] |
//! | so many at a time | [`Semaphore`] |
//! | to wait until what a mutex guards has changed | [`Condvar`] |
//! | to tell that something has happened | [`Notify`], [`Event`] |
//! | to wait for each other, or for so many to be done | [`Barrier`], [`Latch`] |
//! | a value that is made once | [`OnceCell`] |
//!
//! # What holds for all of them
//!
//! * **Nothing is bound to an executor**: the futures need a [`Waker`](std::task::Waker) and no
//!   more. A task may move to another ring while it waits, or while it holds a guard; it is woken
//!   where it lives by then, through the inbox of that ring.
//! * **First come, first served.** What a waiter is due is put into its hands before it is woken,
//!   and nobody overtakes. What counts is who was in line first; before they go there, waits for
//!   locks and permits look on for a moment.
//! * **Dropping a wait loses its place in line and nothing else.** What it had been handed and did
//!   not take goes to the next in line. So each wait may lose a race, be given a time limit by
//!   [`time::timeout`](crate::time::timeout), or end with its cancelled task.
//! * **Plain threads wait in the same line**, by the forms whose names end in `_blocking` and
//!   `_timeout`. On the thread of a ring these panic, since every task there would stop.
//! * **A panic of anybody's leaves them whole.** Wakers are cloned, woken and dropped outside of
//!   all locks, and one that panics harms its own task only.
//!
//! # Who owns what
//!
//! The line of those who wait lives inside of the primitive, behind a lock that is held for a few
//! steps and never while anything of a user's runs. The future has the number of its entry, and
//! nothing in the primitive points to the future: it may be moved at any time, even after it was
//! polled. Those who need not wait touch neither lock nor line; but a [`Barrier`] counts under its
//! lock.
//!
//! So a waiting future that is leaked ([`std::mem::forget`]) leaves its entry behind, which is
//! served as any other, once: a leaked wait for a lock or a permit is as a leaked guard or permit.

mod barrier;
mod condvar;
#[cfg(all(test, ringpool_loom))]
mod condvar_models;
mod error;
mod event;
#[cfg(all(test, ringpool_loom))]
mod event_models;
mod latch;
#[cfg(all(test, ringpool_loom))]
mod meeting_models;
mod mutex;
mod notify;
#[cfg(all(test, ringpool_loom))]
mod notify_models;
mod once_cell;
#[cfg(all(test, ringpool_loom))]
mod once_cell_models;
mod permit;
mod permits;
#[cfg(all(test, ringpool_loom))]
mod permits_models;
mod rwlock;
mod rwlock_guards;
mod semaphore;
mod taker;
mod turns;
pub(crate) mod waiting;

pub use self::barrier::{Barrier, BarrierWait, BarrierWaitResult};
pub use self::condvar::{Condvar, CondvarWait, WaitTimeoutResult};
pub use self::error::{
    AcquireError, AcquireTimeoutError, SetError, TimedOut, TryAcquireError, TryLockError,
};
pub use self::event::{Event, EventWait};
pub use self::latch::{Latch, LatchWait};
pub use self::mutex::{LockFuture, Mutex, MutexGuard, OwnedMutexGuard};
pub use self::notify::{Notified, Notify};
pub use self::once_cell::{OnceCell, OnceCellWait};
pub use self::permit::{OwnedSemaphorePermit, SemaphorePermit};
pub use self::rwlock::{ReadFuture, RwLock, WriteFuture};
pub use self::rwlock_guards::{
    OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLockReadGuard, RwLockWriteGuard,
};
pub use self::semaphore::{AcquireFuture, Semaphore};
