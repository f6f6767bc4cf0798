//! The rules of joins and races.

use std::pin::Pin;

use super::children::{Children, TryChildren};
use super::combined::Rule;

/// All have to end.
pub(super) struct All {
    running: usize,
}

/// All have to end, or one to fail.
pub(super) struct AllOrError {
    running: usize,
}

/// All have to end, and the order is told.
pub(super) struct AllInOrder {
    order: Vec<usize>,
}

/// One has to end; what the others leave is awaited.
pub(super) struct FirstAndRest;

/// One has to end.
pub(super) struct First;

impl All {
    pub(super) fn of(children: &impl Children) -> Self {
        Self { running: children.count() }
    }
}

impl AllOrError {
    pub(super) fn of(children: &impl Children) -> Self {
        Self { running: children.count() }
    }
}

impl AllInOrder {
    pub(super) fn of(children: &impl Children) -> Self {
        Self { order: Vec::with_capacity(children.count()) }
    }
}

impl<C: Children> Rule<C> for All {
    type Output = C::Outputs;

    fn of_none(&mut self, children: Pin<&mut C>) -> C::Outputs {
        children.take_all()
    }

    fn one_ended(&mut self, children: Pin<&mut C>, _: usize) -> Option<C::Outputs> {
        self.running -= 1;
        (self.running == 0).then(|| children.take_all())
    }
}

impl<C: TryChildren> Rule<C> for AllOrError {
    type Output = Result<C::Values, C::Error>;

    fn of_none(&mut self, children: Pin<&mut C>) -> Self::Output {
        Ok(children.take_values())
    }

    fn one_ended(&mut self, mut children: Pin<&mut C>, number: usize) -> Option<Self::Output> {
        if let Some(error) = children.as_mut().take_error(number) {
            return Some(Err(error));
        }
        self.running -= 1;
        (self.running == 0).then(|| Ok(children.take_values()))
    }
}

impl<C: Children> Rule<C> for AllInOrder {
    type Output = (C::Outputs, Vec<usize>);

    fn of_none(&mut self, children: Pin<&mut C>) -> Self::Output {
        (children.take_all(), Vec::new())
    }

    fn one_ended(&mut self, children: Pin<&mut C>, number: usize) -> Option<Self::Output> {
        self.order.push(number);
        let is_last = self.order.len() == children.count();
        is_last.then(|| (children.take_all(), std::mem::take(&mut self.order)))
    }
}

impl<C: Children> Rule<C> for FirstAndRest {
    type Output = C::OneOf;

    fn of_none(&mut self, _: Pin<&mut C>) -> C::OneOf {
        unreachable!("{NEVER_NONE}")
    }

    fn one_ended(&mut self, children: Pin<&mut C>, number: usize) -> Option<C::OneOf> {
        Some(children.take_one(number))
    }
}

impl<C: Children> Rule<C> for First {
    type Output = C::OneOf;

    const AWAITS_LEAVINGS: bool = false;

    fn of_none(&mut self, _: Pin<&mut C>) -> C::OneOf {
        unreachable!("{NEVER_NONE}")
    }

    fn one_ended(&mut self, children: Pin<&mut C>, number: usize) -> Option<C::OneOf> {
        Some(children.take_one(number))
    }
}

const NEVER_NONE: &str = "a race without futures has panicked when it was made";
