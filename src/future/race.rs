//! The first of several, and nothing left of the others.

use std::future::Future;

use super::combined::Combined;
use super::many::Many;
use super::rules::FirstAndRest;
use super::{Futures, Race, RaceAll};

/// Waits for the first future of a tuple to end; the others are dropped, and what they left in the
/// kernel is awaited. See [the module](super#awaited).
///
/// They are polled in the order of the tuple; of two that are ready the one before wins, and those
/// behind it are not polled any more. [`OneOf2::into_inner`](super::OneOf2::into_inner) and its
/// like give the output if all are of one type.
///
/// A race of operations loses what the losers have done. [`op::race`](crate::op::race) gives it
/// back.
///
/// # Panics
///
/// If one of them panics; the others have been dropped then, and what they left in the kernel is
/// back.
///
/// # Cancel safety
///
/// If it is dropped, all are dropped; if that is while it waits for what the losers left, the
/// output of the winner is lost as well.
///
/// # Examples
///
/// ```
/// use ringpool::future::{self, OneOf2};
/// use ringpool::op::{self, SharedFd};
/// use std::os::fd::OwnedFd;
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let (reader, _writer) = std::io::pipe()?;
/// let reader = SharedFd::from(OwnedFd::from(reader));
/// pool.block_on(async {
///     let read = op::read(&reader, vec![0; 10]);
///     let sleep = ringpool::time::sleep(Duration::from_millis(1));
///     let OneOf2::Second(()) = future::race((read, sleep)).await else {
///         panic!("nobody writes");
///     };
///     reader.try_into_owned().expect("the operation has given it back");
///     Ok(())
/// })
/// # }
/// ```
pub fn race<F: Futures>(futures: F) -> Race<F> {
    Race(Combined::new(futures.into_children(), FirstAndRest))
}

/// Waits for the first of the futures to end, and gives which it was, and its output; the others
/// are dropped, and what they left in the kernel is awaited.
///
/// They are polled in their order, as those of [`race`].
///
/// # Panics
///
/// If there are no futures: nobody would ever be first. And as [`race`].
///
/// # Cancel safety
///
/// As that of [`race`].
///
/// # Examples
///
/// ```
/// use ringpool::{future, time};
/// use std::time::Duration;
///
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let sleeps = [60_000, 1].map(|millis| time::sleep(Duration::from_millis(millis)));
///     assert_eq!(future::race_all(sleeps).await, (1, ()));
/// });
/// ```
#[track_caller]
pub fn race_all<I>(futures: I) -> RaceAll<I::Item>
where
    I: IntoIterator<Item: Future>,
{
    RaceAll(Combined::new(Many::new_some(futures, "race_all"), FirstAndRest))
}
