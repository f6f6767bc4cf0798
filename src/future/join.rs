//! Waiting for all.

use std::future::Future;

use super::combined::Combined;
use super::many::Many;
use super::rules::All;
use super::{Futures, Join, JoinAll};

/// Waits for all futures of a tuple, and gives what they gave.
///
/// # Panics
///
/// If one of them panics; the others have been dropped then, and what they left in the kernel is
/// back.
///
/// # Cancel safety
///
/// If it is dropped, all are dropped, with the outputs of those that have ended.
///
/// # Examples
///
/// ```
/// use ringpool::{fs, future};
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let both = (fs::read("/proc/version"), fs::read_to_string("/proc/uptime"));
///     let (version, uptime) = future::join(both).await;
///     assert!(!version?.is_empty() && uptime?.contains('.'));
///     Ok(())
/// })
/// # }
/// ```
pub fn join<F: Futures>(futures: F) -> Join<F> {
    let children = futures.into_children();
    let rule = All::of(&children);
    Join(Combined::new(children, rule))
}

/// Waits for all futures, and gives what they gave, in their order; of none, nothing.
///
/// # Panics
///
/// As [`join`].
///
/// # Cancel safety
///
/// As that of [`join`].
///
/// # Examples
///
/// ```
/// use ringpool::{Pool, future, spawn_on};
///
/// let pool = Pool::new(2);
/// pool.block_on(async {
///     let tasks = pool.runtimes().iter().map(|ring| spawn_on(ring, async { 21 }));
///     let halves = future::join_all(tasks).await;
///     assert_eq!(halves.into_iter().map(Result::unwrap).sum::<i32>(), 42);
/// });
/// ```
pub fn join_all<I>(futures: I) -> JoinAll<I::Item>
where
    I: IntoIterator<Item: Future>,
{
    let children = Many::new(futures);
    let rule = All::of(&children);
    JoinAll(Combined::new(children, rule))
}
