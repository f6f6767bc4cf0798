//! Traces: what a ring does is in the file, and the file is one that others can read.

#[path = "trace/contents.rs"]
mod contents;
#[path = "trace/refusals.rs"]
mod refusals;
#[path = "trace/speed.rs"]
mod speed;
#[path = "trace/support.rs"]
mod support;

mod common;
