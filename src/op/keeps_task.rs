//! Something that a task has left behind, and that is not over before it.
//!
//! It is to its task what an operation is that was dropped in flight: the same cell, which nobody
//! but us completes, so that it finds the task wherever that lives by then.

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::task::Waker;

use super::cell::{self, CellHeader, CellVTable};
use super::content::{Fresh, free};
use crate::completion::Outcome;
use crate::context::{self, Local};

/// Keeps the task that runs now, if it is cancelled, from being complete until this is dropped. To
/// be dropped on the thread it was made on.
pub(crate) struct KeepsTask {
    cell: NonNull<CellHeader>,
    /// It stays on its thread.
    stays: PhantomData<*const ()>,
}

const VTABLE: &CellVTable =
    &CellVTable { leaves_orphan: true, stop: let_it_end, reaped: None, dispose, free: free::<()> };

impl KeepsTask {
    pub(crate) fn new(local: &Local) -> Self {
        let fresh = Fresh::new(local, VTABLE, Waker::noop().clone(), ());
        let cell = fresh.cell();
        // Its future is dropped, and it is in nobody's hands but ours.
        drop(fresh.into_started());
        Self { cell, stays: PhantomData }
    }
}

impl Drop for KeepsTask {
    fn drop(&mut self) {
        context::with(|local| {
            local.inspect(|local| {
                // SAFETY: we are at home, since this stays on its thread; the cell is pending, as
                // nobody else completes it, and nothing of the ring is borrowed where a future is
                // dropped.
                unsafe { cell::complete(local, self.cell, Outcome::default()) };
            });
        });
    }
}

/// Nobody can be asked to end it soon.
///
/// # Safety
///
/// See [`CellVTable::stop`].
unsafe fn let_it_end(_: &Local, _: NonNull<CellHeader>) {}

/// There is nothing in the cell.
///
/// # Safety
///
/// See [`CellVTable::dispose`].
unsafe fn dispose(_: NonNull<CellHeader>) {}
