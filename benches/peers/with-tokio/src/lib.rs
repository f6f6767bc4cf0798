//! The workloads on tokio, with either of its schedulers.

pub mod files;
pub mod hops;
pub mod local;
pub mod many;
pub mod servers;
mod threads;

pub use threads::{CurrentThread, MultiThread, Threads};
