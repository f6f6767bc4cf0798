//! Buffers: every kind with every operation that takes one, parts of them, several at once, aligned
//! ones, and those that are registered on one ring or on all.

mod common;
#[path = "buffers/direct_io.rs"]
mod direct_io;
#[path = "buffers/kinds.rs"]
mod kinds;
#[path = "buffers/pinned.rs"]
mod pinned;
#[path = "buffers/registered.rs"]
mod registered;
#[path = "buffers/registered_vectored.rs"]
mod registered_vectored;
#[path = "buffers/shared.rs"]
mod shared;
#[allow(dead_code, reason = "the tests of files use the rest")]
#[path = "fs/support.rs"]
mod support;
