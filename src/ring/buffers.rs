//! A ring's table of registered buffers: memory that the kernel has pinned beforehand.
//!
//! The table is made when the first buffers are registered, with room for so many that nobody has
//! to say how many there will be: an empty place costs eight bytes. A place holds the whole memory
//! of one set of buffers, since an operation may name any part of it.
//!
//! Memory for several rings is registered once, on a ring that does nothing else, the **bank**, and
//! cloned from there into each ring: a ring of one issuer lets nobody else look into its table.
//! What is cloned does not need the bank any longer.

use std::io;
use std::os::fd::AsRawFd;

use io_uring::IoUring;
use io_uring::types::CloneBuffersFlags;

use super::{Environment, Ring};

/// How many sets of buffers may be registered on one ring at a time.
const PLACES: u16 = 1024;

/// Which places of a ring's table are taken.
#[derive(Default)]
pub(super) struct BufferTable {
    /// How many places have ever been taken; `None` before there is a table.
    used: Option<u16>,
    /// Those of them that are free again.
    free: Vec<u16>,
}

impl BufferTable {
    /// A place that is not taken, to be given back or [kept](Self::keep).
    fn find_place(&mut self, ring: &IoUring) -> io::Result<u16> {
        let used = match self.used {
            Some(used) => used,
            None => {
                ring.submitter().register_buffers_sparse(u32::from(PLACES))?;
                *self.used.insert(0)
            }
        };
        match self.free.last() {
            Some(place) => Ok(*place),
            None if used < PLACES => Ok(used),
            None => Err(table_is_full()),
        }
    }

    /// The place that was found is taken from here on.
    fn keep(&mut self, place: u16) -> u16 {
        if self.free.pop().is_none() {
            self.used = Some(place + 1);
        }
        place
    }
}

impl Ring {
    /// Registers memory, which the kernel pins; gives its place in the ring's table.
    ///
    /// # Safety
    ///
    /// Whoever names the place in an operation may have the part of the memory that it names read
    /// and written.
    pub(crate) unsafe fn register_memory(&mut self, memory: libc::iovec) -> io::Result<u16> {
        let (table, ring) = self.buffers();
        let place = table.find_place(ring).map_err(|error| explain(error, memory.iov_len))?;
        // SAFETY: the kernel pins the pages, and so does not need them to stay mapped here.
        unsafe { ring.submitter().register_buffers_update(u32::from(place), &[memory], None) }
            .map_err(|error| explain(error, memory.iov_len))?;
        Ok(table.keep(place))
    }

    /// Takes over what is registered on a bank; gives its place in the ring's table. Since
    /// Linux 6.13.
    ///
    /// # Safety
    ///
    /// As for [`register_memory`](Self::register_memory).
    pub(crate) unsafe fn clone_memory(&mut self, bank: &Bank) -> io::Result<u16> {
        let (table, ring) = self.buffers();
        let place = table.find_place(ring)?;
        let bank = bank.0.as_raw_fd();
        let replace = CloneBuffersFlags::DST_REPLACE;
        ring.submitter().register_buffers_clone_offset(bank, 0, u32::from(place), 1, replace)?;
        Ok(table.keep(place))
    }

    /// Gives a place back: the kernel lets go of the memory when no operation uses it any more.
    pub(crate) fn unregister_memory(&mut self, place: u16) {
        let (table, ring) = self.buffers();
        let nothing = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
        // SAFETY: there is no memory to be valid.
        let updated =
            unsafe { ring.submitter().register_buffers_update(u32::from(place), &[nothing], None) };
        // If the kernel does not let go of it, the place stays taken, and nothing is wrong.
        if updated.is_ok() {
            table.free.push(place);
        }
    }
}

/// A ring that holds registered memory, for others to clone.
pub(crate) struct Bank(IoUring);

impl Bank {
    /// Registers `memory` on a ring of its own, if others can clone it from there.
    ///
    /// # Safety
    ///
    /// As for [`Ring::register_memory`].
    pub(crate) unsafe fn new(memory: libc::iovec) -> io::Result<Self> {
        let ring = IoUring::builder().dontfork().build(1)?;
        // Nothing is pinned in vain: what is no ring is told apart only by a kernel that can clone.
        let replace = CloneBuffersFlags::DST_REPLACE;
        let cloned = ring.submitter().register_buffers_clone_offset(-1, 0, 0, 1, replace);
        if !cloned.is_err_and(|error| error.raw_os_error() == Some(libc::EBADF)) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        // SAFETY: the kernel pins the pages, and so does not need them to stay mapped here.
        unsafe { ring.submitter().register_buffers(&[memory]) }?;
        Ok(Self(ring))
    }
}

fn table_is_full() -> io::Error {
    let message = format!(
        "{PLACES} sets of buffers are registered on this ring, which is all it takes; drop some of \
         them, or register fewer sets of more buffers"
    );
    io::Error::new(io::ErrorKind::QuotaExceeded, message)
}

/// Says what to do where the kernel only says that there is no memory.
fn explain(error: io::Error, bytes: usize) -> io::Error {
    if error.raw_os_error() != Some(libc::ENOMEM) {
        return error;
    }
    let message = match Environment::read().memlock_bytes {
        u64::MAX => format!(
            "there is no memory to pin {bytes} bytes of buffers, and no limit on locked memory; \
             raise the memory limit of the container or cgroup, or register fewer or smaller \
             buffers"
        ),
        limit => format!(
            "{bytes} bytes of buffers cannot be registered: all that this user locks, rings \
             included, may take {limit} bytes; raise that limit (`ulimit -l`, LimitMEMLOCK= in \
             systemd, --ulimit memlock= in Docker), or register fewer or smaller buffers"
        ),
    };
    io::Error::new(io::ErrorKind::OutOfMemory, message)
}

#[cfg(test)]
mod tests {
    use super::super::{RingOptions, open};
    use super::*;
    use crate::buf::AlignedBuf;

    fn ring() -> Ring {
        Ring::new(open(&RingOptions::default()).expect("io_uring works here"))
    }

    fn all_of(memory: &AlignedBuf) -> libc::iovec {
        libc::iovec { iov_base: memory.as_ptr().cast_mut().cast(), iov_len: memory.len() }
    }

    #[test]
    fn places_are_used_again_and_end_with_the_table() {
        let memory = AlignedBuf::new(4096, 4096);
        let mut ring = ring();
        // SAFETY: no operation is started.
        let register = |ring: &mut Ring| unsafe { ring.register_memory(all_of(&memory)) };
        for place in 0..PLACES {
            assert_eq!(register(&mut ring).expect("there is room"), place);
        }
        let error = register(&mut ring).expect_err("there is no room");
        assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded);
        ring.unregister_memory(17);
        ring.unregister_memory(1000);
        assert_eq!(register(&mut ring).expect("there is room"), 1000);
        assert_eq!(register(&mut ring).expect("there is room"), 17);
        assert!(register(&mut ring).is_err());
    }

    #[test]
    fn a_failed_registration_takes_no_place() {
        let memory = AlignedBuf::new(4096, 4096);
        let mut ring = ring();
        let nowhere = libc::iovec { iov_base: std::ptr::without_provenance_mut(4096), iov_len: 1 };
        // SAFETY: no operation is started.
        unsafe {
            let error = ring.register_memory(nowhere).expect_err("nothing is mapped there");
            assert_eq!(error.raw_os_error(), Some(libc::EFAULT));
            assert_eq!(ring.register_memory(all_of(&memory)).expect("there is room"), 0);
        }
    }

    #[test]
    fn what_is_cloned_stays_when_the_bank_has_gone() {
        let memory = AlignedBuf::new(4096, 4096);
        let mut ring = ring();
        // SAFETY: no operation is started.
        unsafe {
            assert_eq!(ring.register_memory(all_of(&memory)).expect("there is room"), 0);
            let bank = match Bank::new(all_of(&memory)) {
                Ok(bank) => bank,
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::Unsupported, "{error}");
                    println!("skipped: cloning needs Linux 6.13");
                    return;
                }
            };
            assert_eq!(ring.clone_memory(&bank).expect("it can be cloned"), 1);
            drop(bank);
            assert_eq!(ring.register_memory(all_of(&memory)).expect("there is room"), 2);
        }
        for place in 0..3 {
            ring.unregister_memory(place);
        }
        assert_eq!(ring.buffers().0.free, [0, 1, 2]);
    }

    #[test]
    fn no_memory_says_what_the_limit_is_and_others_say_what_they_said() {
        let error = explain(io::Error::from_raw_os_error(libc::ENOMEM), 12_345);
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
        assert!(error.to_string().contains("12345 bytes of buffers"), "{error}");
        let error = explain(io::Error::from_raw_os_error(libc::EFAULT), 12_345);
        assert_eq!(error.raw_os_error(), Some(libc::EFAULT));
    }
}
