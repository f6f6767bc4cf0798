//! Waking the thread of another ring.
//!
//! The bell carries nothing: what is to be done lies in the inbox. From a ring's thread it is an
//! `IORING_OP_MSG_RING`, submitted at once and not when its sender next goes idle. From any other
//! thread it is the same message by a system call of its own (Linux 6.13). Where these are slow
//! (before Linux 6.12) or have failed, it is a write to an eventfd that the target polls.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use io_uring::types::Fd;
use io_uring::{opcode, squeue};

use super::setup::diagnose;
use super::{UserData, sync_message};
use crate::capabilities::DoorbellKind;
use crate::context;
use crate::mailbox::{Mailbox, OpenBell};

/// Wakes the ring's thread. The caller has pushed to its inbox and was told to.
#[cold]
pub(crate) fn ring(mailbox: &'static Mailbox) {
    #[cfg(all(test, ringpool_shuttle))]
    crate::shuttle_runs::ring_bell(mailbox);
    // A closed gate: the ring has stopped, and dealt with all its messages.
    let Some(bell) = mailbox.gate.enter() else { return };
    count_rung(mailbox);
    let rung = match bell.ring_fd {
        Some(ring_fd) => context::with(|local| match local {
            // What a message came to is learnt from the ring, and nobody may be there to learn it.
            Some(local) if local.stopping.get() => false,
            // No user code runs under a borrow of the ring, so it is free.
            Some(local) => local.ring.borrow_mut().ring_other(ring_fd, mailbox),
            None => sync_message::is_supported() && send_without_ring(ring_fd),
        }),
        None => false,
    };
    if !rung {
        write_eventfd(&bell);
    }
}

/// By which means [`ring`] would wake the ring's thread from here; `None` if it has stopped.
pub(crate) fn kind(mailbox: &'static Mailbox) -> Option<DoorbellKind> {
    let takes_messages = mailbox.gate.enter()?.ring_fd.is_some();
    let means = context::with(|local| match local {
        Some(local) => (!local.stopping.get()).then_some(DoorbellKind::RingMessage),
        None => sync_message::is_supported().then_some(DoorbellKind::SyncMessage),
    });
    Some(means.filter(|_| takes_messages).unwrap_or(DoorbellKind::EventFd))
}

fn count_rung(mailbox: &Mailbox) {
    context::with(|sender| match sender {
        Some(sender) => sender.counters().doorbells_sent.add(1),
        None => mailbox.outside.doorbells.add(1),
    });
}

/// A message could not be delivered: the eventfd takes over, for this wake and all to come.
pub(crate) fn message_failed(mailbox: &'static Mailbox) {
    mailbox.gate.use_eventfd_only();
    if let Some(bell) = mailbox.gate.enter() {
        write_eventfd(&bell);
    }
}

fn send_without_ring(ring_fd: i32) -> bool {
    let bell = UserData::Bell.into_bits();
    let entry: squeue::Entry = opcode::MsgRingData::new(Fd(ring_fd), 0, bell, None).build();
    sync_message::send(&entry).is_ok()
}

/// Adds one to the eventfd. It is never read; 2^64 wakes are enough.
fn write_eventfd(bell: &OpenBell<'_>) {
    let one = 1u64;
    // SAFETY: the kernel reads the eight bytes of `one` during the call; the gate is open, so the
    // descriptor is the ring's eventfd.
    unsafe { libc::write(bell.event_fd, std::ptr::from_ref(&one).cast(), size_of::<u64>()) };
}

/// The eventfd of a ring's bell.
pub(crate) fn new_eventfd() -> io::Result<OwnedFd> {
    // SAFETY: no memory is passed.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if fd < 0 {
        return Err(diagnose(io::Error::last_os_error()).into());
    }
    // SAFETY: the kernel has just given us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
