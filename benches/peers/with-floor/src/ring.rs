//! A ring and nothing else.

use std::io::ErrorKind;
use std::os::fd::{AsRawFd, RawFd};

use io_uring::{CompletionQueue, IoUring, SubmissionQueue, Submitter, cqueue, squeue};

/// Entries of the submission queue.
const SUBMISSIONS: u32 = 256;
/// Entries of the completion queue: many connections may have something to say at once.
const COMPLETIONS: u32 = 4096;

/// A ring with the flags that make it cheapest, entered by its index.
pub(crate) struct BareRing<'a> {
    submitter: Submitter<'a>,
    submission: SubmissionQueue<'a>,
    completion: CompletionQueue<'a>,
}

/// Makes a ring on the calling thread, and lets `body` have it, and its descriptor.
pub(crate) fn with_bare_ring<T>(body: impl FnOnce(BareRing<'_>, RawFd) -> T) -> T {
    let mut builder = IoUring::builder();
    builder.setup_single_issuer().setup_defer_taskrun().setup_submit_all().setup_taskrun_flag();
    builder.setup_cqsize(COMPLETIONS);
    let mut ring: IoUring = builder.build(SUBMISSIONS).expect("io_uring works here");
    let fd = ring.as_raw_fd();
    let (mut submitter, submission, completion) = ring.split();
    submitter.register_ring_fd().expect("the table has room");
    body(BareRing { submitter, submission, completion }, fd)
}

impl BareRing<'_> {
    /// Queues an operation; submits those before it if there is no room.
    ///
    /// # Safety
    ///
    /// What the entry points to stays valid, and untouched, until it has completed.
    pub(crate) unsafe fn push(&mut self, entry: &squeue::Entry) {
        if self.submission.is_full() {
            self.submit();
        }
        // SAFETY: the caller's promise.
        unsafe { self.submission.push(entry) }.expect("there is room");
    }

    /// Queues two operations of which the first is linked to the second, so that both are
    /// submitted at once.
    ///
    /// # Safety
    ///
    /// As for [`push`](Self::push).
    pub(crate) unsafe fn push_linked(&mut self, entries: [squeue::Entry; 2]) {
        if self.submission.capacity() - self.submission.len() < entries.len() {
            self.submit();
        }
        let [first, second] = entries;
        let entries = [first.flags(squeue::Flags::IO_LINK), second];
        // SAFETY: the caller's promise.
        unsafe { self.submission.push_multiple(&entries) }.expect("there is room");
    }

    /// Submits what was queued.
    pub(crate) fn submit(&mut self) {
        self.submission.sync();
        self.submitter.submit().expect("the ring works");
        self.submission.sync();
    }

    /// Submits what was queued, waits for a completion, and gives all that there are.
    pub(crate) fn submit_and_wait(&mut self) -> impl Iterator<Item = cqueue::Entry> {
        self.submission.sync();
        // Otherwise the kernel would take those for new that were seen before.
        self.completion.sync();
        while let Err(error) = self.submitter.submit_and_wait(1) {
            assert_eq!(error.kind(), ErrorKind::Interrupted, "the ring works");
            self.submission.sync();
        }
        // What was submitted is gone from the queue.
        self.submission.sync();
        self.completion.sync();
        &mut self.completion
    }

    /// Registers a table of provided buffers as group 0.
    ///
    /// # Safety
    ///
    /// The table, and the buffers in it, stay where they are as long as the ring is there.
    pub(crate) unsafe fn register_buffer_table(&self, start: *const u8, entries: u16) {
        // SAFETY: the caller's promise.
        let result =
            unsafe { self.submitter.register_buf_ring_with_flags(start as u64, entries, 0, 0) };
        result.expect("this kernel has provided buffers");
    }
}
