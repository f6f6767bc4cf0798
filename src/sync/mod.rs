//! Locks and signals between tasks on any ring, on any executor, and plain threads.

mod barrier;
mod error;
mod event;
mod latch;
mod mutex;
mod notify;
mod once_cell;
mod permit;
mod permits;
mod semaphore;
mod turns;
mod waiting;

pub use self::barrier::{Barrier, BarrierWait, BarrierWaitResult};
pub use self::error::{AcquireError, AcquireTimeoutError, TimedOut, TryAcquireError, TryLockError};
pub use self::event::{Event, EventWait};
pub use self::latch::{Latch, LatchWait};
pub use self::mutex::{LockFuture, Mutex, MutexGuard, OwnedMutexGuard};
pub use self::notify::{Notified, Notify};
pub use self::once_cell::{OnceCell, OnceCellWait, SetError};
pub use self::permit::{OwnedSemaphorePermit, SemaphorePermit};
pub use self::semaphore::{AcquireFuture, Semaphore};
