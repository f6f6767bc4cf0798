//! What the kernel and the processors themselves need: threads and rings without any runtime.

use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use io_uring::types::Fd;
use io_uring::{CompletionQueue, IoUring, SubmissionQueue, Submitter, cqueue, opcode, squeue};

use super::measure::{Cost, Pauses, Stopwatch};
use super::runtimes::{on_first_core, pin};

/// A ring and nothing else, with the flags that the rings of a pool have, entered by its index.
pub(crate) struct BareRing<'a> {
    submitter: Submitter<'a>,
    submission: SubmissionQueue<'a>,
    completion: CompletionQueue<'a>,
}

/// Makes a ring on the calling thread, and lets `body` have it.
pub(crate) fn with_bare_ring<T>(body: impl FnOnce(BareRing<'_>, RawFd) -> T) -> T {
    let mut builder = IoUring::builder();
    builder.setup_single_issuer().setup_defer_taskrun().setup_submit_all().setup_taskrun_flag();
    let mut ring: IoUring = builder.setup_cqsize(4096).build(256).expect("io_uring works here");
    let fd = ring.as_raw_fd();
    let (mut submitter, submission, completion) = ring.split();
    submitter.register_ring_fd().expect("the table has room");
    body(BareRing { submitter, submission, completion }, fd)
}

impl BareRing<'_> {
    /// # Safety
    ///
    /// What the entry points to stays valid until it has completed.
    pub(crate) unsafe fn push(&mut self, entry: &squeue::Entry) {
        // SAFETY: the caller's promise.
        unsafe { self.submission.push(entry) }.expect("there is room");
    }

    /// Submits what was pushed, waits for a completion, and gives all that there are.
    pub(crate) fn submit_and_wait(&mut self) -> impl Iterator<Item = cqueue::Entry> {
        self.submission.sync();
        // Otherwise the kernel would take those for new that were seen before.
        self.completion.sync();
        self.submitter.submit_and_wait(1).expect("the ring works");
        // What was submitted is gone from the queue.
        self.submission.sync();
        self.completion.sync();
        &mut self.completion
    }

    /// Registers one buffer, which has to outlive the ring.
    pub(crate) fn register_buffer(&self, start: *mut u8, len: usize) {
        let buffer = libc::iovec { iov_base: start.cast(), iov_len: len };
        // SAFETY: the kernel keeps the pages; the caller keeps the memory.
        unsafe { self.submitter.register_buffers(&[buffer]) }.expect("so much may be locked");
    }

    /// Makes a file the ring's direct descriptor 0.
    pub(crate) fn register_file(&self, fd: RawFd) {
        self.submitter.register_files(&[fd]).expect("the file is open");
    }

    /// Registers a table of provided buffers as group 0; it has to stay where it is.
    pub(crate) fn register_buffer_table(&self, start: *const u8, entries: u16) {
        // SAFETY: the caller keeps the table as long as there are operations that use it.
        let result =
            unsafe { self.submitter.register_buf_ring_with_flags(start as u64, entries, 0, 0) };
        result.expect("this kernel has provided buffers");
    }

    /// Submits what was pushed.
    fn submit(&mut self) {
        self.submission.sync();
        self.submitter.submit().expect("the ring works");
    }
}

/// Two threads that park and unpark each other.
pub(crate) fn park(iterations: u64) -> Cost {
    on_first_core(|| park_here(iterations))
}

fn park_here(iterations: u64) -> Cost {
    let turn = Arc::new(AtomicU64::new(0));
    let (main, theirs) = (thread::current(), turn.clone());
    let (ready, begun) = both();
    let other = thread::spawn(move || {
        pin(1);
        ready.wait();
        for round in 0..iterations {
            while theirs.load(Ordering::Acquire) != 2 * round + 1 {
                thread::park();
            }
            theirs.store(2 * round + 2, Ordering::Release);
            main.unpark();
        }
    });
    begun.wait();
    let watch = Stopwatch::start();
    for round in 0..iterations {
        turn.store(2 * round + 1, Ordering::Release);
        other.thread().unpark();
        while turn.load(Ordering::Acquire) != 2 * round + 2 {
            thread::park();
        }
    }
    let cost = watch.stop();
    other.join().expect("it ends");
    cost
}

/// Two threads that look at one cache line in turns.
pub(crate) fn cache_line(iterations: u64) -> Cost {
    on_first_core(|| cache_line_here(iterations))
}

fn cache_line_here(iterations: u64) -> Cost {
    let turn = Arc::new(AtomicU64::new(0));
    let theirs = turn.clone();
    let (ready, begun) = both();
    let other = thread::spawn(move || {
        pin(1);
        ready.wait();
        for round in 0..iterations {
            while theirs.load(Ordering::Acquire) != 2 * round + 1 {
                std::hint::spin_loop();
            }
            theirs.store(2 * round + 2, Ordering::Release);
        }
    });
    begun.wait();
    let watch = Stopwatch::start();
    for round in 0..iterations {
        turn.store(2 * round + 1, Ordering::Release);
        while turn.load(Ordering::Acquire) != 2 * round + 2 {
            std::hint::spin_loop();
        }
    }
    let cost = watch.stop();
    other.join().expect("it ends");
    cost
}

/// Two rings that send each other a message: submitted and waited for in one call.
pub(crate) fn ring_messages(iterations: u64) -> Cost {
    on_first_core(|| with_bare_ring(|ring, fd| exchange(ring, fd, iterations, || ())))
}

/// The same between pauses in which the calling thread computes and the other one sleeps.
pub(crate) fn ring_messages_after_gap(iterations: u64) -> Cost {
    let mut pauses = Pauses::default();
    let pause = || pauses.pause();
    on_first_core(|| with_bare_ring(|ring, fd| exchange(ring, fd, iterations, pause)))
        - pauses.cost()
}

fn exchange(mut ring: BareRing<'_>, fd: RawFd, iterations: u64, mut before: impl FnMut()) -> Cost {
    let (fd_to, fd_from) = std::sync::mpsc::channel();
    let other = thread::spawn(move || {
        pin(1);
        with_bare_ring(|mut ring, own_fd| {
            fd_to.send(own_fd).expect("it is waited for");
            for _ in 0..iterations {
                receive(&mut ring);
                send(&mut ring, fd);
            }
            ring.submit();
        });
    });
    let there = fd_from.recv().expect("the thread starts");
    let watch = Stopwatch::start();
    for _ in 0..iterations {
        before();
        send(&mut ring, there);
        receive(&mut ring);
    }
    let cost = watch.stop();
    other.join().expect("it ends");
    cost
}

/// Where two threads meet before the clock starts: a new thread is first on its maker's processor.
fn both() -> (Arc<Barrier>, Arc<Barrier>) {
    let barrier = Arc::new(Barrier::new(2));
    (barrier.clone(), barrier)
}

fn send(ring: &mut BareRing<'_>, target: RawFd) {
    let message = opcode::MsgRingData::new(Fd(target), 0, 1, None).build();
    // SAFETY: the entry points to nothing.
    unsafe { ring.push(&message.flags(squeue::Flags::SKIP_SUCCESS)) };
}

/// Submits what is queued and waits for a message.
fn receive(ring: &mut BareRing<'_>) {
    assert!(ring.submit_and_wait().any(|entry| entry.user_data() == 1));
}
