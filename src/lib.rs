//! A pool of pinned threads, each owning one io_uring ring, between which live tasks move.

#![allow(dead_code)]
mod primitives;
mod inbox;
mod completion;
#[cfg(ringpool_loom)]
#[path = "task/state.rs"]
mod task_state;
#[cfg(not(ringpool_loom))]
mod recycle;
