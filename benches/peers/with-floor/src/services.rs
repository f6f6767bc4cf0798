//! What the servers with one receive and one send a request do.

use std::net::TcpListener;

use workload::Job;
use workload::compute::{HOT_LEN, HOT_STEPS, answer_hot};
use workload::http::{RESPONSE, whole_requests};

use crate::server::{Service, serve};

/// Sends back what it gets.
pub(crate) fn echo(listeners: Vec<TcpListener>, job: &Job) {
    serve(listeners, || Echo(vec![0; job.buffer_len()]));
}

/// Answers requests.
pub(crate) fn http(listeners: Vec<TcpListener>, _: &Job) {
    serve(listeners, || Http { unread: vec![0; 4096], filled: 0, answers: Vec::new() });
}

/// A message a connection.
pub(crate) fn accept(listeners: Vec<TcpListener>, job: &Job) {
    serve(listeners, || EchoOnce(Echo(vec![0; job.buffer_len()])));
}

/// Computes for a while on each message.
pub(crate) fn hotspot(listeners: Vec<TcpListener>, _: &Job) {
    serve(listeners, || Hot([0; HOT_LEN]));
}

/// Has the one buffer.
struct Echo(Vec<u8>);

impl Service for Echo {
    fn room(&mut self) -> &mut [u8] {
        &mut self.0
    }

    fn answer(&mut self, received: usize) -> &[u8] {
        &self.0[..received]
    }
}

struct EchoOnce(Echo);

impl Service for EchoOnce {
    const ANSWERS_ONCE: bool = true;

    fn room(&mut self) -> &mut [u8] {
        self.0.room()
    }

    fn answer(&mut self, received: usize) -> &[u8] {
        self.0.answer(received)
    }
}

struct Hot([u8; HOT_LEN]);

impl Service for Hot {
    fn room(&mut self) -> &mut [u8] {
        &mut self.0
    }

    fn answer(&mut self, received: usize) -> &[u8] {
        let message = &mut self.0[..received];
        answer_hot(message, HOT_STEPS);
        message
    }
}

struct Http {
    unread: Vec<u8>,
    filled: usize,
    answers: Vec<u8>,
}

impl Service for Http {
    fn room(&mut self) -> &mut [u8] {
        &mut self.unread[self.filled..]
    }

    fn answer(&mut self, received: usize) -> &[u8] {
        self.filled += received;
        let (len, requests) = whole_requests(&self.unread[..self.filled]);
        self.unread.copy_within(len..self.filled, 0);
        self.filled -= len;
        self.answers.clear();
        (0..requests).for_each(|_| self.answers.extend_from_slice(RESPONSE));
        &self.answers
    }
}
