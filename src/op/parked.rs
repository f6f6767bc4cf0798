//! What keeps an operation in flight for the next caller when its future is dropped.
//!
//! A read that is dropped (by a timeout, by the other branch of a select) has often been told to
//! the kernel already, and bytes may arrive in it at any moment. Cancelling it would lose them if
//! they come first. So a dropped future does not cancel: it **parks** its operation in the resource
//! it belongs to, and the next caller goes on with it where the first one left off.
//!
//! For that a resource has one [`Slot`] for everything of which only one may be under way. Whoever
//! wants to read claims it; the claim is the only way to what the slot holds, and goes with the
//! future. Between two claims the slot holds what is parked, if anything.
//!
//! ```text
//!            claim                          done: release
//!   idle ───────────▶ claimed, in the future ───────────▶ idle
//!                          │        ▲
//!      dropped: put it in, │        │ claim: take it out
//!      and release         ▼        │
//!                          parked ──┘ ── resource dropped ──▶ cancelled, its outcome disposed of
//! ```
//!
//! Claiming takes one locked instruction and releasing none: nobody waits for a claim, since two
//! callers that read one stream at once can mean nothing good; the second one gets an error.

use std::cell::UnsafeCell;
use std::future::poll_fn;
use std::io;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Op, Operation};
use crate::buf::{BufError, BufResult};

/// A place of which one caller at a time has the use.
pub(crate) struct Slot<T> {
    is_claimed: AtomicBool,
    content: UnsafeCell<T>,
}

// SAFETY: the content is touched only through the one claim, which may be made on any thread.
unsafe impl<T: Send> Sync for Slot<T> {}

impl<T> Slot<T> {
    pub(crate) const fn new(content: T) -> Self {
        Self { is_claimed: AtomicBool::new(false), content: UnsafeCell::new(content) }
    }

    /// The use of the slot until the claim is dropped; `None` if somebody else has it.
    #[inline]
    pub(crate) fn claim(&self) -> Option<Claim<'_, T>> {
        // Ordering: Acquire, partner of the Release in the claim's drop.
        if self.is_claimed.swap(true, Ordering::Acquire) {
            None
        } else {
            Some(Claim { slot: self })
        }
    }

    /// The content, of a slot that nobody can have claimed, unless the claim was forgotten.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.content.get_mut()
    }
}

/// The use of a [`Slot`].
pub(crate) struct Claim<'a, T> {
    slot: &'a Slot<T>,
}

// SAFETY: a shared claim gives shared access to the content only.
unsafe impl<T: Sync> Sync for Claim<'_, T> {}

impl<T> Deref for Claim<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: there is one claim, and it is borrowed.
        unsafe { &*self.slot.content.get() }
    }
}

impl<T> DerefMut for Claim<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: there is one claim, and it is borrowed exclusively.
        unsafe { &mut *self.slot.content.get() }
    }
}

impl<T> Drop for Claim<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // Ordering: Release, partner of the Acquire in `claim`: the next one sees the content.
        self.slot.is_claimed.store(false, Ordering::Release);
    }
}

/// The error of who finds the slot claimed.
#[cold]
pub(crate) fn busy(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::ResourceBusy,
        format!("another {what} is under way; await that one first, or have one task do them all"),
    )
}

/// The kernel gave the operation up before it did anything, because the ring it was started on has
/// stopped; on another ring it can begin anew.
pub(crate) fn was_cancelled(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ECANCELED)
}

/// An operation under a claim, which is parked if this is dropped before it has ended.
struct Running<'a, T, O: Operation> {
    claim: Claim<'a, T>,
    operation: Option<Op<O>>,
    park: fn(&mut T, Op<O>),
}

impl<T, O: Operation> Running<'_, T, O> {
    async fn end(&mut self) -> O::Output {
        let output = poll_fn(|cx| {
            let operation = self.operation.as_mut().expect("it is taken out when it has ended");
            Pin::new(operation).poll(cx)
        });
        let output = output.await;
        self.operation = None;
        output
    }
}

impl<T, O: Operation> Drop for Running<'_, T, O> {
    fn drop(&mut self) {
        if let Some(mut operation) = self.operation.take() {
            operation.rest();
            (self.park)(&mut self.claim, operation);
        }
    }
}

/// Runs the operation that `make` makes, and again where the ring it was begun on has stopped.
pub(crate) async fn run<T, O, N, B>(
    claim: Claim<'_, T>,
    mut content: B,
    make: impl Fn(B) -> Op<O>,
    park: fn(&mut T, Op<O>),
) -> BufResult<N, B>
where
    O: Operation<Output = BufResult<N, B>>,
{
    let mut running = Running { claim, operation: None, park };
    let mut is_first = true;
    loop {
        running.operation = Some(make(content));
        match running.end().await {
            Err(BufError { error, buffer }) if was_cancelled(&error) && is_first => {
                content = buffer;
                is_first = false;
            }
            output => return output,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_excludes_others_until_it_is_dropped() {
        let slot = Slot::new(1);
        let mut claim = slot.claim().expect("nobody else has it");
        assert!(slot.claim().is_none());
        *claim += 1;
        drop(claim);
        assert_eq!(slot.claim().map(|claim| *claim), Some(2));
    }
}
