//! Locks and signals between tasks on any ring, on any executor, and plain threads.

mod error;
mod mutex;
mod permit;
mod permits;
#[cfg(all(test, ringpool_loom))]
mod permits_models;
mod rwlock;
mod rwlock_guards;
mod semaphore;
mod waiting;

pub use self::error::{AcquireError, AcquireTimeoutError, TimedOut, TryAcquireError, TryLockError};
pub use self::mutex::{LockFuture, Mutex, MutexGuard, OwnedMutexGuard};
pub use self::permit::{OwnedSemaphorePermit, SemaphorePermit};
pub use self::rwlock::{ReadFuture, RwLock, WriteFuture};
pub use self::rwlock_guards::{
    OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLockReadGuard, RwLockWriteGuard,
};
pub use self::semaphore::{AcquireFuture, Semaphore};
