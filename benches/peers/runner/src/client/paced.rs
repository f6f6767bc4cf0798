//! At a fixed rate: what is late counts from when it should have been asked.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::connections::Connections;
use super::{Answers, AtEdge, Edge, histogram};

pub(crate) fn ask(
    connections: Connections,
    turn: Duration,
    per_second: u64,
    at_edge: AtEdge<'_>,
) -> Result<Answers, String> {
    let mut pace = Pace::new(connections, per_second);
    pace.keep(turn / 4)?;
    at_edge(Edge::Start)?;
    let answers = pace.keep(turn)?;
    at_edge(Edge::Stop)?;
    Ok(answers)
}

struct Pace {
    connections: Connections,
    /// Requests of each connection that wait for their turn: when they should have been asked.
    waiting: Vec<VecDeque<Instant>>,
    interval: Duration,
    asked: usize,
}

impl Pace {
    fn new(connections: Connections, per_second: u64) -> Self {
        let waiting = vec![VecDeque::new(); connections.len()];
        let interval = Duration::from_nanos(1_000_000_000 / per_second);
        Self { connections, waiting, interval, asked: 0 }
    }

    fn keep(&mut self, time: Duration) -> Result<Answers, String> {
        let mut latencies = histogram();
        let (started, mut due) = (Instant::now(), Instant::now());
        let mut answered = Vec::new();
        while started.elapsed() < time || latencies.is_empty() {
            while due <= Instant::now() {
                self.ask(due)?;
                due += self.interval;
            }
            self.connections.advance(|index, latency| {
                latencies.saturating_record(latency.as_nanos() as u64);
                answered.push(index);
            })?;
            for index in answered.drain(..) {
                if let Some(asked_at) = self.waiting[index].pop_front() {
                    self.connections.begin(index, asked_at)?;
                }
            }
        }
        Ok(Answers { count: latencies.len(), latencies: Some(latencies) })
    }

    /// On the next connection, now or when it is free.
    fn ask(&mut self, due: Instant) -> Result<(), String> {
        let index = self.asked % self.connections.len();
        self.asked += 1;
        if self.connections.is_busy(index) {
            self.waiting[index].push_back(due);
            return Ok(());
        }
        self.connections.begin(index, due)
    }
}
