//! The first of several, at once.

use std::future::Future;

use super::combined::Combined;
use super::many::Many;
use super::rules::First;
use super::{Futures, Select, SelectAll};

/// Waits for the first future of a tuple to end, and gives its output at once; the others are
/// dropped.
///
/// They are polled in the order of the tuple; of two that are ready the one before wins, and those
/// behind it are not polled any more. So put first what must not wait, such as a request to stop.
///
/// A branch that loses takes nothing: an item of a channel, a connection, the bytes of a stream and
/// a permit are for the next who asks. What is to live on is given as `&mut future`, and selected
/// again the next time: an operation; a send, of which one could not tell otherwise whether it was
/// made; a [`Task`](crate::Task), which is cancelled by the drop of its handle; code with awaits in
/// it.
///
/// # Panics
///
/// If one of them panics; the others have been dropped then.
///
/// # Cancel safety
///
/// If it is dropped, all are dropped.
///
/// # Examples
///
/// ```
/// use ringpool::future::{self, OneOf2};
/// use ringpool::{Channel, time};
/// use std::time::Duration;
///
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let (sender, receiver) = Channel::bounded(8).split();
///     sender.send(1).await.unwrap();
///     sender.send(2).await.unwrap();
///     let mut enough = time::sleep(Duration::from_millis(1));
///     let mut sum = 0;
///     loop {
///         match future::select((receiver.recv(), &mut enough)).await {
///             OneOf2::First(item) => sum += item.unwrap(),
///             OneOf2::Second(()) => break,
///         }
///     }
///     assert_eq!(sum, 3);
/// });
/// ```
pub fn select<F: Futures>(futures: F) -> Select<F> {
    Select(Combined::new(futures.into_children(), First))
}

/// Waits for the first of the futures to end, and gives which it was, and its output, at once; the
/// others are dropped.
///
/// They are polled in their order, as those of [`select`].
///
/// # Panics
///
/// If there are no futures: nobody would ever be first. And as [`select`].
///
/// # Cancel safety
///
/// As that of [`select`].
///
/// # Examples
///
/// ```
/// use ringpool::{Channel, future};
///
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let channels = [(); 3].map(|()| Channel::bounded(1));
///     channels[2].send('x').await.unwrap();
///     let received = future::select_all(channels.iter().map(|channel| channel.recv())).await;
///     assert_eq!(received, (2, Ok('x')));
/// });
/// ```
#[track_caller]
pub fn select_all<I>(futures: I) -> SelectAll<I::Item>
where
    I: IntoIterator<Item: Future>,
{
    SelectAll(Combined::new(Many::new_some(futures, "select_all"), First))
}
