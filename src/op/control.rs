//! Control messages: what goes with the bytes of a message without being of them.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::{io, ptr};

use super::SharedFd;

/// The most descriptors that go with one message: the kernel's `SCM_MAX_FD`.
pub const DESCRIPTORS_MAX: usize = 253;

/// `SCM_PIDFD`, which libc does not know on all platforms. Since Linux 6.5.
const SCM_PIDFD: i32 = 4;

/// `SOL_RDS`, which libc does not know.
const SOL_RDS: i32 = 276;

/// The room that [`DESCRIPTORS_MAX`] descriptors take, and the sender's credentials and process,
/// which come before them where the socket is told to ask for them.
pub(crate) const DESCRIPTORS_ROOM: usize =
    space(DESCRIPTORS_MAX * size_of::<RawFd>()) + space(12) + space(4) + space(256);

/// The bytes that a message with `len` bytes of data takes.
const fn space(len: usize) -> usize {
    // SAFETY: computes a number.
    unsafe { libc::CMSG_SPACE(len as u32) as usize }
}

/// The bytes before the data of a message.
// SAFETY: computes a number.
const HEADER: usize = unsafe { libc::CMSG_LEN(0) as usize };

const WORD: usize = size_of::<usize>();

/// Control messages for [`sendmsg`](super::sendmsg).
///
/// # Examples
///
/// See [`sendmsg`](super::sendmsg).
#[derive(Debug, Default)]
pub struct ControlMessages {
    /// Aligned as the kernel wants it.
    words: Vec<usize>,
    /// Kept open until they have been sent.
    descriptors: Vec<SharedFd>,
}

impl ControlMessages {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds descriptors for the peer: `SCM_RIGHTS`. It gets descriptors of its own of the same open
    /// files; ours stay open until the message has been sent, and longer if they have other owners.
    ///
    /// One message takes [`DESCRIPTORS_MAX`]; with more, sending fails with `EINVAL`.
    #[doc(alias = "SCM_RIGHTS")]
    pub fn add_descriptors(&mut self, descriptors: impl IntoIterator<Item = SharedFd>) {
        let first = self.descriptors.len();
        self.descriptors.extend(descriptors);
        let numbers = self.descriptors[first..].iter();
        let data: Vec<u8> = numbers.flat_map(|fd| fd.as_raw_fd().to_ne_bytes()).collect();
        self.push(libc::SOL_SOCKET, libc::SCM_RIGHTS, &data);
    }

    /// Adds a message of another kind, whose data are as the kernel has them.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for `SCM_RIGHTS`, for which there is
    /// [`add_descriptors`](Self::add_descriptors), and for all of RDS, whose messages point to
    /// memory.
    pub fn add(&mut self, level: i32, kind: i32, data: &[u8]) -> io::Result<()> {
        if (level, kind) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
            let message = "numbers of descriptors do not keep them open: use `add_descriptors`";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        if level == SOL_RDS {
            let message = "messages of RDS point to memory that nobody keeps for the kernel";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        self.push(level, kind, data);
        Ok(())
    }

    fn push(&mut self, level: i32, kind: i32, data: &[u8]) {
        let first = self.words.len();
        self.words.resize(first + space(data.len()) / WORD, 0);
        let header = self.words[first..].as_mut_ptr().cast::<libc::cmsghdr>();
        // SAFETY: there is room for the header, aligned as words are, and zero is valid for it.
        let fields = unsafe { &mut *header };
        fields.cmsg_len = (HEADER + data.len()) as _;
        fields.cmsg_level = level;
        fields.cmsg_type = kind;
        // SAFETY: there is room for the data behind the header.
        unsafe {
            ptr::copy_nonoverlapping(data.as_ptr(), header.cast::<u8>().add(HEADER), data.len())
        };
    }

    pub(super) fn ptr(&self) -> *const u8 {
        self.words.as_ptr().cast()
    }

    pub(super) fn len(&self) -> usize {
        self.words.len() * WORD
    }
}

/// A control message that has been received.
#[derive(Debug)]
#[non_exhaustive]
pub enum ControlMessage {
    /// Descriptors from the peer: `SCM_RIGHTS`. They are closed on exec.
    Descriptors(Vec<OwnedFd>),
    /// The peer's process: `SCM_PIDFD`. Since Linux 6.5.
    PidFd(OwnedFd),
    /// A message of another kind, with its data as the kernel has them.
    Other {
        /// Whose kind it is: [`SOL_SOCKET`](libc::SOL_SOCKET),
        /// [`IPPROTO_IP`](libc::IPPROTO_IP), ….
        level: i32,
        /// Which of those it is.
        kind: i32,
        /// What it says.
        data: Vec<u8>,
    },
}

/// Room for control messages that the kernel writes.
///
/// It is zero to begin with, and how much is in it is seen from the messages themselves: the length
/// that the kernel reports is that of its last try if it has tried several times.
#[derive(Debug)]
pub(super) struct ControlRoom(Vec<usize>);

impl ControlRoom {
    pub(super) fn new(capacity: usize) -> Self {
        Self(vec![0; capacity.div_ceil(WORD)])
    }

    pub(super) fn ptr_mut(&mut self) -> *mut u8 {
        self.0.as_mut_ptr().cast()
    }

    pub(super) fn capacity(&self) -> usize {
        self.0.len() * WORD
    }

    /// The messages, with owners for all descriptors among them.
    ///
    /// # Safety
    ///
    /// Nobody but the kernel, for one operation that is over, has written to the room.
    pub(super) unsafe fn into_messages(self) -> Vec<ControlMessage> {
        let (mut messages, mut at) = (Vec::new(), 0);
        while at + HEADER <= self.capacity() {
            let start = self.0[at / WORD..].as_ptr();
            // SAFETY: there is room for a header, aligned as words are, and any bytes are valid.
            let header = unsafe { start.cast::<libc::cmsghdr>().read() };
            #[allow(clippy::unnecessary_cast, reason = "it is smaller with other C libraries")]
            let len = header.cmsg_len as usize;
            if len < HEADER {
                break;
            }
            let len = len.min(self.capacity() - at);
            // SAFETY: within the room.
            let start = unsafe { start.cast::<u8>().add(HEADER) };
            // SAFETY: as above.
            let data = unsafe { std::slice::from_raw_parts(start, len - HEADER) };
            // SAFETY: the kernel has written it.
            messages.push(unsafe { message(&header, data) });
            at += space(len - HEADER);
        }
        messages
    }
}

/// # Safety
///
/// The kernel has written the message, and descriptors in it have no owner yet.
unsafe fn message(header: &libc::cmsghdr, data: &[u8]) -> ControlMessage {
    let (level, kind) = (header.cmsg_level, header.cmsg_type);
    let numbers = data.as_chunks().0.iter().map(|bytes| RawFd::from_ne_bytes(*bytes));
    // Where the kernel could make no descriptor it says why, with a negative number.
    let numbers = numbers.filter(|number| *number >= 0);
    // SAFETY: used only for numbers that the kernel has just given us; nobody else knows them.
    let mut owned = numbers.map(|number| unsafe { OwnedFd::from_raw_fd(number) });
    if (level, kind) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
        return ControlMessage::Descriptors(owned.collect());
    }
    if (level, kind) == (libc::SOL_SOCKET, SCM_PIDFD)
        && let Some(process) = owned.next()
    {
        return ControlMessage::PidFd(process);
    }
    ControlMessage::Other { level, kind, data: data.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_as_they_were_written() {
        let mut written = ControlMessages::new();
        written.add(7, 8, b"odd").unwrap();
        written.add(9, 10, b"").unwrap();
        written.add(11, 12, &[1; 16]).unwrap();
        assert_eq!(written.len(), space(3) + space(0) + space(16));
        let mut room = ControlRoom::new(written.len() + 30);
        assert!(room.capacity().is_multiple_of(WORD) && room.capacity() >= written.len() + 30);
        room.0[..written.words.len()].copy_from_slice(&written.words);
        // SAFETY: there are no descriptors in it.
        let read = unsafe { room.into_messages() };
        let expected = [(7, 8, b"odd".to_vec()), (9, 10, vec![]), (11, 12, vec![1; 16])];
        assert_eq!(read.len(), expected.len());
        for (read, expected) in read.into_iter().zip(expected) {
            let ControlMessage::Other { level, kind, data } = read else { panic!("{read:?}") };
            assert_eq!((level, kind, data), expected);
        }
    }

    #[test]
    fn a_room_without_messages_has_none() {
        for capacity in [0, 1, HEADER, 100] {
            // SAFETY: nobody has written to it.
            assert!(unsafe { ControlRoom::new(capacity).into_messages() }.is_empty());
        }
    }

    #[test]
    fn bare_numbers_of_descriptors_are_refused() {
        let mut messages = ControlMessages::new();
        let refused = messages.add(libc::SOL_SOCKET, libc::SCM_RIGHTS, &[0; 4]);
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(messages.len(), 0);
    }
}
