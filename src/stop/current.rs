//! The scope that is being polled on this thread: one pointer a thread.

use std::cell::Cell;
use std::ptr;
use std::sync::Arc;

use super::node::Node;

crate::primitives::thread_local! {
    static CURRENT: Cell<*const Arc<Node>> = const { Cell::new(ptr::null()) };
}

/// Whether anything is polled in a scope now.
#[inline]
pub(crate) fn is_scope() -> bool {
    !CURRENT.with(Cell::get).is_null()
}

/// Runs `f` with the scope that is being polled, if one is.
#[inline]
pub(crate) fn with<R>(f: impl FnOnce(Option<&Arc<Node>>) -> R) -> R {
    // SAFETY: set by `within`, which has a borrow of it until it has set another one; and `f`
    // cannot keep the reference.
    f(unsafe { CURRENT.with(Cell::get).as_ref() })
}

/// Whether the scope that is being polled is asked to stop.
#[inline]
pub(crate) fn is_stopped() -> bool {
    with(|scope| scope.is_some_and(|scope| scope.is_stopped()))
}

/// Runs `f` in this scope, or in none.
#[inline]
pub(crate) fn within<R>(scope: Option<&Arc<Node>>, f: impl FnOnce() -> R) -> R {
    let scope = scope.map_or(ptr::null(), ptr::from_ref);
    let _restored = Restored(CURRENT.with(|current| current.replace(scope)));
    f()
}

/// Sets the scope that was there before, also when there is a panic.
struct Restored(*const Arc<Node>);

impl Drop for Restored {
    fn drop(&mut self) {
        CURRENT.with(|current| current.set(self.0));
    }
}
