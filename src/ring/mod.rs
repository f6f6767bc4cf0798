//! The only place that knows io_uring.

mod environment;
mod features;
mod operations;
mod registered;
mod setup;
mod setup_error;
mod sync_message;

pub(crate) use environment::Environment;
pub(crate) use features::{Features, OpSet};
pub(crate) use operations::missing_from as operations_missing_from;
pub(crate) use registered::RegisteredRing;
pub(crate) use setup::{IO_WORKERS, OpenRing, RingOptions, open};
pub use setup_error::SetupError;
