//! Which sent message is which delivered one.
//!
//! A message has no number: its node is in one inbox at a time, so the sends and deliveries of one
//! node take turns, and each of them has been ordered before the next one by whatever handed the
//! node on. A send is noted before its push, and a delivery before the node can be sent again, so
//! their moments have that order too. A delivery therefore belongs to the last send before it.
//! Tasks that are laid out and taken are the same with the number of the task, but that a ring may
//! take back what it has laid out.
//!
//! What is missing cannot mislead. A send is noted only after its target was told to record, by a
//! message that comes out of the inbox before it; from then on the target notes every delivery
//! until its buffer is full, and then none. A send to a ring that has closed has no delivery. A
//! task may be taken by a ring that has not begun, and then by another one; but whoever takes a
//! task notes who has laid it out last.

use super::event::{Event, How, What};
use super::session::Session;

/// A message or a task from one track to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flow {
    /// How the task came that it brought; `None` for a wake, or something to be done on the ring.
    pub(super) how: Option<How>,
    /// The number of that task.
    pub(super) task: Option<u64>,
    /// The ring it came from; `None` for other threads.
    pub(super) from: Option<usize>,
    pub(super) sent_ns: u64,
    pub(super) to: usize,
    pub(super) delivered_ns: u64,
}

/// One end of a flow.
#[derive(Clone, Copy)]
struct End {
    what: Moved,
    at_ns: u64,
    side: Side,
}

/// What goes from one thread to another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Moved {
    /// A message whose node is at this address.
    Node(u64),
    /// A task, from a shelf.
    Task(u64),
}

#[derive(Clone, Copy)]
enum Side {
    /// To the ring with this index; `None` for whichever takes it.
    Sent { from: Option<usize>, to: Option<usize> },
    /// With the task that arrived.
    Delivered { on: usize, arrival: Option<(u64, How)> },
}

/// All messages of which both ends were recorded, until `end_ns`.
pub(super) fn flows(session: &Session, end_ns: u64) -> Vec<Flow> {
    let mut ends = Vec::new();
    for (index, ring) in session.rings.iter().enumerate() {
        collect(ring.events(), Some(index), end_ns, &mut ends);
    }
    collect(session.others.events(), None, end_ns, &mut ends);
    pair(ends)
}

fn collect(
    events: impl Iterator<Item = Event>,
    track: Option<usize>,
    end_ns: u64,
    to: &mut Vec<End>,
) {
    for Event { at_ns, what } in events.take_while(|event| event.at_ns <= end_ns) {
        match (what, track) {
            (What::Sent { node, to: target }, from) => {
                let side = Side::Sent { from, to: Some(target as usize) };
                to.push(End { what: Moved::Node(node), at_ns, side });
            }
            (What::Delivered { node }, Some(on)) => {
                let side = Side::Delivered { on, arrival: None };
                to.push(End { what: Moved::Node(node), at_ns, side });
            }
            (What::LaidOut { task }, from) => {
                to.push(End {
                    what: Moved::Task(task),
                    at_ns,
                    side: Side::Sent { from, to: None },
                });
            }
            (What::Arrived { task, how: how @ How::Shed { .. } }, Some(on)) => {
                let side = Side::Delivered { on, arrival: Some((task.id, how)) };
                to.push(End { what: Moved::Task(task.id), at_ns, side });
            }
            (What::Arrived { task, how }, Some(_)) => {
                // It follows its delivery.
                if let Some(End { side: Side::Delivered { arrival, .. }, .. }) = to.last_mut() {
                    *arrival = Some((task.id, how));
                }
            }
            _ => {}
        }
    }
}

fn pair(mut ends: Vec<End>) -> Vec<Flow> {
    // A node that is delivered and sent again in one moment was delivered first.
    ends.sort_by_key(|end| (end.what, end.at_ns, matches!(end.side, Side::Sent { .. })));
    let mut flows = Vec::new();
    let mut under_way: Option<End> = None;
    for end in ends {
        let before = under_way.take().filter(|before| before.what == end.what);
        match end.side {
            Side::Sent { .. } => under_way = Some(end),
            Side::Delivered { on, arrival } => {
                let Some(End { at_ns, side: Side::Sent { from, to }, .. }) = before else {
                    continue;
                };
                if is_one(from, to, on, arrival) {
                    flows.push(Flow {
                        how: arrival.map(|(_, how)| how),
                        task: arrival.map(|(task, _)| task),
                        from,
                        sent_ns: at_ns,
                        to: on,
                        delivered_ns: end.at_ns,
                    });
                }
            }
        }
    }
    flows.sort_by_key(|flow| flow.sent_ns);
    flows
}

/// Whether what was sent last is what was delivered.
fn is_one(from: Option<usize>, to: Option<usize>, on: usize, arrival: Option<(u64, How)>) -> bool {
    match arrival {
        Some((_, How::Shed { from: giver })) => from == Some(usize::from(giver)),
        _ => to == Some(on),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(node: u64, at_ns: u64, to: usize) -> End {
        let side = Side::Sent { from: Some(0), to: Some(to) };
        End { what: Moved::Node(node), at_ns, side }
    }

    fn delivered(node: u64, at_ns: u64, on: usize) -> End {
        End { what: Moved::Node(node), at_ns, side: Side::Delivered { on, arrival: None } }
    }

    fn moments(ends: Vec<End>) -> Vec<(u64, u64)> {
        pair(ends).into_iter().map(|flow| (flow.sent_ns, flow.delivered_ns)).collect()
    }

    #[test]
    fn a_node_that_goes_round_gives_a_flow_each_time() {
        let ends = vec![
            delivered(1, 40, 1),
            sent(1, 10, 1),
            delivered(1, 20, 1),
            sent(1, 20, 1),
            sent(2, 15, 1),
            delivered(2, 16, 1),
        ];
        assert_eq!(moments(ends), [(10, 20), (15, 16), (20, 40)]);
    }

    #[test]
    fn what_has_only_one_end_gives_none() {
        assert_eq!(moments(vec![delivered(1, 10, 1), sent(1, 20, 1), sent(2, 5, 1)]), []);
        // Sent to a ring that did not note it, and then by somebody who did not to another.
        assert_eq!(moments(vec![sent(1, 10, 1), delivered(1, 20, 2)]), []);
        // Refused, and sent once more.
        assert_eq!(moments(vec![sent(1, 1, 1), sent(1, 2, 1), delivered(1, 3, 1)]), [(2, 3)]);
    }

    fn laid_out(at_ns: u64, from: usize) -> End {
        let side = Side::Sent { from: Some(from), to: None };
        End { what: Moved::Task(7), at_ns, side }
    }

    fn taken(at_ns: u64, from: u16) -> End {
        let side = Side::Delivered { on: 2, arrival: Some((7, How::Shed { from })) };
        End { what: Moved::Task(7), at_ns, side }
    }

    #[test]
    fn a_task_that_was_taken_back_and_laid_out_again_is_taken_from_there() {
        // And a message whose node has the number of the task.
        let others = [sent(7, 25, 1), delivered(7, 40, 1)];
        let ends = [laid_out(10, 0), laid_out(20, 0), taken(30, 0)].into_iter().chain(others);
        let flows = pair(ends.collect());
        assert_eq!(flows.len(), 2);
        assert_eq!((flows[0].how, flows[0].sent_ns), (Some(How::Shed { from: 0 }), 20));
        assert_eq!((flows[1].how, flows[1].sent_ns, flows[1].to), (None, 25, 1));
    }

    #[test]
    fn a_task_that_somebody_else_has_laid_out_since_gives_none() {
        assert_eq!(pair(vec![laid_out(10, 0), taken(30, 1)]), []);
    }
}
