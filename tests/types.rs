//! Which types may go to other threads, and how large they are.

mod common;

use common::*;
use ringpool::buf::{AlignedBuf, RegisteredBuffer, RegisteredBuffers, Slice};
use ringpool::channel::{broadcast, oneshot, watch};
use ringpool::op::{Nop, Op, Read, ReadFixed, SharedFd, nop};
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
    send::<(Load, RuntimeMetrics, TaskId)>();
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
