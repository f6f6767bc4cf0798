//! The clients of the servers: one thread on the second processor, while the server has the first.
//!
//! They wait awake, so that what is measured is the server's work and not how long the client
//! sleeps; and they compare every byte that comes.

mod closed;
mod connecting;
mod connections;
mod hot;
pub(crate) mod idle;
mod paced;

use std::net::SocketAddr;
use std::time::Duration;

use hdrhistogram::Histogram;
use workload::http;
use workload::processors::on_core;

use crate::Setting;
use crate::served::Served;
use connections::{Connections, Script};

/// How a client asks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Client {
    /// On each connection: a message, its echo, and the next one.
    Closed,
    /// On each connection: a request for a text, and the next one.
    Http,
    /// So many messages a second, over all connections in turn, however long the answers take.
    Paced { per_second: u64 },
    /// A new connection for each message, so many at once as there shall be connections.
    Connecting,
    /// By threads that wait asleep: some requests to one listener, then some to the other one.
    Hot,
    /// Not at all, once each connection has been used.
    Idle,
}

impl Client {
    pub(crate) fn listeners(self) -> usize {
        if matches!(self, Self::Hot) { 2 } else { 1 }
    }
}

/// An end of what is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Edge {
    Start,
    Stop,
}

/// Tells the server of both ends of what is measured.
pub(crate) type AtEdge<'a> = &'a mut (dyn FnMut(Edge) -> Result<(), String> + Send);

/// The answers that came between both ends.
#[derive(Debug)]
pub(crate) struct Answers {
    pub(crate) count: u64,
    /// How long each of them took, in nanoseconds.
    pub(crate) latencies: Option<Histogram<u64>>,
}

/// After so long without an answer a server has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks for as long as a turn is, after a quarter of that to warm up.
pub(crate) fn ask(
    served: &Served,
    setting: &Setting,
    addresses: &[SocketAddr],
    at_edge: AtEdge<'_>,
) -> Result<Answers, String> {
    let turn = setting.effort.turn;
    if matches!(served.client, Client::Hot) {
        return hot::ask(addresses, turn, at_edge);
    }
    on_core(1, || {
        let connect = |script| Connections::open(addresses[0], served.connections, script);
        let echo = Script::Echo { len: served.size };
        match served.client {
            Client::Closed => closed::ask(connect(echo)?, turn, at_edge),
            Client::Http => {
                let script = Script::Fixed { request: http::REQUEST, response: http::RESPONSE };
                closed::ask(connect(script)?, turn, at_edge)
            }
            Client::Paced { per_second } => paced::ask(connect(echo)?, turn, per_second, at_edge),
            Client::Connecting => connecting::ask(addresses[0], served, turn, at_edge),
            Client::Hot | Client::Idle => unreachable!("those ask in ways of their own"),
        }
    })
}

/// What went wrong, in the words of a client.
fn told(what: &str) -> impl Fn(std::io::Error) -> String {
    move |error| format!("the client cannot {what}: {error}")
}

/// For latencies up to a minute, to three digits.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are right")
}
