//! The lock around a group's book, and everything that is done after it.

use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Wake, Waker};

use super::book::{Begin, Book, Child, ChildKey, Effects};
use super::gate::Gate;
use crate::blocking::BlockingPool;
use crate::context;
use crate::foreign::shielded;
use crate::primitives::{Mutex, lock};
use crate::task::blocking::Job;
use crate::task::header::Header;
use crate::task::orphan::Orphan;
use crate::task::{Task, TaskError, TaskId};
use crate::wakes::wake;

/// How a child in line is begun.
pub(super) enum Start {
    Gate(Arc<Gate>),
    Job(Arc<BlockingPool>, Job),
}

impl Start {
    fn begin(self) {
        match self {
            Self::Gate(gate) => gate.open(),
            // A job that is not taken is dropped, and so cancelled.
            Self::Job(pool, job) => drop(pool.submit(job)),
        }
    }
}

impl<T> Child for Task<T> {
    fn was_cancelled(&mut self) -> bool {
        matches!(self.outcome(), Some(Err(TaskError::Cancelled)))
    }
}

/// What a group and its children share.
pub(crate) struct Shared<T> {
    pub(super) book: Mutex<Book<Task<T>, Start>>,
    /// Tells the task that dropped the group when its children are gone.
    orphan: Mutex<Option<Orphan>>,
}

/// A child that has been admitted and not been made. Making it may panic, in the subscriber of
/// `tracing`; the group must not wait for it then.
struct Admitted<'a, T: Send + 'static> {
    shared: &'a Arc<Shared<T>>,
    key: ChildKey,
}

impl<T: Send + 'static> Drop for Admitted<'_, T> {
    fn drop(&mut self) {
        let effects = lock(&self.shared.book).withdraw(self.key);
        self.shared.act(effects);
    }
}

/// Woken by the end of a child.
struct ChildWaker<T> {
    shared: Arc<Shared<T>>,
    key: ChildKey,
}

impl<T: Send + 'static> Wake for ChildWaker<T> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let effects = lock(&self.shared.book).ended(self.key);
        self.shared.act(effects);
    }
}

impl<T: Send + 'static> Shared<T> {
    pub(super) fn new(places: usize) -> Self {
        Self { book: Mutex::new(Book::new(places)), orphan: Mutex::new(None) }
    }

    /// A new child. `make` spawns it, behind the gate if it is given one; it is not called, and
    /// nothing returned, if the group takes no more.
    pub(super) fn add(
        self: &Arc<Self>,
        make: impl FnOnce(Option<Arc<Gate>>) -> Task<T>,
    ) -> Option<TaskId> {
        let admitted = lock(&self.book).admit();
        let (key, has_place) = admitted?;
        let gate = (!has_place).then(|| Arc::new(Gate::new()));
        let admitted = Admitted { shared: self, key };
        let task = make(gate.clone());
        std::mem::forget(admitted);
        let id = task.id();
        self.place(key, task);
        if let Some(gate) = gate {
            self.stand_in_line(key, Start::Gate(gate));
        }
        Some(id)
    }

    /// A new child on a thread for blocking work.
    pub(super) fn add_blocking(
        self: &Arc<Self>,
        pool: &Arc<BlockingPool>,
        (job, task): (Job, Task<T>),
    ) -> Option<TaskId> {
        let admitted = lock(&self.book).admit();
        let (key, has_place) = admitted?;
        let id = task.id();
        self.place(key, task);
        let start = Start::Job(pool.clone(), job);
        if has_place {
            start.begin()
        } else {
            self.stand_in_line(key, start)
        }
        Some(id)
    }

    /// A child that has been spawned by somebody else.
    pub(super) fn adopt(self: &Arc<Self>, task: Task<T>) -> Option<TaskId> {
        let admitted = lock(&self.book).admit_running();
        let id = task.id();
        self.place(admitted?, task);
        Some(id)
    }

    fn place(self: &Arc<Self>, key: ChildKey, mut task: Task<T>) {
        let waker = Waker::from(Arc::new(ChildWaker { shared: self.clone(), key }));
        // A task that was awaited before has another waker, which may panic when it is dropped.
        let has_ended = shielded(|| task.watch(&waker)).unwrap_or_else(|| task.is_finished());
        let canceller = task.canceller();
        let (is_unwanted, effects) = lock(&self.book).place(key, task, has_ended);
        self.act(effects);
        if is_unwanted {
            canceller.cancel();
        }
    }

    fn stand_in_line(&self, key: ChildKey, start: Start) {
        let begins = lock(&self.book).stand_in_line(key, start);
        if begins {
            self.begin_those_in_line();
        }
    }

    /// Begins as many as there is room for. While one caller does, others leave it to that one, so
    /// that a row of children which end at once is gone through, not nested.
    fn begin_those_in_line(&self) {
        loop {
            let next = lock(&self.book).next_to_begin();
            match next {
                Begin::Now(start) => start.begin(),
                Begin::TooLate(start) => drop(start),
                Begin::Nobody => return,
            }
        }
    }

    /// What is left to do after the lock. The drop of a child may run the user's code.
    fn act(self: &Arc<Self>, effects: Effects<Task<T>>) {
        let Effects { wakers, gone, may_begin, is_over } = effects;
        wake_all(wakers);
        let _ = shielded(|| drop(gone));
        if may_begin {
            self.begin_those_in_line();
        }
        if is_over {
            self.tell_who_dropped_the_group();
        }
    }

    /// Asks all children to end.
    pub(super) fn cancel_all(&self) {
        let (cancellers, in_line) = lock(&self.book).call_off(Task::canceller);
        for canceller in cancellers {
            canceller.cancel();
        }
        drop(in_line);
    }

    /// The group is gone: cancels all children. If a task is running, which has dropped the group,
    /// then its own cancel waits for them.
    pub(super) fn give_up(self: &Arc<Self>) {
        let orphan = context::with(|local| {
            let task = local.and_then(|local| local.current.get());
            if self.is_waited_for_by(task) { Orphan::of_current(local) } else { None }
        });
        *lock(&self.orphan) = orphan;
        let mut book = lock(&self.book);
        let finished = book.give_up();
        let is_over = book.running() == 0;
        drop(book);
        self.cancel_all();
        if is_over {
            self.tell_who_dropped_the_group();
        }
        finished.into_iter().for_each(drop);
    }

    /// Whether children run for which whoever drops the group can wait: not if that is one of them.
    fn is_waited_for_by(&self, task: Option<NonNull<Header>>) -> bool {
        let book = lock(&self.book);
        let is_child = |task| book.children().any(|child| child.is_handle_of(task));
        book.running() > 0 && !task.is_some_and(is_child)
    }

    fn tell_who_dropped_the_group(self: &Arc<Self>) {
        while let Some(orphan) = self.take_orphan().and_then(Orphan::tell_collector) {
            let settled = context::with(|local| match local {
                Some(local) => orphan.settle(local),
                None => match orphan.whereabouts() {
                    Some(mailbox) => Err((orphan, mailbox)),
                    None => {
                        orphan.release();
                        Ok(())
                    }
                },
            });
            let Err((orphan, mailbox)) = settled else { return };
            *lock(&self.orphan) = Some(orphan);
            let shared = self.clone();
            if mailbox.run_in_its_turn(move |_| shared.tell_who_dropped_the_group()) {
                return;
            }
            let Some(orphan) = self.take_orphan() else { return };
            if orphan.is_lost_with(mailbox) {
                return orphan.release();
            }
            // The task was sent there in vain, and its ring is about to take it back.
            *lock(&self.orphan) = Some(orphan);
            std::thread::yield_now();
        }
    }

    fn take_orphan(&self) -> Option<Orphan> {
        lock(&self.orphan).take()
    }
}

/// Wakes wakers that may be anybody's.
pub(super) fn wake_all(wakers: impl IntoIterator<Item = Waker>) {
    wakers.into_iter().for_each(wake);
}
