//! On every connection the next request follows the answer.

use std::time::{Duration, Instant};

use super::connections::Connections;
use super::{Answers, AtEdge, Edge, histogram};

pub(crate) fn ask(
    mut connections: Connections,
    turn: Duration,
    at_edge: AtEdge<'_>,
) -> Result<Answers, String> {
    for index in 0..connections.len() {
        connections.begin(index, Instant::now())?;
    }
    go_on(&mut connections, turn / 4)?;
    at_edge(Edge::Start)?;
    let answers = go_on(&mut connections, turn)?;
    at_edge(Edge::Stop)?;
    Ok(answers)
}

/// For so long, and at least until each connection could have been answered once.
fn go_on(connections: &mut Connections, time: Duration) -> Result<Answers, String> {
    let mut latencies = histogram();
    let started = Instant::now();
    let mut answered = Vec::new();
    while started.elapsed() < time || latencies.len() < connections.len() as u64 {
        connections.advance(|index, latency| {
            latencies.saturating_record(latency.as_nanos() as u64);
            answered.push(index);
        })?;
        for index in answered.drain(..) {
            connections.begin(index, Instant::now())?;
        }
    }
    Ok(Answers { count: latencies.len(), latencies: Some(latencies) })
}
