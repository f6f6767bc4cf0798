//! What becomes of the items of a stream: a task for each, or a place in a channel.
//!
//! Both ask for the next item only when there is room for it, so that a consumer that does not keep
//! up is felt where the items come from: a [multishot operation](crate::op::Multishot) is stopped,
//! and what it would have brought waits with the kernel.

mod forward;
mod spawn;

pub use forward::ForwardTo;
pub use spawn::ForEachSpawn;

use std::future::Future;

use futures_core::Stream;

use crate::Sender;

/// Ways to consume a [`Stream`], such as a [`Multishot`](crate::op::Multishot) or an
/// [`Incoming`](crate::net::Incoming).
///
/// Both take the stream; give them `&mut stream` to have it back afterwards.
pub trait Consume: Stream + Unpin + Sized {
    /// Spawns a task for each item: the future that `make` makes of it.
    ///
    /// The tasks are spawned on the ring of the calling task, unless
    /// [`on`](ForEachSpawn::on) or [`round_robin`](ForEachSpawn::round_robin) say otherwise, and
    /// as many at once as there are items, unless [`at_most`](ForEachSpawn::at_most) does. It is
    /// ready when the stream is at its end and all tasks have ended.
    ///
    /// Errors are items as well: a task that gets one may log it, and should wait a little if it
    /// is one that would come again at once.
    ///
    /// # Panics
    ///
    /// When it is polled on a thread that has no ring.
    ///
    /// # Cancel safety
    ///
    /// The tasks go on when it is dropped. Items that have not been taken stay in the stream.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::StreamExt;
    /// use ringpool::consume::Consume;
    /// use ringpool::net::{TcpListener, TcpStream};
    /// use std::io::Read;
    ///
    /// async fn greet(accepted: std::io::Result<TcpStream>) {
    ///     match accepted {
    ///         Ok(stream) => drop(stream.write_all("hello").await),
    ///         Err(error) => eprintln!("no connection: {error}"),
    ///     }
    /// }
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let pool = ringpool::Pool::new(2);
    /// pool.block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let address = listener.local_addr()?;
    ///     let clients = [(); 3].map(|()| std::net::TcpStream::connect(address));
    ///     let three = listener.incoming().take(3);
    ///     three.for_each_spawn(greet).round_robin(pool.runtimes()).at_most(100).await;
    ///     for client in clients {
    ///         let mut greeting = String::new();
    ///         client?.read_to_string(&mut greeting)?;
    ///         assert_eq!(greeting, "hello");
    ///     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    fn for_each_spawn<F, Fut>(self, make: F) -> ForEachSpawn<Self, F>
    where
        F: FnMut(Self::Item) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        ForEachSpawn::new(self, make)
    }

    /// Sends each item into a channel, waiting while that is full.
    ///
    /// It is ready when the stream is at its end, and closes its end of the channel then.
    ///
    /// # Errors
    ///
    /// [`SendError`](crate::SendError) with the item if the channel is closed. It finds that out
    /// when it has an item to send.
    ///
    /// # Cancel safety
    ///
    /// The item that waits for room when it is dropped is dropped as well;
    /// [`into_parts`](ForwardTo::into_parts) gives it back. All others are either in the channel or
    /// still in the stream.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::StreamExt;
    /// use ringpool::consume::Consume;
    /// use ringpool::{Channel, op, spawn};
    /// use std::time::Duration;
    ///
    /// # let pool = ringpool::Pool::new(1);
    /// pool.block_on(async {
    ///     let (sender, receiver) = Channel::bounded(1).split();
    ///     let numbers = futures::stream::iter(0..10);
    ///     let forwarding = spawn(numbers.forward_to(sender));
    ///     assert_eq!(receiver.collect::<Vec<_>>().await, Vec::from_iter(0..10));
    ///     assert_eq!(forwarding.await.unwrap(), Ok(()));
    /// });
    /// ```
    fn forward_to(self, sender: Sender<Self::Item>) -> ForwardTo<Self> {
        ForwardTo::new(self, sender)
    }
}

impl<S: Stream + Unpin> Consume for S {}
