//! The span of a task, for those who collect spans with the crate `tracing`.
//!
//! With the feature `tracing` each task has one, which is made when the task is, entered around
//! each poll and the drop of the future, and closed with that. It follows from the span it was made
//! in, and is the child of none. Without the feature this is nothing.
//!
//! The subscriber is the user's code: it is called where a task is made, and else only where the
//! task's own code would be.

use super::TaskId;
use super::header::Birth;

#[cfg(feature = "tracing")]
pub(super) struct TaskSpan {
    span: tracing::Span,
    /// The ring that the span says it is on.
    ring: Option<usize>,
}

#[cfg(not(feature = "tracing"))]
pub(super) struct TaskSpan;

#[cfg(feature = "tracing")]
impl TaskSpan {
    pub(super) fn new(birth: &Birth, id: TaskId) -> Self {
        let span = tracing::info_span!(
            target: "ringpool::task",
            // A span keeps its parent open, and so all tasks before it in a row of tasks that each
            // spawn the next one.
            parent: None,
            "task",
            id = id.get(),
            name = birth.name.as_deref(),
            file = birth.spawned_at.file(),
            line = birth.spawned_at.line(),
            ring = tracing::field::Empty,
        );
        if !span.is_disabled() {
            span.follows_from(tracing::Span::current().id());
        }
        Self { span, ring: None }
    }

    /// Runs code of the task, on the ring where that is now.
    pub(super) fn within<R>(&mut self, code: impl FnOnce() -> R) -> R {
        if self.span.is_disabled() {
            return code();
        }
        let ring = crate::context::with(|local| local.map(|local| local.shared.index));
        if ring != self.ring {
            self.ring = ring;
            self.span.record("ring", ring);
        }
        self.span.in_scope(code)
    }
}

#[cfg(not(feature = "tracing"))]
impl TaskSpan {
    #[inline]
    pub(super) fn new(_: &Birth, _: TaskId) -> Self {
        Self
    }

    #[inline]
    pub(super) fn within<R>(&mut self, code: impl FnOnce() -> R) -> R {
        code()
    }
}
