//! Locks on whole files, by which processes agree on who may use them: flock(2).
//!
//! io_uring has no operation for them, and a thread that waits for a lock in the kernel cannot be
//! called back: it would take the lock after its future is gone, and some of them would take all
//! threads that are needed to give a lock back. So nobody waits in the kernel. A lock is tried, on
//! a thread for blocking work, and if somebody else has it tried again a moment later.
//!
//! Such a try may be under way when its future is dropped. Then it belongs to the file's
//! [`Locking`], and whoever comes first undoes it: the thread, if it finds the try given up, or the
//! future, if the thread was quicker. The next lock of the file begins after that.

use std::fs::TryLockError;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use super::File;
use super::blocking::with_std;
use crate::op::parked::{Claim, busy};
use crate::op::{SharedFd, not_on_a_ring};
use crate::task::Cancel;
use crate::{Task, stop, time};

/// How long to wait before the second try; then twice as long, and so on.
const FIRST_WAIT: Duration = Duration::from_millis(1);
const LONGEST_WAIT: Duration = Duration::from_millis(50);

/// What was dropped before it had ended; the next lock waits for it.
#[derive(Default)]
pub(super) struct Locking(Option<Left>);

enum Left {
    /// A request that was given up.
    Request(Cancel<Result<(), TryLockError>>),
    /// A lock that came nevertheless is given back.
    Undoing(Task<()>),
}

impl Drop for Locking {
    fn drop(&mut self) {
        // A clone of the file would keep the lock.
        if let Some(Left::Undoing(task)) = self.0.take() {
            task.detach();
        }
    }
}

#[derive(Clone, Copy)]
enum Request {
    Exclusive,
    Shared,
    Unlock,
}

impl Request {
    fn make(self, fd: &SharedFd) -> Result<(), TryLockError> {
        with_std(fd, |file| match self {
            Self::Exclusive => file.try_lock(),
            Self::Shared => file.try_lock_shared(),
            Self::Unlock => file.unlock().map_err(TryLockError::Error),
        })
    }
}

impl File {
    /// Locks the file for itself alone, waiting until nobody else has a lock on it. Given back by
    /// [`unlock`](File::unlock), or when the file and its clones are closed.
    ///
    /// It keeps nobody from using the file who does not ask for a lock. While somebody else has it
    /// the lock is tried again and again, at first after 1 ms, then less often down to once in
    /// 50 ms, and who waits longer has no precedence.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::File::lock`], and [`ResourceBusy`](io::ErrorKind::ResourceBusy) if
    /// another lock or unlock of this file is under way.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, it is given up; a lock that comes just then is given back at once.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// # let path = std::env::temp_dir().join(format!("ringpool-lock-{}", std::process::id()));
    /// pool.block_on(async {
    ///     let file = ringpool::fs::File::create(&path).await?;
    ///     file.lock().await?;
    ///     let other = ringpool::fs::File::open(&path).await?;
    ///     assert!(other.try_lock_shared().await.is_err());
    ///     file.unlock().await?;
    ///     other.lock_shared().await?;
    /// #   std::fs::remove_file(&path)?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub async fn lock(&self) -> io::Result<()> {
        self.wait_for(Request::Exclusive).await
    }

    /// Locks the file together with others that share it, waiting until nobody has it for itself
    /// alone; see [`lock`](File::lock).
    ///
    /// # Errors
    ///
    /// Those of [`lock`](File::lock).
    ///
    /// # Cancel safety
    ///
    /// As for [`lock`](File::lock).
    pub async fn lock_shared(&self) -> io::Result<()> {
        self.wait_for(Request::Shared).await
    }

    /// Locks the file for itself alone, if nobody else has a lock on it; see [`lock`](File::lock).
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](TryLockError::WouldBlock) if somebody has; else those of
    /// [`lock`](File::lock).
    ///
    /// # Cancel safety
    ///
    /// As for [`lock`](File::lock).
    pub async fn try_lock(&self) -> Result<(), TryLockError> {
        self.request(Request::Exclusive).await
    }

    /// Locks the file together with others that share it, if nobody has it for itself alone; see
    /// [`lock`](File::lock).
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](TryLockError::WouldBlock) if somebody has; else those of
    /// [`lock`](File::lock).
    ///
    /// # Cancel safety
    ///
    /// As for [`lock`](File::lock).
    pub async fn try_lock_shared(&self) -> Result<(), TryLockError> {
        self.request(Request::Shared).await
    }

    /// Gives the lock back, if there is one.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::File::unlock`], and [`ResourceBusy`](io::ErrorKind::ResourceBusy) if
    /// another lock or unlock of this file is under way.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped after its first poll, the lock may or may not be given back.
    pub async fn unlock(&self) -> io::Result<()> {
        self.request(Request::Unlock).await.map_err(io::Error::from)
    }

    async fn wait_for(&self, request: Request) -> io::Result<()> {
        let mut wait = FIRST_WAIT;
        loop {
            match self.request(request).await {
                Err(TryLockError::WouldBlock) => stop::until(time::sleep(wait)).await?,
                ended => return ended.map_err(io::Error::from),
            }
            wait = LONGEST_WAIT.min(wait * 2);
        }
    }

    async fn request(&self, request: Request) -> Result<(), TryLockError> {
        let Some(mut claim) = self.locking.claim() else {
            return Err(TryLockError::Error(busy("lock or unlock of this file")));
        };
        // What comes of them does not matter.
        match &mut claim.0 {
            Some(Left::Request(request)) => drop(request.await),
            Some(Left::Undoing(task)) => drop(task.await),
            None => {}
        }
        claim.0 = None;
        if crate::current().is_none() {
            return Err(TryLockError::Error(not_on_a_ring()));
        }
        poll_fn(|cx| stop::poll_running(cx)).await.map_err(TryLockError::Error)?;
        Trying::begin(self.shared_fd(), request, claim).await
    }
}

const UNDER_WAY: u8 = 0;
const DONE: u8 = 1;
const GIVEN_UP: u8 = 2;

/// One request, on a thread for blocking work.
struct Trying<'a> {
    fd: &'a SharedFd,
    claim: Claim<'a, Locking>,
    request: Request,
    task: Option<Task<Result<(), TryLockError>>>,
    stage: Arc<AtomicU8>,
}

impl<'a> Trying<'a> {
    fn begin(fd: &'a SharedFd, request: Request, claim: Claim<'a, Locking>) -> Self {
        let stage = Arc::new(AtomicU8::new(UNDER_WAY));
        let (theirs, their_fd) = (stage.clone(), fd.clone());
        let task = crate::spawn_blocking(move || {
            let outcome = request.make(&their_fd);
            // Ordering: AcqRel, partner of the swap in the drop: whoever is second knows that the
            // other one's request has been made.
            if outcome.is_ok() && theirs.swap(DONE, Ordering::AcqRel) == GIVEN_UP {
                undo(&their_fd, request);
            }
            outcome
        });
        Self { fd, claim, request, task: Some(task), stage }
    }
}

/// Nobody wants the lock any more.
fn undo(fd: &SharedFd, request: Request) {
    if !matches!(request, Request::Unlock) {
        // There is nobody to tell; closing the file gives the lock back too.
        let _ = Request::Unlock.make(fd);
    }
}

impl Future for Trying<'_> {
    type Output = Result<(), TryLockError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let task = this.task.as_mut().expect("a finished request was polled again");
        let Poll::Ready(ended) = Pin::new(task).poll(cx) else { return Poll::Pending };
        this.task = None;
        Poll::Ready(ended.unwrap_or_else(|error| Err(TryLockError::Error(error.into()))))
    }
}

impl Drop for Trying<'_> {
    fn drop(&mut self) {
        let Some(task) = self.task.take() else { return };
        // Ordering: AcqRel, partner of the swap in `begin`.
        if self.stage.swap(GIVEN_UP, Ordering::AcqRel) != DONE {
            self.claim.0 = Some(Left::Request(task.cancel()));
            return;
        }
        let (fd, request) = (self.fd.clone(), self.request);
        if crate::current().is_some() {
            let task = crate::spawn_blocking(move || undo(&fd, request));
            self.claim.0 = Some(Left::Undoing(task));
        } else {
            // There is no thread that we could leave it to.
            undo(&fd, request);
        }
    }
}
