//! What is recorded: a moment, and what happened then, in three words.

/// The words of an event, as they lie in a buffer.
pub(super) type Words = [u64; 3];

/// Something that happened on a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// On the clock of the timers.
    pub(super) at_ns: u64,
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The thread begins with a task.
    TaskBegins { doing: Doing, task: TaskMark },
    /// It waits from here on.
    WaitBegins { doing: Doing },
    /// What has begun last is over; a task has finished, if it was one and has.
    Ends { finished: bool },
    /// A message was sent, the node of which is at this address. The moment is before the push.
    Sent { node: u64, to: u32 },
    /// A message came out of the thread's own inbox.
    Delivered { node: u64 },
    /// A task was laid out for other rings to take. The moment is before they can.
    LaidOut { task: u64 },
    /// A task has come, by the message before or from another ring's shelf.
    Arrived { task: TaskMark, how: How },
}

/// What a thread is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    Poll,
    /// The future of a cancelled task is dropped.
    Drop,
    Sleep,
    /// Waits awake.
    Spin,
}

/// How a task came to a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// It begins its life here.
    Spawned,
    /// It wanted to be here.
    Switched,
    /// The ring with this index, which had it, has too much to do.
    Shed { from: u16 },
}

/// A task: its number, and where it was spawned, as an index into the buffer's list of places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TaskMark {
    pub(super) id: u64,
    pub(super) place: u32,
}

const TASK_BEGINS: u8 = 0;
const WAIT_BEGINS: u8 = 1;
const ENDS: u8 = 2;
const SENT: u8 = 3;
const DELIVERED: u8 = 4;
const LAID_OUT: u8 = 5;
const ARRIVED: u8 = 6;

impl Event {
    /// The last word has the kind in its lowest byte, a detail in the next, the ring that gave a
    /// task in the two after that, and a number in its upper half.
    pub(super) fn into_words(self) -> Words {
        let (kind, detail, number, subject) = match self.what {
            What::TaskBegins { doing, task } => (TASK_BEGINS, doing as u8, task.place, task.id),
            What::WaitBegins { doing } => (WAIT_BEGINS, doing as u8, 0, 0),
            What::Ends { finished } => (ENDS, u8::from(finished), 0, 0),
            What::Sent { node, to } => (SENT, 0, to, node),
            What::Delivered { node } => (DELIVERED, 0, 0, node),
            What::LaidOut { task } => (LAID_OUT, 0, 0, task),
            What::Arrived { task, how } => (ARRIVED, how.number(), task.place, task.id),
        };
        let from = match self.what {
            What::Arrived { how: How::Shed { from }, .. } => from,
            _ => 0,
        };
        let last = u64::from(kind)
            | u64::from(detail) << 8
            | u64::from(from) << 16
            | u64::from(number) << 32;
        [self.at_ns, subject, last]
    }

    pub(super) fn from_words([at_ns, subject, last]: Words) -> Self {
        let [kind, detail, ..] = last.to_le_bytes();
        let from = (last >> 16) as u16;
        let number = (last >> 32) as u32;
        let task = TaskMark { id: subject, place: number };
        let what = match kind {
            TASK_BEGINS => What::TaskBegins { doing: Doing::from_number(detail), task },
            WAIT_BEGINS => What::WaitBegins { doing: Doing::from_number(detail) },
            ENDS => What::Ends { finished: detail != 0 },
            SENT => What::Sent { node: subject, to: number },
            DELIVERED => What::Delivered { node: subject },
            LAID_OUT => What::LaidOut { task: subject },
            _ => What::Arrived { task, how: How::from_number(detail, from) },
        };
        Self { at_ns, what }
    }
}

impl How {
    fn number(self) -> u8 {
        match self {
            Self::Spawned => 0,
            Self::Switched => 1,
            Self::Shed { .. } => 2,
        }
    }

    fn from_number(number: u8, from: u16) -> Self {
        let all = [Self::Spawned, Self::Switched, Self::Shed { from }];
        all.into_iter().find(|how| how.number() == number).unwrap_or(Self::Spawned)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Spawned => "spawn",
            Self::Switched => "switch",
            Self::Shed { .. } => "shed",
        }
    }
}

impl Doing {
    fn from_number(number: u8) -> Self {
        let all = [Self::Poll, Self::Drop, Self::Sleep, Self::Spin];
        all.into_iter().find(|doing| *doing as u8 == number).unwrap_or(Self::Poll)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Drop => "drop",
            Self::Sleep => "sleep",
            Self::Spin => "spin",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_comes_out_of_its_words_as_it_went_in() {
        let task = TaskMark { id: u64::MAX, place: u32::MAX };
        let all = [
            What::TaskBegins { doing: Doing::Poll, task },
            What::TaskBegins { doing: Doing::Drop, task: TaskMark { id: 0, place: 0 } },
            What::WaitBegins { doing: Doing::Sleep },
            What::WaitBegins { doing: Doing::Spin },
            What::Ends { finished: false },
            What::Ends { finished: true },
            What::Sent { node: u64::MAX, to: 7 },
            What::Sent { node: 8, to: u32::MAX },
            What::Delivered { node: 16 },
            What::LaidOut { task: u64::MAX },
            What::Arrived { task, how: How::Spawned },
            What::Arrived { task, how: How::Switched },
            What::Arrived { task, how: How::Shed { from: u16::MAX } },
        ];
        for what in all {
            let event = Event { at_ns: 0x0123_4567_89ab_cdef, what };
            assert_eq!(Event::from_words(event.into_words()), event);
        }
    }
}
