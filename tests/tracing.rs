//! With the feature `tracing` each task has a span, which is entered around each of its polls.

#![cfg(feature = "tracing")]

mod common;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex};

use common::{limit, until};
use ringpool::Pool;
use ringpool::task::Builder;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// What became of a span.
#[derive(Clone, Debug, Default)]
struct Seen {
    fields: HashMap<&'static str, String>,
    /// All rings that it said it was on.
    rings: Vec<String>,
    entered: usize,
    exited: usize,
    events: usize,
    is_closed: bool,
    has_no_parent: bool,
}

static SPANS: LazyLock<Mutex<HashMap<u64, Seen>>> = LazyLock::new(Mutex::default);

std::thread_local! {
    static INSIDE: std::cell::RefCell<Vec<u64>> = const { std::cell::RefCell::new(Vec::new()) };
    /// The next span that this thread makes is a panic.
    static PANICS: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

struct Collector(AtomicU64);

fn with(id: &Id, change: impl FnOnce(&mut Seen)) {
    change(SPANS.lock().unwrap().entry(id.into_u64()).or_default());
}

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
        if field.name() == "ring" {
            self.rings.push(format!("{value:?}"));
        }
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("ringpool::task") || metadata.is_event()
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = Id::from_u64(self.0.fetch_add(1, Ordering::Relaxed));
        if PANICS.take() {
            common::panic_on_purpose("a new span");
        }
        with(&id, |seen| {
            span.record(seen);
            seen.has_no_parent = span.is_root();
        });
        id
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        with(id, |seen| values.record(seen));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        let inside = INSIDE.with_borrow(|inside| inside.last().copied());
        if let Some(id) = inside {
            with(&Id::from_u64(id), |seen| seen.events += 1);
        }
    }

    fn enter(&self, id: &Id) {
        INSIDE.with_borrow_mut(|inside| inside.push(id.into_u64()));
        with(id, |seen| seen.entered += 1);
    }

    fn exit(&self, id: &Id) {
        INSIDE.with_borrow_mut(|inside| assert_eq!(inside.pop(), Some(id.into_u64())));
        with(id, |seen| seen.exited += 1);
    }

    fn try_close(&self, id: Id) -> bool {
        with(&id, |seen| seen.is_closed = true);
        true
    }
}

fn collect() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        tracing::subscriber::set_global_default(Collector(AtomicU64::new(1))).expect("the first");
    });
}

/// The span of the task with this name, once it has been closed.
fn closed(name: &str) -> Seen {
    let name = format!("{name:?}");
    let mut found = None;
    until(|| {
        let spans = SPANS.lock().unwrap();
        found = spans.values().find(|seen| seen.fields.get("name") == Some(&name)).cloned();
        found.as_ref().is_some_and(|seen| seen.is_closed)
    });
    found.expect("it is there")
}

/// Says so when it is dropped.
struct Tells;

impl Drop for Tells {
    fn drop(&mut self) {
        tracing::info!("dropped");
    }
}

#[test]
fn a_span_is_entered_for_each_poll_on_whatever_ring_and_for_the_drop() {
    let _limit = limit();
    collect();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    let line = line!() + 1;
    let task = Builder::new().name("moves").spawn_on(&pool.runtime(0), async move {
        let _tells = Tells;
        tracing::info!("here");
        ringpool::switch_to(&there).await.expect("it is there");
        tracing::info!("there");
    });
    let id = task.id();
    task.wait().expect("it ends");
    let seen = closed("moves");
    assert_eq!(seen.fields["id"], id.get().to_string());
    assert_eq!(seen.fields["file"], format!("{:?}", file!()));
    assert_eq!(seen.fields["line"], line.to_string());
    assert_eq!(seen.rings, ["0", "1"]);
    assert_eq!(seen.events, 3, "{seen:?}");
    // Two polls, and the drop.
    assert_eq!((seen.entered, seen.exited), (3, 3), "{seen:?}");
}

#[test]
fn a_cancelled_task_drops_its_future_within_its_span() {
    let _limit = limit();
    collect();
    let pool = Pool::new(1);
    let task = Builder::new().name("cancelled").spawn_on(&pool.runtime(0), async {
        let _tells = Tells;
        std::future::pending::<()>().await;
    });
    until(|| {
        SPANS.lock().unwrap().values().any(|seen| {
            seen.fields.get("name").is_some_and(|name| name == "\"cancelled\"") && seen.exited == 1
        })
    });
    drop(task);
    let seen = closed("cancelled");
    assert_eq!((seen.entered, seen.exited, seen.events), (2, 2, 1), "{seen:?}");
}

#[test]
fn a_task_that_cannot_be_spawned_gives_its_future_back_without_a_span() {
    let _limit = limit();
    collect();
    let pool = Pool::new(1);
    let runtime = pool.runtime(0);
    common::shut_down(&pool);
    let refused = Builder::new().name("refused").try_spawn_on(&runtime, async { 7 });
    assert!(closed("refused").entered == 0);
    let Err(ringpool::SpawnError(future)) = refused else { panic!("the ring has stopped") };
    assert_eq!(Pool::new(1).block_on(future), 7);
}

#[test]
fn a_blocking_closure_has_a_span_too() {
    let _limit = limit();
    collect();
    let pool = Pool::new(1);
    let task = pool.spawn_blocking(|| tracing::info!("blocks"));
    let id = task.id().get().to_string();
    task.wait().expect("it ends");
    let spans = SPANS.lock().unwrap();
    let seen = spans.values().find(|seen| seen.fields.get("id") == Some(&id));
    assert_eq!(seen.map(|seen| (seen.entered, seen.events)), Some((1, 1)));
}

#[test]
fn a_span_is_no_child_of_the_one_it_was_made_in_which_would_stay_open() {
    let _limit = limit();
    collect();
    let pool = Pool::new(1);
    let there = pool.runtime(0);
    pool.block_on(async {
        Builder::new().name("spawned within").spawn_on(&there, async {}).await.expect("it ends");
    });
    assert!(closed("spawned within").has_no_parent);
}

#[test]
fn a_group_does_not_wait_for_a_child_whose_span_panicked() {
    let _limit = limit();
    collect();
    let pool = Pool::new(1);
    // One at a time: the place of the one that was not made is free again.
    let group = ringpool::task::TaskGroup::with_limit(1);
    PANICS.set(true);
    let spawning = std::panic::AssertUnwindSafe(|| group.spawn_on(&pool.runtime(0), async { 1 }));
    std::panic::catch_unwind(spawning).expect_err("the subscriber has panicked");
    group.spawn_on(&pool.runtime(0), async { 2 });
    let outcomes = pool.block_on(group.wait_all());
    assert_eq!(outcomes.into_iter().collect::<Result<Vec<_>, _>>().expect("it ends"), [2]);
}
