//! Pools of buffers that the kernel takes from: every operation byte for byte, and that every
//! buffer comes back, whatever becomes of operations, leases, pools and rings.

mod common;
#[path = "provided/dropped.rs"]
mod dropped;
#[path = "provided/empty.rs"]
mod empty;
#[path = "provided/incremental.rs"]
mod incremental;
#[path = "provided/leases.rs"]
mod leases;
#[path = "provided/messages.rs"]
mod messages;
#[path = "provided/single.rs"]
mod single;
#[path = "provided/streams.rs"]
mod streams;
#[path = "provided/support.rs"]
mod support;
