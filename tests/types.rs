//! Which types may go to other threads, and how large they are.

mod common;

use std::error::Error;
use std::future::Ready;
use std::io;

use common::*;
use ringpool::buf::{AlignedBuf, BufError, RegisteredBuffer, RegisteredBuffers, Slice};
use ringpool::channel::{broadcast, oneshot, watch};
use ringpool::future::{Join, Parallel, ParallelAll, Race, RaceAll, Select, SelectAll, TryJoin};
use ringpool::op::{Nop, Op, Read, ReadFixed, SharedFd, nop};
use ringpool::stop::{
    self, Finally, Shield, StopSource, StopToken, Stopped, Until, UntilStopped, WithStop,
    WithTimeout,
};
use ringpool::sync::{self, Mutex, OnceCell};
use ringpool::task::{
    self, Cancel, Child, GroupError, PanicPayload, Scope, TaskGroup, TaskId, TryScope, scope,
    try_scope,
};
use ringpool::time::{Elapsed, Interval, Sleep, Timeout};
use ringpool::{
    Builder, Load, Pool, PoolMetrics, RecvError, RecvTimeoutError, Runtime, RuntimeMetrics,
    SendError, SendTimeoutError, SpawnError, SwitchError, SwitchTo, Task, TaskError, TryRecvError,
    TrySendError, YieldNow, run_on, spawn_on, switch_to,
};

fn send<T: Send>() {}
fn sync<T: Sync>() {}
fn unpin<T: Unpin>() {}
fn is_send<T: Send>(_: &T) {}

/// `AmbiguousIfSend` has two candidates for a type that is `Send`, so that this does not compile
/// for one that is.
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
    send::<(Load, RuntimeMetrics, PoolMetrics, TaskId)>();
    sync::<(RuntimeMetrics, PoolMetrics)>();
    send::<(AlignedBuf, RegisteredBuffer, RegisteredBuffers, Slice<Vec<u8>>)>();
    sync::<(AlignedBuf, RegisteredBuffer, RegisteredBuffers, Slice<Vec<u8>>)>();
    send::<Op<ReadFixed>>();
    is_send(&Pool::new(1).register_buffers(1, 1));
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
fn halves_of_channels_go_where_their_items_may_go() {
    type NotSend = std::rc::Rc<u8>;
    type NotSync = std::cell::Cell<u8>;
    send::<(oneshot::Sender<NotSync>, oneshot::Receiver<NotSync>)>();
    sync::<(oneshot::Sender<NotSync>, oneshot::Receiver<NotSync>)>();
    send::<(watch::Sender<String>, watch::Receiver<String>, watch::Changed<'_, String>)>();
    sync::<(watch::Sender<String>, watch::Receiver<String>)>();
    send::<(broadcast::Sender<String>, broadcast::Receiver<String>, broadcast::Recv<'_, String>)>();
    sync::<(broadcast::Sender<String>, broadcast::Receiver<String>)>();
    unpin::<oneshot::Receiver<std::marker::PhantomPinned>>();
    is_send(&watch::channel(1).1.wait_for(|_| true));
    assert_not_impl!(oneshot::Sender<NotSend>, Send);
    assert_not_impl!(oneshot::Receiver<NotSend>, Send);
    assert_not_impl!(watch::Sender<NotSync>, Send);
    assert_not_impl!(watch::Ref<'static, u8>, Send);
    assert_not_impl!(broadcast::Sender<NotSync>, Send);
    assert_not_impl!(broadcast::Receiver<NotSync>, Send);
    assert_not_impl!(broadcast::Receiver<NotSend>, Send);
    let pointer = size_of::<usize>();
    assert_eq!(size_of::<oneshot::Sender<[u8; 100]>>(), pointer);
    assert_eq!(size_of::<oneshot::Receiver<[u8; 100]>>(), pointer);
}

#[test]
fn what_begins_and_stops_code_goes_where_the_code_may_go() {
    type NotSend = std::rc::Rc<u8>;
    type NotSync = std::cell::Cell<u8>;
    type Value = Ready<u8>;
    type Outcome = Ready<io::Result<u8>>;
    send::<(TaskGroup<NotSync>, Scope, TryScope<NotSync>, Child<NotSync>)>();
    sync::<(TaskGroup<NotSync>, Scope, TryScope<NotSync>)>();
    send::<(StopSource, StopToken, UntilStopped)>();
    sync::<(StopSource, StopToken)>();
    send::<(WithStop<Value>, WithTimeout<Value>, Until<Value>, Shield<Value>)>();
    send::<Finally<Value, Ready<()>>>();
    send::<(Join<(Value, Value)>, TryJoin<(Outcome, Outcome)>, Parallel<(Value, Value)>)>();
    send::<(Race<(Value, Value)>, Select<(Value, Value)>)>();
    send::<(RaceAll<Value>, SelectAll<Value>, ParallelAll<Value>)>();
    unpin::<(Child<std::marker::PhantomPinned>, UntilStopped, WithStop<Value>, Until<Value>)>();
    unpin::<(WithTimeout<Value>, Shield<Value>, Race<(Value, Value)>, SelectAll<Value>)>();
    assert_not_impl!(Race<(Ready<NotSend>, Value)>, Send);
    assert_not_impl!(SelectAll<Ready<NotSend>>, Send);
    assert_not_impl!(WithTimeout<Ready<NotSend>>, Send);
    assert!(!StopToken::default().is_stop_requested());
}

#[test]
fn futures_of_async_functions_are_send_if_what_they_use_is() {
    let group = TaskGroup::<io::Result<u8>>::new();
    is_send(&(group.next(), group.next_with_id(), group.wait_all(), group.cancel()));
    is_send(&group.try_wait_all());
    is_send(&scope(async |scope| drop(scope.spawn(async {}))));
    // A body that borrows from the task it runs in.
    is_send(&async {
        let path = String::from("/proc/version");
        try_scope(async |scope| {
            let version = scope.spawn(ringpool::fs::read(path.clone())).await?;
            Ok::<_, io::Error>((version, &path).0)
        })
        .await
    });
    let (mutex, cell) = (Mutex::new(1), OnceCell::<u8>::new());
    let condvar = sync::Condvar::new();
    is_send(&async { condvar.wait_while(mutex.lock().await, |value| *value > 0).await });
    is_send(&(stop::checkpoint(), cell.get_or_init(|| async { 1 })));
}

fn carried<E: Error + Send + Sync + Into<io::Error> + 'static>() {}

#[test]
fn every_error_fits_into_an_io_error_and_into_what_carries_any() {
    carried::<Stopped>();
    carried::<Elapsed>();
    carried::<TaskError>();
    carried::<GroupError<io::Error>>();
    carried::<GroupError<BufError<Vec<u8>>>>();
    carried::<SwitchError>();
    carried::<SpawnError<u8>>();
    carried::<RecvError>();
    carried::<TryRecvError>();
    carried::<RecvTimeoutError>();
    carried::<SendError<u8>>();
    carried::<TrySendError<u8>>();
    carried::<SendTimeoutError<u8>>();
    carried::<broadcast::RecvError>();
    carried::<broadcast::TryRecvError>();
    carried::<broadcast::RecvTimeoutError>();
    carried::<sync::AcquireError>();
    carried::<sync::TryAcquireError>();
    carried::<sync::AcquireTimeoutError>();
    carried::<sync::TryLockError>();
    carried::<sync::TimedOut>();
    carried::<sync::SetError<u8>>();
    send::<PanicPayload>();
    sync::<PanicPayload>();
    let pointer = size_of::<usize>();
    assert_eq!(size_of::<TaskError>(), 2 * pointer);
}

#[test]
fn handles_of_tasks_can_be_looked_at_after_a_panic() {
    fn unwind<T: std::panic::UnwindSafe + std::panic::RefUnwindSafe>() {}
    unwind::<Task<std::cell::Cell<u8>>>();
    unwind::<TaskGroup<u8>>();
    unwind::<(Pool, Runtime, StopSource, StopToken)>();
    unwind::<(sync::Semaphore, sync::Notify, sync::Event, sync::Condvar, sync::Barrier)>();
    unwind::<(oneshot::Sender<u8>, watch::Sender<u8>, broadcast::Sender<u8>)>();
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
    assert!(size_of::<Op<Nop>>() <= 3 * pointer);
    // No more than the operation and the reason why it is refused.
    assert!(size_of::<Op<Read<Vec<u8>>>>() <= size_of::<Read<Vec<u8>>>() + 2 * pointer);
    assert!(size_of::<Sleep>() <= 4 * pointer);
    assert_eq!(size_of::<YieldNow>(), 1);
}
