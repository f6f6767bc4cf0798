//! Several buffers for one operation.

use super::{IoBuf, IoBufMut};

/// Several buffers that the kernel may read from, one after the other: a vector or an array of
/// buffers of one type, or a tuple of two to eight of any types.
///
/// # Safety
///
/// As long as the value is not moved and nothing is called on it,
/// [`for_each`](IoBufs::for_each) visits the same buffers, in the same places and the same order.
pub unsafe trait IoBufs: Send + 'static {
    /// Calls `visit` with each of them in order.
    fn for_each(&self, visit: &mut dyn FnMut(&dyn IoBuf));
}

/// Several buffers that the kernel may write to, one after the other.
///
/// # Safety
///
/// As for [`IoBufs`], and [`for_each_mut`](IoBufsMut::for_each_mut) visits the same buffers.
pub unsafe trait IoBufsMut: IoBufs {
    /// Calls `visit` with each of them in order.
    fn for_each_mut(&mut self, visit: &mut dyn FnMut(&mut dyn IoBufMut));
}

/// Says of all buffers that are filled one after the other how many of their bytes are
/// initialized, if `total` are.
///
/// # Safety
///
/// The first `total` bytes that the buffers have room for are initialized.
pub(crate) unsafe fn set_initialized_total(buffers: &mut impl IoBufsMut, total: usize) {
    let mut left = total;
    buffers.for_each_mut(&mut |buffer| {
        let count = left.min(buffer.capacity());
        // SAFETY: each is filled before the next one is, and `left` bytes are from here on.
        unsafe { buffer.set_initialized_len(count) };
        left -= count;
    });
}

macro_rules! lists {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => {$(
        // SAFETY: the list owns the buffers, and keeps them in place and order.
        unsafe impl<B: IoBuf, $($generics)*> IoBufs for $type {
            fn for_each(&self, visit: &mut dyn FnMut(&dyn IoBuf)) {
                self.iter().for_each(|buffer| visit(buffer));
            }
        }

        // SAFETY: as above.
        unsafe impl<B: IoBufMut, $($generics)*> IoBufsMut for $type {
            fn for_each_mut(&mut self, visit: &mut dyn FnMut(&mut dyn IoBufMut)) {
                self.iter_mut().for_each(|buffer| visit(buffer));
            }
        }
    )*};
}

lists! {
    [] Vec<B>,
    [] Box<[B]>,
    [const N: usize] [B; N],
}

macro_rules! tuples {
    ($(($($type:ident $at:tt),*))*) => {$(
        // SAFETY: the buffers are in the value itself, in this order.
        unsafe impl<$($type: IoBuf),*> IoBufs for ($($type,)*) {
            fn for_each(&self, visit: &mut dyn FnMut(&dyn IoBuf)) {
                $(visit(&self.$at);)*
            }
        }

        // SAFETY: as above.
        unsafe impl<$($type: IoBufMut),*> IoBufsMut for ($($type,)*) {
            fn for_each_mut(&mut self, visit: &mut dyn FnMut(&mut dyn IoBufMut)) {
                $(visit(&mut self.$at);)*
            }
        }
    )*};
}

tuples! {
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_shared_out_in_order() {
        let mut buffers = (Vec::<u8>::with_capacity(3), [0; 2], vec![7; 4], Vec::from([8; 2]));
        let capacity = buffers.0.capacity();
        // SAFETY: the vector's bytes are written first, and the rest has some.
        unsafe {
            buffers.0.as_mut_ptr().write_bytes(1, capacity);
            set_initialized_total(&mut buffers, capacity + 3);
        }
        assert_eq!(buffers, (vec![1; capacity], [0; 2], vec![7], vec![]));
    }
}
