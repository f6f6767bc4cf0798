//! Situations at the edges: what a kernel keeps, buffers that panic, limits without end, pools that
//! are gone.

mod common;

use std::future::{Future, poll_fn};
use std::os::fd::OwnedFd;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use common::{Gate, limit, never, until};
use ringpool::Pool;
use ringpool::buf::{IoBuf, IoBufMut};
use ringpool::op::{self, SharedFd};

/// A task takes an operation in flight on one pool to another; the first pool stops at once.
#[test]
fn a_cancel_ends_though_the_ring_that_has_the_operation_stopped_at_its_deadline() {
    let _limit = limit();
    let (first, second) = (Pool::new(1), Pool::new(1));
    let (reader, _writer) = std::io::pipe().unwrap();
    let reader = SharedFd::from(OwnedFd::from(reader));
    let moved = Gate::new();
    let (there, arrived) = (second.runtime(0), moved.clone());
    let task = first.spawn(async move {
        let mut read = pin!(op::read(&reader, vec![0; 8]));
        poll_fn(|cx| {
            assert!(read.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        ringpool::switch_to(&there).await.unwrap();
        arrived.open();
        never().await;
    });
    moved.wait();
    // Its thread may need a moment more than a shutdown without any waits for it.
    until(|| first.shutdown(Duration::ZERO).is_ok());
    drop(first);
    let ended = second.block_on(task.cancel());
    assert_eq!(ended, None);
}

#[test]
fn a_task_that_left_is_not_counted_as_alive() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    let moved = Gate::new();
    let arrived = moved.clone();
    let task = pool.runtime(0).spawn(async move {
        ringpool::switch_to(&there).await.unwrap();
        arrived.open();
        never().await;
    });
    moved.wait();
    until(|| pool.runtime(0).load().tasks_alive == 0);
    drop(task);
}

/// A limit that is for ever must not end the process.
#[test]
fn a_ring_may_look_on_for_ever() {
    let _limit = limit();
    let pool = Pool::builder().threads(1).spin_before_sleep(Duration::MAX).build().unwrap();
    for _ in 0..100 {
        assert_eq!(pool.spawn(async { 1 }).wait().unwrap(), 1);
    }
}

struct Bomb;

// SAFETY: it has no bytes at all.
unsafe impl IoBuf for Bomb {
    fn ptr(&self) -> *const u8 {
        std::ptr::NonNull::dangling().as_ptr()
    }
    fn initialized_len(&self) -> usize {
        0
    }
}

// SAFETY: as above.
unsafe impl IoBufMut for Bomb {
    fn ptr_mut(&mut self) -> *mut u8 {
        common::panic_on_purpose("a buffer that panics")
    }
    fn capacity(&self) -> usize {
        0
    }
    // SAFETY: demanded of the caller by the trait.
    unsafe fn set_initialized_len(&mut self, _: usize) {}
}

#[test]
fn a_buffer_that_panics_leaves_nothing_behind() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (reader, _writer) = std::io::pipe().unwrap();
    let reader = SharedFd::from(OwnedFd::from(reader));
    let (caught, same) = (Gate::new(), reader.clone());
    let seen = caught.clone();
    let task = pool.spawn(async move {
        {
            let mut read = op::read(&same, Bomb);
            poll_fn(|cx| {
                let poll = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    Pin::new(&mut read).poll(cx)
                }));
                assert!(poll.is_err());
                Poll::Ready(())
            })
            .await;
        }
        drop(same);
        seen.open();
        never().await;
    });
    caught.wait();
    assert_eq!(pool.block_on(task.cancel()), None);
    assert!(reader.try_into_owned().is_ok());
}

/// The handle that named the destination is gone by the time the task leaves.
#[test]
fn a_task_never_lands_on_a_pool_that_nobody_named() {
    let _limit = limit();
    let pool = Pool::new(1);
    let task = pool.spawn(async move {
        let mut step = 0;
        let mut made = None;
        poll_fn(move |cx| {
            step += 1;
            if step > 1 {
                return Poll::Ready((ringpool::current(), made.take()));
            }
            let (other, runtime) = std::thread::spawn(|| {
                let other = Pool::new(1);
                let runtime = other.runtime(0);
                (other, runtime)
            })
            .join()
            .unwrap();
            {
                let mut switch = ringpool::switch_to(&runtime);
                assert!(Pin::new(&mut switch).poll(cx).is_pending());
            }
            drop(runtime);
            std::thread::spawn(move || drop(other)).join().unwrap();
            made = Some(std::thread::spawn(|| Pool::new(1)).join().unwrap());
            Poll::Pending
        })
        .await
    });
    let (at, made) = task.wait().unwrap();
    let made = made.unwrap();
    assert_ne!(at, Some(made.runtime(0)), "landed on a pool that was never its destination");
    assert_eq!(at, Some(pool.runtime(0)));
}
