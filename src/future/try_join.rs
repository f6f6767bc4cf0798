//! Waiting for all, or an error.

use std::future::Future;

use super::combined::Combined;
use super::many::Many;
use super::rules::AllOrError;
use super::{TryFutures, TryJoin, TryJoinAll};

/// Waits for all futures of a tuple, or for the first error.
///
/// With an error the others are dropped, and what they left in the kernel is awaited; then the
/// error is given.
///
/// # Errors
///
/// That of the first that fails.
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
/// use ringpool::{fs, future};
///
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let both = (fs::read("/proc/version"), fs::read_to_string("/proc/no-such-file"));
///     let error = future::try_join(both).await.unwrap_err();
///     assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
/// });
/// ```
pub fn try_join<F: TryFutures>(futures: F) -> TryJoin<F> {
    let children = futures.into_children();
    let rule = AllOrError::of(&children);
    TryJoin(Combined::new(children, rule))
}

/// Waits for all futures, or for the first error; of none, an empty vector.
///
/// # Errors
///
/// As [`try_join`].
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
/// use ringpool::{fs, future};
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let files = ["/proc/version", "/proc/uptime", "/proc/loadavg"];
///     let texts = future::try_join_all(files.map(fs::read_to_string)).await?;
///     assert_eq!(texts.len(), 3);
///     Ok(())
/// })
/// # }
/// ```
pub fn try_join_all<I, T, E>(futures: I) -> TryJoinAll<I::Item, T, E>
where
    I: IntoIterator<Item: Future<Output = Result<T, E>>>,
{
    let children = Many::new(futures);
    let rule = AllOrError::of(&children);
    TryJoinAll(Combined::new(children, rule))
}
