//! A pool of pinned threads, each owning one io_uring ring, between which live tasks move.

mod primitives;
mod ring;

pub use ring::SetupError;
