//! A cell and what is in it: how one is made, emptied and freed.

use std::alloc::Layout;
use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::task::Waker;

use super::cell::{self, CellHeader, CellVTable};
use crate::context::Local;
use crate::recycle;

#[repr(C)]
struct ContentCell<C> {
    header: CellHeader,
    content: UnsafeCell<ManuallyDrop<C>>,
}

/// A cell that has not been submitted, so that nobody else knows it.
pub(super) struct Fresh<C> {
    cell: NonNull<CellHeader>,
    content: PhantomData<C>,
}

// SAFETY: nobody else knows the cell, which may be used and freed on any thread.
unsafe impl<C: Send> Send for Fresh<C> {}
// SAFETY: nothing can be done with a shared one.
unsafe impl<C> Sync for Fresh<C> {}

impl<C> Fresh<C> {
    /// A cell of the calling thread's ring.
    #[inline]
    pub(super) fn new(
        local: &Local,
        vtable: &'static CellVTable,
        waker: Waker,
        content: C,
    ) -> Self {
        let memory = recycle::take(Layout::new::<ContentCell<C>>()).cast::<ContentCell<C>>();
        let header = CellHeader::new(local, vtable, waker);
        let content = UnsafeCell::new(ManuallyDrop::new(content));
        // SAFETY: the block is ours, large enough and aligned.
        unsafe { memory.write(ContentCell { header, content }) };
        Self { cell: memory.cast::<CellHeader>(), content: PhantomData }
    }

    /// For the entry's user data.
    #[inline]
    pub(super) fn cell(&self) -> NonNull<CellHeader> {
        self.cell
    }

    #[inline]
    pub(super) fn header(&self) -> &CellHeader {
        // SAFETY: nobody else knows the cell.
        unsafe { self.cell.as_ref() }
    }

    #[inline]
    pub(super) fn content(&mut self) -> &mut C {
        // SAFETY: nobody else knows the cell.
        unsafe { &mut *content_of::<C>(self.cell) }
    }

    /// It is about to be submitted: from here on the kernel may use what is in it.
    #[inline]
    pub(super) fn into_started(self) -> Started<C> {
        Started { cell: ManuallyDrop::new(self).cell, content: PhantomData }
    }

    /// Takes out what is in it, instead of submitting it.
    pub(super) fn into_content(self) -> C {
        // SAFETY: the cell is ours, and given up here.
        unsafe { recall(ManuallyDrop::new(self).cell) }
    }
}

impl<C> Drop for Fresh<C> {
    fn drop(&mut self) {
        // SAFETY: the cell is ours, and given up here.
        drop(unsafe { recall::<C>(self.cell) });
    }
}

/// A cell whose future we are.
pub(super) struct Started<C> {
    cell: NonNull<CellHeader>,
    content: PhantomData<C>,
}

// SAFETY: the cell is made to be used from any thread, and `C` is `Send`.
unsafe impl<C: Send> Send for Started<C> {}
// SAFETY: nothing can be done with a shared one.
unsafe impl<C> Sync for Started<C> {}

impl<C> Started<C> {
    /// The shared part. The cell is there as long as we are.
    #[inline]
    pub(super) fn header(&self) -> &CellHeader {
        // SAFETY: we are the future, so the cell is there.
        unsafe { self.cell.as_ref() }
    }

    /// A pointer to what is in the cell, which the kernel and home use as well.
    #[inline]
    pub(super) fn content(&self) -> *mut C {
        content_of(self.cell)
    }

    /// The same, of which the kind of content is not known any more.
    pub(super) fn without_kind(self) -> Started<()> {
        Started { cell: ManuallyDrop::new(self).cell, content: PhantomData }
    }

    /// The same, of which the kind of content is known again.
    ///
    /// # Safety
    ///
    /// The cell was made for a `D`.
    pub(super) unsafe fn of_kind<D>(self) -> Started<D> {
        Started { cell: ManuallyDrop::new(self).cell, content: PhantomData }
    }

    /// Asks for an early end.
    pub(super) fn cancel(&self) {
        // SAFETY: we are the cell's future.
        unsafe { cell::request_cancel(self.cell) };
    }

    /// Takes out what is in the cell, and frees it.
    ///
    /// # Safety
    ///
    /// The completion has given the outcome to us: the cell is settled.
    #[inline]
    pub(super) unsafe fn into_content(self) -> C {
        // SAFETY: settled, so the cell is ours, and given up here.
        unsafe { take_apart(ManuallyDrop::new(self).cell) }
    }
}

impl<C> Drop for Started<C> {
    fn drop(&mut self) {
        // SAFETY: we are the cell's future, and gone hereafter.
        unsafe { cell::abandon(self.cell) };
    }
}

/// What is in a cell made by [`Fresh::new`] for the same `C`.
#[inline]
pub(super) fn content_of<C>(cell: NonNull<CellHeader>) -> *mut C {
    let cell = cell.cast::<ContentCell<C>>().as_ptr();
    // SAFETY: only the address is computed; the caller's cell is one of `C`.
    unsafe { UnsafeCell::raw_get(&raw const (*cell).content) }.cast::<C>()
}

/// Takes out what is in a cell and frees the cell.
///
/// # Safety
///
/// `cell` is a cell of `C` that is the caller's and full.
#[inline]
unsafe fn take_apart<C>(cell: NonNull<CellHeader>) -> C {
    // SAFETY: the caller's, and not used again.
    let content = unsafe { std::ptr::read(content_of::<C>(cell)) };
    // SAFETY: the caller's, and empty now.
    unsafe { free::<C>(cell) };
    content
}

/// Takes out what is in a cell that was never submitted, and frees the cell.
///
/// # Safety
///
/// `cell` is a full cell of `C` that only the caller knows.
unsafe fn recall<C>(cell: NonNull<CellHeader>) -> C {
    // SAFETY: the caller's; nobody else completes it.
    let (_, waker) = unsafe { cell.as_ref().completion.take_over() };
    // SAFETY: the caller's, and full.
    let content = unsafe { take_apart(cell) };
    // The user's code, so last.
    drop(waker);
    content
}

/// Frees the memory of a cell of `C`.
///
/// # Safety
///
/// See [`CellVTable::free`].
pub(super) unsafe fn free<C>(cell: NonNull<CellHeader>) {
    // SAFETY: made by `Fresh::new` with this layout, says the caller.
    unsafe { recycle::give(cell.cast(), Layout::new::<ContentCell<C>>()) };
}
