//! Code of users that may panic where a panic has nobody to go to: wakers, destructors, outcomes.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs user code that may panic, where a panic has nobody to go to.
pub(crate) fn shielded<R>(user_code: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(user_code)) {
        Ok(value) => Some(value),
        Err(payload) => {
            dispose_of(payload);
            None
        }
    }
}

/// Drops a panic's payload, whatever its destructor does: a panic in there has a payload too, and
/// so on. One that never comes to an end is leaked.
pub(crate) fn dispose_of(mut payload: Box<dyn Any + Send>) {
    for _ in 0..16 {
        match catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            Ok(()) => return,
            Err(next) => payload = next,
        }
    }
    std::mem::forget(payload);
}
