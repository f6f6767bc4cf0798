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
    Sent { node: u64, to: u32, is_shed: bool },
    /// A message came out of the thread's own inbox.
    Delivered { node: u64 },
    /// The message before brought a task, by a switch or to begin its life here.
    Arrived { task: TaskMark, has_switched: bool },
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
const ARRIVED: u8 = 5;

impl Event {
    /// The last word has the kind in its lowest byte, a detail in the next, and a number in its
    /// upper half.
    pub(super) fn into_words(self) -> Words {
        let (kind, detail, number, subject) = match self.what {
            What::TaskBegins { doing, task } => (TASK_BEGINS, doing as u8, task.place, task.id),
            What::WaitBegins { doing } => (WAIT_BEGINS, doing as u8, 0, 0),
            What::Ends { finished } => (ENDS, u8::from(finished), 0, 0),
            What::Sent { node, to, is_shed } => (SENT, u8::from(is_shed), to, node),
            What::Delivered { node } => (DELIVERED, 0, 0, node),
            What::Arrived { task, has_switched } => {
                (ARRIVED, u8::from(has_switched), task.place, task.id)
            }
        };
        let last = u64::from(kind) | u64::from(detail) << 8 | u64::from(number) << 32;
        [self.at_ns, subject, last]
    }

    pub(super) fn from_words([at_ns, subject, last]: Words) -> Self {
        let [kind, detail, ..] = last.to_le_bytes();
        let number = (last >> 32) as u32;
        let task = TaskMark { id: subject, place: number };
        let flag = detail != 0;
        let what = match kind {
            TASK_BEGINS => What::TaskBegins { doing: Doing::from_number(detail), task },
            WAIT_BEGINS => What::WaitBegins { doing: Doing::from_number(detail) },
            ENDS => What::Ends { finished: flag },
            SENT => What::Sent { node: subject, to: number, is_shed: flag },
            DELIVERED => What::Delivered { node: subject },
            _ => What::Arrived { task, has_switched: flag },
        };
        Self { at_ns, what }
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
            What::Sent { node: u64::MAX, to: 7, is_shed: false },
            What::Sent { node: 8, to: u32::MAX, is_shed: true },
            What::Delivered { node: 16 },
            What::Arrived { task, has_switched: false },
            What::Arrived { task, has_switched: true },
        ];
        for what in all {
            let event = Event { at_ns: 0x0123_4567_89ab_cdef, what };
            assert_eq!(Event::from_words(event.into_words()), event);
        }
    }
}
