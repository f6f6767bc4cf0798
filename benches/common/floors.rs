//! What the kernel and the processors themselves need: threads and rings without any runtime.

use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use io_uring::types::Fd;
use io_uring::{IoUring, opcode, squeue};

use super::measure::{Cost, Stopwatch};
use super::runtimes::{on_first_core, pin};

/// A ring with the flags that the rings of a pool have.
pub fn bare_ring() -> IoUring {
    let mut builder = IoUring::builder();
    builder.setup_single_issuer().setup_defer_taskrun().setup_submit_all().setup_taskrun_flag();
    let mut ring = builder.setup_cqsize(4096).build(256).expect("io_uring works here");
    ring.submitter().register_ring_fd().expect("the table has room");
    ring
}

/// Two threads that park and unpark each other.
pub fn park(iterations: u64) -> Cost {
    on_first_core(|| park_here(iterations))
}

fn park_here(iterations: u64) -> Cost {
    let turn = Arc::new(AtomicU64::new(0));
    let (main, theirs) = (thread::current(), turn.clone());
    let (ready, begun) = both();
    let other = thread::spawn(move || {
        pin(1);
        ready.wait();
        for round in 0..iterations {
            while theirs.load(Ordering::Acquire) != 2 * round + 1 {
                thread::park();
            }
            theirs.store(2 * round + 2, Ordering::Release);
            main.unpark();
        }
    });
    begun.wait();
    let watch = Stopwatch::start();
    for round in 0..iterations {
        turn.store(2 * round + 1, Ordering::Release);
        other.thread().unpark();
        while turn.load(Ordering::Acquire) != 2 * round + 2 {
            thread::park();
        }
    }
    let cost = watch.stop();
    other.join().expect("it ends");
    cost
}

/// Two threads that look at one cache line in turns.
pub fn cache_line(iterations: u64) -> Cost {
    on_first_core(|| cache_line_here(iterations))
}

fn cache_line_here(iterations: u64) -> Cost {
    let turn = Arc::new(AtomicU64::new(0));
    let theirs = turn.clone();
    let (ready, begun) = both();
    let other = thread::spawn(move || {
        pin(1);
        ready.wait();
        for round in 0..iterations {
            while theirs.load(Ordering::Acquire) != 2 * round + 1 {
                std::hint::spin_loop();
            }
            theirs.store(2 * round + 2, Ordering::Release);
        }
    });
    begun.wait();
    let watch = Stopwatch::start();
    for round in 0..iterations {
        turn.store(2 * round + 1, Ordering::Release);
        while turn.load(Ordering::Acquire) != 2 * round + 2 {
            std::hint::spin_loop();
        }
    }
    let cost = watch.stop();
    other.join().expect("it ends");
    cost
}

/// Two rings that send each other a message: submitted and waited for in one call.
pub fn ring_messages(iterations: u64) -> Cost {
    on_first_core(|| ring_messages_here(iterations))
}

fn ring_messages_here(iterations: u64) -> Cost {
    let (fd_to, fd_from) = std::sync::mpsc::channel();
    let (main_to, main_from) = std::sync::mpsc::channel();
    let mut ring = bare_ring();
    main_to.send(ring.as_raw_fd()).expect("the channel is there");
    let other = thread::spawn(move || {
        pin(1);
        let mut ring = bare_ring();
        fd_to.send(ring.as_raw_fd()).expect("the channel is there");
        let main = main_from.recv().expect("the channel is there");
        for _ in 0..iterations {
            receive(&mut ring);
            send(&mut ring, main);
        }
        ring.submit().expect("the last one goes");
    });
    let there = fd_from.recv().expect("the channel is there");
    let watch = Stopwatch::start();
    for _ in 0..iterations {
        send(&mut ring, there);
        receive(&mut ring);
    }
    let cost = watch.stop();
    other.join().expect("it ends");
    cost
}

/// Where two threads meet before the clock starts: a new thread is first on its maker's processor.
fn both() -> (Arc<Barrier>, Arc<Barrier>) {
    let barrier = Arc::new(Barrier::new(2));
    (barrier.clone(), barrier)
}

fn send(ring: &mut IoUring, target: i32) {
    let message =
        opcode::MsgRingData::new(Fd(target), 0, 1, None).build().flags(squeue::Flags::SKIP_SUCCESS);
    // SAFETY: the entry points to nothing.
    unsafe { ring.submission().push(&message) }.expect("there is room");
}

/// Submits what is queued and waits for a message.
fn receive(ring: &mut IoUring) {
    ring.submit_and_wait(1).expect("the ring works");
    assert!(ring.completion().map(|entry| entry.user_data()).any(|data| data == 1));
}
