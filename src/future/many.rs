//! A vector of futures of one type.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;

use super::child::Child;
use super::children::{Children, TryChildren, error_of, output_of, value_of};

/// They do not move, since a boxed slice never grows.
pub(super) struct Many<F: Future>(Box<[Child<F>]>);

impl<F: Future> Many<F> {
    pub(super) fn new(futures: impl IntoIterator<Item = F>) -> Self {
        Self(futures.into_iter().map(Child::new).collect())
    }

    /// As [`new`](Self::new), of at least one; `what` is asked for the first of them.
    #[track_caller]
    pub(super) fn new_some(futures: impl IntoIterator<Item = F>, what: &str) -> Self {
        let many = Self::new(futures);
        assert!(!many.0.is_empty(), "{what} of no futures would never end; give it at least one");
        many
    }

    fn child(self: Pin<&mut Self>, number: usize) -> Pin<&mut Child<F>> {
        // SAFETY: they are dropped where they are, in a box that is never given away.
        unsafe { self.map_unchecked_mut(|many| &mut many.0[number]) }
    }
}

impl<F: Future> Children for Many<F> {
    type Outputs = Vec<F::Output>;
    type OneOf = (usize, F::Output);

    const ARE_MANY: bool = true;

    fn count(&self) -> usize {
        self.0.len()
    }

    fn poll_one(self: Pin<&mut Self>, number: usize, cx: &mut Context<'_>) -> bool {
        self.child(number).poll(cx)
    }

    fn discard_one(self: Pin<&mut Self>, number: usize) {
        self.child(number).discard();
    }

    fn take_one(self: Pin<&mut Self>, number: usize) -> Self::OneOf {
        (number, output_of(self.child(number)))
    }

    fn take_all(mut self: Pin<&mut Self>) -> Self::Outputs {
        (0..self.count()).map(|number| output_of(self.as_mut().child(number))).collect()
    }
}

impl<F, T, E> TryChildren for Many<F>
where
    F: Future<Output = Result<T, E>>,
{
    type Values = Vec<T>;
    type Error = E;

    fn take_error(self: Pin<&mut Self>, number: usize) -> Option<E> {
        error_of(self.child(number))
    }

    fn take_values(mut self: Pin<&mut Self>) -> Vec<T> {
        (0..self.count()).map(|number| value_of(self.as_mut().child(number))).collect()
    }
}
