//! Locks and signals between tasks on any ring, on any executor, and plain threads.

pub(crate) mod waiting;
