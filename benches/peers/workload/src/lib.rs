//! What the programs that are compared have in common: how they are told what to do, how they
//! measure it, and how they show that it was done right.
//!
//! Each program links one runtime, and hands [`program::main`] a table of the workloads it knows.
//! The runner starts it anew for every turn, so that no contender finds caches, threads or memory
//! that another one has left.
//!
//! Clocks start and stop inside the runtime, after a warm-up. System calls and allocations are
//! counted in turns of their own, whose times nobody looks at, since counting costs time.

pub mod allocations;
pub mod compute;
pub mod cost;
pub mod files;
pub mod http;
pub mod job;
pub mod polling;
pub mod processors;
pub mod program;
pub mod rounds;
mod syscalls;
pub mod tally;

pub use cost::{Cost, Stopwatch};
pub use job::Job;
pub use program::Work;
