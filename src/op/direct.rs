//! Direct descriptors: files that only one ring knows.
//!
//! Each ring has a table of its own, made when it is first needed. A place in it is owned by the
//! [`DirectFd`]s that name it, operations under way included; the last one to go closes it, which
//! only the ring's own thread can: from elsewhere it sends a message.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::Runtime;
use crate::runtime::Shared;

/// A file in the table of one ring: a *direct descriptor*, which spares the kernel a look-up in
/// each operation. Since Linux 5.19.
///
/// It works on the ring that it belongs to; an operation that is started on another one fails with
/// [`InvalidInput`](io::ErrorKind::InvalidInput), and touches no file. It is closed when the last
/// of its clones goes, operations under way included, whichever thread that happens on.
#[derive(Clone)]
pub struct DirectFd(Arc<Place>);

/// One place in a ring's table, in use.
struct Place {
    /// Keeps the identity of the ring from being reused.
    ring: Arc<Shared>,
    slot: u32,
    /// The kernel was told to close it.
    is_given_away: bool,
}

impl DirectFd {
    /// Takes over what an operation has put into `slot`.
    pub(crate) fn new(ring: Arc<Shared>, slot: u32) -> Self {
        Self(Arc::new(Place { ring, slot, is_given_away: false }))
    }

    /// The ring it belongs to.
    pub fn runtime(&self) -> Runtime {
        Runtime::new(self.0.ring.clone())
    }

    /// Its place in the ring's table: what the kernel calls a fixed file index.
    pub fn slot(&self) -> u32 {
        self.0.slot
    }

    /// Whether it belongs to this ring.
    pub(crate) fn is_of(&self, ring: &Arc<Shared>) -> bool {
        Arc::ptr_eq(&self.0.ring, ring)
    }

    /// Whether nobody else owns it.
    pub(super) fn is_sole(&mut self) -> bool {
        Arc::get_mut(&mut self.0).is_some()
    }

    /// The kernel has closed it; for the sole owner.
    pub(super) fn give_away(&mut self) {
        let place = Arc::get_mut(&mut self.0).expect("there is one owner");
        place.is_given_away = true;
    }

    /// The error of an operation on a ring that it does not belong to.
    #[cold]
    pub(crate) fn foreign(&self, ring: &Shared) -> io::Error {
        let message = format!(
            "this direct descriptor belongs to ring {}, and the operation was started on ring {}; \
             switch to its ring, or send it here with send_to",
            self.0.ring.index, ring.index
        );
        io::Error::new(io::ErrorKind::InvalidInput, message)
    }
}

impl fmt::Debug for DirectFd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ring, slot) = (self.0.ring.index, self.0.slot);
        f.debug_struct("DirectFd").field("ring", &ring).field("slot", &slot).finish()
    }
}

/// The table of one ring, for an operation that puts files into it.
#[derive(Clone)]
pub(crate) struct DirectTable {
    ring: Arc<Shared>,
    places: u32,
}

impl DirectTable {
    /// The table of `ring`, which is there and has so many places.
    pub(crate) fn new(ring: Arc<Shared>, places: u32) -> Self {
        Self { ring, places }
    }

    /// Takes over the file that the kernel has put into the place it names, of a table that it was
    /// told to choose from.
    pub(crate) fn take_over(table: Option<&Self>, result: io::Result<u32>) -> io::Result<DirectFd> {
        let Some(table) = table else {
            // The operation has not been started: it is told of the table before.
            return Err(result.err().unwrap_or_else(|| io::ErrorKind::Other.into()));
        };
        match result {
            Ok(slot) => Ok(DirectFd::new(table.ring.clone(), slot)),
            Err(error) => Err(table.explain(error)),
        }
    }

    /// The ring it belongs to.
    pub(super) fn runtime(&self) -> Runtime {
        Runtime::new(self.ring.clone())
    }

    /// What the kernel's error means for an operation that needs a free place.
    fn explain(&self, error: io::Error) -> io::Error {
        if error.raw_os_error() != Some(libc::ENFILE) {
            return error;
        }
        let message = format!(
            "no place is free in the table of direct descriptors of ring {}, which has {} \
             (ENFILE); close some, or make it larger with Builder::direct_descriptors and, if \
             that is more than files may be open, `ulimit -n`",
            self.ring.index, self.places
        );
        io::Error::new(io::ErrorKind::QuotaExceeded, message)
    }
}

impl fmt::Debug for DirectTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ring, places) = (self.ring.index, self.places);
        f.debug_struct("DirectTable").field("ring", &ring).field("places", &places).finish()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_given_away {
            return;
        }
        let slot = self.slot;
        // The files of a ring that has stopped are closed.
        self.ring.mailbox.run_at_home(move |local| local.ring.borrow_mut().close_direct(slot));
    }
}
