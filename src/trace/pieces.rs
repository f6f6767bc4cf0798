//! From what a ring has recorded to what is drawn on its track.

use std::io;

use super::buffer::Buffer;
use super::event::{Doing, Event, How, TaskMark, What};

/// Work of the loop between two tasks is drawn if it took so long, or had to do with messages.
const LOOP_MIN_NS: u64 = 1_000;
/// How long a ring may take to begin, without a remark.
const BEGIN_MAX_NS: u64 = 1_000_000;

/// A span of time on a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from_ns: u64,
    pub(super) until_ns: u64,
}

/// Something on a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Task {
        doing: Doing,
        task: TaskMark,
        outcome: Outcome,
        span: Span,
    },
    Wait {
        doing: Doing,
        span: Span,
    },
    /// The loop's own work: messages, completions, timers, system calls.
    Loop {
        work: Work,
        span: Span,
    },
    /// Nothing is known of this time.
    Unknown {
        why: Why,
        span: Span,
    },
    Arrival {
        task: TaskMark,
        how: How,
        at_ns: u64,
    },
}

/// What the loop did between two tasks, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Work {
    pub(super) received: u32,
    pub(super) sent: u32,
    /// Tasks that were laid out for others, and tasks that were taken from others.
    pub(super) laid_out: u32,
    pub(super) taken: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Pending,
    Finished,
    /// The trace ended before.
    GoesOn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The ring has not taken the message that it is to record.
    NoAnswer,
    /// It took that late.
    LateAnswer,
    /// The room for its events was used up.
    Full,
}

/// Walks through a ring's events.
struct Walk<'a, F> {
    draw: &'a mut F,
    /// What has begun, and when.
    open: Option<(What, u64)>,
    /// Since when the loop is at work.
    loop_since_ns: u64,
    work: Work,
}

/// Draws all that `ring` has recorded from `began_ns` to `end_ns`.
pub(super) fn draw<F>(ring: &Buffer, began_ns: u64, end_ns: u64, draw: &mut F) -> io::Result<()>
where
    F: FnMut(Piece) -> io::Result<()>,
{
    let begun_ns = ring.began_ns().filter(|begun_ns| *begun_ns <= end_ns);
    let unknown_until_ns = begun_ns.unwrap_or(end_ns);
    if begun_ns.is_none() || unknown_until_ns - began_ns > BEGIN_MAX_NS {
        let why = if begun_ns.is_none() { Why::NoAnswer } else { Why::LateAnswer };
        let span = Span { from_ns: began_ns, until_ns: unknown_until_ns };
        draw(Piece::Unknown { why, span })?;
    }
    let Some(loop_since_ns) = begun_ns else { return Ok(()) };
    let mut walk = Walk { draw, open: None, loop_since_ns, work: Work::default() };
    for event in ring.events().take_while(|event| event.at_ns <= end_ns) {
        walk.step(event)?;
    }
    walk.finish(end_ns, ring.dropped.get() > 0)
}

impl<F: FnMut(Piece) -> io::Result<()>> Walk<'_, F> {
    fn step(&mut self, Event { at_ns, what }: Event) -> io::Result<()> {
        let work = &mut self.work;
        match what {
            What::Sent { .. } => work.sent += 1,
            What::Delivered { .. } => work.received += 1,
            What::LaidOut { .. } => work.laid_out += 1,
            What::Arrived { how: How::Shed { .. }, .. } => work.taken += 1,
            _ => {}
        }
        match what {
            What::TaskBegins { .. } | What::WaitBegins { .. } => {
                self.close_loop(at_ns)?;
                self.open = Some((what, at_ns));
                Ok(())
            }
            What::Ends { finished } => {
                let outcome = if finished { Outcome::Finished } else { Outcome::Pending };
                self.close(at_ns, outcome)
            }
            What::Arrived { task, how } => (self.draw)(Piece::Arrival { task, how, at_ns }),
            What::Sent { .. } | What::Delivered { .. } | What::LaidOut { .. } => Ok(()),
        }
    }

    fn close(&mut self, until_ns: u64, outcome: Outcome) -> io::Result<()> {
        (self.work, self.loop_since_ns) = (Work::default(), until_ns);
        let Some((what, from_ns)) = self.open.take() else { return Ok(()) };
        let span = Span { from_ns, until_ns };
        match what {
            What::TaskBegins { doing, task } => {
                (self.draw)(Piece::Task { doing, task, outcome, span })
            }
            What::WaitBegins { doing } => (self.draw)(Piece::Wait { doing, span }),
            _ => Ok(()),
        }
    }

    fn close_loop(&mut self, until_ns: u64) -> io::Result<()> {
        let span = Span { from_ns: self.loop_since_ns, until_ns };
        let work = std::mem::take(&mut self.work);
        if work == Work::default() && until_ns - span.from_ns < LOOP_MIN_NS {
            return Ok(());
        }
        (self.draw)(Piece::Loop { work, span })
    }

    fn finish(mut self, end_ns: u64, is_full: bool) -> io::Result<()> {
        if self.open.is_some() {
            return self.close(end_ns, Outcome::GoesOn);
        }
        if is_full {
            let span = Span { from_ns: self.loop_since_ns, until_ns: end_ns };
            return (self.draw)(Piece::Unknown { why: Why::Full, span });
        }
        self.close_loop(end_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(events: &[(u64, What)], end_ns: u64) -> Vec<Piece> {
        let buffer = Buffer::new(100);
        buffer.begin(10);
        events.iter().for_each(|&(at_ns, what)| buffer.push(Event { at_ns, what }));
        let mut pieces = Vec::new();
        let mut keep = |piece| {
            pieces.push(piece);
            Ok(())
        };
        draw(&buffer, 5, end_ns, &mut keep).unwrap();
        pieces
    }

    fn span(from_ns: u64, until_ns: u64) -> Span {
        Span { from_ns, until_ns }
    }

    #[test]
    fn a_beginning_and_an_end_are_one_piece_and_the_loop_between_two_another() {
        let task = TaskMark { id: 3, place: 0 };
        let events = [
            (20, What::Delivered { node: 8 }),
            (21, What::Arrived { task, how: How::Switched }),
            (30, What::TaskBegins { doing: Doing::Poll, task }),
            (40, What::Sent { node: 16, to: 0 }),
            (50, What::Ends { finished: true }),
            (60, What::WaitBegins { doing: Doing::Sleep }),
            (90, What::Ends { finished: false }),
        ];
        let pieces = [
            Piece::Arrival { task, how: How::Switched, at_ns: 21 },
            Piece::Loop { work: Work { received: 1, ..Work::default() }, span: span(10, 30) },
            Piece::Task {
                doing: Doing::Poll,
                task,
                outcome: Outcome::Finished,
                span: span(30, 50),
            },
            Piece::Wait { doing: Doing::Sleep, span: span(60, 90) },
        ];
        assert_eq!(drawn(&events, 100), pieces);
    }

    #[test]
    fn what_goes_on_is_drawn_to_the_end_and_what_comes_later_is_not() {
        let events =
            [(30, What::WaitBegins { doing: Doing::Spin }), (101, What::Ends { finished: false })];
        let pieces = [Piece::Wait { doing: Doing::Spin, span: span(30, 100) }];
        assert_eq!(drawn(&events, 100), pieces);
    }

    #[test]
    fn a_ring_that_did_not_answer_says_so() {
        let mut pieces = Vec::new();
        let mut keep = |piece| {
            pieces.push(piece);
            Ok(())
        };
        draw(&Buffer::new(1), 5, 100, &mut keep).unwrap();
        assert_eq!(pieces, [Piece::Unknown { why: Why::NoAnswer, span: span(5, 100) }]);
    }
}
