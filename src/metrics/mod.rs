//! What rings count about themselves, always, and how it is read.
//!
//! A ring's thread alone writes the ring's counters, with plain stores, and looks at the clock for
//! one poll in many: so they are always on. Anybody reads them, through
//! [`Runtime::metrics`](crate::Runtime::metrics) or [`Pool::metrics`](crate::Pool::metrics), as
//! plain structs.
//!
//! # What adds up
//!
//! Everything is counted before its effect can be seen: a message before it is sent, a task that
//! leaves before it has left, an operation that has ended before anybody is told. So in a task
//! these hold exactly for the ring that it is on:
//!
//! * `tasks_spawned + arrivals + sheds_in`
//!   `= tasks_finished + tasks_alive + migrations + sheds_out`,
//! * of each family of operations, `started = completed + in_flight`;
//!
//! and for a pool on which nothing happens but what one task does, in addition:
//!
//! * [`PoolMetrics::messages_sent`] and [`PoolMetrics::messages_received`] are the same. (A message
//!   from a ring of one pool to that of another is counted as sent in the one, and as received in
//!   the other.)
//!
//! Elsewhere the numbers are read one after another while the rings go on, and nearly add up. Those
//! that say how things stand (`tasks_ready`, `timers`) and the number of system calls are as the
//! ring last said: it says so once a turn of its loop, and when its own metrics are read on it.
//!
//! # Examples
//!
//! ```
//! use ringpool::{Pool, op};
//!
//! # fn main() -> std::io::Result<()> {
//! let pool = Pool::new(2);
//! pool.block_on(op::nop())?;
//! let metrics = pool.metrics();
//! assert_eq!(metrics.total().operations.other.completed, 1);
//! assert_eq!(metrics.rings.len(), 2);
//! println!("{:.0} % busy", 100.0 * metrics.total().busy_share());
//! # Ok(())
//! # }
//! ```

mod counter;
mod counters;
mod operations;
mod poll_times;
mod pool;
#[cfg(feature = "prometheus")]
mod prometheus;
mod runtime;

pub(crate) use counter::Counter;
pub(crate) use counters::{Counters, OutsideCounters, publish};
pub use operations::{OperationCounts, OperationFamily, Operations};
pub use poll_times::PollTimes;
pub use pool::PoolMetrics;
#[cfg(feature = "prometheus")]
pub use prometheus::PROMETHEUS_CONTENT_TYPE;
pub use runtime::RuntimeMetrics;
