//! Control data: what comes with a message besides its payload.

use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// `SCM_PIDFD`, which libc does not have. Since Linux 6.5.
const SCM_PIDFD: i32 = 4;

/// One control message; see cmsg(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceivedControlMessage<'a> {
    /// The protocol that it is from: [`SOL_SOCKET`](libc::SOL_SOCKET), …
    pub level: i32,
    /// What it is: [`SCM_TIMESTAMP`](libc::SCM_TIMESTAMP), …
    pub kind: i32,
    /// What it says. It may begin at any address.
    pub data: &'a [u8],
}

/// The control messages of a [`Message`](super::Message), one by one.
#[derive(Clone, Debug)]
pub struct ReceivedControl<'a> {
    left: &'a [u8],
}

impl<'a> ReceivedControl<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }
}

impl<'a> Iterator for ReceivedControl<'a> {
    type Item = ReceivedControlMessage<'a>;

    fn next(&mut self) -> Option<ReceivedControlMessage<'a>> {
        const WORD: usize = size_of::<usize>();
        const HEADER: usize = WORD + 8;
        let (len, rest) = self.left.split_at_checked(WORD)?;
        let len = usize::from_ne_bytes(len.try_into().ok()?);
        let (level, rest) = rest.split_at_checked(4)?;
        let (kind, rest) = rest.split_at_checked(4)?;
        let data = rest.get(..len.checked_sub(HEADER)?)?;
        self.left = self.left.get(len.next_multiple_of(WORD)..).unwrap_or(&[]);
        let number = |bytes: &[u8]| bytes.try_into().ok().map(i32::from_ne_bytes);
        Some(ReceivedControlMessage { level: number(level)?, kind: number(kind)?, data })
    }
}

/// Makes owners of the descriptors that the kernel has handed out with control data, which must be
/// looked at once only.
pub(super) fn take_descriptors(control: &[u8]) -> Vec<OwnedFd> {
    let messages = ReceivedControl::new(control);
    let with_descriptors = messages.filter(|message| {
        message.level == libc::SOL_SOCKET && [libc::SCM_RIGHTS, SCM_PIDFD].contains(&message.kind)
    });
    let numbers =
        with_descriptors.flat_map(|message| message.data.chunks_exact(size_of::<RawFd>()));
    let numbers = numbers.map(|bytes| RawFd::from_ne_bytes(bytes.try_into().expect("four bytes")));
    // A process descriptor that could not be made is a negative number.
    let given = numbers.filter(|number| *number >= 0);
    // SAFETY: the kernel has just given us this descriptor; nobody else knows it.
    given.map(|number| unsafe { OwnedFd::from_raw_fd(number) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(messages: &[(i32, i32, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (level, kind, data) in messages {
            bytes.extend((16 + data.len()).to_ne_bytes());
            bytes.extend(level.to_ne_bytes());
            bytes.extend(kind.to_ne_bytes());
            bytes.extend(*data);
            bytes.resize(bytes.len().next_multiple_of(size_of::<usize>()), 0);
        }
        bytes
    }

    #[test]
    fn every_message_comes_out_with_its_data() {
        let bytes = encoded(&[(1, 2, b"salt"), (3, 4, b""), (5, 6, b"and pepper")]);
        let found: Vec<_> = ReceivedControl::new(&bytes)
            .map(|ReceivedControlMessage { level, kind, data }| (level, kind, data))
            .collect();
        assert_eq!(found, [(1, 2, &b"salt"[..]), (3, 4, b""), (5, 6, b"and pepper")]);
    }

    #[test]
    fn data_that_was_cut_off_ends_the_messages() {
        let bytes = encoded(&[(1, 2, b"salt"), (3, 4, b"pepper")]);
        for len in 0..bytes.len() {
            assert!(ReceivedControl::new(&bytes[..len]).count() <= 2);
        }
        assert_eq!(ReceivedControl::new(&bytes[..24]).count(), 1);
        assert_eq!(ReceivedControl::new(&[0xff; 32]).count(), 0);
        assert_eq!(ReceivedControl::new(&[0; 32]).count(), 0);
    }
}
