//! Locks and signals between tasks on any ring, on any executor, and plain threads.

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
