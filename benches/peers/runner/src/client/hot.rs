//! A hotspot that moves: eight threads that may run on either processor have a connection to each
//! of two listeners. In every phase they all use those to the same one: a request, its answer, and
//! the next one.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use workload::compute::{HOT_LEN, HOT_STEPS, answer_hot};

use super::{Answers, AtEdge, Edge, PATIENCE, told};

const CLIENTS: usize = 8;
/// Of each client in a phase.
const REQUESTS: u64 = 8;
const REQUEST: [u8; HOT_LEN] = [7; HOT_LEN];
/// Instead of a phase: it is over.
const OVER: usize = usize::MAX;

/// What the clients share.
struct Phases {
    /// Passed by all at the begin and at the end of each phase.
    together: Barrier,
    phase: AtomicUsize,
}

pub(crate) fn ask(
    addresses: &[SocketAddr],
    turn: Duration,
    at_edge: AtEdge<'_>,
) -> Result<Answers, String> {
    let phases = Phases { together: Barrier::new(CLIENTS + 1), phase: AtomicUsize::new(0) };
    thread::scope(|scope| {
        let start = |_| scope.spawn(|| client(addresses, &phases));
        let clients: Vec<_> = (0..CLIENTS).map(start).collect();
        phases.go_on(turn / 4);
        let started = at_edge(Edge::Start);
        let count = phases.go_on(turn);
        let stopped = at_edge(Edge::Stop);
        phases.phase.store(OVER, Ordering::Relaxed);
        phases.together.wait();
        for client in clients {
            client.join().map_err(|_| "a client has panicked".to_owned())??;
        }
        started.and(stopped)?;
        Ok(Answers { count, latencies: None })
    })
}

impl Phases {
    /// For so long, and an even number of phases; gives the number of requests.
    fn go_on(&self, time: Duration) -> u64 {
        let (started, mut count) = (Instant::now(), 0);
        while started.elapsed() < time {
            for phase in 0..2 {
                self.phase.store(phase, Ordering::Relaxed);
                self.together.wait();
                self.together.wait();
                count += CLIENTS as u64 * REQUESTS;
            }
        }
        count
    }
}

/// After an error it goes through the phases without asking, so that nobody waits for it.
fn client(addresses: &[SocketAddr], phases: &Phases) -> Result<(), String> {
    let mut answer = REQUEST;
    answer_hot(&mut answer, HOT_STEPS);
    let mut streams = addresses.iter().map(open).collect::<Result<Vec<_>, _>>();
    loop {
        phases.together.wait();
        let phase = phases.phase.load(Ordering::Relaxed);
        if phase == OVER {
            return streams.map(|_| ());
        }
        if let Ok(open) = &mut streams
            && let Err(why) = (0..REQUESTS).try_for_each(|_| request(&mut open[phase], &answer))
        {
            streams = Err(why);
        }
        phases.together.wait();
    }
}

fn open(address: &SocketAddr) -> Result<TcpStream, String> {
    let stream = TcpStream::connect(address).map_err(told("connect"))?;
    stream.set_nodelay(true).map_err(told("set an option"))?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(told("set an option"))?;
    Ok(stream)
}

fn request(stream: &mut TcpStream, expected: &[u8]) -> Result<(), String> {
    stream.write_all(&REQUEST).map_err(told("send"))?;
    let mut answer = [0; HOT_LEN];
    stream.read_exact(&mut answer).map_err(told("receive"))?;
    if answer != expected {
        return Err("the server has sent another answer than it should".to_owned());
    }
    Ok(())
}
