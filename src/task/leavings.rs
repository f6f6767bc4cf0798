//! What a piece of code leaves behind: operations whose futures it drops in flight, and tasks whose
//! handles it drops.
//!
//! Each such operation counts with its task (`orphan.rs`), which is enough for a cancel of the
//! task. Code that drops futures and goes on, as the end of a race does, has [`Leavings`] of its
//! own besides: they count what is dropped while [`Leavings::of`] runs, on whatever thread, and
//! can be awaited. An operation or a task counts with the innermost; when those are dropped with
//! something still out, the ones around them count that.
//!
//! While code runs its count is in a thread-local, and made when it is first needed: a race that
//! leaves nothing allocates nothing for it.

use std::cell::Cell;
use std::task::{Context, Poll};

use crate::outstanding::{Outstanding, Share};

/// See the module's page.
#[derive(Default)]
pub(crate) struct Leavings {
    out: Option<Outstanding>,
}

/// Whose leavings the calling thread counts now.
#[derive(Default)]
enum Counting {
    #[default]
    Nobodys,
    /// Those of the code that runs, with what it has left so far.
    Ours(Option<Outstanding>),
}

thread_local! {
    static COUNTING: Cell<Counting> = const { Cell::new(Counting::Nobodys) };
}

/// Exchanges what the calling thread counts. A thread that is being torn down counts nothing.
fn exchange(counting: Counting) -> Counting {
    COUNTING.try_with(|now| now.replace(counting)).unwrap_or_default()
}

/// Goes back to what was counted before, also when code panics.
struct Within<'a> {
    leavings: &'a mut Leavings,
    before: Counting,
}

impl Drop for Within<'_> {
    fn drop(&mut self) {
        if let Counting::Ours(out) = exchange(std::mem::take(&mut self.before)) {
            self.leavings.out = out;
        }
    }
}

impl Leavings {
    /// Runs `code`, and counts what it leaves.
    #[inline]
    pub(crate) fn of<R>(&mut self, code: impl FnOnce() -> R) -> R {
        let before = exchange(Counting::Ours(self.out.take()));
        let _within = Within { leavings: self, before };
        code()
    }

    /// Ready when all of it has come back or ended; else the waker is woken then.
    pub(crate) fn poll_returned(&mut self, cx: &Context<'_>) -> Poll<()> {
        self.out.as_mut().map_or(Poll::Ready(()), |out| out.poll_zero(cx))
    }
}

impl Drop for Leavings {
    fn drop(&mut self) {
        if let Some(out) = self.out.take() {
            out.leave_to(share);
        }
    }
}

/// Counting nobody's, until this is dropped.
struct Uncounted(Counting);

impl Drop for Uncounted {
    fn drop(&mut self) {
        exchange(std::mem::take(&mut self.0));
    }
}

/// Runs code of which nobody awaits what it leaves.
pub(crate) fn uncounted<R>(code: impl FnOnce() -> R) -> R {
    let _before = Uncounted(exchange(Counting::Nobodys));
    code()
}

/// One more operation or task is left, if somebody counts here.
pub(super) fn share() -> Option<Share> {
    let counting = exchange(Counting::Nobodys);
    let Counting::Ours(out) = counting else { return None };
    let out = out.unwrap_or_else(Outstanding::new);
    let share = out.share();
    exchange(Counting::Ours(Some(out)));
    Some(share)
}

#[cfg(all(test, not(ringpool_loom), not(ringpool_shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn what_is_uncounted_is_not_awaited_and_what_comes_after_it_is() {
        let mut leavings = Leavings::default();
        let cx = Context::from_waker(std::task::Waker::noop());
        leavings.of(|| assert!(uncounted(share).is_none()));
        assert!(leavings.poll_returned(&cx).is_ready());
        let counted = leavings.of(|| {
            uncounted(|| ());
            share()
        });
        assert!(leavings.poll_returned(&cx).is_pending());
        drop(counted);
        assert!(leavings.poll_returned(&cx).is_ready());
        assert!(share().is_none());
    }
}
