//! Waiting for words in memory to change.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use io_uring::{opcode, squeue, types};

use super::{Op, Operation, Start};

/// The size of the word, as futex2 has it. Not private to the process: a wait for a private one
/// that begins while the process has one thread is lost when it gets a second one.
const SHARED_U32: u32 = 2;

/// How many words one wait takes: the kernel's `FUTEX_WAITV_MAX`.
const WORDS_MAX: usize = 128;

/// An owner of a word that the kernel can wait on: an `Arc` of one, a `static`, or memory of the
/// caller's own, such as a mapping that processes share.
///
/// # Safety
///
/// [`word`](Futex::word) gives the same word every time, which stays where it is as long as the
/// value exists, wherever the value is moved.
pub unsafe trait Futex: Send + 'static {
    /// The word.
    fn word(&self) -> &AtomicU32;
}

// SAFETY: the word is on the heap as long as there is an `Arc` of it.
unsafe impl Futex for Arc<AtomicU32> {
    fn word(&self) -> &AtomicU32 {
        self
    }
}

// SAFETY: a static word stays where it is.
unsafe impl Futex for &'static AtomicU32 {
    fn word(&self) -> &AtomicU32 {
        self
    }
}

/// See [`futex_wait`].
#[derive(Debug)]
pub struct FutexWait<F> {
    futex: F,
    expected: u32,
    mask: u32,
}

/// Waits until the word is woken, if it is `expected`: `IORING_OP_FUTEX_WAIT`. Since Linux 6.7.
///
/// The kernel compares when the operation begins, so a change and a wake that come before are
/// noticed. A wait may also end without anybody having changed the word: look at it again. The
/// futex is no private one, so besides [`futex_wake`] it takes `futex(2)` without
/// `FUTEX_PRIVATE_FLAG` to wake it, from whichever process.
///
/// Tasks of a pool have channels, which are quicker. This is for words that are shared with other
/// processes, or with threads that know nothing of the pool.
///
/// # Errors
///
/// [`WouldBlock`](io::ErrorKind::WouldBlock) (`EAGAIN`) if the word is not `expected`;
/// [`Unsupported`](io::ErrorKind::Unsupported) on an older kernel, and `ECANCELED` if it was
/// cancelled.
///
/// # Cancel safety
///
/// If it is dropped, it may have taken a wake that was meant for one waiter. [`Op::cancel`] says
/// whether it has.
///
/// # Examples
///
/// ```
/// use ringpool::op;
/// use std::io::ErrorKind;
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let word = Arc::new(AtomicU32::new(0));
/// pool.block_on(async {
///     let waiter = ringpool::spawn(op::futex_wait(word.clone(), 0));
///     word.store(1, Ordering::Release);
///     match op::futex_wake(word, 1).await {
///         Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
///         woken => woken?,
///     };
///     match waiter.await? {
///         Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()), // it came too late
///         waited => waited,
///     }
/// })
/// # }
/// ```
pub fn futex_wait<F: Futex>(futex: F, expected: u32) -> Op<FutexWait<F>> {
    Op::new(FutexWait { futex, expected, mask: u32::MAX })
}

impl<F: Futex> Op<FutexWait<F>> {
    /// Waits only for wakes whose mask has a bit in common with this one.
    ///
    /// # Panics
    ///
    /// If it has been polled.
    #[track_caller]
    pub fn mask(self, mask: u32) -> Self {
        self.adjust(|wait| wait.mask = mask)
    }
}

// SAFETY: the entry points to the word, which stays where it is as long as the operation owns its
// owner.
unsafe impl<F: Futex> Operation for FutexWait<F> {
    type Output = io::Result<()>;

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let word = self.futex.word().as_ptr();
        let (expected, mask) = (self.expected.into(), self.mask.into());
        Ok(opcode::FutexWait::new(word, expected, mask, SHARED_U32).build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result.map(drop)
    }
}

/// See [`futex_wake`].
#[derive(Debug)]
pub struct FutexWake<F> {
    futex: F,
    count: u32,
    mask: u32,
}

/// Wakes up to `count` waiters of a word, and gives how many: `IORING_OP_FUTEX_WAKE`.
/// Since Linux 6.7.
///
/// They may be waiting by [`futex_wait`] on any ring, or by `futex(2)` without
/// `FUTEX_PRIVATE_FLAG`. Change the word first.
///
/// # Errors
///
/// [`Unsupported`](io::ErrorKind::Unsupported) on an older kernel, and `ECANCELED` if it was
/// cancelled.
///
/// # Cancel safety
///
/// If it is dropped, the waiters may or may not have been woken.
///
/// # Examples
///
/// See [`futex_wait`].
pub fn futex_wake<F: Futex>(futex: F, count: u32) -> Op<FutexWake<F>> {
    Op::new(FutexWake { futex, count, mask: u32::MAX })
}

impl<F: Futex> Op<FutexWake<F>> {
    /// Wakes only waiters whose mask has a bit in common with this one.
    ///
    /// # Panics
    ///
    /// If it has been polled.
    #[track_caller]
    pub fn mask(self, mask: u32) -> Self {
        self.adjust(|wake| wake.mask = mask)
    }
}

// SAFETY: as for the wait.
unsafe impl<F: Futex> Operation for FutexWake<F> {
    type Output = io::Result<u32>;

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let word = self.futex.word().as_ptr();
        // The kernel counts in an `int`.
        let count = self.count.min(i32::MAX as u32);
        Ok(opcode::FutexWake::new(word, count.into(), self.mask.into(), SHARED_U32).build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result
    }
}

/// See [`futex_waitv`].
#[derive(Debug)]
pub struct FutexWaitV<F> {
    futexes: Vec<(F, u32)>,
    list: Vec<types::FutexWaitV>,
}

/// Waits until one of several words is woken, if each has the value beside it, and gives the index
/// of one that was: `IORING_OP_FUTEX_WAITV`. Since Linux 6.7.
///
/// For each of them the same is true as for [`futex_wait`].
///
/// # Errors
///
/// As for [`futex_wait`]; [`InvalidInput`](io::ErrorKind::InvalidInput) if there is no word or
/// there are more than 128.
///
/// # Cancel safety
///
/// If it is dropped, it may have taken a wake that was meant for one waiter.
///
/// # Examples
///
/// ```
/// use ringpool::op;
/// use std::io::ErrorKind;
/// use std::sync::Arc;
/// use std::sync::atomic::AtomicU32;
///
/// # let pool = ringpool::Pool::new(1);
/// let words = [Arc::new(AtomicU32::new(3)), Arc::new(AtomicU32::new(4))];
/// let other_values = words.map(|word| (word, 0)).to_vec();
/// let error = pool.block_on(op::futex_waitv(other_values)).unwrap_err();
/// assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Unsupported));
/// ```
pub fn futex_waitv<F: Futex>(futexes: Vec<(F, u32)>) -> Op<FutexWaitV<F>> {
    let count = futexes.len();
    let operation = FutexWaitV { futexes, list: Vec::new() };
    if (1..=WORDS_MAX).contains(&count) {
        return Op::new(operation);
    }
    let message = format!("one wait takes from 1 to {WORDS_MAX} words, not {count}");
    Op::refused(operation, io::Error::new(io::ErrorKind::InvalidInput, message))
}

// SAFETY: the entry points to the list and the list to the words; the operation owns the list and
// the owners of the words, and leaves the vectors alone.
unsafe impl<F: Futex> Operation for FutexWaitV<F> {
    type Output = io::Result<usize>;

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let one = |(futex, expected): &(F, u32)| {
            types::FutexWaitV::new()
                .val((*expected).into())
                .uaddr(futex.word().as_ptr().expose_provenance() as u64)
                .flags(SHARED_U32)
        };
        self.list = self.futexes.iter().map(one).collect();
        Ok(opcode::FutexWaitV::new(self.list.as_ptr(), self.list.len() as u32).build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result.map(|index| index as usize)
    }
}
