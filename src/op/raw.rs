//! What it takes to bring an operation of one's own: the entries of the io_uring crate.
//!
//! Each function of [`op`](super) makes a struct with what the kernel needs, and an
//! [`Operation`](super::Operation) that says how it is submitted. Those of a caller's own are made
//! in the same way, and are no less: [`Op`](super::Op) cancels them, links them, limits their time
//! and keeps what they own.
//!
//! # What there is
//!
//! What the C++ runtime condy has of io_uring, where it is here, and which of the tests compares it
//! with the same system call, or else why it is left out.
//!
//! | condy | here | tests, or why not |
//! |---|---|---|
//! | `nop` | `nop`, `nop_with_result` | `operations/own.rs` |
//! | `read`, `write`, `readv`, `writev` | `read`, `read_at`, `write`, `write_at`, `readv`, `writev` and so on | `operations/flags.rs`, `operations/direct_files.rs`, `fs/` |
//! | the same with registered buffers | `read_fixed`, `write_fixed`, `readv_fixed`, `writev_fixed` and so on | `buffers/registered.rs`, `operations/direct_files.rs` |
//! | `read`, `recv` with provided buffers, bundles | `read_pooled`, `recv_pooled`, `recv_bundle` | `provided/`, `operations/direct_sockets.rs` |
//! | `send` with provided buffers, bundles | a `PooledBuffer` is sent as any buffer is; several at once by `sendmsg` | `provided/single.rs` |
//! | `read_multishot`, `recv_multishot`, `recvmsg_multishot` | the same, and `recv_bundle_multishot` | `provided/`, `operations/direct_sockets.rs` |
//! | `fsync`, `fallocate`, `ftruncate`, `fadvise`, `madvise`, `sync_file_range` | the same, and `fdatasync` | `operations/ranges.rs`, `operations/advice.rs`, `operations/direct_files.rs` |
//! | `splice`, `tee`, `pipe`, `pipe_direct` | the same | `operations/pipes.rs`, `operations/direct_files.rs`, `direct.rs` |
//! | `openat`, `openat2`, `open`, `close`, `statx` | `openat`, `openat2`, `close`, `statx` | `operations/opening.rs`, `direct/ends.rs` |
//! | `openat_direct`, `openat2_direct`, `open_direct` | `openat2_direct` | `direct.rs` |
//! | `renameat`, `linkat`, `symlinkat`, `unlinkat`, `mkdirat`, and without `at` | the same; without a directory they are those without `at` | `fs/names.rs` |
//! | `getxattr`, `setxattr`, `fgetxattr`, `fsetxattr` | the same | `operations/xattrs.rs` |
//! | `socket`, `socket_direct`, `bind`, `listen`, `connect`, `shutdown` | the same | `net.rs`, `direct.rs`, `operations/direct_sockets.rs` |
//! | `accept`, `accept_direct`, `multishot_accept` | `accept`, `accept_direct`, `accept_multishot` | `multishot.rs`, `operations/direct_sockets.rs` |
//! | `multishot_accept_direct` | left out | a stream would fill the table with what nobody has asked for; `accept_direct` again and again |
//! | `send`, `recv`, `sendto`, `sendmsg`, `recvmsg` | the same, and `recvfrom` | `udp.rs`, `unix/`, `operations/direct_sockets.rs` |
//! | `send_zc`, `sendto_zc`, `sendmsg_zc` | the same | `zero_copy.rs`, `operations/direct_sockets.rs` |
//! | `send_zc` and others with registered buffers | the same functions, which look up the pages for each send | `zero_copy.rs` |
//! | `cmd_sock` | `setsockopt`, `getsockopt`, `siocinq`, `siocoutq` | `socket_options.rs` |
//! | `cmd_getsockname`, zero copy reception, `cmd_zone_reset_all` | left out | newer than Linux 6.18 |
//! | `uring_cmd`, `cmd_discard` | `uring_cmd`, which is `unsafe` | `operations/commands.rs` |
//! | `uring_cmd_multishot` | left out | a driver decides what it is; a [`MultishotOperation`](super::MultishotOperation) of one's own |
//! | `nop128`, `uring_cmd128` | left out | entries of twice the size, which the rings of a pool do not have |
//! | `timeout`, `timeout_multishot` | the same, and `timeout_at` | `operations/clocks.rs`, `multishot.rs` |
//! | `link_timeout` | `Op::timeout` | `chains.rs` |
//! | `link`, `hard_link`, `drain`, `always_async` | `Op::link`, `hard_link`, `drain`, `force_async`, `link` of many | `chains.rs`, `drain.rs` |
//! | `cancel_fd` | `Op::cancel`, `cancel_fd`, `cancel_opcode`, `cancel_all` | `operations/cancelling.rs` |
//! | polls, which it has not | `poll_add`, `poll_multishot` | `multishot.rs`, `operations/direct_files.rs` |
//! | `epoll_ctl`, `epoll_wait` | the same; the kernel changes no set by a direct descriptor | `operations/epoll.rs`, `operations/direct_files.rs` |
//! | `waitid` | the same | `operations/children.rs` |
//! | `futex_wait`, `futex_wake`, `futex_waitv` | the same | `operations/futexes.rs` |
//! | `files_update`, `fixed_fd_install` | `DirectFd::register`, `DirectFd::install`, `DirectFd::send_to` | `direct.rs`, `direct/sent.rs` |
//! | table of files: `init`, `destroy`, `update`, ranges | `Builder::direct_descriptors`; the kernel chooses the places, and their owners leave them | `direct.rs`, `descriptors_left.rs` |
//! | table of buffers: `init`, `destroy`, `update`, `clone_buffers` | `RegisteredBuffers`, of one ring or of all | `buffers/registered.rs`, `buffers/shared.rs` |
//! | provided buffers: queue, pool, incremental | `BufferPool`, `BufferPoolBuilder::incremental` | `provided/` |
//! | kernel threads: how many | `Builder::io_workers` | `pool.rs` |
//! | kernel threads: on which processors, shared by rings | left out | the kernel spreads them; pinned ones would keep a ring's own processor busy |
//! | probe, features | `capabilities()` | `setup.rs` |
//! | `napi` | left out | it polls the network without rest, and an idle pool uses no CPU |
//! | `set_clock`, `timeout` of a wait by it | left out | the timers of a pool have one clock; `Timeout::clock` chooses for a single one |
//! | `set_rings_size` | `Builder::submission_entries` and `completion_entries`, at the start | what finds a queue full is not lost |
//! | `set_iowait` | always off where the kernel can (Linux 6.15) | no call to compare it with; `capabilities()` tells |
//! | `iopoll`, `hybrid_iopoll` | left out | such a ring has no sockets, no messages and no bell |
//! | `sqpoll` | left out | a kernel thread for each ring that never rests, and no `DEFER_TASKRUN` |
//! | `defer_taskrun`, `coop_taskrun`, ring descriptors | `DEFER_TASKRUN` and a registered ring, always | `setup.rs` |
//! | `sqe128`, `cqe32`, both mixed, `no_mmap`, `sq_rewind` | left out | no operation here needs the first; the last ones are newer than Linux 6.18 or are of no use to a pool |
//!
//! # What is left out
//!
//! Some operations of io_uring have no function, because they would take from the pool what it
//! answers for:
//!
//! * `FILES_UPDATE` with places of a caller's choice puts files where
//!   [`DirectFd`](super::DirectFd)s own the place;
//!   [`DirectFd::register`](super::DirectFd::register) lets the kernel choose.
//! * `POLL_REMOVE`, `TIMEOUT_REMOVE` and `ASYNC_CANCEL` by user data name other operations by a
//!   number that only the pool knows; [`Op::cancel`](super::Op::cancel) is the way.
//! * `PROVIDE_BUFFERS` and `REMOVE_BUFFERS` are the older form of buffers that a ring maps.
//! * `MSG_RING` makes up completions of other rings, which a pool would take for its own;
//!   [`DirectFd::send_to`](super::DirectFd::send_to) sends a file.
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
