//! Operations one by one, each beside the same call made through the C library: what they do, what
//! they say to bad input, and what they give back.

#[path = "operations/advice.rs"]
mod advice;
#[path = "operations/cancelling.rs"]
mod cancelling;
#[path = "operations/children.rs"]
mod children;
#[path = "operations/clocks.rs"]
mod clocks;
#[path = "operations/commands.rs"]
mod commands;
mod common;
#[path = "operations/direct_files.rs"]
mod direct_files;
#[path = "operations/direct_sockets.rs"]
mod direct_sockets;
#[path = "operations/epoll.rs"]
mod epoll;
#[path = "operations/flags.rs"]
mod flags;
#[path = "operations/futexes.rs"]
mod futexes;
#[path = "operations/opening.rs"]
mod opening;
#[path = "operations/own.rs"]
mod own;
#[path = "operations/pipes.rs"]
mod pipes;
#[path = "operations/ranges.rs"]
mod ranges;
#[path = "operations/same.rs"]
mod same;
#[allow(dead_code, reason = "shared with the tests of files, which use more of it")]
#[path = "fs/support.rs"]
mod support;
#[path = "operations/xattrs.rs"]
mod xattrs;
