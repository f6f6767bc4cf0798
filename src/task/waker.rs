//! The waker of a task: a pointer to its header.
//!
//! On the task's own ring every operation is plain memory; from anywhere else it is one step on the
//! task's word and, for a wake, one push.

use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::header::Header;
use super::state::Release;
use super::{run, travel};
use crate::context::{self, Local};
use crate::wakes;

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// The waker to poll `task` with. It owns no reference: whoever polls keeps the task.
///
/// # Safety
///
/// `task` is valid for as long as the value is used.
#[inline]
pub(super) unsafe fn borrowed(task: NonNull<Header>) -> ManuallyDrop<Waker> {
    let raw = RawWaker::new(task.as_ptr().cast_const().cast(), &VTABLE);
    // SAFETY: the functions of the vtable keep the waker contract; one reference too few is made
    // good by never dropping it.
    ManuallyDrop::new(unsafe { Waker::from_raw(raw) })
}

/// Whether it is the waker of a task.
#[inline]
fn is_ours(waker: &Waker) -> bool {
    ptr::eq(waker.vtable(), &raw const VTABLE)
}

/// As `waker.clone()`, which is what it is for wakers that are not of a task.
#[inline]
pub(crate) fn clone_of(waker: &Waker) -> Waker {
    if !is_ours(waker) {
        return waker.clone();
    }
    // SAFETY: made here, as its vtable says, and borrowed, so it is valid.
    unsafe { Waker::from_raw(clone(waker.data())) }
}

/// Wakes on the thread of a ring, of which nothing is borrowed. Most wakers are those of tasks that
/// live there: for them nobody needs to be asked who they are, and no user code runs.
#[inline(always)]
pub(crate) fn wake_from(local: &Local, waker: Waker) {
    if !is_ours(&waker) {
        return wakes::wake(waker);
    }
    let data = ManuallyDrop::new(waker).data();
    // SAFETY: made here, as its vtable says, and its reference is ours now.
    let (task, header) = unsafe { header(data) };
    if !header.is_here(local.mailbox) || header.home.complete.get() {
        // SAFETY: as above; with this the reference is gone.
        return unsafe { wake(data) };
    }
    // SAFETY: it lives here, and the reference keeps it.
    unsafe { run::wake_known(local, task) };
    if header.is_here(local.mailbox) {
        count_at_home(header, -1);
    } else {
        // SAFETY: the reference is ours, and is given up here.
        unsafe { drop_waker(data) };
    }
}

/// # Safety
///
/// `data` is the pointer of a waker made here, which holds a reference.
#[inline]
unsafe fn header<'a>(data: *const ()) -> (NonNull<Header>, &'a Header) {
    // SAFETY: wakers are only made from a `NonNull<Header>`.
    let task = unsafe { NonNull::new_unchecked(data.cast::<Header>().cast_mut()) };
    // SAFETY: the waker's reference keeps the header.
    (task, unsafe { task.as_ref() })
}

/// Whether references of the calling thread are counted in the task's plain integer.
#[inline]
fn counted_at_home(header: &Header) -> bool {
    header.is_here(context::here()) && !header.home.complete.get()
}

/// What the count at home may differ from zero: a waker that is cloned here and dropped elsewhere,
/// again and again, would make any count overflow in the end.
const AT_HOME_MAX: u16 = 1 << 14;

/// At home: counts references.
#[inline]
fn count_at_home(header: &Header, change: i16) {
    let count = header.home.references.get() + change;
    header.home.references.set(count);
    if count.unsigned_abs() >= AT_HOME_MAX {
        move_count(header);
    }
}

/// Moves the count at home to the word: only the sum of both means anything.
#[cold]
fn move_count(header: &Header) {
    header.join.add(i64::from(header.home.references.replace(0)));
}

/// # Safety
///
/// See [`RawWakerVTable::new`]: `data` is that of a waker made here.
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: called through a waker's vtable.
    let (_, header) = unsafe { header(data) };
    if counted_at_home(header) {
        count_at_home(header, 1);
    } else {
        header.join.retain();
    }
    RawWaker::new(data, &VTABLE)
}

/// # Safety
///
/// See [`RawWakerVTable::new`]: `data` is that of a waker made here.
unsafe fn wake(data: *const ()) {
    // SAFETY: called through a waker's vtable.
    unsafe { wake_by_ref(data) };
    // SAFETY: as above; the reference is the one that was passed in.
    unsafe { drop_waker(data) };
}

/// # Safety
///
/// See [`RawWakerVTable::new`]: `data` is that of a waker made here.
unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: called through a waker's vtable.
    let (task, header) = unsafe { header(data) };
    if header.is_here(context::here()) {
        // SAFETY: we are home, and the waker keeps the task.
        unsafe { run::wake_here(task) };
    } else if !header.join.snapshot().is_complete() && header.join.link() {
        // SAFETY: we have just claimed the wake node.
        unsafe { travel::send_wake(task) };
    }
}

/// # Safety
///
/// See [`RawWakerVTable::new`]: `data` is that of a waker made here.
unsafe fn drop_waker(data: *const ()) {
    // SAFETY: called through a waker's vtable.
    let (task, header) = unsafe { header(data) };
    if counted_at_home(header) {
        count_at_home(header, -1);
    } else if header.join.release() == Release::Free {
        // SAFETY: we were told to.
        unsafe { (header.vtable.free)(task) };
    }
}
