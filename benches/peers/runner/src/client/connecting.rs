//! A connection for every message.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::{Answers, AtEdge, Edge, PATIENCE, histogram, told};
use crate::served::Served;

pub(crate) fn ask(
    address: SocketAddr,
    served: &Served,
    turn: Duration,
    at_edge: AtEdge<'_>,
) -> Result<Answers, String> {
    let poll = Poll::new().map_err(told("poll"))?;
    let message: Vec<u8> = (0..served.size).map(|at| at as u8).collect();
    let events = Events::with_capacity(1024);
    let mut visits = Visits { address, poll, events, message, under_way: Vec::new() };
    for index in 0..served.connections {
        let visit = visits.begin(index)?;
        visits.under_way.push(visit);
    }
    visits.go_on(turn / 4)?;
    at_edge(Edge::Start)?;
    let answers = visits.go_on(turn)?;
    at_edge(Edge::Stop)?;
    Ok(answers)
}

struct Visits {
    address: SocketAddr,
    poll: Poll,
    events: Events,
    message: Vec<u8>,
    under_way: Vec<Visit>,
}

/// A connection, from its begin to its end.
struct Visit {
    stream: TcpStream,
    begun_at: Instant,
    sent: usize,
    received: usize,
}

impl Visits {
    fn begin(&self, index: usize) -> Result<Visit, String> {
        let begun_at = Instant::now();
        let mut stream = TcpStream::connect(self.address).map_err(told("connect"))?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registered = self.poll.registry().register(&mut stream, Token(index), interest);
        registered.map_err(told("poll"))?;
        Ok(Visit { stream, begun_at, sent: 0, received: 0 })
    }

    fn go_on(&mut self, time: Duration) -> Result<Answers, String> {
        let mut latencies = histogram();
        let (started, mut last_end) = (Instant::now(), Instant::now());
        while started.elapsed() < time || latencies.is_empty() {
            let polled = self.poll.poll(&mut self.events, Some(Duration::ZERO));
            polled.map_err(told("poll"))?;
            let touched: Vec<usize> = self.events.iter().map(|event| event.token().0).collect();
            for index in touched {
                if self.under_way[index].advance(&self.message)? {
                    last_end = Instant::now();
                    let latency = last_end - self.under_way[index].begun_at;
                    latencies.saturating_record(latency.as_nanos() as u64);
                    self.under_way[index] = self.begin(index)?;
                }
            }
            if last_end.elapsed() > PATIENCE {
                return Err(format!("no connection has ended for {PATIENCE:?}"));
            }
        }
        Ok(Answers { count: latencies.len(), latencies: Some(latencies) })
    }
}

impl Visit {
    /// Whether the whole message has come back, and the server has closed.
    fn advance(&mut self, message: &[u8]) -> Result<bool, String> {
        if self.sent < message.len() {
            match self.stream.write(&message[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if is_early(&error) => return Ok(false),
                Err(error) => return Err(told("send")(error)),
            }
        }
        let mut read_into = [0; 4096];
        loop {
            match self.stream.read(&mut read_into) {
                Ok(0) if self.received == message.len() => return Ok(true),
                Ok(0) => return Err("the server has closed before its answer".to_owned()),
                Ok(count) => {
                    let wanted = message.get(self.received..self.received + count);
                    if wanted != Some(&read_into[..count]) {
                        return Err("the server has sent other bytes than it should".to_owned());
                    }
                    self.received += count;
                }
                Err(error) if is_early(&error) => return Ok(false),
                Err(error) => return Err(told("receive")(error)),
            }
        }
    }
}

fn is_early(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected)
}
