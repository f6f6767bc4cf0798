//! Every combination of where a task runs, how it ends, when its handle goes, and who cancels it.
//!
//! In each one every future, output, payload and waker is dropped exactly once, the future on the
//! ring it lives on, and whoever waits is told what happened.

mod common;

use std::any::Any;
use std::cell::Cell;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use common::*;
use ringpool::task::Cancel;
use ringpool::{Pool, Runtime, Task, TaskError};
use ringpool::{spawn, spawn_blocking, spawn_local, spawn_on, switch_to, yield_now};

/// Where the task runs. `Moved`: it is born on one ring and ends on another.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Here,
    OtherRing,
    Local,
    Blocking,
    Moved,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Output,
    PanicInPoll,
    PanicInDropOfFuture,
    PanicInDropOfOutput,
    PayloadPanicsInDrop,
    Never,
}

/// When the handle goes; what waits for a cancel counts as the handle too.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Handle {
    AwaitedAtHome,
    AwaitedOnAnotherRing,
    AwaitedByAForeignExecutor,
    WaitedFor,
    DroppedAtOnce,
    DroppedAfterTheEnd,
    Detached,
    Forgotten,
}

/// Who ends the task before its time. `HandleDrop`: the handle is polled where it would be awaited,
/// and dropped there.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Canceller {
    Nobody,
    HandleDrop,
    Home,
    AnotherRing,
    PlainThread,
    PoolShutdown,
}

const PLACES: [Place; 5] =
    [Place::Here, Place::OtherRing, Place::Local, Place::Blocking, Place::Moved];
const ENDS: [End; 6] = [
    End::Output,
    End::PanicInPoll,
    End::PanicInDropOfFuture,
    End::PanicInDropOfOutput,
    End::PayloadPanicsInDrop,
    End::Never,
];
const HANDLES: [Handle; 8] = [
    Handle::AwaitedAtHome,
    Handle::AwaitedOnAnotherRing,
    Handle::AwaitedByAForeignExecutor,
    Handle::WaitedFor,
    Handle::DroppedAtOnce,
    Handle::DroppedAfterTheEnd,
    Handle::Detached,
    Handle::Forgotten,
];
const CANCELLERS: [Canceller; 6] = [
    Canceller::Nobody,
    Canceller::HandleDrop,
    Canceller::Home,
    Canceller::AnotherRing,
    Canceller::PlainThread,
    Canceller::PoolShutdown,
];

#[derive(Clone, Copy, Debug)]
struct Combination {
    place: Place,
    end: End,
    handle: Handle,
    canceller: Canceller,
}

impl Combination {
    fn all() -> impl Iterator<Item = Self> {
        PLACES.into_iter().flat_map(|place| {
            ENDS.into_iter().flat_map(move |end| {
                HANDLES.into_iter().flat_map(move |handle| {
                    CANCELLERS
                        .into_iter()
                        .map(move |canceller| Self { place, end, handle, canceller })
                        .filter(Self::is_possible)
                })
            })
        })
    }

    fn is_awaited(self) -> bool {
        !matches!(
            self.handle,
            Handle::DroppedAtOnce
                | Handle::DroppedAfterTheEnd
                | Handle::Detached
                | Handle::Forgotten
        )
    }

    fn is_cancelled_by_handle(self) -> bool {
        matches!(self.canceller, Canceller::Home | Canceller::AnotherRing | Canceller::PlainThread)
    }

    /// Leaves out what cannot be written, and what waits for the end of a task that has none.
    fn is_possible(&self) -> bool {
        let detached = self.handle == Handle::Detached;
        let keeps_no_handle = detached || self.handle == Handle::Forgotten;
        let waits = self.is_awaited() || self.handle == Handle::DroppedAfterTheEnd;
        match self.canceller {
            Canceller::Nobody => !(waits && self.end == End::Never),
            Canceller::HandleDrop => {
                let waits_in_vain =
                    self.handle == Handle::DroppedAfterTheEnd && self.end == End::Never;
                !keeps_no_handle && !waits_in_vain
            }
            // `cancel` takes the handle, and what it gives cannot be detached.
            Canceller::Home | Canceller::AnotherRing | Canceller::PlainThread => !detached,
            Canceller::PoolShutdown => true,
        }
    }
}

/// What happened in one combination.
#[derive(Clone, Default)]
struct Record {
    futures_dropped: Count,
    outputs_made: Count,
    outputs_dropped: Count,
    payloads_made: Count,
    payloads_dropped: Count,
    dropped_elsewhere: Count,
    /// A waker of the task's own, kept until after its end.
    task_waker: Arc<Mutex<Option<Waker>>>,
    /// Lets a blocking closure that never ends by itself end after all.
    release: Gate,
    /// The rings on which the future may be dropped; none for a closure.
    homes: Vec<Runtime>,
}

/// Something that counts its drop, and may panic then.
struct Loot {
    dropped: Count,
    panics: bool,
}

impl Loot {
    fn made(made: &Count, dropped: &Count, panics: bool) -> Self {
        made.add();
        Self { dropped: dropped.clone(), panics }
    }
}

impl Drop for Loot {
    fn drop(&mut self) {
        self.dropped.add();
        if self.panics && !std::thread::panicking() {
            panic_on_purpose("a value is dropped");
        }
    }
}

/// Dropped with the future, or with the closure.
struct Body {
    record: Record,
    panics: bool,
}

impl Drop for Body {
    fn drop(&mut self) {
        let home = ringpool::current();
        if !self.record.homes.is_empty()
            && !home.is_some_and(|home| self.record.homes.contains(&home))
        {
            self.record.dropped_elsewhere.add();
        }
        self.record.futures_dropped.add();
        if self.panics && !std::thread::panicking() {
            panic_on_purpose("the future is dropped");
        }
    }
}

/// Ends as it is told, for a future or a closure.
fn finish(end: End, record: &Record) -> Loot {
    match end {
        End::PanicInPoll => panic_on_purpose("in the poll"),
        End::PayloadPanicsInDrop => {
            silence_panics_on_purpose();
            panic_any(Loot::made(&record.payloads_made, &record.payloads_dropped, true))
        }
        _ => {
            let panics = end == End::PanicInDropOfOutput;
            Loot::made(&record.outputs_made, &record.outputs_dropped, panics)
        }
    }
}

/// The future of a task: its body is dropped with it and not when its work ends.
struct Life<W> {
    work: Pin<Box<W>>,
    _body: Body,
}

impl<W: Future> Future for Life<W> {
    type Output = W::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<W::Output> {
        self.work.as_mut().poll(cx)
    }
}

/// The same, nailed to its thread.
struct LocalLife<W>(Life<W>, PhantomData<Rc<Cell<()>>>);

impl<W: Future> Future for LocalLife<W> {
    type Output = W::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<W::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

fn body(combination: Combination, record: &Record) -> Body {
    silence_panics_on_purpose();
    Body { record: record.clone(), panics: combination.end == End::PanicInDropOfFuture }
}

fn life(
    combination: Combination,
    record: &Record,
    destination: Option<Runtime>,
) -> Life<impl Future<Output = Loot> + Send + use<>> {
    let (end, own) = (combination.end, record.clone());
    let work = async move {
        *own.task_waker.lock().unwrap() = Some(own_waker().await);
        yield_now().await;
        if let Some(destination) = destination {
            let _ = switch_to(&destination).await;
        }
        yield_now().await;
        if end == End::Never {
            never().await;
        }
        finish(end, &own)
    };
    Life { work: Box::pin(work), _body: body(combination, record) }
}

fn closure(combination: Combination, record: &Record) -> impl FnOnce() -> Loot + Send + use<> {
    let (body, end) = (body(combination, record), combination.end);
    move || {
        if end == End::Never {
            body.record.release.wait();
        }
        let output = finish(end, &body.record);
        // A panic in the drop of a captured value would leak what is being returned.
        drop(body);
        output
    }
}

/// The pools of a combination, and of the tasks that watch it from outside.
struct Stage {
    pool: Pool,
    outside: Pool,
}

impl Stage {
    fn new() -> Self {
        Self { pool: Pool::new(2), outside: Pool::new(1) }
    }

    /// The ring on which the task of a combination ends.
    fn home(&self, place: Place) -> Runtime {
        let index = usize::from(matches!(place, Place::OtherRing | Place::Moved));
        self.pool.runtime(index)
    }

    fn record(&self, place: Place) -> Record {
        let homes = match place {
            Place::Blocking => Vec::new(),
            Place::Moved => self.pool.runtimes().to_vec(),
            _ => vec![self.home(place)],
        };
        Record { homes, ..Record::default() }
    }

    /// Gives birth to the task.
    fn spawn(&self, combination: Combination, record: &Record) -> Task<Loot> {
        let (first, second) = (self.pool.runtime(0), self.pool.runtime(1));
        match combination.place {
            Place::Here => {
                let life = life(combination, record, None);
                first.spawn(ready_on_ring(|| spawn(life))).wait().unwrap()
            }
            Place::OtherRing => spawn_on(&second, life(combination, record, None)),
            Place::Moved => spawn_on(&first, life(combination, record, Some(second))),
            Place::Local => {
                let life = life(combination, record, None);
                let born = || spawn_local(LocalLife(life, PhantomData));
                first.spawn(ready_on_ring(born)).wait().unwrap()
            }
            Place::Blocking => {
                let closure = closure(combination, record);
                first.spawn(ready_on_ring(|| spawn_blocking(closure))).wait().unwrap()
            }
        }
    }

    /// Where a ring is asked for by a canceller or a waiter.
    fn ring_outside(&self, combination: Combination) -> Runtime {
        if combination.canceller == Canceller::PoolShutdown {
            return self.outside.runtime(0);
        }
        self.pool.runtime(1 - self.home(combination.place).index())
    }
}

/// Calls `make` on the ring that polls it.
async fn ready_on_ring<R>(make: impl FnOnce() -> R) -> R {
    make()
}

type Told = Result<Loot, TaskError>;

/// What a cancel says, in the words of a task that is awaited.
struct CancelTells(Cancel<Loot>);

impl Future for CancelTells {
    type Output = Told;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Told> {
        let cancel = Pin::new(&mut self.0);
        match catch_unwind(AssertUnwindSafe(|| cancel.poll(cx))) {
            Ok(told) => told.map(|output| output.ok_or(TaskError::Cancelled)),
            Err(payload) => Poll::Ready(Err(TaskError::Panicked(payload.into()))),
        }
    }
}

/// Runs `code` in a task of `runtime`, or here if that has stopped.
fn on_ring<R: Send + 'static>(runtime: &Runtime, code: impl FnOnce() -> R + Send + 'static) -> R {
    match runtime.try_spawn(async { code() }) {
        Ok(task) => task.wait().expect("the code does not panic"),
        Err(refused) => futures::executor::block_on(refused.0),
    }
}

/// Does with `waiter` what the combination says; gives what was told, if anybody waited.
fn treat<W>(stage: &Stage, combination: Combination, record: &Record, waiter: W) -> Option<Told>
where
    W: Future<Output = Told> + Send + Unpin + 'static,
{
    if combination.canceller == Canceller::HandleDrop && combination.is_awaited() {
        poll_and_drop(stage, combination, record, waiter);
        return None;
    }
    match combination.handle {
        Handle::AwaitedAtHome => {
            let home = stage.home(combination.place);
            // A waiter at home ends with its ring, and tells nobody anything.
            let task = spawn_on(&home, waiter);
            stop_if_asked(stage, combination);
            return task.wait().ok();
        }
        Handle::AwaitedOnAnotherRing => {
            let task = spawn_on(&stage.ring_outside(combination), waiter);
            stop_if_asked(stage, combination);
            return Some(task.wait().expect("the waiter is not cancelled"));
        }
        Handle::AwaitedByAForeignExecutor | Handle::WaitedFor => {
            let waits = std::thread::spawn(move || futures::executor::block_on(waiter));
            stop_if_asked(stage, combination);
            return Some(waits.join().expect("the waiter does not panic"));
        }
        Handle::DroppedAtOnce => drop(waiter),
        Handle::DroppedAfterTheEnd => {
            stop_if_asked(stage, combination);
            record.futures_dropped.reaches(1);
            drop(waiter);
        }
        Handle::Detached => unreachable!("only a task can be detached"),
        Handle::Forgotten => forget(waiter),
    }
    None
}

fn poll_and_drop<W>(stage: &Stage, combination: Combination, record: &Record, mut waiter: W)
where
    W: Future<Output = Told> + Send + Unpin + 'static,
{
    let (waker, _, waker_dropped) = counting_waker();
    let polls = move || {
        let told = poll_once(&mut waiter, &waker);
        let _ = catch_unwind(AssertUnwindSafe(|| drop(told)));
        drop((waiter, waker));
    };
    match combination.handle {
        Handle::AwaitedAtHome => on_ring(&stage.home(combination.place), polls),
        Handle::AwaitedOnAnotherRing => on_ring(&stage.ring_outside(combination), polls),
        _ => on_a_plain_thread(polls),
    }
    record.release.open();
    record.futures_dropped.reaches(1);
    // The last waker of the task frees it, and with it the waker that waited for it.
    record.task_waker.lock().unwrap().take();
    waker_dropped.reaches(1);
    assert_eq!(waker_dropped.get(), 1);
}

fn stop_if_asked(stage: &Stage, combination: Combination) {
    if combination.canceller == Canceller::PoolShutdown {
        shut_down(&stage.pool);
    }
}

/// Drops what was told, which may panic, and says what it was.
fn name_of(told: Told) -> &'static str {
    let (name, loot): (_, Box<dyn Any + Send>) = match told {
        Ok(output) => ("output", Box::new(output)),
        Err(TaskError::Cancelled) => ("cancelled", Box::new(())),
        Err(TaskError::Panicked(payload)) => {
            let text = payload.downcast_ref::<OnPurpose>().map_or("payload", |panic| panic.0);
            (text, payload.into_inner())
        }
    };
    let _ = catch_unwind(AssertUnwindSafe(|| drop(loot)));
    name
}

/// What may be told in a combination.
fn expected(combination: Combination) -> Vec<&'static str> {
    let natural = match combination.end {
        End::Output | End::PanicInDropOfOutput => "output",
        End::PanicInPoll => "in the poll",
        End::PanicInDropOfFuture => "the future is dropped",
        End::PayloadPanicsInDrop => "payload",
        // A closure cannot be interrupted.
        End::Never if combination.place == Place::Blocking => "output",
        End::Never => "cancelled",
    };
    let may_be_cancelled =
        combination.canceller != Canceller::Nobody && combination.end != End::PanicInDropOfFuture;
    if may_be_cancelled { vec![natural, "cancelled"] } else { vec![natural] }
}

fn run(stage: &Stage, combination: Combination) {
    let record = stage.record(combination.place);
    let task = stage.spawn(combination, &record);
    if combination.place == Place::Blocking && combination.end == End::Never {
        release_later(combination, &record);
    }
    let told = if combination.is_cancelled_by_handle() {
        let cancels = move || CancelTells(task.cancel());
        let cancel = match combination.canceller {
            Canceller::Home => on_ring(&stage.home(combination.place), cancels),
            Canceller::AnotherRing => on_ring(&stage.ring_outside(combination), cancels),
            _ => on_a_plain_thread(cancels),
        };
        treat(stage, combination, &record, cancel)
    } else if combination.handle == Handle::Detached {
        task.detach();
        None
    } else if combination.handle == Handle::WaitedFor && combination.canceller == Canceller::Nobody
    {
        Some(task.wait())
    } else {
        treat(stage, combination, &record, task)
    };
    stop_if_asked(stage, combination);
    if let Some(told) = told {
        let name = name_of(told);
        assert!(expected(combination).contains(&name), "{name:?} was told");
    }
    check(combination, &record);
}

/// A closure that never ends is let go when the test has done what it wanted, or, if that waits for
/// the closure, at once.
fn release_later(combination: Combination, record: &Record) {
    let waits = combination.is_awaited()
        || combination.handle == Handle::DroppedAfterTheEnd
        || combination.canceller == Canceller::PoolShutdown;
    if waits {
        record.release.open();
    }
}

fn check(combination: Combination, record: &Record) {
    record.release.open();
    let lives_on = combination.canceller == Canceller::Nobody
        && combination.end == End::Never
        && combination.place != Place::Blocking;
    if lives_on && combination.handle != Handle::DroppedAtOnce {
        // Its own waker is what is left of it; the pool ends it.
        assert_eq!(record.futures_dropped.get(), 0);
        return;
    }
    record.futures_dropped.reaches(1);
    let forgotten = combination.handle == Handle::Forgotten;
    if !forgotten {
        until(|| record.outputs_dropped.get() == record.outputs_made.get());
        until(|| record.payloads_dropped.get() == record.payloads_made.get());
    }
    // A waker of a task that is gone does nothing.
    let waker = record.task_waker.lock().unwrap().take();
    if let Some(waker) = waker {
        waker.wake_by_ref();
        drop(waker);
    }
    assert_eq!(record.futures_dropped.get(), 1);
    assert_eq!(record.dropped_elsewhere.get(), 0);
    assert!(record.outputs_made.get() <= 1 && record.payloads_made.get() <= 1);
    assert!(record.outputs_dropped.get() <= record.outputs_made.get());
    assert!(record.payloads_dropped.get() <= record.payloads_made.get());
}

/// Runs what `chosen` lets through, and says which combination hangs or fails.
fn run_all(chosen: impl Fn(&Combination) -> bool, new_stage_each: bool) -> usize {
    let mut stage = Stage::new();
    let mut count = 0;
    for combination in Combination::all().filter(chosen) {
        let _limit = limit_named(Duration::from_secs(30), &format!("{combination:?}"));
        let outcome = catch_unwind(AssertUnwindSafe(|| run(&stage, combination)));
        if let Err(payload) = outcome {
            panic!("{combination:?}: {}", text_of(&*payload));
        }
        if new_stage_each {
            stage.pool = Pool::new(2);
        }
        count += 1;
    }
    shut_down(&stage.pool);
    shut_down(&stage.outside);
    count
}

#[test]
fn tasks_that_nobody_cancels() {
    let _limit = limit();
    assert!(run_all(|it| it.canceller == Canceller::Nobody, false) > 200);
}

#[test]
fn tasks_cancelled_by_dropping_their_handle() {
    let _limit = limit();
    assert!(run_all(|it| it.canceller == Canceller::HandleDrop, false) > 150);
}

#[test]
fn tasks_cancelled_at_home() {
    let _limit = limit();
    assert!(run_all(|it| it.canceller == Canceller::Home, false) > 150);
}

#[test]
fn tasks_cancelled_from_another_ring() {
    let _limit = limit();
    assert!(run_all(|it| it.canceller == Canceller::AnotherRing, false) > 150);
}

#[test]
fn tasks_cancelled_by_a_plain_thread() {
    let _limit = limit();
    assert!(run_all(|it| it.canceller == Canceller::PlainThread, false) > 150);
}

#[test]
fn tasks_cancelled_by_the_end_of_their_pool() {
    let _limit = limit();
    assert!(run_all(|it| it.canceller == Canceller::PoolShutdown, true) > 200);
}

/// What was left alive by the combinations ends with the pool.
#[test]
fn tasks_that_never_end_are_dropped_with_their_pool() {
    let _limit = limit();
    for place in [Place::Here, Place::OtherRing, Place::Local, Place::Moved] {
        for handle in [Handle::Detached, Handle::Forgotten] {
            let stage = Stage::new();
            let combination =
                Combination { place, end: End::Never, handle, canceller: Canceller::Nobody };
            let record = stage.record(place);
            let task = stage.spawn(combination, &record);
            match handle {
                Handle::Detached => task.detach(),
                _ => forget(task),
            }
            drop(stage);
            assert_eq!((record.futures_dropped.get(), record.dropped_elsewhere.get()), (1, 0));
            let waker = record.task_waker.lock().unwrap().take();
            waker.into_iter().for_each(Waker::wake);
        }
    }
}

/// The waker of a waiter goes with the task, whoever frees it.
#[test]
fn the_waker_of_a_waiter_is_dropped_once_with_its_task() {
    let _limit = limit();
    let stage = Stage::new();
    for place in PLACES {
        for end in [End::Output, End::PanicInPoll] {
            let combination =
                Combination { place, end, handle: Handle::WaitedFor, canceller: Canceller::Nobody };
            let record = stage.record(place);
            let mut task = stage.spawn(combination, &record);
            let (waker, woken, dropped) = counting_waker();
            let told = poll_once(&mut task, &waker);
            if told.is_pending() {
                woken.reaches(1);
                let told = pin!(&mut task).poll(&mut Context::from_waker(&waker));
                assert!(told.is_ready());
            }
            drop((task, waker));
            record.task_waker.lock().unwrap().take();
            dropped.reaches(1);
            assert_eq!((woken.get() <= 1, dropped.get()), (true, 1));
        }
    }
}
