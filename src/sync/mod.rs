//! Locks and signals between tasks on any ring, on any executor, and plain threads.

mod barrier;
mod event;
mod latch;
mod notify;
mod waiting;

pub use self::barrier::{Barrier, BarrierWait, BarrierWaitResult};
pub use self::event::{Event, EventWait};
pub use self::latch::{Latch, LatchWait};
pub use self::notify::{Notified, Notify};
