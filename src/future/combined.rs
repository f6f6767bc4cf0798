//! What all combinators have in common: polling, an end, and what is left after it.
//!
//! ```text
//!   running ── the rule says that it has ended, or a future panics ──▶ ending ──▶ finished
//!   turns over the futures                        the others are dropped; what
//!   that have been woken                          they left is awaited
//! ```
//!
//! The rule is what makes one a join and another a race. A panic is carried to the end like an
//! output, so that nothing of the other futures is left when it goes on.

use std::any::Any;
use std::future::Future;
use std::mem;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::children::Children;
use super::wakes::Wakes;
use crate::foreign::{dispose_of, shielded};
use crate::task::leavings::Leavings;

/// When a combinator is at its end, and what it gives.
pub(super) trait Rule<C: Children> {
    type Output;

    /// Whether what the others leave in the kernel is awaited.
    const AWAITS_LEAVINGS: bool = true;

    /// What comes of no futures at all.
    fn of_none(&mut self, children: Pin<&mut C>) -> Self::Output;

    /// The output, if the end of this one is the end of all.
    fn one_ended(&mut self, children: Pin<&mut C>, number: usize) -> Option<Self::Output>;
}

type Payload = Box<dyn Any + Send>;

/// Futures under a rule.
pub(super) struct Combined<C: Children, R: Rule<C>> {
    children: C,
    wakes: Option<Wakes>,
    rule: R,
    stage: Stage<R::Output>,
}

enum Stage<T> {
    Running,
    Ending { leavings: Leavings, outcome: Result<T, Payload> },
    Finished,
}

/// The parts of a combinator. Nothing but the children is pinned.
struct Parts<'a, C: Children, R: Rule<C>> {
    children: Pin<&'a mut C>,
    wakes: &'a mut Option<Wakes>,
    rule: &'a mut R,
    stage: &'a mut Stage<R::Output>,
}

impl<C: Children, R: Rule<C>> Combined<C, R> {
    pub(super) fn new(children: C, rule: R) -> Self {
        let count = children.count();
        let wakes = (C::ARE_MANY && count > 0).then(|| Wakes::new(count));
        Self { children, wakes, rule, stage: Stage::Running }
    }

    /// For those who look at it.
    pub(super) fn stage_name(&self) -> &'static str {
        match self.stage {
            Stage::Running => "running",
            Stage::Ending { .. } => "ending",
            Stage::Finished => "finished",
        }
    }

    fn parts(self: Pin<&mut Self>) -> Parts<'_, C, R> {
        // SAFETY: the children are not moved out of it, and `Combined` has no `Drop` and no
        // `Unpin` of its own; the rest may move.
        let this = unsafe { self.get_unchecked_mut() };
        Parts {
            // SAFETY: as above.
            children: unsafe { Pin::new_unchecked(&mut this.children) },
            wakes: &mut this.wakes,
            rule: &mut this.rule,
            stage: &mut this.stage,
        }
    }
}

impl<C: Children, R: Rule<C>> Parts<'_, C, R> {
    /// Takes a turn; the output, if that ends it.
    fn take_turn(&mut self, cx: &mut Context<'_>) -> Option<R::Output> {
        let count = self.children.count();
        if count == 0 {
            return Some(self.rule.of_none(self.children.as_mut()));
        }
        let Some(wakes) = self.wakes else {
            return poll_each(&mut self.children, self.rule, 0..count, |children, number| {
                children.poll_one(number, cx)
            });
        };
        let turn = wakes.begin_turn(cx);
        let numbers = turn.iter().copied();
        let output = poll_each(&mut self.children, self.rule, numbers, |children, number| {
            children.poll_one(number, &mut Context::from_waker(wakes.waker(number)))
        });
        wakes.end_turn(turn);
        output
    }

    /// Drops all futures; the first panic of a destructor comes before any output.
    fn end(&mut self, mut outcome: Result<R::Output, Payload>) {
        let mut leavings = Leavings::default();
        let children = &mut self.children;
        leavings.of(|| {
            for number in 0..children.count() {
                let discard = || children.as_mut().discard_one(number);
                let Err(payload) = catch_unwind(AssertUnwindSafe(discard)) else { continue };
                if outcome.is_err() {
                    dispose_of(payload);
                } else if let Ok(output) = mem::replace(&mut outcome, Err(payload)) {
                    // Lost to the panic. The user's code again.
                    let _ = shielded(|| drop(output));
                }
            }
        });
        *self.wakes = None;
        if !R::AWAITS_LEAVINGS {
            leavings = Leavings::default();
        }
        *self.stage = Stage::Ending { leavings, outcome };
    }
}

/// Polls the futures of these numbers, until the rule says that it is the end.
fn poll_each<C: Children, R: Rule<C>>(
    children: &mut Pin<&mut C>,
    rule: &mut R,
    mut numbers: impl Iterator<Item = usize>,
    mut poll: impl FnMut(Pin<&mut C>, usize) -> bool,
) -> Option<R::Output> {
    let turn = numbers.try_for_each(|number| {
        if poll(children.as_mut(), number)
            && let Some(output) = rule.one_ended(children.as_mut(), number)
        {
            return ControlFlow::Break(output);
        }
        ControlFlow::Continue(())
    });
    turn.break_value()
}

impl<C: Children, R: Rule<C>> Future for Combined<C, R> {
    type Output = R::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R::Output> {
        let mut parts = self.parts();
        if let Stage::Running = parts.stage {
            match catch_unwind(AssertUnwindSafe(|| parts.take_turn(cx))) {
                Ok(None) => return Poll::Pending,
                Ok(Some(output)) => parts.end(Ok(output)),
                Err(payload) => parts.end(Err(payload)),
            }
        }
        if let Stage::Ending { leavings, .. } = parts.stage {
            ready!(leavings.poll_returned(cx));
        }
        match mem::replace(parts.stage, Stage::Finished) {
            Stage::Ending { outcome: Ok(output), .. } => Poll::Ready(output),
            Stage::Ending { outcome: Err(payload), .. } => resume_unwind(payload),
            _ => panic!("a finished combinator was polled again"),
        }
    }
}
