//! A ring's place in the table of rings of its thread.

use std::io;
use std::os::fd::AsRawFd;

use io_uring::IoUring;

const REGISTER_RING_FDS: libc::c_uint = 20;

/// The kernel's `io_uring_rsrc_update`.
#[repr(C)]
struct Update {
    offset: u32,
    reserved: u32,
    data: u64,
}

/// A ring that its thread can enter by an index instead of a file descriptor, which spares the
/// kernel a look-up. Since Linux 5.18.
///
/// `io_uring::Submitter::register_ring_fd` keeps the index in a `Submitter`, which borrows the
/// ring and lives for one call here, so the index is kept in a value of its own. It counts on the
/// thread that registered it and on no other. The kernel keeps the ring until the thread ends,
/// which gives the place back: closing the ring alone does not end it.
#[derive(Debug)]
pub(crate) struct RegisteredRing {
    index: u32,
}

impl RegisteredRing {
    /// Takes a place for `ring` in the table of the calling thread, which has 16 of them.
    pub(crate) fn register(ring: &IoUring) -> io::Result<Self> {
        let data = u64::try_from(ring.as_raw_fd()).map_err(io::Error::other)?;
        let mut update = Update { offset: u32::MAX, reserved: 0, data };
        change(ring, REGISTER_RING_FDS, &mut update)?;
        Ok(Self { index: update.offset })
    }

    /// What to pass to `io_uring_enter` together with `IORING_ENTER_REGISTERED_RING`.
    pub(crate) fn index(&self) -> u32 {
        self.index
    }
}

/// Makes the register call for one entry; it has to say that it changed one.
fn change(ring: &IoUring, operation: libc::c_uint, update: &mut Update) -> io::Result<()> {
    let update: *mut Update = update;
    let ring = ring.as_raw_fd();
    // SAFETY: the kernel reads and writes the one entry during the call, which the exclusive
    // reference that was passed in keeps alive; the descriptor is that of a live ring.
    let changed = unsafe { libc::syscall(libc::SYS_io_uring_register, ring, operation, update, 1) };
    match changed {
        1 => Ok(()),
        0 => Err(io::Error::from_raw_os_error(libc::EBUSY)),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNREGISTER_RING_FDS: libc::c_uint = 21;

    fn unregister(registered: RegisteredRing, ring: &IoUring) -> io::Result<()> {
        let mut update = Update { offset: registered.index, reserved: 0, data: 0 };
        change(ring, UNREGISTER_RING_FDS, &mut update)
    }

    /// Enters by the index with nothing to do; the kernel looks the ring up all the same.
    fn enter(index: u32) -> io::Result<()> {
        let flags = io_uring::EnterFlags::REGISTERED_RING.bits();
        // SAFETY: nothing is submitted or waited for, so no memory is referred to.
        let result = unsafe {
            libc::syscall(libc::SYS_io_uring_enter, index, 0, 0, flags, std::ptr::null::<u8>(), 0)
        };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    #[test]
    fn a_ring_is_entered_by_its_index_until_the_place_is_given_back() {
        let ring = IoUring::new(2).expect("io_uring works here");
        let registered = RegisteredRing::register(&ring).expect("the table has room");
        let index = registered.index();
        enter(index).expect("the index is known");
        unregister(registered, &ring).expect("it was registered");
        assert!(enter(index).is_err());
    }

    #[test]
    fn a_full_table_is_an_error_and_no_more() {
        let ring = IoUring::new(2).expect("io_uring works here");
        let taken: Vec<_> = std::iter::from_fn(|| RegisteredRing::register(&ring).ok()).collect();
        assert_eq!(taken.len(), 16);
        for registered in taken {
            unregister(registered, &ring).expect("it was registered");
        }
    }
}
