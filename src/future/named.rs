//! The types of the combinators.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::combined::Combined;
use super::many::Many;
use super::rules::{All, AllInOrder, AllOrError, First, FirstAndRest};
use super::{Futures, TryFutures};

macro_rules! combinators {
    ($($(#[$doc:meta])+ $name:ident<$future:ident: $bound:path>:
        $children:ty, $rule:ty => $output:ty;)+) => {$(
        $(#[$doc])+
        ///
        /// # Cancel safety
        ///
        /// If it is dropped, all the futures are dropped.
        #[must_use = "futures do nothing unless they are polled"]
        pub struct $name<$future: $bound>(pub(super) Combined<$children, $rule>);

        impl<$future: $bound> Future for $name<$future> {
            type Output = $output;

            fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                // SAFETY: the only field is pinned with it, and there is no `Drop`.
                unsafe { self.map_unchecked_mut(|this| &mut this.0) }.poll(cx)
            }
        }

        impl<$future: $bound> fmt::Debug for $name<$future> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut shown = f.debug_struct(stringify!($name));
                shown.field("stage", &self.0.stage_name()).finish_non_exhaustive()
            }
        }
    )+};
}

combinators! {
    /// All futures of a tuple; made by [`join`](super::join()).
    Join<F: Futures>: F::Children, All => F::Outputs;
    /// All of several futures; made by [`join_all`](super::join_all()).
    JoinAll<F: Future>: Many<F>, All => Vec<F::Output>;
    /// All futures of a tuple, or an error; made by [`try_join`](super::try_join()).
    TryJoin<F: TryFutures>: F::Children, AllOrError => Result<F::Values, F::Error>;
    /// The first future of a tuple; made by [`race`](super::race()).
    Race<F: Futures>: F::Children, FirstAndRest => F::OneOf;
    /// The first of several futures; made by [`race_all`](super::race_all()).
    RaceAll<F: Future>: Many<F>, FirstAndRest => (usize, F::Output);
    /// The first future of a tuple, at once; made by [`select`](super::select()).
    Select<F: Futures>: F::Children, First => F::OneOf;
    /// The first of several futures, at once; made by [`select_all`](super::select_all()).
    SelectAll<F: Future>: Many<F>, First => (usize, F::Output);
    /// All futures of a tuple, and their order; made by [`parallel`](super::parallel()).
    Parallel<F: Futures>: F::Children, AllInOrder => (F::Outputs, Vec<usize>);
    /// All of several futures, and their order; made by [`parallel_all`](super::parallel_all()).
    ParallelAll<F: Future>: Many<F>, AllInOrder => (Vec<F::Output>, Vec<usize>);
}

/// All of several futures, or an error; made by [`try_join_all`](super::try_join_all()).
///
/// # Cancel safety
///
/// If it is dropped, all the futures are dropped.
#[must_use = "futures do nothing unless they are polled"]
pub struct TryJoinAll<F, T, E>(pub(super) Combined<Many<F>, AllOrError>)
where
    F: Future<Output = Result<T, E>>;

impl<F, T, E> Future for TryJoinAll<F, T, E>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<Vec<T>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: the only field is pinned with it, and there is no `Drop`.
        unsafe { self.map_unchecked_mut(|this| &mut this.0) }.poll(cx)
    }
}

impl<F, T, E> fmt::Debug for TryJoinAll<F, T, E>
where
    F: Future<Output = Result<T, E>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("TryJoinAll");
        shown.field("stage", &self.0.stage_name()).finish_non_exhaustive()
    }
}
