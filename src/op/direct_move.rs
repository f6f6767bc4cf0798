//! Files that go into the table of a ring, out of it, and from one into another.

use std::io;
use std::os::fd::{AsRawFd, RawFd};

use io_uring::types::{DestinationSlot, Fd, Fixed};
use io_uring::{opcode, squeue};

use super::direct::DirectTable;
use super::{DirectFd, Op, Operation, SharedFd, Start};
use crate::Runtime;
use crate::context::{self, Local};
use crate::runtime::{FileDoor, is_current};

/// `IORING_MSG_RING_CQE_SKIP`: the ring that gets the file is not told.
const RECEIVER_IS_NOT_TOLD: u32 = 1;
/// `IORING_FILE_INDEX_ALLOC`: the kernel chooses the place.
const ANY_PLACE: i32 = -1;

impl DirectFd {
    /// Puts a file that is open into the table of the ring as well: `IORING_OP_FILES_UPDATE`.
    /// Since Linux 5.19.
    ///
    /// Both are descriptors of the same open file; either may be closed before the other.
    ///
    /// # Errors
    ///
    /// [`QuotaExceeded`](io::ErrorKind::QuotaExceeded) if the table is full; `EBADF` for a ring,
    /// which cannot be in a table; `ECANCELED` if it was cancelled.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost; a place that is filled after all is freed.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::op::{self, DirectFd};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// pool.block_on(async {
    ///     let file = op::openat2(None, "/dev/zero", libc::O_RDONLY, 0).await?;
    ///     let direct = DirectFd::register(&file).await?;
    ///     let (count, _) = op::read(&direct, vec![1; 100]).await?;
    ///     assert_eq!(count, 100);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn register(fd: &SharedFd) -> Op<RegisterFd> {
        Op::new(RegisterFd { fd: fd.clone(), number: -1, table: None })
    }

    /// Gives the file a descriptor of the process as well: `IORING_OP_FIXED_FD_INSTALL`.
    /// Since Linux 6.8.
    ///
    /// Both are descriptors of the same open file; either may be closed before the other. The new
    /// one is closed on exec.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) on another ring, `EMFILE` if the process has
    /// too many files open, [`Unsupported`](io::ErrorKind::Unsupported) on an older kernel, and
    /// `ECANCELED` if it was cancelled.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost; a descriptor that is made after all is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::op;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// pool.block_on(async {
    ///     let direct = op::openat2_direct(None, "/proc/version", libc::O_RDONLY, 0).await?;
    ///     let file = match direct.install().await {
    ///         Err(error) if error.kind() == std::io::ErrorKind::Unsupported => return Ok(()),
    ///         installed => installed?,
    ///     };
    ///     let file = std::fs::File::from(file.try_into_owned().unwrap());
    ///     assert!(std::io::read_to_string(file)?.starts_with("Linux"));
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn install(&self) -> Op<InstallFd> {
        Op::new(InstallFd { fd: self.clone() })
    }

    /// Puts the file into the table of another ring as well: `IORING_OP_MSG_RING`. Since Linux 6.0.
    ///
    /// Both are descriptors of the same open file; drop this one to move it. It may be called
    /// anywhere: the rings are asked to do what only they can. On its own ring it gives a clone.
    ///
    /// # Errors
    ///
    /// [`QuotaExceeded`](io::ErrorKind::QuotaExceeded) if the other ring's table is full;
    /// [`NotConnected`](io::ErrorKind::NotConnected) if one of the rings has stopped; and
    /// `ECANCELED` if this task's does.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: if the other ring has got the file, it is closed there.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::op;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let pool = ringpool::Pool::new(2);
    /// let there = pool.runtime(1);
    /// pool.block_on(async {
    ///     let file = op::openat2_direct(None, "/proc/version", libc::O_RDONLY, 0).await?;
    ///     let file = file.send_to(&there).await?;
    ///     ringpool::switch_to(&there).await.unwrap();
    ///     let (count, _) = op::read_at(&file, [0; 16], 0).await?;
    ///     assert!(count > 0);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub async fn send_to(&self, runtime: &Runtime) -> io::Result<Self> {
        if self.is_of(runtime.shared()) {
            return Ok(self.clone());
        }
        let FileDoor { ring, places } = door_of(runtime).await?;
        let table = DirectTable::new(runtime.shared().clone(), places);
        let send = Op::new(SendFd { fd: self.clone(), ring, table });
        let home = self.runtime();
        if is_current(&home) {
            return send.await;
        }
        let task = home.try_spawn(send).map_err(|_| has_stopped(&home))?;
        task.await?
    }
}

/// The door of the ring's table, which is made if it is not there.
async fn door_of(runtime: &Runtime) -> io::Result<FileDoor> {
    if let Some(door) = runtime.shared().file_door() {
        return Ok(door);
    }
    let task = runtime.try_spawn(async { context::with(open_door) });
    let task = task.map_err(|_| has_stopped(runtime))?;
    task.await.map_err(|_| has_stopped(runtime))?
}

/// On the ring's own thread.
fn open_door(local: Option<&Local>) -> io::Result<FileDoor> {
    let local = local.expect("a task runs on a ring's thread");
    if let Some(door) = local.shared.file_door() {
        return Ok(door);
    }
    if local.stopping.get() {
        return Err(has_stopped(&Runtime::new(local.shared.clone())));
    }
    let mut ring = local.ring.borrow_mut();
    let places = ring.make_file_table()?;
    let door = FileDoor { ring: ring.duplicate()?.into(), places };
    local.shared.open_file_door(door.clone());
    Ok(door)
}

#[cold]
fn has_stopped(runtime: &Runtime) -> io::Error {
    let message = format!(
        "ring {} has stopped, so no file can be sent to it or from it; use a ring that runs",
        runtime.index()
    );
    io::Error::new(io::ErrorKind::NotConnected, message)
}

/// See [`DirectFd::register`].
#[derive(Debug)]
pub struct RegisterFd {
    fd: SharedFd,
    /// The descriptor, and afterwards its place.
    number: RawFd,
    table: Option<DirectTable>,
}

// SAFETY: the entry points to `number`, which is part of `self`.
unsafe impl Operation for RegisterFd {
    type Output = io::Result<DirectFd>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        self.table = Some(start.direct_table()?);
        self.number = self.fd.as_raw_fd();
        Ok(opcode::FilesUpdate::new(&raw mut self.number, 1).offset(ANY_PLACE).build())
    }

    /// The kernel says how many files it has put into the table: one.
    fn finish(self, result: io::Result<u32>) -> Self::Output {
        DirectTable::take_over(self.table.as_ref(), result.map(|_| self.number as u32))
    }
}

/// See [`DirectFd::install`].
#[derive(Debug)]
pub struct InstallFd {
    fd: DirectFd,
}

// SAFETY: the entry points to nothing.
unsafe impl Operation for InstallFd {
    type Output = io::Result<SharedFd>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        Ok(opcode::FixedFdInstall::new(Fixed(start.slot(&self.fd)?), 0).build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        SharedFd::from_result(result)
    }
}

/// Puts a file into the table of another ring.
#[derive(Debug)]
struct SendFd {
    fd: DirectFd,
    /// Kept open until it has been done, so that its number is no other ring's.
    ring: SharedFd,
    /// That of the other ring.
    table: DirectTable,
}

// SAFETY: the entry points to nothing.
unsafe impl Operation for SendFd {
    type Output = io::Result<DirectFd>;

    /// The other ring's thread does it, where the kernel does not find it.
    const STOPS: bool = false;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let ring = Fd(self.ring.as_raw_fd());
        let slot = Fixed(start.slot(&self.fd)?);
        Ok(opcode::MsgRingSendFd::new(ring, slot, DestinationSlot::auto_target(), 0)
            .opcode_flags(RECEIVER_IS_NOT_TOLD)
            .build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        match result {
            Err(error) if error.raw_os_error() == Some(libc::EOWNERDEAD) => {
                Err(has_stopped(&self.table.runtime()))
            }
            result => DirectTable::take_over(Some(&self.table), result),
        }
    }
}
