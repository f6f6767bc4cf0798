//! Waiting for all, and in which order they ended.

use std::future::Future;

use super::combined::Combined;
use super::many::Many;
use super::rules::AllInOrder;
use super::{Futures, Parallel, ParallelAll};

/// Waits for all futures of a tuple, and gives what they gave, and their numbers in the order in
/// which they ended, counted from 0.
///
/// Those that have ended when they are looked at together are in the order of the tuple.
///
/// # Panics
///
/// As [`join`](super::join()).
///
/// # Cancel safety
///
/// As that of [`join`](super::join()).
///
/// # Examples
///
/// ```
/// use ringpool::{future, time};
/// use std::time::Duration;
///
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let slow = time::sleep(Duration::from_millis(2));
///     let ((slow, quick), order) = future::parallel((slow, async { 'q' })).await;
///     assert_eq!((slow, quick, order), ((), 'q', vec![1, 0]));
/// });
/// ```
pub fn parallel<F: Futures>(futures: F) -> Parallel<F> {
    let children = futures.into_children();
    let rule = AllInOrder::of(&children);
    Parallel(Combined::new(children, rule))
}

/// Waits for all futures, and gives what they gave, in their order, and their numbers in the order
/// in which they ended; of none, nothing.
///
/// # Panics
///
/// As [`join`](super::join()).
///
/// # Cancel safety
///
/// As that of [`join`](super::join()).
///
/// # Examples
///
/// ```
/// use ringpool::{future, time};
/// use std::time::Duration;
///
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let sleeps = [30, 1].map(|millis| time::sleep(Duration::from_millis(millis)));
///     let (_, order) = future::parallel_all(sleeps).await;
///     assert_eq!(order, [1, 0]);
/// });
/// ```
pub fn parallel_all<I>(futures: I) -> ParallelAll<I::Item>
where
    I: IntoIterator<Item: Future>,
{
    let children = Many::new(futures);
    let rule = AllInOrder::of(&children);
    ParallelAll(Combined::new(children, rule))
}
