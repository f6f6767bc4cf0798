//! From one thread to the other.

use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use io_uring::types::Fd;
use io_uring::{cqueue, opcode, squeue};
use workload::processors::{cores, on_core, pin};
use workload::rounds::repeat_calls;
use workload::{Cost, Job};

use crate::ring::{BareRing, with_bare_ring};
use crate::threads::{NO_MORE, both};

const WARM_UP: u64 = 500;

/// Two threads that look at one cache line in turns.
pub(crate) fn cache_line(job: &Job) -> Cost {
    on_core(0, || cache_line_here(job.count))
}

fn cache_line_here(count: u64) -> Cost {
    let turn = Arc::new(AtomicU64::new(0));
    let theirs = turn.clone();
    let (ready, begun) = both();
    let other = thread::spawn(move || {
        pin(1);
        ready.wait();
        answer_awake(&theirs);
    });
    begun.wait();
    let mut round = 0;
    let cost = repeat_calls(WARM_UP, count, || {
        turn.store(2 * round + 1, Ordering::Release);
        while turn.load(Ordering::Acquire) != 2 * round + 2 {
            std::hint::spin_loop();
        }
        round += 1;
    });
    turn.store(NO_MORE, Ordering::Release);
    other.join().expect("it ends");
    cost
}

/// Answers each odd turn with the even one after it.
fn answer_awake(turn: &AtomicU64) {
    loop {
        match turn.load(Ordering::Acquire) {
            NO_MORE => return,
            asked if asked % 2 == 1 => turn.store(asked + 1, Ordering::Release),
            _ => std::hint::spin_loop(),
        }
    }
}

/// A message that asks for an answer.
const ASKED: u64 = 1;
/// One that asks for none, and is the last.
const LAST: u64 = 2;

/// Two rings that send each other a message: submitted and waited for in one call.
pub(crate) fn ring_messages(job: &Job) -> Cost {
    on_core(0, || with_bare_ring(|ring, fd| exchange(ring, fd, job.count)))
}

fn exchange(mut ring: BareRing<'_>, fd: RawFd, count: u64) -> Cost {
    let (fd_to, fd_from) = mpsc::channel();
    let other = thread::spawn(move || {
        pin(1);
        with_bare_ring(|ring, own_fd| {
            fd_to.send(own_fd).expect("it is waited for");
            answer_messages(ring, fd);
        });
    });
    let there = fd_from.recv().expect("the thread starts");
    let cost = repeat_calls(WARM_UP, count, || {
        send(&mut ring, there, ASKED);
        assert_eq!(receive(&mut ring).user_data(), ASKED);
    });
    send(&mut ring, there, LAST);
    ring.submit();
    other.join().expect("it ends");
    cost
}

fn answer_messages(mut ring: BareRing<'_>, asker: RawFd) {
    while receive(&mut ring).user_data() == ASKED {
        send(&mut ring, asker, ASKED);
    }
}

/// Queues a message to the ring `target`.
fn send(ring: &mut BareRing<'_>, target: RawFd, what: u64) {
    send_fd(ring, target, 0, what);
}

/// The same, with a descriptor's number in it.
fn send_fd(ring: &mut BareRing<'_>, target: RawFd, fd: RawFd, what: u64) {
    let message = opcode::MsgRingData::new(Fd(target), fd, what, None).build();
    // SAFETY: the entry points to nothing.
    unsafe { ring.push(&message.flags(squeue::Flags::SKIP_SUCCESS)) };
}

/// Submits what is queued and waits for the only message there can be.
fn receive(ring: &mut BareRing<'_>) -> cqueue::Entry {
    let mut messages = ring.submit_and_wait();
    let message = messages.next().expect("it was waited for");
    assert!(message.result() >= 0, "the other ring is not there");
    assert!(messages.next().is_none(), "nobody else sends");
    message
}

/// Starts two threads, each with a ring; one sends the other a message and gets an answer.
pub(crate) fn cold_start(job: &Job) -> Cost {
    cores();
    repeat_calls(1, job.count, || {
        let (fd_to, fd_from) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| ask_once(fd_from));
            scope.spawn(|| answer_once(fd_to));
        });
    })
}

/// Asks the ring of which the descriptor comes, and waits for the answer.
fn ask_once(fd_from: Receiver<RawFd>) {
    pin(0);
    with_bare_ring(|mut ring, own_fd| {
        let there = fd_from.recv().expect("the other thread starts");
        send_fd(&mut ring, there, own_fd, ASKED);
        assert_eq!(receive(&mut ring).user_data(), LAST);
    });
}

/// Answers the ring that asks, of which the descriptor is in the message.
fn answer_once(fd_to: Sender<RawFd>) {
    pin(1);
    with_bare_ring(|mut ring, own_fd| {
        fd_to.send(own_fd).expect("it is waited for");
        let asker = receive(&mut ring).result();
        send(&mut ring, asker, LAST);
        ring.submit();
    });
}
