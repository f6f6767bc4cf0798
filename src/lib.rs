//! A pool of pinned threads, each owning one io_uring ring, between which live tasks move.

mod capabilities;
mod primitives;
mod ring;

pub use capabilities::{Capabilities, Doorbell, Feature, Limits, Operation, capabilities};
pub use ring::SetupError;
