//! A pool of pinned threads, each owning one io_uring ring, between which live tasks move.

// The models look at the words alone: everything that makes system calls is left out.
#![cfg_attr(ringpool_loom, allow(dead_code, unreachable_pub))]

mod completion;
mod inbox;
mod primitives;

#[cfg(ringpool_loom)]
#[path = "task/state.rs"]
mod task_state;

macro_rules! not_modelled {
    ($($item:item)*) => { $(#[cfg(not(ringpool_loom))] $item)* };
}

not_modelled! {
    mod affinity;
    mod blocking;
    pub mod buf;
    mod builder;
    mod capabilities;
    mod context;
    mod coop;
    mod mailbox;
    mod metrics;
    pub mod op;
    mod pool;
    mod recycle;
    mod ring;
    mod runtime;
    mod sleep;
    mod stop;
    mod switch;
    pub mod task;
    mod thread;
    pub mod time;
    mod worker;

    pub use blocking::spawn_blocking;
    pub use builder::{Builder, Doorbell, Pinning};
    pub use capabilities::{
        Capabilities, DoorbellKind, Feature, Limits, MissingOperation, capabilities,
    };
    pub use metrics::RuntimeMetrics;
    pub use pool::{BlockingLoad, Pool};
    pub use ring::SetupError;
    pub use runtime::{Load, Runtime, current};
    pub use switch::{SwitchError, SwitchTo, YieldNow, run_on, switch_to, yield_now};
    pub use task::{SpawnError, Task, TaskError, spawn, spawn_local, spawn_on};
}
