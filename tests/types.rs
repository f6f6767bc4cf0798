//! Which types may go to other threads, and how large they are.

mod common;

use common::*;
use ringpool::op::{Nop, Op, SharedFd, nop};
use ringpool::task::{self, Cancel, TaskId};
use ringpool::time::{Elapsed, Interval, Sleep, Timeout};
use ringpool::{
    Builder, Load, Pool, Runtime, RuntimeMetrics, SpawnError, SwitchError, SwitchTo, Task,
    TaskError, YieldNow, run_on, spawn_on, switch_to,
};

fn send<T: Send>() {}
fn sync<T: Sync>() {}
fn unpin<T: Unpin>() {}
fn is_send<T: Send>(_: &T) {}

/// `AmbiguousIfSend` has two candidates for a type that is `Send`, so that this does not compile for
/// one that is.
macro_rules! assert_not_impl {
    ($type:ty, $trait:path) => {{
        trait Ambiguous<A> {
            fn item() {}
        }
        impl<T: ?Sized> Ambiguous<()> for T {}
        struct Implemented;
        impl<T: ?Sized + $trait> Ambiguous<Implemented> for T {}
        let _ = <$type as Ambiguous<_>>::item;
    }};
}

#[test]
fn what_may_change_threads_does_and_nothing_else() {
    type NotSend = std::rc::Rc<u8>;
    type NotSync = std::cell::Cell<u8>;
    send::<Pool>();
    sync::<Pool>();
    send::<Runtime>();
    sync::<Runtime>();
    send::<Builder>();
    send::<task::Builder>();
    send::<Task<NotSync>>();
    sync::<Task<NotSync>>();
    send::<Cancel<NotSync>>();
    send::<TaskError>();
    send::<SpawnError<u8>>();
    sync::<SwitchError>();
    send::<SwitchTo<'static>>();
    send::<YieldNow>();
    send::<Op<Nop>>();
    sync::<Op<Nop>>();
    send::<SharedFd>();
    sync::<SharedFd>();
    send::<Sleep>();
    sync::<Sleep>();
    send::<Interval>();
    send::<Timeout<std::future::Ready<u8>>>();
    send::<Elapsed>();
    send::<(Load, RuntimeMetrics, TaskId)>();
    unpin::<Task<std::marker::PhantomPinned>>();
    unpin::<Op<Nop>>();
    unpin::<Sleep>();
    assert_not_impl!(Task<NotSend>, Send);
    assert_not_impl!(Task<NotSend>, Sync);
    assert_not_impl!(Cancel<NotSend>, Send);
    assert_not_impl!(Timeout<std::future::Ready<NotSend>>, Send);
    assert_not_impl!(SpawnError<NotSend>, Send);
}

#[test]
fn futures_of_this_crate_can_be_held_across_awaits_of_tasks_that_move() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    let future = async {
        let (operation, timer) = (nop(), ringpool::time::sleep(std::time::Duration::ZERO));
        switch_to(&there).await.unwrap();
        run_on(&there, async {}).await.unwrap();
        operation.await.unwrap();
        timer.await;
        spawn_on(&there, async { 7 }).await.unwrap()
    };
    is_send(&future);
    assert_eq!(pool.block_on(future), 7);
}

#[test]
fn handles_are_small() {
    let pointer = size_of::<usize>();
    assert_eq!(size_of::<Task<[u8; 100]>>(), pointer);
    assert_eq!(size_of::<Option<Task<[u8; 100]>>>(), pointer);
    assert_eq!(size_of::<Cancel<u8>>(), pointer);
    assert_eq!(size_of::<Runtime>(), pointer);
    assert!(size_of::<Op<Nop>>() <= 2 * pointer);
    assert!(size_of::<Sleep>() <= 4 * pointer);
    assert_eq!(size_of::<YieldNow>(), 1);
}

/// The memory of tasks that wait, as the allocator of this process sees it.
#[test]
fn a_parked_task_takes_at_most_two_hundred_bytes_and_its_future() {
    let _limit = limit();
    let pool = Pool::new(1);
    let tasks = 20_000;
    let started = Count::new();
    let before = COUNTED.allocated();
    let parked: Vec<_> = (0..tasks)
        .map(|_| {
            let started = started.clone();
            pool.spawn(async move {
                started.add();
                never().await;
            })
        })
        .collect();
    started.reaches(tasks);
    let list = parked.capacity() * size_of::<Task<()>>();
    let each = (COUNTED.allocated() - before).saturating_sub(list) / tasks;
    // The future holds an `Arc` and the state of two awaits.
    let future = 32;
    assert!(each <= 200 + future, "{each} bytes a task");
    drop(parked);
}

/// Counts what is allocated and not freed.
struct Counted(std::sync::atomic::AtomicUsize);

impl Counted {
    fn allocated(&self) -> usize {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}

// SAFETY: everything is left to the system's allocator.
unsafe impl std::alloc::GlobalAlloc for Counted {
    // SAFETY: the caller's promises are passed on.
    unsafe fn alloc(&self, layout: std::alloc::Layout) -> *mut u8 {
        self.0.fetch_add(layout.size(), std::sync::atomic::Ordering::SeqCst);
        // SAFETY: as promised by the caller.
        unsafe { std::alloc::System.alloc(layout) }
    }

    // SAFETY: the caller's promises are passed on.
    unsafe fn dealloc(&self, block: *mut u8, layout: std::alloc::Layout) {
        self.0.fetch_sub(layout.size(), std::sync::atomic::Ordering::SeqCst);
        // SAFETY: as promised by the caller.
        unsafe { std::alloc::System.dealloc(block, layout) }
    }
}

#[global_allocator]
static COUNTED: Counted = Counted(std::sync::atomic::AtomicUsize::new(0));
