//! The memory of a set of registered buffers, and which of them are free.

use std::io;
use std::ptr::NonNull;
use std::sync::Arc;

use super::registration::Registration;
use super::{AlignedBuf, IoBuf};
use crate::Channel;
use crate::runtime::Shared;

/// The kernel registers no more than a gibibyte in one place.
const BYTES_MAX: usize = 1 << 30;
/// What the address of each buffer is a multiple of: the block of most disks.
const BUFFER_ALIGN: usize = 512;
/// What the kernel pins is whole pages, which nothing else shall be in.
const PAGE: usize = 4096;

/// What all handles and buffers of a set share; with the last of them it is unregistered and freed.
pub(super) struct Arena {
    registrations: Vec<Registration>,
    memory: Arc<AlignedBuf>,
    size: usize,
    stride: usize,
    count: usize,
    /// The buffers that nobody has. A buffer that comes back goes to who waits for one.
    free: Channel<u32>,
}

/// How large the memory of a set is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dimensions {
    count: usize,
    size: usize,
    stride: usize,
}

impl Dimensions {
    pub(super) fn new(count: usize, size: usize) -> io::Result<Self> {
        for (name, value) in [("count", count), ("size", size)] {
            if value == 0 {
                return Err(invalid(format!("{name} is 0; registered buffers need at least 1")));
            }
        }
        let stride = size.checked_next_multiple_of(BUFFER_ALIGN);
        let bytes = stride.and_then(|stride| stride.checked_mul(count));
        match (stride, bytes) {
            (Some(stride), Some(bytes)) if bytes <= BYTES_MAX => Ok(Self { count, size, stride }),
            _ => Err(invalid(format!(
                "{count} buffers of {size} bytes are more than the {BYTES_MAX} bytes that the \
                 kernel registers at once; make several sets of fewer"
            ))),
        }
    }

    /// The memory for all of them, zeroed.
    pub(super) fn allocate(self) -> io::Result<Arc<AlignedBuf>> {
        let bytes = (self.count * self.stride).next_multiple_of(PAGE);
        AlignedBuf::try_new(bytes, PAGE).map(Arc::new)
    }
}

impl Arena {
    /// All buffers are free. `registrations` are one, or those of all rings of a pool in order.
    pub(super) fn new(
        dimensions: Dimensions,
        memory: Arc<AlignedBuf>,
        registrations: Vec<Registration>,
    ) -> Self {
        let Dimensions { count, size, stride } = dimensions;
        let arena =
            Self { registrations, memory, size, stride, count, free: Channel::bounded(count) };
        (0..count as u32).for_each(|index| arena.give_back(index));
        arena
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The bytes of each buffer.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn free(&self) -> &Channel<u32> {
        &self.free
    }

    pub(super) fn give_back(&self, index: u32) {
        let given = self.free.try_send(index);
        debug_assert!(given.is_ok(), "there is room for all of them, and it is never closed");
    }

    /// Where a buffer begins.
    pub(super) fn start_of(&self, index: u32) -> NonNull<u8> {
        // SAFETY: there are `count` buffers, and only their indices are ever handed out.
        unsafe { self.memory.start().add(index as usize * self.stride) }
    }

    /// The place of the memory in the table of a ring, if it is registered there.
    #[inline]
    pub(super) fn place_on(&self, ring: &Arc<Shared>) -> Option<u16> {
        let at = if self.registrations.len() == 1 { 0 } else { ring.index };
        self.registrations.get(at).filter(|there| there.is_on(ring)).map(Registration::place)
    }

    /// The rings that it is registered on, for messages.
    pub(super) fn rings(&self) -> Vec<usize> {
        self.registrations.iter().map(Registration::ring).collect()
    }
}

/// The memory as the kernel takes it.
pub(super) fn vector_of(memory: &AlignedBuf) -> libc::iovec {
    let bytes = memory.start().as_ptr();
    libc::iovec { iov_base: bytes.cast(), iov_len: memory.initialized_len() }
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_would_refuse_is_refused_with_a_reason() {
        let cases = [
            (0, 4096, "count is 0"),
            (4, 0, "size is 0"),
            (1, BYTES_MAX + 1, "1073741824 bytes that the kernel"),
            (BYTES_MAX, 1, "1073741824 buffers of 1 bytes"),
            (usize::MAX, 4096, "make several sets"),
            (1, usize::MAX, "make several sets"),
        ];
        for (count, size, message) in cases {
            let error = Dimensions::new(count, size).expect_err(message);
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains(message), "{error}");
        }
        assert!(Dimensions::new(1 << 18, 4096).is_ok());
    }

    #[test]
    fn buffers_are_aligned_and_apart() {
        for (size, align) in [(1, 512), (512, 512), (1000, 512), (4096, 4096), (8192, 4096)] {
            let dimensions = Dimensions::new(3, size).expect("not much");
            let memory = dimensions.allocate().expect("not much");
            let end = memory.as_ptr() as usize + memory.len();
            let arena = Arena::new(dimensions, memory, Vec::new());
            let starts = [0, 1, 2].map(|index| arena.start_of(index).as_ptr() as usize);
            assert!(starts.iter().all(|start| start % align == 0), "{size}");
            assert!(starts[0] + size <= starts[1] && starts[1] + size <= starts[2], "{size}");
            assert!(starts[2] + size <= end, "{size}");
        }
    }
}
