//! Streams of messages with their senders and control data, each in a buffer of a pool.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll};

use io_uring::{opcode, squeue};

use super::control::{ReceivedControl, take_descriptors};
use super::{Supply, gives_messages};
use crate::buf::{BufferPool, PooledBuffer};
use crate::op::message::receiving;
use crate::op::{After, Descriptor, Multishot, MultishotOperation, Shot, SocketAddress, Start};

/// See [`recvmsg_multishot`].
pub struct RecvMessageMultishot {
    supply: Supply,
    header: Header,
    flags: i32,
    gives_messages: bool,
}

/// Room for names and control data; the pointers in it are null.
struct Header(libc::msghdr);

// SAFETY: the pointers in it are null.
unsafe impl Send for Header {}
// SAFETY: as above.
unsafe impl Sync for Header {}

/// What the kernel puts before the name: its `struct io_uring_recvmsg_out`.
const OUT_LEN: usize = 16;

/// Receives messages from a socket again and again, with the sender's address and control data,
/// each in a buffer of the pool: `IORING_OP_RECVMSG` with `IORING_RECV_MULTISHOT`. Since Linux 6.0.
///
/// Every buffer begins with room for the address and for `control_len` bytes of control data, 16
/// bytes more, and has the rest for the payload. A longer message is cut off, and
/// [says so](Message::is_truncated). `flags` are those of recvmsg(2), except for
/// [`MSG_TRUNC`](libc::MSG_TRUNC), which is ignored. As [`recv_multishot`](super::recv_multishot)
/// otherwise, also in that an empty message of a direct descriptor is taken for the end; the pool
/// must not be [incremental](crate::buf::BufferPoolBuilder::incremental).
///
/// # Errors
///
/// [`InvalidInput`](io::ErrorKind::InvalidInput) if the pool belongs to another ring, is
/// incremental, or has buffers that are too small. Those of recvmsg(2).
///
/// # Cancel safety
///
/// What has been received waits in the stream; dropping the stream loses it, and its buffers go
/// back to the pool. Descriptors that came with a message are closed.
///
/// # Examples
///
/// ```
/// use futures::StreamExt;
/// use ringpool::buf::BufferPool;
/// use ringpool::op::{self, SharedFd};
/// use std::net::UdpSocket;
/// use std::os::fd::OwnedFd;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let (ours, theirs) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
/// theirs.send_to(b"salt", ours.local_addr()?)?;
/// let socket = SharedFd::from(OwnedFd::from(ours));
/// pool.block_on(async move {
///     let buffers = BufferPool::new(8, 2048)?;
///     let mut messages = op::recvmsg_multishot(&socket, &buffers, 0, 0);
///     let message = messages.next().await.expect("a message")?;
///     assert_eq!(message.payload(), b"salt");
///     assert_eq!(message.address(), Some(theirs.local_addr()?));
///     Ok(())
/// })
/// # }
/// ```
pub fn recvmsg_multishot(
    fd: &impl Descriptor,
    pool: &BufferPool,
    control_len: usize,
    flags: i32,
) -> Multishot<RecvMessageMultishot> {
    let supply = Supply::new(fd, pool);
    let gives_messages = gives_messages(&supply.fd);
    // SAFETY: numbers and null pointers.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    header.msg_controllen = control_len;
    let flags = receiving(flags);
    Multishot::new(RecvMessageMultishot { supply, header: Header(header), flags, gives_messages })
}

impl RecvMessageMultishot {
    /// Where in a buffer the payload begins.
    fn payload_start(&self) -> Option<usize> {
        let room = OUT_LEN + self.header.0.msg_namelen as usize;
        room.checked_add(self.header.0.msg_controllen)
    }

    fn check_room(&self) -> io::Result<()> {
        let needed = self.payload_start().unwrap_or(usize::MAX);
        let size = self.supply.pool.buffer_size();
        if size <= needed {
            let message = format!(
                "buffers of {size} bytes are too small for messages: the address and the control \
                 data take {needed}; make the pool's buffers larger, or give control data less room"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        Ok(())
    }

    /// Takes apart what the kernel has put into a buffer.
    fn parse(&self, buffer: PooledBuffer) -> io::Result<Message> {
        let name_start = OUT_LEN;
        let control_start = name_start + self.header.0.msg_namelen as usize;
        let Some(payload_start) = self.payload_start().filter(|start| *start <= buffer.len())
        else {
            return Err(io::Error::other(
                "the kernel gave a message that is shorter than its head",
            ));
        };
        let number = |at: usize| {
            let bytes = buffer[4 * at..][..4].try_into().expect("four bytes");
            u32::from_ne_bytes(bytes)
        };
        // What did not fit is not there, whatever the lengths say.
        let within = |start: usize, len: u32, end: usize| start..end.min(start + len as usize);
        let name = within(name_start, number(0), control_start);
        let control = within(control_start, number(1), payload_start);
        let payload = within(payload_start, number(2), buffer.len());
        let flags = number(3) as i32;
        let descriptors = take_descriptors(&buffer[control.clone()]);
        Ok(Message { name, control, payload, flags, descriptors, buffer })
    }

    fn is_end(&self, message: &io::Result<Message>) -> bool {
        let is_empty =
            |message: &Message| message.payload().is_empty() && message.control.is_empty();
        !self.gives_messages && message.as_ref().is_ok_and(is_empty)
    }
}

// SAFETY: the entry points to the header, which is part of `self`; the kernel writes to the pool's
// memory, which the operation owns a share of, and only to what is claimed afterwards.
unsafe impl MultishotOperation for RecvMessageMultishot {
    type Item = Message;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        self.check_room()?;
        let group = self.supply.begin_messages(start)?;
        let target = start.target(&self.supply.fd)?;
        let entry = opcode::RecvMsgMulti::new(target, &raw const self.header.0, group);
        Ok(entry.flags(self.flags as u32).build())
    }

    fn item(&self, shot: Shot) -> Option<io::Result<Message>> {
        let received = self.supply.claim_one(shot);
        match shot.result() {
            Ok(0) => None,
            Ok(_) => {
                let message = received.and_then(|buffer| self.parse(buffer));
                if self.is_end(&message) { None } else { Some(message) }
            }
            Err(error) => self.supply.failed(error),
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.supply.poll_ready(cx)
    }

    fn after(&mut self, last: Shot) -> After {
        match last.result() {
            Ok(count) => {
                let is_empty = self.payload_start().is_none_or(|start| count as usize <= start);
                if is_empty && !self.gives_messages { After::End } else { After::Again }
            }
            Err(error) => self.supply.after_failure(&error, self.gives_messages),
        }
    }
}

impl fmt::Debug for RecvMessageMultishot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let control_len = self.header.0.msg_controllen;
        let mut debug = f.debug_struct("RecvMessageMultishot");
        debug.field("supply", &self.supply).field("control_len", &control_len);
        debug.finish_non_exhaustive()
    }
}

/// A message in a buffer of a pool; made by [`recvmsg_multishot`].
#[derive(Debug)]
pub struct Message {
    name: Range<usize>,
    control: Range<usize>,
    payload: Range<usize>,
    flags: i32,
    descriptors: Vec<OwnedFd>,
    buffer: PooledBuffer,
}

impl Message {
    /// The sender's address, if there is one of IPv4 or IPv6.
    pub fn address(&self) -> Option<SocketAddr> {
        SocketAddress::from_bytes(self.name()).ok()?.to_socket_addr()
    }

    /// The sender's address as the kernel writes it: a `sockaddr` of whatever family.
    pub fn name(&self) -> &[u8] {
        &self.buffer[self.name.clone()]
    }

    /// What was sent.
    pub fn payload(&self) -> &[u8] {
        &self.buffer[self.payload.clone()]
    }

    /// What was sent, in its buffer.
    pub fn into_payload(self) -> PooledBuffer {
        let mut buffer = self.buffer;
        buffer.truncate(self.payload.end);
        buffer.advance(self.payload.start);
        buffer
    }

    /// The control messages that came with it. Numbers of descriptors among them are not to be
    /// used: the descriptors are [owned](Self::take_descriptors) by the message.
    pub fn control(&self) -> ReceivedControl<'_> {
        ReceivedControl::new(&self.buffer[self.control.clone()])
    }

    /// Takes the descriptors that came with it. Those that are not taken are closed with the
    /// message.
    pub fn take_descriptors(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.descriptors)
    }

    /// Whether there was more payload than room for it.
    pub fn is_truncated(&self) -> bool {
        self.flags & libc::MSG_TRUNC != 0
    }

    /// Whether there was more control data than room for it.
    pub fn is_control_truncated(&self) -> bool {
        self.flags & libc::MSG_CTRUNC != 0
    }

    /// The flags that recvmsg(2) gives with a message.
    pub fn flags(&self) -> i32 {
        self.flags
    }
}
