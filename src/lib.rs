//! A pool of pinned threads, each owning one io_uring ring, between which live tasks move.

// The models look at the words alone: everything that makes system calls is left out.
#![cfg_attr(ringpool_loom, allow(dead_code, unreachable_pub))]

pub mod channel;
mod completion;
mod coop;
mod error;
mod inbox;
mod primitives;

#[cfg(ringpool_loom)]
#[path = "task/state.rs"]
mod task_state;

pub use channel::{Channel, Receiver, Sender};
pub use error::{
    RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};

#[cfg(not(ringpool_loom))]
mod affinity;
#[cfg(not(ringpool_loom))]
mod blocking;
#[cfg(not(ringpool_loom))]
pub mod buf;
#[cfg(not(ringpool_loom))]
mod builder;
#[cfg(not(ringpool_loom))]
mod capabilities;
#[cfg(not(ringpool_loom))]
mod context;
#[cfg(not(ringpool_loom))]
pub mod fs;
#[cfg(not(ringpool_loom))]
mod mailbox;
#[cfg(not(ringpool_loom))]
mod metrics;
#[cfg(not(ringpool_loom))]
pub mod net;
#[cfg(not(ringpool_loom))]
pub mod op;
#[cfg(not(ringpool_loom))]
mod pool;
#[cfg(not(ringpool_loom))]
mod recycle;
#[cfg(not(ringpool_loom))]
mod ring;
#[cfg(not(ringpool_loom))]
mod runtime;
#[cfg(not(ringpool_loom))]
mod sleep;
#[cfg(not(ringpool_loom))]
mod stop;
#[cfg(not(ringpool_loom))]
mod switch;
#[cfg(not(ringpool_loom))]
pub mod task;
#[cfg(not(ringpool_loom))]
mod thread;
#[cfg(not(ringpool_loom))]
pub mod time;
#[cfg(not(ringpool_loom))]
mod worker;
#[cfg(not(ringpool_loom))]
pub use blocking::spawn_blocking;
#[cfg(not(ringpool_loom))]
pub use builder::{Builder, Doorbell, Pinning};
#[cfg(not(ringpool_loom))]
pub use capabilities::{
    Capabilities, DoorbellKind, Feature, Limits, MissingOperation, capabilities,
};
#[cfg(not(ringpool_loom))]
pub use metrics::RuntimeMetrics;
#[cfg(not(ringpool_loom))]
pub use pool::{BlockingLoad, Pool};
#[cfg(not(ringpool_loom))]
pub use ring::SetupError;
#[cfg(not(ringpool_loom))]
pub use runtime::{Load, Runtime, current};
#[cfg(not(ringpool_loom))]
pub use switch::{SwitchError, SwitchTo, YieldNow, run_on, switch_to, yield_now};
#[cfg(not(ringpool_loom))]
pub use task::{SpawnError, Task, TaskError, spawn, spawn_local, spawn_on};
