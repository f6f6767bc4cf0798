//! The only place that knows io_uring.
//!
//! `setup` makes a ring, `driver` submits to it and reaps from it, `doorbell` wakes the thread of
//! another one. A [`Ring`] is touched by the thread that made it and no other; the kernel insists
//! (`IORING_SETUP_SINGLE_ISSUER`), and so does the type, which is not `Send`. When the thread has
//! ended, whoever joins it closes the ring.

mod buffers;
pub(crate) mod doorbell;
mod draining;
mod driver;
mod enter_error;
mod environment;
mod features;
mod file_table;
mod in_flight;
mod operations;
pub(crate) mod pages;
pub(crate) mod promises;
pub(crate) mod provided;
mod reaped;
mod registered;
mod setup;
mod setup_error;
mod stopping;
mod sync_message;

pub(crate) use buffers::Bank;
pub(crate) use driver::{RetiredRing, Ring};
pub(crate) use environment::Environment;
pub(crate) use features::Features;
#[cfg(test)]
pub(crate) use features::OpSet;
pub(crate) use in_flight::Beginning;
pub(crate) use operations::missing_from as operations_missing_from;
pub(crate) use operations::{family_of, unsupported};
pub(crate) use reaped::{Reaped, UserData};
pub(crate) use registered::RegisteredRing;
pub(crate) use setup::{IO_WORKERS, OpenRing, RingOptions, open, setup_flags};
pub use setup_error::SetupError;
