//! Tuples of two to eight futures of any types.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;

use super::child::Child;
use super::children::{Children, TryChildren, error_of, output_of, value_of};
use super::one_of::{OneOf2, OneOf3, OneOf4, OneOf5, OneOf6, OneOf7, OneOf8};

/// A tuple of two to eight futures, of any types.
pub trait Futures: sealed::Sealed {
    /// What all of them give, as a tuple.
    type Outputs;

    /// What one of them gives, and which: [`OneOf2`] to [`OneOf8`].
    type OneOf;

    #[doc(hidden)]
    type Children: Children<Outputs = Self::Outputs, OneOf = Self::OneOf>;

    #[doc(hidden)]
    fn into_children(self) -> Self::Children;
}

/// A tuple of two to eight futures that give [`Result`]s with errors of one type.
pub trait TryFutures: sealed::Sealed {
    /// What all of them give that succeed, as a tuple.
    type Values;

    /// Why one of them failed.
    type Error;

    #[doc(hidden)]
    type Children: TryChildren<Values = Self::Values, Error = Self::Error>;

    #[doc(hidden)]
    fn into_children(self) -> Self::Children;
}

mod sealed {
    pub trait Sealed {}
}

/// A tuple of [`Child`]ren, each of which is pinned with it.
#[expect(missing_debug_implementations, reason = "nobody outside has one")]
pub struct Tuple<T>(T);

macro_rules! tuples_of_futures {
    ($($count:literal $one_of:ident: $($variant:ident $future:ident $value:ident $at:tt),+;)+) => {$(
        impl<$($future: Future),+> sealed::Sealed for ($($future,)+) {}

        impl<$($future: Future),+> Futures for ($($future,)+) {
            type Outputs = ($($future::Output,)+);
            type OneOf = $one_of<$($future::Output),+>;
            type Children = Tuple<($(Child<$future>,)+)>;

            fn into_children(self) -> Self::Children {
                Tuple(($(Child::new(self.$at),)+))
            }
        }

        impl<Failure, $($future, $value),+> TryFutures for ($($future,)+)
        where
            $($future: Future<Output = Result<$value, Failure>>),+
        {
            type Values = ($($value,)+);
            type Error = Failure;
            type Children = Tuple<($(Child<$future>,)+)>;

            fn into_children(self) -> Self::Children {
                Tuple(($(Child::new(self.$at),)+))
            }
        }

        impl<$($future: Future),+> Children for Tuple<($(Child<$future>,)+)> {
            type Outputs = ($($future::Output,)+);
            type OneOf = $one_of<$($future::Output),+>;

            const ARE_MANY: bool = false;

            fn count(&self) -> usize {
                $count
            }

            fn poll_one(self: Pin<&mut Self>, number: usize, cx: &mut Context<'_>) -> bool {
                match number {
                    // SAFETY: the children are pinned with the tuple, as a field of it.
                    $($at => unsafe { self.map_unchecked_mut(|all| &mut all.0.$at) }.poll(cx),)+
                    _ => unreachable!("{NO_SUCH}"),
                }
            }

            fn discard_one(self: Pin<&mut Self>, number: usize) {
                match number {
                    // SAFETY: as above.
                    $($at => unsafe { self.map_unchecked_mut(|all| &mut all.0.$at) }.discard(),)+
                    _ => unreachable!("{NO_SUCH}"),
                }
            }

            fn take_one(self: Pin<&mut Self>, number: usize) -> Self::OneOf {
                match number {
                    $($at => {
                        // SAFETY: as above.
                        let child = unsafe { self.map_unchecked_mut(|all| &mut all.0.$at) };
                        $one_of::$variant(output_of(child))
                    })+
                    _ => unreachable!("{NO_SUCH}"),
                }
            }

            fn take_all(mut self: Pin<&mut Self>) -> Self::Outputs {
                ($({
                    // SAFETY: as above.
                    let child = unsafe { self.as_mut().map_unchecked_mut(|all| &mut all.0.$at) };
                    output_of(child)
                },)+)
            }
        }

        impl<Failure, $($future, $value),+> TryChildren for Tuple<($(Child<$future>,)+)>
        where
            $($future: Future<Output = Result<$value, Failure>>),+
        {
            type Values = ($($value,)+);
            type Error = Failure;

            fn take_error(self: Pin<&mut Self>, number: usize) -> Option<Failure> {
                match number {
                    // SAFETY: the children are pinned with the tuple, as a field of it.
                    $($at => error_of(unsafe { self.map_unchecked_mut(|all| &mut all.0.$at) }),)+
                    _ => unreachable!("{NO_SUCH}"),
                }
            }

            fn take_values(mut self: Pin<&mut Self>) -> Self::Values {
                ($({
                    // SAFETY: as above.
                    let child = unsafe { self.as_mut().map_unchecked_mut(|all| &mut all.0.$at) };
                    value_of(child)
                },)+)
            }
        }
    )+};
}

const NO_SUCH: &str = "the futures of a tuple are numbered";

tuples_of_futures! {
    2 OneOf2: First A AA 0, Second B BB 1;
    3 OneOf3: First A AA 0, Second B BB 1, Third C CC 2;
    4 OneOf4: First A AA 0, Second B BB 1, Third C CC 2, Fourth D DD 3;
    5 OneOf5: First A AA 0, Second B BB 1, Third C CC 2, Fourth D DD 3, Fifth E EE 4;
    6 OneOf6: First A AA 0, Second B BB 1, Third C CC 2, Fourth D DD 3, Fifth E EE 4,
        Sixth F FF 5;
    7 OneOf7: First A AA 0, Second B BB 1, Third C CC 2, Fourth D DD 3, Fifth E EE 4,
        Sixth F FF 5, Seventh G GG 6;
    8 OneOf8: First A AA 0, Second B BB 1, Third C CC 2, Fourth D DD 3, Fifth E EE 4,
        Sixth F FF 5, Seventh G GG 6, Eighth H HH 7;
}
