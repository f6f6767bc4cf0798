//! A pool of pinned threads, each owning one io_uring ring, between which live tasks move.
//!
//! No ring is ever shared: each is touched by its own thread alone. What moves is the task, with
//! all it holds: at birth ([`spawn_on`]), while it runs ([`switch_to`]), or there and back
//! ([`run_on`]). Operations, timers and channels that it waits for stay where they are, and wake it
//! where it lives by then.
//!
//! # A pool
//!
//! A [`Pool`] starts the threads. [`Pool::block_on`] runs a future as a task on the first ring and
//! waits for it; what the task awaits goes to the kernel through that ring.
//!
//! ```
//! use ringpool::{Pool, fs};
//!
//! # fn main() -> std::io::Result<()> {
//! let pool = Pool::new(2); // Two threads, two rings, each thread pinned to a processor.
//! let version = pool.block_on(async {
//!     fs::read_to_string("/proc/version").await // Read through ring 0.
//! })?;
//! assert!(version.starts_with("Linux"));
//! # Ok(())
//! # }
//! ```
//!
//! # Tasks on other rings
//!
//! [`spawn_on`] starts a task on the ring of a [`Runtime`], which is a handle that can be cloned
//! and sent about. The [`Task`] it gives is awaited from anywhere: from another ring, in another
//! executor, or on a plain thread by [`Task::wait`]. Dropping it cancels the task.
//!
//! ```
//! use ringpool::{Pool, current, fs, spawn_on};
//!
//! # fn main() -> std::io::Result<()> {
//! let pool = Pool::new(2);
//! pool.block_on(async {
//!     let reading = pool.runtimes().iter().map(|ring| {
//!         spawn_on(ring, async {
//!             let version = fs::read("/proc/version").await?; // Through the ring it is on.
//!             Ok::<_, std::io::Error>((current(), version.len()))
//!         })
//!     });
//!     let reading: Vec<_> = reading.collect(); // Both are under way from here on.
//!     for (index, task) in reading.into_iter().enumerate() {
//!         let (ring, len) = task.await??; // A task's panic or cancel is an error of its own.
//!         assert_eq!(ring, Some(pool.runtime(index)));
//!         assert!(len > 0);
//!     }
//!     Ok(())
//! })
//! # }
//! ```
//!
//! # Moving, passing on, and keeping off the rings
//!
//! A task that [switches](switch_to) goes on behind the `.await` on the other thread, with its
//! variables as they were; `!Send` tasks are made by [`spawn_local`] and stay. A [`Channel`]
//! carries items between tasks on any ring, and plain threads; it is bounded, so that the slower
//! side sets the pace. What blocks or computes for long goes to [`spawn_blocking`], since a ring's
//! thread that is busy lets every task on it wait.
//!
//! ```
//! use ringpool::fs::File;
//! use ringpool::{Channel, Pool, spawn, spawn_blocking, switch_to};
//!
//! # fn main() -> std::io::Result<()> {
//! let pool = Pool::new(2);
//! let there = pool.runtime(1);
//! pool.block_on(async {
//!     let (pieces, to_count) = Channel::bounded(4).split();
//!     let reader = spawn(async move {
//!         let file = File::open("/proc/self/maps").await?; // Opened through ring 0,
//!         switch_to(&there).await?;
//!         let mut offset = 0;
//!         loop {
//!             let (count, piece) = file.read_at(vec![0; 1000], offset).await?; // read through 1.
//!             if count == 0 {
//!                 return Ok::<_, std::io::Error>(offset); // The channel closes with its sender.
//!             }
//!             offset += count as u64;
//!             pieces.send(piece).await?; // Waits while four pieces are under way.
//!         }
//!     });
//!     let mut bytes = 0;
//!     while let Ok(piece) = to_count.recv().await {
//!         bytes += spawn_blocking(move || piece.len() as u64).await?; // On a thread of its own.
//!     }
//!     assert_eq!(bytes, reader.await??);
//!     Ok(())
//! })
//! # }
//! ```
//!
//! # Ending together
//!
//! A [`TaskGroup`](task::TaskGroup) has tasks that are waited for or cancelled together, and no
//! task of a [`scope`](task::scope) outlives it. A [cancel](Task::cancel) waits until the kernel
//! has let go of all that the task had in flight. [`stop`] is for code that is to end by itself:
//! its operations end early, with their buffers, and it goes on from there. [`future`] combines any
//! futures in one task, and [`sync`] has locks and signals between tasks and plain threads.
//!
//! ```
//! use ringpool::net::{TcpListener, TcpStream};
//! use ringpool::stop::{StopSource, with_stop};
//! use ringpool::task::TaskGroup;
//! use ringpool::{Pool, spawn};
//!
//! # fn main() -> std::io::Result<()> {
//! let pool = Pool::new(2);
//! let rings = pool.runtimes().to_vec();
//! pool.block_on(async {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let address = listener.local_addr()?;
//!     let source = StopSource::new();
//!     let serving = spawn(with_stop(source.token(), async move {
//!         let clients = TaskGroup::with_limit(100);
//!         // Until the accept fails because of the stop.
//!         while let Ok((stream, _)) = listener.accept().await {
//!             let ring = &rings[clients.len() % 2];
//!             clients.spawn_on(ring, async move { stream.write_all("welcome").await.map(drop) });
//!         }
//!         clients.try_wait_all().await // With the first error the others would be cancelled.
//!     }));
//!     let client = TcpStream::connect(address).await?;
//!     let ((), greeting) = client.read_exact(vec![0; 7]).await?;
//!     assert_eq!(greeting, b"welcome");
//!     source.stop();
//!     assert_eq!(serving.await??.len(), 1);
//!     Ok(())
//! })
//! # }
//! ```
//!
//! # Features
//!
//! None is on by default. `bytes`: the buffers of the crate `bytes` are buffers here; see [`buf`].
//! `tokio` and `futures-io`: the buffered streams of [`io`] have the traits of `tokio::io` and of
//! `futures_io`, so that code written for those runs over them. `prometheus`: [`metrics`] as text.
//! `tracing`: a span for each task.
//!
//! # Where io_uring cannot be used
//!
//! Linux 6.1 or newer is needed, and containers may forbid io_uring altogether. [`Builder::build`]
//! then gives an error that names the reason and the remedy, with which [`Pool::new`] panics;
//! [`capabilities()`] reports what there is.

// The models look at the words alone: everything that makes system calls is left out.
#![cfg_attr(ringpool_loom, allow(dead_code, unreachable_pub))]
#![cfg_attr(ringpool_shuttle, allow(dead_code, unused_imports))]

mod awaiting;
mod balance;
pub mod channel;
#[cfg(doctest)]
mod compile_fail;
mod completion;
mod coop;
mod error;
mod foreign;
mod inbox;
mod line;
mod outstanding;
mod parking;
mod primitives;
mod recycle;
mod running;
pub mod sync;
mod wakes;

#[cfg(all(test, ringpool_shuttle))]
mod shuttle_runs;

#[cfg(ringpool_loom)]
#[path = "buf/provided/returns.rs"]
mod buffer_returns;
#[cfg(ringpool_loom)]
#[path = "future/wakes.rs"]
mod child_wakes;
#[cfg(ringpool_loom)]
#[path = "task/group/book.rs"]
mod group_book;
#[cfg(ringpool_loom)]
#[path = "op/shots.rs"]
mod shots;
#[cfg(ringpool_loom)]
#[path = "stop/node.rs"]
mod stop_node;
#[cfg(ringpool_loom)]
#[path = "task/state.rs"]
mod task_state;

pub use balance::Balance;
pub use channel::{Channel, Receiver, Sender};
pub use error::{
    RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};

#[cfg(not(ringpool_loom))]
mod affinity;
#[cfg(not(ringpool_loom))]
mod attendance;
#[cfg(not(ringpool_loom))]
mod blocking;
#[cfg(not(ringpool_loom))]
pub mod buf;
#[cfg(not(ringpool_loom))]
mod builder;
#[cfg(not(ringpool_loom))]
mod capabilities;
#[cfg(not(ringpool_loom))]
pub mod consume;
#[cfg(not(ringpool_loom))]
mod context;
#[cfg(not(ringpool_loom))]
pub mod dump;
#[cfg(not(ringpool_loom))]
pub mod fs;
#[cfg(not(ringpool_loom))]
pub mod future;
#[cfg(not(ringpool_loom))]
pub mod io;
#[cfg(not(ringpool_loom))]
mod mailbox;
#[cfg(not(ringpool_loom))]
pub mod metrics;
#[cfg(not(ringpool_loom))]
pub mod net;
#[cfg(not(ringpool_loom))]
pub mod op;
#[cfg(not(ringpool_loom))]
pub mod pipe;
#[cfg(not(ringpool_loom))]
mod placement;
#[cfg(not(ringpool_loom))]
mod pool;
#[cfg(not(ringpool_loom))]
mod ring;
#[cfg(not(ringpool_loom))]
mod runtime;
#[cfg(not(ringpool_loom))]
mod shutdown;
#[cfg(not(ringpool_loom))]
mod sleep;
#[cfg(not(ringpool_loom))]
pub mod stdio;
#[cfg(not(ringpool_loom))]
pub mod stop;
#[cfg(not(ringpool_loom))]
mod stream;
#[cfg(not(ringpool_loom))]
mod switch;
#[cfg(not(ringpool_loom))]
pub mod task;
#[cfg(not(ringpool_loom))]
mod thread;
#[cfg(not(ringpool_loom))]
pub mod time;
#[cfg(not(ringpool_loom))]
pub mod trace;
#[cfg(not(ringpool_loom))]
mod watchdog;
#[cfg(not(ringpool_loom))]
mod worker;
#[cfg(not(ringpool_loom))]
pub use blocking::spawn_blocking;
#[cfg(not(ringpool_loom))]
pub use builder::{Builder, Doorbell, Pinning};
#[cfg(not(ringpool_loom))]
pub use capabilities::{
    Capabilities, DoorbellKind, Feature, Limits, MissingOperation, RingSetup, capabilities,
};
#[cfg(not(ringpool_loom))]
pub use metrics::{PoolMetrics, RuntimeMetrics};
#[cfg(not(ringpool_loom))]
pub use placement::{PlaceBy, Placement};
#[cfg(not(ringpool_loom))]
pub use pool::{BlockingLoad, Pool};
#[cfg(not(ringpool_loom))]
pub use ring::SetupError;
#[cfg(not(ringpool_loom))]
pub use runtime::{Load, Runtime, current};
#[cfg(not(ringpool_loom))]
pub use switch::{
    BalancePoint, SwitchError, SwitchTo, YieldNow, balance, run_on, switch_to, yield_now,
};
#[cfg(not(ringpool_loom))]
pub use task::{SpawnError, Task, TaskError, spawn, spawn_local, spawn_on};

/// The examples of the README, run as those above.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
