//! Which sent message is which delivered one.
//!
//! A message has no number: its node is in one inbox at a time, so the sends and deliveries of one
//! node take turns, and each of them has been ordered before the next one by whatever handed the
//! node on. A send is noted before its push, and a delivery before the node can be sent again, so
//! their moments have that order too. A delivery therefore belongs to the last send before it.
//!
//! What is missing cannot mislead. A send is noted only after its target was told to record, by a
//! message that comes out of the inbox before it; from then on the target notes every delivery
//! until its buffer is full, and then none. A send to a ring that has closed has no delivery.

use super::event::{Event, What};
use super::session::Session;

/// A message from one track to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flow {
    pub(super) kind: Kind,
    /// The number of the task it brought.
    pub(super) task: Option<u64>,
    /// The ring it came from; `None` for other threads.
    pub(super) from: Option<usize>,
    pub(super) sent_ns: u64,
    pub(super) to: usize,
    pub(super) delivered_ns: u64,
}

/// What a message was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A wake, or something to be done on the ring.
    Message,
    Spawn,
    Switch,
    Shed,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Spawn => "spawn",
            Self::Switch => "switch",
            Self::Shed => "shed",
        }
    }
}

/// One end of a message.
#[derive(Clone, Copy)]
struct End {
    node: u64,
    at_ns: u64,
    side: Side,
}

#[derive(Clone, Copy)]
enum Side {
    Sent {
        from: Option<usize>,
        to: usize,
        is_shed: bool,
    },
    /// With the task that arrived, and whether it has switched.
    Delivered {
        on: usize,
        arrival: Option<(u64, bool)>,
    },
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
            (What::Sent { node, to: target, is_shed }, from) => {
                let side = Side::Sent { from, to: target as usize, is_shed };
                to.push(End { node, at_ns, side });
            }
            (What::Delivered { node }, Some(on)) => {
                to.push(End { node, at_ns, side: Side::Delivered { on, arrival: None } });
            }
            (What::Arrived { task, has_switched }, Some(_)) => {
                // It follows its delivery.
                if let Some(End { side: Side::Delivered { arrival, .. }, .. }) = to.last_mut() {
                    *arrival = Some((task.id, has_switched));
                }
            }
            _ => {}
        }
    }
}

fn pair(mut ends: Vec<End>) -> Vec<Flow> {
    // A node that is delivered and sent again in one moment was delivered first.
    ends.sort_by_key(|end| (end.node, end.at_ns, matches!(end.side, Side::Sent { .. })));
    let mut flows = Vec::new();
    let mut under_way: Option<End> = None;
    for end in ends {
        let before = under_way.take().filter(|before| before.node == end.node);
        match end.side {
            Side::Sent { .. } => under_way = Some(merged(before, end)),
            Side::Delivered { on, arrival } => {
                let Some(End { at_ns, side: Side::Sent { from, to, is_shed }, .. }) = before else {
                    continue;
                };
                if to == on {
                    flows.push(Flow {
                        kind: kind(arrival, is_shed),
                        task: arrival.map(|(task, _)| task),
                        from,
                        sent_ns: at_ns,
                        to,
                        delivered_ns: end.at_ns,
                    });
                }
            }
        }
    }
    flows.sort_by_key(|flow| flow.sent_ns);
    flows
}

/// A task that is shed is noted as such, and then once more as any message.
fn merged(before: Option<End>, now: End) -> End {
    match before {
        Some(shed @ End { side: Side::Sent { is_shed: true, .. }, .. }) => shed,
        _ => now,
    }
}

fn kind(arrival: Option<(u64, bool)>, is_shed: bool) -> Kind {
    match arrival {
        None => Kind::Message,
        Some(_) if is_shed => Kind::Shed,
        Some((_, true)) => Kind::Switch,
        Some((_, false)) => Kind::Spawn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(node: u64, at_ns: u64, to: usize) -> End {
        End { node, at_ns, side: Side::Sent { from: Some(0), to, is_shed: false } }
    }

    fn delivered(node: u64, at_ns: u64, on: usize) -> End {
        End { node, at_ns, side: Side::Delivered { on, arrival: None } }
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

    #[test]
    fn a_shed_task_is_one_also_if_its_message_is_noted_as_well() {
        let shed = Side::Sent { from: Some(0), to: 1, is_shed: true };
        let arrived = Side::Delivered { on: 1, arrival: Some((7, false)) };
        let ends = vec![
            End { node: 1, at_ns: 1, side: shed },
            sent(1, 2, 1),
            End { node: 1, at_ns: 3, side: arrived },
        ];
        let flows = pair(ends);
        assert_eq!(flows.len(), 1);
        assert_eq!((flows[0].kind, flows[0].task, flows[0].sent_ns), (Kind::Shed, Some(7), 1));
    }
}
