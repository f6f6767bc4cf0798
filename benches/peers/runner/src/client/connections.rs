//! Connections that each have one request under way at most.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::{PATIENCE, told};

/// What is asked, and what has to come back.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Script {
    /// The same bytes; they differ from connection to connection and from message to message.
    Echo {
        len: usize,
    },
    Fixed {
        request: &'static [u8],
        response: &'static [u8],
    },
}

/// All connections of one client.
pub(crate) struct Connections {
    poll: Poll,
    events: Events,
    all: Vec<Connection>,
    read_into: Vec<u8>,
    last_answer: Instant,
}

struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    /// What has to come back, if not the same.
    response: Option<&'static [u8]>,
    number: u64,
    sent: usize,
    received: usize,
    /// Since when it is asked, or is to be.
    asked_at: Option<Instant>,
}

/// So many connections are opened before one of them is used, lest they fill the server's queue.
const AT_ONCE: usize = 64;

impl Connections {
    /// Opens them, and uses some of them once.
    pub(crate) fn open(address: SocketAddr, count: usize, script: Script) -> Result<Self, String> {
        let poll = Poll::new().map_err(told("poll"))?;
        let (events, read_into) = (Events::with_capacity(1024), vec![0; 1 << 16]);
        let last_answer = Instant::now();
        let mut own = Self { poll, events, all: Vec::new(), read_into, last_answer };
        for index in 0..count {
            let mut connection = Connection::open(address, index, script)?;
            let interest = Interest::READABLE | Interest::WRITABLE;
            let registry = own.poll.registry();
            let registered = registry.register(&mut connection.stream, Token(index), interest);
            registered.map_err(told("poll"))?;
            own.all.push(connection);
            if index % AT_ONCE == AT_ONCE - 1 || index == count - 1 {
                own.converse(index)?;
            }
        }
        Ok(own)
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Asks once, and waits for the answer.
    pub(crate) fn converse(&mut self, index: usize) -> Result<(), String> {
        self.begin(index, Instant::now())?;
        self.last_answer = Instant::now();
        let mut is_answered = false;
        while !is_answered {
            self.advance(|answered, _| is_answered |= answered == index)?;
        }
        Ok(())
    }

    pub(crate) fn is_busy(&self, index: usize) -> bool {
        self.all[index].asked_at.is_some()
    }

    /// Asks on a connection that is not busy. It counts as asked at the given time.
    pub(crate) fn begin(&mut self, index: usize, asked_at: Instant) -> Result<(), String> {
        let connection = &mut self.all[index];
        connection.begin(asked_at);
        connection.send()
    }

    /// Sends and receives what can be, and tells which connections were answered, and after what
    /// time.
    pub(crate) fn advance(
        &mut self,
        mut answered: impl FnMut(usize, Duration),
    ) -> Result<(), String> {
        let polled = self.poll.poll(&mut self.events, Some(Duration::ZERO));
        polled.or_else(unless_interrupted).map_err(told("poll"))?;
        let now = Instant::now();
        for event in &self.events {
            let Token(index) = event.token();
            let connection = &mut self.all[index];
            if event.is_writable() {
                connection.send()?;
            }
            if connection.receive(&mut self.read_into)?
                && let Some(asked_at) = connection.asked_at.take()
            {
                self.last_answer = now;
                answered(index, now - asked_at);
            }
        }
        if now.saturating_duration_since(self.last_answer) > PATIENCE {
            return Err(format!("there was no answer for {PATIENCE:?}"));
        }
        Ok(())
    }
}

fn unless_interrupted(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == ErrorKind::Interrupted { Ok(()) } else { Err(error) }
}

impl Connection {
    fn open(address: SocketAddr, index: usize, script: Script) -> Result<Self, String> {
        let stream = std::net::TcpStream::connect(address).map_err(told("connect"))?;
        stream.set_nodelay(true).map_err(told("set an option"))?;
        stream.set_nonblocking(true).map_err(told("set an option"))?;
        let (request, response) = match script {
            Script::Echo { len } => ((0..len).map(|at| (at * 7 + index) as u8).collect(), None),
            Script::Fixed { request, response } => (request.to_vec(), Some(response)),
        };
        Ok(Self {
            stream: TcpStream::from_std(stream),
            sent: request.len(),
            request,
            response,
            number: 0,
            received: 0,
            asked_at: None,
        })
    }

    fn begin(&mut self, asked_at: Instant) {
        if self.response.is_none() {
            self.number += 1;
            self.request[..8].copy_from_slice(&self.number.to_le_bytes());
        }
        (self.sent, self.received, self.asked_at) = (0, 0, Some(asked_at));
    }

    /// Sends as much as there is room for.
    fn send(&mut self) -> Result<(), String> {
        while self.sent < self.request.len() {
            match self.stream.write(&self.request[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(told("send")(error)),
            }
        }
        Ok(())
    }

    /// Receives what is there; whether that was the whole answer.
    fn receive(&mut self, read_into: &mut [u8]) -> Result<bool, String> {
        loop {
            let read = match self.stream.read(read_into) {
                Ok(0) => return Err("the server has closed a connection".to_owned()),
                Ok(count) => &read_into[..count],
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(told("receive")(error)),
            };
            let expected = self.response.unwrap_or(&self.request);
            let wanted = expected.get(self.received..self.received + read.len());
            if self.asked_at.is_none() || wanted != Some(read) {
                return Err("the server has sent other bytes than it should".to_owned());
            }
            self.received += read.len();
            if self.received == expected.len() {
                return Ok(true);
            }
        }
    }
}
