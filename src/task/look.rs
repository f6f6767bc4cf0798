//! What a ring's own thread can say of its tasks, for people who look.

use std::panic::Location;

use super::header::{Header, Mobility};
use super::shed;
use crate::awaiting::{Awaited, is_ours};
use crate::context::{self, Local};
use crate::dump::{Awaiting, TaskDump, TaskState};

impl Header {
    /// The number of the task.
    #[inline]
    pub(crate) fn number(&self) -> u64 {
        self.id.get()
    }
}

/// All tasks that live here, and those that this ring has laid out.
pub(crate) fn live(local: &Local) -> Vec<TaskDump> {
    let mut tasks = Vec::with_capacity(local.live.len());
    let mut next = local.live.first();
    while let Some(task) = next {
        // SAFETY: tasks in the list live here, and nothing is removed while we walk.
        let header = unsafe { task.as_ref() };
        next = header.home.next.get();
        tasks.push(describe(local, header, state_of(header)));
    }
    shed::visit_shelved(local, |task| tasks.push(describe(local, task, TaskState::Ready)));
    tasks
}

/// A task that has just come here, out of the inbox or from another ring's shelf.
pub(crate) fn arriving(local: &Local, header: &Header) -> TaskDump {
    describe(local, header, TaskState::UnderWay)
}

fn state_of(header: &Header) -> TaskState {
    let home = &header.home;
    if home.running.get() {
        TaskState::Running
    } else if home.winding_down.get() {
        TaskState::WindingDown
    } else if home.is_queued() {
        TaskState::Ready
    } else {
        TaskState::Waiting
    }
}

/// The task lives here, or is in our hands.
fn describe(local: &Local, header: &Header, state: TaskState) -> TaskDump {
    let is_waiting = state == TaskState::Waiting;
    TaskDump {
        id: header.id,
        name: header.origin.name().map(|name| String::from(&**name)),
        spawned_at: header.origin.spawned_at(),
        ring: Some(local.shared.index),
        state,
        age: local.now.get().since(header.story.born()),
        awaits: if is_waiting { awaits(header) } else { None },
        is_local: header.home.mobility.get() == Mobility::Local,
        is_cancelled: header.join.snapshot().is_cancelled(),
        operations: Vec::new(),
    }
}

fn awaits(header: &Header) -> Option<Awaiting> {
    let what = header.story.awaits()?;
    let at = header.home.awaits_at.get().filter(|place| !is_ours(place));
    Some(Awaiting { what, at })
}

/// Notes what the running task waits for; see [`noted`](crate::awaiting::noted).
#[inline]
pub(crate) fn note_awaited(what: Awaited, place: &'static Location<'static>) {
    context::with(|local| {
        let Some(task) = local.and_then(|local| local.current.get()) else { return };
        // SAFETY: the running task is valid, and lives here.
        let header = unsafe { task.as_ref() };
        if header.story.await_first(what) {
            header.home.awaits_at.set(Some(place));
        }
    });
}
