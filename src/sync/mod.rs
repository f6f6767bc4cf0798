//! Locks and signals between tasks on any ring, on any executor, and plain threads.

mod error;
mod mutex;
mod permit;
mod permits;
mod semaphore;
mod waiting;

pub use self::error::{AcquireError, AcquireTimeoutError, TimedOut, TryAcquireError, TryLockError};
pub use self::mutex::{LockFuture, Mutex, MutexGuard, OwnedMutexGuard};
pub use self::permit::{OwnedSemaphorePermit, SemaphorePermit};
pub use self::semaphore::{AcquireFuture, Semaphore};
