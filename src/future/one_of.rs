//! Which of several futures was first, and what it gave.

macro_rules! one_of {
    ($($(#[$doc:meta])+ $one_of:ident: $($variant:ident $output:ident $at:literal),+;)+) => {$(
        $(#[$doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $one_of<$($output),+> {
            $(
                #[doc = concat!("That of number ", $at, ", counted from 0.")]
                $variant($output),
            )+
        }

        impl<$($output),+> $one_of<$($output),+> {
            /// The place of the future in the tuple, counted from 0.
            pub fn index(&self) -> usize {
                match self {
                    $(Self::$variant(_) => $at,)+
                }
            }
        }

        impl<T> $one_of<$(one_of!(@ T $output)),+> {
            /// What it gave, if all give the same type.
            pub fn into_inner(self) -> T {
                match self {
                    $(Self::$variant(output) => output,)+
                }
            }
        }
    )+};
    (@ $same:ident $output:ident) => { $same };
}

one_of! {
    /// What one of two futures gave, of [`race`](super::race()) or [`select`](super::select()).
    OneOf2: First A 0, Second B 1;
    /// What one of three futures gave, of [`race`](super::race()) or [`select`](super::select()).
    OneOf3: First A 0, Second B 1, Third C 2;
    /// What one of four futures gave, of [`race`](super::race()) or [`select`](super::select()).
    OneOf4: First A 0, Second B 1, Third C 2, Fourth D 3;
    /// What one of five futures gave, of [`race`](super::race()) or [`select`](super::select()).
    OneOf5: First A 0, Second B 1, Third C 2, Fourth D 3, Fifth E 4;
    /// What one of six futures gave, of [`race`](super::race()) or [`select`](super::select()).
    OneOf6: First A 0, Second B 1, Third C 2, Fourth D 3, Fifth E 4, Sixth F 5;
    /// What one of seven futures gave, of [`race`](super::race()) or [`select`](super::select()).
    OneOf7: First A 0, Second B 1, Third C 2, Fourth D 3, Fifth E 4, Sixth F 5, Seventh G 6;
    /// What one of eight futures gave, of [`race`](super::race()) or [`select`](super::select()).
    OneOf8: First A 0, Second B 1, Third C 2, Fourth D 3, Fifth E 4, Sixth F 5, Seventh G 6,
        Eighth H 7;
}
