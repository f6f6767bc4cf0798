//! Submitting and reaping.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::time::Duration;

use io_uring::types::{Fd, SubmitArgs, Timespec};
use io_uring::{EnterFlags, IoUring, opcode, squeue};

use super::buffers::BufferTable;
use super::draining::Draining;
use super::enter_error::settled;
use super::file_table::FileTable;
use super::in_flight::{Beginning, InFlight, Operation};
use super::provided::BufferGroups;
use super::reaped::{Missed, Reaped, UserData};
use super::stopping::Stopping;
use super::{Features, OpenRing, RegisteredRing};
use crate::mailbox::Mailbox;
use crate::op::cell::CellHeader;
use crate::time::moment::Moment;

/// A ring, and what stands in line for it.
pub(crate) struct Ring {
    pub(super) uring: IoUring,
    registered: Option<RegisteredRing>,
    features: Features,
    /// Entries that found the queue full although it had just been submitted.
    backlog: VecDeque<Backlogged>,
    /// Operations whose last completion has not been reaped.
    in_flight: InFlight,
    /// Those of them that the kernel was asked to stop.
    to_stop: Stopping,
    files: FileTable,
    pub(super) draining: Draining,
    /// How often the kernel was entered.
    enters: u64,
    /// How often completions were reaped while the kernel kept back more.
    completion_overflows: u64,
    pub(super) buffer_groups: BufferGroups,
    buffers: BufferTable,
}

/// An entry that found the queue full.
struct Backlogged {
    entry: squeue::Entry,
    /// How many of those behind it have to be submitted with it.
    linked_behind: usize,
}

impl Ring {
    pub(crate) fn new(open: OpenRing) -> Self {
        Self {
            uring: open.ring,
            registered: open.registered,
            features: open.features,
            backlog: VecDeque::new(),
            in_flight: InFlight::default(),
            to_stop: Stopping::default(),
            files: FileTable::new(open.direct_descriptors),
            draining: Draining::default(),
            enters: 0,
            completion_overflows: 0,
            buffer_groups: BufferGroups::default(),
            buffers: BufferTable::default(),
        }
    }

    /// The table of registered buffers, and the ring that it belongs to.
    pub(super) fn buffers(&mut self) -> (&mut BufferTable, &IoUring) {
        (&mut self.buffers, &self.uring)
    }

    pub(crate) fn features(&self) -> &Features {
        &self.features
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// The operations in flight, `now`.
    pub(crate) fn operations(&self, now: Moment) -> impl Iterator<Item = Operation> {
        self.in_flight.operations(now)
    }

    pub(crate) fn enters(&self) -> u64 {
        self.enters
    }

    pub(crate) fn completion_overflows(&self) -> u64 {
        self.completion_overflows
    }

    /// Completions that the kernel had no memory for.
    pub(crate) fn completions_lost(&mut self) -> u64 {
        u64::from(self.uring.completion().overflow())
    }

    pub(crate) fn fd(&self) -> i32 {
        self.uring.as_raw_fd()
    }

    /// Queues an operation, whose user data names its cell.
    ///
    /// # Safety
    ///
    /// What the entry points to stays valid, and the cell in place, until [`Reaped`] has told of
    /// the cell's last completion.
    pub(crate) unsafe fn start(&mut self, entry: squeue::Entry, beginning: Beginning) {
        if self.draining.is_active() {
            // SAFETY: the caller's promise.
            return unsafe { self.start_together(vec![entry], false, beginning) };
        }
        // SAFETY: the caller's promise.
        unsafe { self.in_flight.add(&entry, beginning) };
        // SAFETY: the caller's promise.
        unsafe { self.push(entry) };
    }

    /// Queues linked operations, which are no more than [`queue_len`](Self::queue_len), so that
    /// they are submitted together; if they are `drained`, when all others have ended.
    ///
    /// # Safety
    ///
    /// As for [`start`](Self::start), of each of them.
    pub(crate) unsafe fn start_together(
        &mut self,
        entries: Vec<squeue::Entry>,
        drained: bool,
        beginning: Beginning,
    ) {
        let others = self.in_flight.len();
        for entry in &entries {
            // SAFETY: the caller's promise.
            unsafe { self.in_flight.add(entry, beginning) };
        }
        if let Some(entries) = self.draining.pass(entries, drained, others) {
            // SAFETY: the caller's promise.
            unsafe { self.push_together(entries) };
        }
    }

    /// # Safety
    ///
    /// As for [`start`](Self::start), of each of them.
    pub(super) unsafe fn push_together(&mut self, entries: Vec<squeue::Entry>) {
        if self.backlog.is_empty() && !self.has_room_for(entries.len()) {
            self.submit_now();
        }
        if self.backlog.is_empty() && self.has_room_for(entries.len()) {
            // SAFETY: the caller's promise.
            let pushed = unsafe { self.uring.submission().push_multiple(&entries) };
            debug_assert!(pushed.is_ok(), "there is room for them");
            return;
        }
        let count = entries.len();
        let backlogged = |(at, entry)| Backlogged { entry, linked_behind: count - 1 - at };
        self.backlog.extend(entries.into_iter().enumerate().map(backlogged));
    }

    /// How many entries can be submitted together.
    pub(crate) fn queue_len(&mut self) -> usize {
        self.uring.submission().capacity()
    }

    fn has_room_for(&mut self, count: usize) -> bool {
        let queue = self.uring.submission();
        queue.capacity() - queue.len() >= count
    }

    /// Queues the request to stop the operation of `cell`; that one still completes.
    pub(crate) fn cancel(&mut self, cell: NonNull<CellHeader>) {
        if self.draining.is_active() && self.draining.refuse(cell) {
            return;
        }
        self.to_stop.begin(cell);
        self.send_cancel(cell);
    }

    /// Nobody waits for the operation of `cell` any more, of which there is nothing left to stop.
    pub(crate) fn wait_for(&mut self, cell: NonNull<CellHeader>) {
        self.to_stop.wait_for(cell);
    }

    /// There is nothing left to stop of the operation of `cell`, although it has not come back.
    pub(crate) fn cannot_stop(&mut self, cell: NonNull<CellHeader>) {
        self.to_stop.cannot_stop(cell);
    }

    fn send_cancel(&mut self, cell: NonNull<CellHeader>) {
        let entry = opcode::AsyncCancel::new(UserData::Cell(cell).into_bits()).build();
        let entry = quiet(entry).user_data(UserData::Cancel(cell).into_bits());
        // SAFETY: the entry points to nothing; the user data is only compared.
        unsafe { self.push(entry) };
    }

    /// Asks again, now or later, unless the operation has ended: the kernel does not find one that
    /// it has set aside to go on with in a moment, or that waits for another one to end.
    pub(crate) fn cancel_again(&mut self, Missed { cell, is_at_it }: Missed) {
        // What the kernel is doing ends by itself, unless it is done again and again.
        // SAFETY: what is to be stopped has not completed, so its cell is there.
        let goes_on = || self.to_stop.has(cell) && unsafe { cell.as_ref() }.completes_often();
        if is_at_it && !goes_on() {
            return;
        }
        if self.to_stop.missed(cell) {
            self.send_cancel_at_once(cell);
        }
    }

    /// A timer that ticks is found only between the tick that was seen and the next one. So what
    /// the kernel holds back is brought to an end first, and the request follows without delay.
    fn send_cancel_at_once(&mut self, cell: NonNull<CellHeader>) {
        self.send_cancel(cell);
        let _ = self.enter_kernel::<libc::sigset_t>(0, 0, EnterFlags::GETEVENTS, None);
        self.submit_now();
    }

    /// Whether the kernel is to be asked again, in a moment, for what it did not find.
    #[inline]
    pub(crate) fn has_put_off(&self) -> bool {
        self.to_stop.has_put_off()
    }

    /// Asks for what the kernel did not find some time ago.
    #[inline]
    pub(crate) fn cancel_put_off(&mut self) {
        if self.has_put_off() {
            let cells = self.to_stop.take_put_off();
            cells.into_iter().for_each(|cell| self.send_cancel_at_once(cell));
        }
    }

    /// The last completion of an operation has been reaped.
    ///
    /// # Safety
    ///
    /// As said, once, and the cell is there.
    #[inline]
    pub(super) unsafe fn ended(&mut self, cell: NonNull<CellHeader>) {
        // SAFETY: the caller's promise; it was added when it was started.
        unsafe { self.in_flight.remove(cell) };
        self.to_stop.ended(cell);
        if self.draining.is_active() {
            self.release_drained();
        }
    }

    /// What the kernel was asked to stop and has not given back.
    pub(crate) fn take_stopped(&mut self) -> impl Iterator<Item = NonNull<CellHeader>> + use<> {
        std::mem::take(&mut self.to_stop).into_cells()
    }

    /// Queues the request to stop everything.
    pub(crate) fn cancel_everything(&mut self) {
        self.draining.refuse_all();
        let everything = io_uring::types::CancelBuilder::any();
        let entry = opcode::AsyncCancel2::new(everything).build();
        // SAFETY: the entry points to nothing.
        unsafe { self.push(quiet(entry)) };
    }

    /// How many places the ring's table of files has; makes it if it is not there yet.
    pub(crate) fn make_file_table(&mut self) -> io::Result<u32> {
        self.files.make(&self.uring.submitter())
    }

    /// Another descriptor of this ring, for others to send files to.
    pub(crate) fn duplicate(&self) -> io::Result<OwnedFd> {
        // SAFETY: the ring is open as long as `self` is there.
        unsafe { BorrowedFd::borrow_raw(self.fd()) }.try_clone_to_owned()
    }

    /// Queues the request to close a file of the ring's table.
    pub(crate) fn close_direct(&mut self, slot: u32) {
        let entry = opcode::Close::new(io_uring::types::Fixed(slot)).build();
        // SAFETY: the entry points to nothing.
        unsafe { self.push(quiet(entry)) };
    }

    /// Queues the poll that never ends of our own eventfd.
    pub(crate) fn watch_eventfd(&mut self, event_fd: &OwnedFd) {
        let entry = opcode::PollAdd::new(Fd(event_fd.as_raw_fd()), libc::POLLIN as u32)
            .multi(true)
            .build()
            .user_data(UserData::EventFd.into_bits());
        // SAFETY: the entry points to nothing; the kernel holds the file itself.
        unsafe { self.push(entry) };
    }

    /// Sends a bell to another ring and submits it at once; on `false` nothing has been sent.
    pub(crate) fn ring_other(&mut self, ring_fd: i32, mailbox: &'static Mailbox) -> bool {
        if !self.backlog.is_empty() || self.uring.submission().is_full() {
            self.submit_now();
        }
        if !self.backlog.is_empty() {
            return false;
        }
        let bell = UserData::Bell.into_bits();
        let entry = opcode::MsgRingData::new(Fd(ring_fd), 0, bell, None)
            .build()
            .flags(squeue::Flags::SKIP_SUCCESS)
            .user_data(UserData::Doorbell(mailbox).into_bits());
        // SAFETY: the entry points to nothing.
        if unsafe { self.uring.submission().push(&entry) }.is_err() {
            return false;
        }
        self.submit_now();
        self.uring.submission().is_empty()
    }

    /// # Safety
    ///
    /// What the entry points to stays valid until it has completed.
    unsafe fn push(&mut self, entry: squeue::Entry) {
        if self.backlog.is_empty() {
            // SAFETY: the caller's promise.
            if unsafe { self.uring.submission().push(&entry) }.is_ok() {
                return;
            }
            self.submit_now();
            // SAFETY: the caller's promise.
            if unsafe { self.uring.submission().push(&entry) }.is_ok() {
                return;
            }
        }
        self.backlog.push_back(Backlogged { entry, linked_behind: 0 });
    }

    /// Moves what stood in line into the queue, chains only as a whole.
    fn serve_backlog(&mut self) {
        while let Some(first) = self.backlog.front() {
            let count = first.linked_behind + 1;
            if !self.has_room_for(count) {
                return;
            }
            for Backlogged { entry, .. } in self.backlog.drain(..count) {
                // SAFETY: whoever queued the entry promised that for as long as it takes.
                let pushed = unsafe { self.uring.submission().push(&entry) };
                debug_assert!(pushed.is_ok(), "there is room for it");
            }
        }
    }

    /// Submits what is queued, waits for nothing, runs no completions. Errors are left to the next
    /// [`enter`](Self::enter): nothing is lost by them.
    fn submit_now(&mut self) {
        let queued = self.uring.submission().len() as u32;
        if queued > 0 {
            let _ = self.enter_kernel::<libc::sigset_t>(queued, 0, EnterFlags::empty(), None);
        }
    }

    /// Whether a turn without waiting would do anything: entries to submit, or completions that the
    /// kernel holds back until we come for them.
    #[inline]
    pub(crate) fn needs_enter(&mut self) -> bool {
        let queue = self.uring.submission();
        !queue.is_empty() || queue.taskrun() || queue.cq_overflow() || !self.backlog.is_empty()
    }

    /// Whether a turn without waiting would do anything that reaping has left to it.
    #[inline]
    pub(crate) fn has_left_over(&mut self) -> bool {
        self.needs_enter() || self.draining.has_refused()
    }

    /// Whether entries wait to be submitted, or to be queued.
    #[inline]
    pub(crate) fn has_entries(&mut self) -> bool {
        let is_empty = self.uring.submission().is_empty() && self.backlog.is_empty();
        !is_empty || self.draining.is_active()
    }

    /// Whether completions can be reaped, now or by entering. Cheap enough to spin on.
    #[inline]
    pub(crate) fn has_completions(&mut self) -> bool {
        !self.uring.completion().is_empty() || {
            let queue = self.uring.submission();
            queue.taskrun() || queue.cq_overflow()
        }
    }

    /// Submits what is queued and gets the completions that the kernel holds back, if it says that
    /// there are any; does not wait. What completes while it is submitted is there in any case, so
    /// there is no need to have the kernel look for more.
    pub(crate) fn enter(&mut self) -> io::Result<()> {
        self.serve_backlog();
        let queue = self.uring.submission();
        let is_held_back = queue.taskrun() || queue.cq_overflow();
        let queued = queue.len() as u32;
        drop(queue);
        let flags = if is_held_back { EnterFlags::GETEVENTS } else { EnterFlags::empty() };
        settled(self.enter_kernel::<libc::sigset_t>(queued, 0, flags, None))
    }

    /// All rings of a shuttle run are on one thread of the system, which must never block: the
    /// bell is waited for by other means, and what the kernel does by looking at it often.
    #[cfg(ringpool_shuttle)]
    pub(crate) fn wait(&mut self, limit: Option<Duration>) -> io::Result<()> {
        if limit.is_none() && self.in_flight() == 0 {
            shuttle::thread::park();
        } else {
            shuttle::thread::yield_now();
        }
        self.enter()
    }

    /// Submits what is queued and waits for one completion, for `limit` at most.
    #[cfg(not(ringpool_shuttle))]
    pub(crate) fn wait(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.serve_backlog();
        let queued = self.uring.submission().len() as u32;
        let mut flags = EnterFlags::GETEVENTS;
        if self.features.no_iowait {
            flags |= EnterFlags::NO_IOWAIT;
        }
        // Entries still in line would wait with us: come back for them at once.
        let wanted = u32::from(self.backlog.is_empty() && !self.draining.has_refused());
        let Some(limit) = self.to_stop.limit(limit) else {
            return settled(self.enter_kernel::<libc::sigset_t>(queued, wanted, flags, None));
        };
        let limit = Timespec::from(limit);
        let arguments = SubmitArgs::new().timespec(&limit);
        flags |= EnterFlags::EXT_ARG;
        settled(self.enter_kernel(queued, wanted, flags, Some(&arguments)))
    }

    fn enter_kernel<A>(
        &mut self,
        queued: u32,
        wanted: u32,
        mut flags: EnterFlags,
        argument: Option<&A>,
    ) -> io::Result<usize> {
        self.enters += 1;
        let Some(registered) = &self.registered else {
            // SAFETY: `argument`, if any, is what the flags say it is, and lives over the call.
            return unsafe { self.uring.submitter().enter(queued, wanted, flags.bits(), argument) };
        };
        flags |= EnterFlags::REGISTERED_RING;
        let pointer = argument.map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: as above, and the index is that of this ring, on this thread.
        let entered = unsafe {
            libc::syscall(
                libc::SYS_io_uring_enter,
                registered.index(),
                queued,
                wanted,
                flags.bits(),
                pointer,
                size_of::<A>(),
            )
        };
        if entered < 0 { Err(io::Error::last_os_error()) } else { Ok(entered as usize) }
    }

    /// Owner, about to end: nothing is asked of the ring any more.
    pub(crate) fn retire(mut self) -> RetiredRing {
        self.buffer_groups.end(&self.uring, self.in_flight.len());
        RetiredRing(self.uring)
    }

    /// Copies all completions out of the queue.
    pub(crate) fn reap(&mut self, into: &mut Vec<Reaped>) {
        // The loop enters the kernel before, which moves over what there is room for: so the queue
        // was filled anew.
        self.completion_overflows += u64::from(self.uring.submission().cq_overflow());
        for entry in self.uring.completion() {
            into.push(Reaped::new(&entry));
        }
        if self.draining.has_refused() {
            into.extend(self.draining.take_refused().map(Reaped::refused));
        }
    }
}

/// A ring that its thread has done with. Dropping it closes it, as it does a [`Ring`] that never
/// got so far; the thread's place for it ([`RegisteredRing`]) ends with the thread.
///
/// Any thread may do that, and best one that is left alone: each mapping that goes interrupts all
/// processors on which other threads of the process run, and waits for them.
pub(crate) struct RetiredRing(#[expect(dead_code, reason = "is dropped")] IoUring);

/// An entry whose completion nobody needs to see.
fn quiet(entry: squeue::Entry) -> squeue::Entry {
    entry.flags(squeue::Flags::SKIP_SUCCESS).user_data(UserData::Nobody.into_bits())
}
