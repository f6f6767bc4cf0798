//! Waiting for child processes.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use io_uring::{opcode, squeue};

use super::{Op, Operation, SharedFd, Start};

/// Which children [`waitid`] waits for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Children {
    /// Any of them.
    Any,
    /// The one with this process id, which [`Child::id`](std::process::Child::id) gives.
    Process(u32),
    /// Those of this process group; 0 is the caller's own.
    Group(u32),
    /// The one that this descriptor of `pidfd_open(2)` stands for.
    PidFd(SharedFd),
}

impl Children {
    fn kind_and_number(&self) -> (libc::idtype_t, libc::id_t) {
        match self {
            Self::Any => (libc::P_ALL, 0),
            Self::Process(id) => (libc::P_PID, *id),
            Self::Group(id) => (libc::P_PGID, *id),
            Self::PidFd(fd) => (libc::P_PIDFD, fd.as_raw_fd() as libc::id_t),
        }
    }
}

/// What has become of a child; see [`waitid`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildState {
    id: u32,
    user: u32,
    code: i32,
    status: i32,
}

impl ChildState {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The user that it runs as, or ran.
    pub fn user(&self) -> u32 {
        self.user
    }

    /// What happened: [`CLD_EXITED`](libc::CLD_EXITED), [`CLD_KILLED`](libc::CLD_KILLED),
    /// [`CLD_DUMPED`](libc::CLD_DUMPED), [`CLD_STOPPED`](libc::CLD_STOPPED),
    /// [`CLD_TRAPPED`](libc::CLD_TRAPPED) or [`CLD_CONTINUED`](libc::CLD_CONTINUED).
    pub fn code(&self) -> i32 {
        self.code
    }

    /// The same as the standard library has it: the exit code, or the signal that ended, stopped
    /// or continued it.
    pub fn exit_status(&self) -> ExitStatus {
        ExitStatus::from_raw(match self.code {
            libc::CLD_EXITED => (self.status & 0xff) << 8,
            libc::CLD_KILLED => self.status,
            libc::CLD_DUMPED => self.status | 0x80,
            libc::CLD_CONTINUED => 0xffff,
            _ => (self.status << 8) | 0x7f,
        })
    }
}

/// See [`waitid`].
pub struct WaitId {
    children: Children,
    options: i32,
    answer: Answer,
}

/// Where the kernel tells of the child.
struct Answer(MaybeUninit<libc::siginfo_t>);

// SAFETY: it has pointers for signals that are about memory, which this is not, and nobody follows
// them.
unsafe impl Send for Answer {}

/// Waits until a child has ended, stopped or gone on: `IORING_OP_WAITID`. Since Linux 6.7.
///
/// `options` are those of `waitid(2)`; at least one of [`WEXITED`](libc::WEXITED),
/// [`WSTOPPED`](libc::WSTOPPED) and [`WCONTINUED`](libc::WCONTINUED) says for what. A child that
/// has ended is gone for good once it has been told of, so a [`Child`](std::process::Child) of the
/// standard library gives `ECHILD` then; with [`WNOWAIT`](libc::WNOWAIT) it stays to be waited for
/// again. `None` comes only with [`WNOHANG`](libc::WNOHANG), if nothing has happened.
///
/// # Errors
///
/// Those of `waitid(2)`: `ECHILD` if there is no such child, `EINVAL` for wrong options.
/// [`Unsupported`](io::ErrorKind::Unsupported) on an older kernel, and `ECANCELED` if it was
/// cancelled.
///
/// # Cancel safety
///
/// If it is dropped, a child may have been told of to nobody, unless with `WNOWAIT`.
/// [`Op::cancel`] gives it.
///
/// # Examples
///
/// ```
/// use ringpool::op::{self, Children};
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let child = std::process::Command::new("true").spawn()?;
///     match op::waitid(Children::Process(child.id()), libc::WEXITED).await {
///         Err(error) if error.kind() == std::io::ErrorKind::Unsupported => println!("{error}"),
///         state => assert!(state?.unwrap().exit_status().success()),
///     }
///     Ok(())
/// })
/// # }
/// ```
pub fn waitid(children: Children, options: i32) -> Op<WaitId> {
    Op::new(WaitId { children, options, answer: Answer(MaybeUninit::zeroed()) })
}

// SAFETY: the entry points to the answer's place, which is part of `self`; the operation owns the
// descriptor, if it is about one.
unsafe impl Operation for WaitId {
    type Output = io::Result<Option<ChildState>>;

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let (kind, number) = self.children.kind_and_number();
        Ok(opcode::WaitId::new(kind, number, self.options)
            .infop(self.answer.0.as_mut_ptr())
            .build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result?;
        // SAFETY: it is all numbers, and was zeroed before the kernel filled it.
        let answer = unsafe { self.answer.0.assume_init() };
        // SAFETY: these are fields of what the kernel tells of a child, and zeros otherwise.
        let (id, user, status) = unsafe { (answer.si_pid(), answer.si_uid(), answer.si_status()) };
        let state = ChildState { id: id as u32, user, code: answer.si_code, status };
        Ok((id != 0).then_some(state))
    }
}

impl std::fmt::Debug for WaitId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WaitId")
            .field("children", &self.children)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
