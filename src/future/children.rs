//! The futures of a combinator, whether they are a tuple or a vector.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;

use super::child::Child;

/// Futures by number, each in its place. All are pinned with the combinator.
pub trait Children {
    /// What all give.
    type Outputs;
    /// What one gives, and which.
    type OneOf;

    fn count(&self) -> usize;

    /// Whether each is to have a waker of its own: there may be so many that polling all of them
    /// for the sake of one would be slow.
    const ARE_MANY: bool;

    /// Goes on with one; whether it has ended just now.
    fn poll_one(self: Pin<&mut Self>, number: usize, cx: &mut Context<'_>) -> bool;

    /// Drops one, or what it gave.
    fn discard_one(self: Pin<&mut Self>, number: usize);

    /// What one gave that has ended.
    fn take_one(self: Pin<&mut Self>, number: usize) -> Self::OneOf;

    /// What all gave, which have ended.
    fn take_all(self: Pin<&mut Self>) -> Self::Outputs;
}

/// Futures that may fail.
pub trait TryChildren: Children {
    /// What all give that succeed.
    type Values;
    type Error;

    /// The error of one that has ended, if it failed.
    fn take_error(self: Pin<&mut Self>, number: usize) -> Option<Self::Error>;

    /// What all gave, which have ended and have not failed.
    fn take_values(self: Pin<&mut Self>) -> Self::Values;
}

pub(super) fn output_of<F: Future>(child: Pin<&mut Child<F>>) -> F::Output {
    child.take_output().expect("a finished combinator was polled again")
}

pub(super) fn value_of<F, T, E>(child: Pin<&mut Child<F>>) -> T
where
    F: Future<Output = Result<T, E>>,
{
    match output_of(child) {
        Ok(value) => value,
        Err(_) => unreachable!("the first error has ended the combinator"),
    }
}

pub(super) fn error_of<F, T, E>(mut child: Pin<&mut Child<F>>) -> Option<E>
where
    F: Future<Output = Result<T, E>>,
{
    let has_failed = child.as_mut().output().is_some_and(Result::is_err);
    if has_failed { output_of(child).err() } else { None }
}
