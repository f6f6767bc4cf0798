//! Asking all rings at once, and putting together what they say.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::looks::Arrivals;
use super::{Answer, OperationDump, PoolDump, RingDump, RingState, TaskDump, long_poll};
use crate::blocking::BlockingPool;
use crate::context::{self, Local};
use crate::runtime::{Runtime, deadline_after, is_current};
use crate::task::TaskId;

/// What there is to look at.
pub(crate) struct Sources<'a> {
    pub(crate) runtimes: &'a [Runtime],
    pub(crate) blocking: &'a BlockingPool,
}

/// One look at all rings.
struct Look<'a> {
    ticket: Ticket,
    runtimes: &'a [Runtime],
}

/// What a ring is told of a look.
#[derive(Clone)]
struct Ticket {
    number: u64,
    /// Nobody waits for answers to the first question any more.
    is_late: Arc<AtomicBool>,
}

/// Asks all rings, and waits for `limit` at most.
pub(crate) fn gather(sources: &Sources<'_>, limit: Duration) -> PoolDump {
    static LOOKS: AtomicU64 = AtomicU64::new(0);
    // Ordering: Relaxed: a counter.
    let number = LOOKS.fetch_add(1, Ordering::Relaxed);
    let ticket = Ticket { number, is_late: Arc::default() };
    let look = Look { ticket, runtimes: sources.runtimes };
    let before = look.polls();
    // A ring that does not answer must not use up the time of those that do.
    let answers = look.ask(deadline_after(limit / 2), Local::open_look);
    // Ordering: Relaxed, partner of the load in `open_look`: a hint, see there.
    look.ticket.is_late.store(true, Ordering::Relaxed);
    let between = look.polls();
    let arrivals = look.ask(deadline_after(limit / 2), Local::close_look);
    let mut rings = Vec::with_capacity(look.runtimes.len());
    for (index, (answer, runtime)) in answers.into_iter().zip(look.runtimes).enumerate() {
        rings.push(ring_dump(runtime, answer, [before[index], between[index]]));
    }
    look.note_who_is_silent_now(&mut rings, &arrivals, between);
    put_together(&mut rings, arrivals);
    PoolDump { rings, blocking: sources.blocking.dump() }
}

/// What a ring said.
enum Said<T> {
    This(T),
    /// It has stopped.
    Stopped,
    /// Nothing, in time.
    Nothing,
}

impl Look<'_> {
    /// The number of the poll that each ring is in.
    fn polls(&self) -> Vec<Option<u64>> {
        let number = |runtime| long_poll(runtime).map(|poll| poll.serial);
        self.runtimes.iter().map(number).collect()
    }

    /// Has each ring's own thread do `what`, and waits for what comes of it. The calling thread's
    /// own ring, if it has one, does it here and now, since it does nothing else before we return.
    fn ask<T: Send + 'static>(
        &self,
        deadline: Instant,
        what: fn(&Local, &Ticket) -> T,
    ) -> Vec<Said<T>> {
        let (sender, answers) = unbounded();
        let mut said: Vec<Said<T>> = Vec::with_capacity(self.runtimes.len());
        let mut missing = 0;
        for (index, runtime) in self.runtimes.iter().enumerate() {
            said.push(if is_current(runtime) {
                let ticket = &self.ticket;
                Said::This(context::with(|local| what(local.expect("it is ours"), ticket)))
            } else if self.send(index, runtime, &sender, what) {
                missing += 1;
                Said::Nothing
            } else {
                Said::Stopped
            });
        }
        drop(sender);
        collect(&answers, missing, deadline, &mut said);
        said
    }

    fn send<T: Send + 'static>(
        &self,
        index: usize,
        runtime: &Runtime,
        sender: &Sender<(usize, T)>,
        what: fn(&Local, &Ticket) -> T,
    ) -> bool {
        let (sender, ticket) = (sender.clone(), self.ticket.clone());
        runtime.mailbox().run_in_its_turn(move |local| {
            // Who asked may have given up.
            let _ = sender.send((index, what(local, &ticket)));
        })
    }

    /// A ring that answered at first, and then no more, has not said who came in meanwhile.
    fn note_who_is_silent_now(
        &self,
        rings: &mut [RingDump],
        arrivals: &[Said<Arrivals>],
        between: Vec<Option<u64>>,
    ) {
        let rounds = arrivals.iter().zip(between);
        for ((ring, runtime), (said, poll)) in rings.iter_mut().zip(self.runtimes).zip(rounds) {
            if matches!((said, &ring.state), (Said::Nothing, RingState::Answered)) {
                ring.state = why_silent(runtime, [poll, poll]);
            }
        }
    }
}

fn collect<T>(
    answers: &Receiver<(usize, T)>,
    missing: usize,
    deadline: Instant,
    said: &mut [Said<T>],
) {
    for _ in 0..missing {
        // The answers that are there count, also if it is late.
        let Ok((index, answer)) = answers.recv_deadline(deadline) else { return };
        said[index] = Said::This(answer);
    }
}

impl Local {
    fn open_look(&self, ticket: &Ticket) -> Answer {
        // Ordering: Relaxed, partner of the store in `gather`: a ring that comes back from a long
        // poll to many old questions shall not walk its tasks for each. One that sees it too late
        // does so in vain, and closes the look as told by the second message.
        if ticket.is_late.load(Ordering::Relaxed) {
            return Answer::default();
        }
        self.looks.open(self, ticket.number)
    }

    /// In any case: the look may have been opened. If it was not, this costs nothing.
    fn close_look(&self, ticket: &Ticket) -> Arrivals {
        self.looks.close(ticket.number)
    }
}

fn ring_dump(runtime: &Runtime, answer: Said<Answer>, polls_before: [Option<u64>; 2]) -> RingDump {
    let (state, tasks, operations) = match answer {
        Said::This(answer) => (RingState::Answered, answer.tasks, answer.operations),
        Said::Stopped => (why_stopped(runtime), Vec::new(), Vec::new()),
        Said::Nothing => (why_silent(runtime, polls_before), Vec::new(), Vec::new()),
    };
    RingDump { index: runtime.index(), core: runtime.core(), state, tasks, operations }
}

/// A ring that takes no more messages may still be dropping the last of its tasks.
fn why_stopped(runtime: &Runtime) -> RingState {
    long_poll(runtime).map_or(RingState::Stopped, |poll| RingState::InPoll(poll.with_name()))
}

/// Why a ring has not answered, which was in these polls before.
fn why_silent(runtime: &Runtime, polls_before: [Option<u64>; 2]) -> RingState {
    match long_poll(runtime) {
        Some(now) if polls_before.contains(&Some(now.serial)) => RingState::InPoll(now.with_name()),
        None if polls_before == [None, None] => RingState::Silent,
        _ => RingState::Busy,
    }
}

/// Makes of what the rings said one picture, in which each task is once, with its operations.
fn put_together(rings: &mut [RingDump], arrivals: Vec<Said<Arrivals>>) {
    for (ring, arrived) in rings.iter_mut().zip(arrivals) {
        if let Said::This(arrived) = arrived {
            ring.tasks.extend(arrived.into_values());
        }
    }
    keep_each_once(rings);
    let mut operations: BTreeMap<TaskId, Vec<OperationDump>> = BTreeMap::new();
    for operation in rings.iter_mut().flat_map(|ring| std::mem::take(&mut ring.operations)) {
        operations.entry(operation.task.unwrap_or(TaskId::of(0))).or_default().push(operation);
    }
    for task in rings.iter_mut().flat_map(|ring| &mut ring.tasks) {
        task.operations = operations.remove(&task.id).unwrap_or_default();
    }
    for operation in operations.into_values().flatten() {
        rings.iter_mut().filter(|ring| ring.index == operation.ring).for_each(|ring| {
            ring.operations.push(operation.clone());
        });
    }
}

/// A task that has moved while the rings answered may have been found by several, or by one as it
/// arrived again and again: what a ring has found among its own counts for more.
fn keep_each_once(rings: &mut [RingDump]) {
    let mut best: BTreeMap<TaskId, (usize, usize)> = BTreeMap::new();
    for (at, ring) in rings.iter().enumerate() {
        for (place, task) in ring.tasks.iter().enumerate() {
            let kept = best.entry(task.id).or_insert((at, place));
            let kept_task = &rings[kept.0].tasks[kept.1];
            if is_under_way(kept_task) && !is_under_way(task) {
                *kept = (at, place);
            }
        }
    }
    for (at, ring) in rings.iter_mut().enumerate() {
        let mut place = 0;
        ring.tasks.retain(|task| {
            place += 1;
            best.get(&task.id) == Some(&(at, place - 1))
        });
    }
}

fn is_under_way(task: &TaskDump) -> bool {
    task.state == super::TaskState::UnderWay
}
