//! What it takes to bring an operation of one's own: the entries of the io_uring crate.
//!
//! Each function of [`op`](super) makes a struct with what the kernel needs, and an
//! [`Operation`](super::Operation) that says how it is submitted. Those of a caller's own are made
//! in the same way, and are no less: [`Op`](super::Op) cancels them, links them, limits their time
//! and keeps what they own.
//!
//! # What is left out
//!
//! Some operations of io_uring have no function, because they would take from the pool what it
//! answers for:
//!
//! * `FILES_UPDATE` puts files into places of a ring's table that
//!   [`DirectFd`](super::DirectFd)s own.
//! * `POLL_REMOVE`, `TIMEOUT_REMOVE` and `ASYNC_CANCEL` by user data name other operations by a
//!   number that only the pool knows; [`Op::cancel`](super::Op::cancel) is the way.
//! * `PROVIDE_BUFFERS` and `REMOVE_BUFFERS` are the older form of buffers that a ring maps.
//! * `MSG_RING` makes up completions of other rings, which a pool would take for its own.
//! * `NOP128` and `URING_CMD` with 80 bytes need entries of twice the size, which the rings of a
//!   pool do not have.
//!
//! # Examples
//!
//! A write with a priority, which no function of [`op`](super) has:
//!
//! ```
//! use ringpool::buf::{BufError, BufResult};
//! use ringpool::op::raw::{opcode, squeue};
//! use ringpool::op::{self, AnyFd, Descriptor, Op, Operation, Start};
//! use std::io;
//!
//! /// Writes a page at the beginning of a file, as urgent as the ring can.
//! struct WriteFirstPage {
//!     fd: AnyFd,
//!     page: Box<[u8; 4096]>,
//! }
//!
//! fn write_first_page(fd: &impl Descriptor, page: Box<[u8; 4096]>) -> Op<WriteFirstPage> {
//!     Op::new(WriteFirstPage { fd: fd.to_any_fd(), page })
//! }
//!
//! // SAFETY: the entry points to the page, which the operation owns and leaves alone. A write
//! // completes once, and hands out nothing.
//! unsafe impl Operation for WriteFirstPage {
//!     type Output = BufResult<usize, Box<[u8; 4096]>>;
//!
//!     fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
//!         let fd = start.target(&self.fd)?; // of a file of the process or of the ring
//!         Ok(opcode::Write::new(fd, self.page.as_ptr(), 4096).ioprio(1 << 13).build())
//!     }
//!
//!     fn finish(self, result: io::Result<u32>) -> Self::Output {
//!         match result {
//!             Ok(count) => Ok((count as usize, self.page)),
//!             Err(error) => Err(BufError { error, buffer: self.page }),
//!         }
//!     }
//! }
//!
//! # fn main() -> io::Result<()> {
//! # let pool = ringpool::Pool::new(1);
//! # let path = std::env::temp_dir().join(format!("ringpool-own-{}", std::process::id()));
//! pool.block_on(async {
//!     let file = op::openat2(None, &path, libc::O_CREAT | libc::O_RDWR, 0o600).await?;
//! #   std::fs::remove_file(&path)?;
//!     match write_first_page(&file, Box::new([7; 4096])).await {
//!         // Only some users may be so urgent.
//!         Err(error) if error.error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
//!         written => assert_eq!(written?.0, 4096),
//!     }
//!     let (_, byte) = op::read_at(&file, [0; 1], 4095).await?;
//!     assert_eq!(byte, [7]);
//!     Ok(())
//! })
//! # }
//! ```

pub use io_uring::{cqueue, opcode, squeue, types};
