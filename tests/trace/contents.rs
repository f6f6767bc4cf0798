//! What is in a trace.

use std::collections::HashSet;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use ringpool::time::sleep;
use ringpool::{
    Balance, Channel, Pool, current, run_on, spawn, spawn_on, switch_to, task, yield_now,
};

use super::common::*;
use super::support::{Scratch, Trace, finish};

#[test]
fn each_ring_has_a_track_and_one_more_is_for_other_threads() {
    let _limit = limit();
    let pool = Pool::new(3);
    let scratch = Scratch::new();
    let report = pool.trace(&scratch.0, Duration::from_millis(500)).unwrap();
    let trace = Trace::read(&scratch);
    let names: Vec<&str> = trace.tracks.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["other threads", "ring 0", "ring 1", "ring 2"]);
    assert_eq!(report.dropped, 0);
    assert!(report.without_answer.is_empty());
    // They had nothing to do, and may still sleep.
    for ring in ["ring 0", "ring 1", "ring 2"] {
        assert!(trace.on(ring).any(|slice| slice.name == "sleep"), "{trace:?}");
    }
}

#[test]
fn the_polls_of_a_task_are_on_the_track_of_its_ring_with_its_name() {
    let _limit = limit();
    let name = "odd \"name\" \\ of\na task\u{1} é";
    let pool = Pool::new(2);
    let recording = pool.start_trace(10_000).unwrap();
    let named = task::Builder::new().name(name).spawn_on(&pool.runtime(1), async {
        for _ in 0..9 {
            yield_now().await;
        }
    });
    let id = named.id().get();
    named.wait().unwrap();
    let (trace, _) = finish(recording);
    let polls = trace.polls_of(name);
    assert_eq!(polls.len(), 10);
    for (number, poll) in (1..).zip(polls) {
        assert_eq!(poll.track, "ring 1");
        assert_eq!(poll.args["task"], id);
        assert_eq!(poll.args["task_name"], name);
        assert!(poll.args["spawned_at"].as_str().unwrap().contains("contents.rs:"));
        assert_eq!(poll.args["outcome"], if number == 10 { "finished" } else { "pending" });
    }
}

#[test]
fn a_task_without_a_name_is_called_by_where_it_was_spawned() {
    let _limit = limit();
    let pool = Pool::new(1);
    let recording = pool.start_trace(10_000).unwrap();
    let line = line!() + 1;
    pool.spawn(async {}).wait().unwrap();
    let (trace, _) = finish(recording);
    assert_eq!(trace.polls_of(&format!("{}:{line}", file!())).len(), 1, "{trace:?}");
}

#[test]
fn a_message_is_an_arrow_from_the_track_of_its_sender_to_that_of_its_receiver() {
    let _limit = limit();
    let pool = Pool::new(2);
    let recording = pool.start_trace(100_000).unwrap();
    let (there, rounds) = (pool.runtime(1), 50);
    pool.block_on(async {
        let (ping, pong) = (Channel::bounded(1), Channel::bounded(1));
        let (to_serve, answers) = (ping.clone(), pong.clone());
        let server = spawn_on(&there, async move {
            while let Ok(number) = to_serve.recv().await {
                answers.send(number).await.unwrap();
            }
        });
        for number in 0..rounds {
            ping.send(number).await.unwrap();
            assert_eq!(pong.recv().await, Ok(number));
            // Until the other one waits again, so that it has to be woken.
            sleep(Duration::from_micros(200)).await;
        }
        ping.close();
        server.await.unwrap();
    });
    let (trace, report) = finish(recording);
    assert_eq!(report.dropped, 0);
    let messages = trace.arrows_named("message");
    let between =
        |from, to| messages.iter().filter(|arrow| arrow.from == from && arrow.to == to).count();
    assert!(between("ring 0", "ring 1") > 0, "{messages:?}");
    assert!(between("ring 1", "ring 0") > 0, "{messages:?}");
}

#[test]
fn a_wake_by_a_plain_thread_is_an_arrow_from_the_other_threads() {
    let _limit = limit();
    let pool = Pool::new(1);
    let recording = pool.start_trace(10_000).unwrap();
    let (gate, waiting) = (Gate::new(), Count::new());
    let (theirs, begun) = (gate.clone(), waiting.clone());
    let task = pool.spawn(async move {
        begun.add();
        theirs.pass().await;
    });
    waiting.reaches(1);
    // It may not wait at the gate yet, and is then not woken.
    until(|| pool.runtime(0).load().tasks_ready == 0);
    gate.open();
    task.wait().unwrap();
    let (trace, _) = finish(recording);
    let spawns = trace.arrows_named("spawn");
    assert_eq!(spawns.len(), 1);
    assert_eq!((spawns[0].from.as_str(), spawns[0].to.as_str()), ("other threads", "ring 0"));
    assert!(trace.on("other threads").any(|slice| slice.args["to"] == 0));
}

#[test]
fn each_switch_is_an_arrow_and_an_arrival() {
    let _limit = limit();
    let pool = Pool::new(2);
    let recording = pool.start_trace(100_000).unwrap();
    let (home, there, rounds) = (pool.runtime(0), pool.runtime(1), 100);
    let traveller = task::Builder::new().name("traveller").spawn_on(&home.clone(), async move {
        for _ in 0..rounds {
            switch_to(&there).await.unwrap();
            run_on(&home, async { assert_eq!(here(), Some(0)) }).await.unwrap();
            switch_to(&home).await.unwrap();
        }
    });
    let id = traveller.id().get();
    traveller.wait().unwrap();
    let (trace, report) = finish(recording);
    assert_eq!(report.dropped, 0);
    let switches = trace.arrows_named("switch");
    assert_eq!(switches.len(), 4 * rounds);
    for (number, arrow) in switches.iter().enumerate() {
        let way = if number % 2 == 0 { ("ring 0", "ring 1") } else { ("ring 1", "ring 0") };
        assert_eq!((arrow.from.as_str(), arrow.to.as_str()), way);
        assert_eq!(arrow.task, Some(id));
        assert!(number == 0 || switches[number - 1].end <= arrow.start);
    }
    let arrivals = |name| trace.arrivals.iter().filter(|(_, how, _)| how == name).count();
    assert_eq!(arrivals("switched here"), 4 * rounds);
    assert_eq!(arrivals("spawned here"), 1);
    let polls = trace.polls_of("traveller");
    let tracks: Vec<&str> = polls.iter().map(|poll| poll.track.as_str()).collect();
    let expected: Vec<&str> =
        ["ring 0", "ring 1"].into_iter().cycle().take(4 * rounds + 1).collect();
    assert_eq!(tracks, expected);
}

#[test]
fn a_task_that_is_spawned_elsewhere_is_an_arrow_and_one_that_is_spawned_here_is_none() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    let recording = pool.start_trace(10_000).unwrap();
    let (far, near) = pool.block_on(async {
        let far = spawn_on(&there, async {});
        let near = spawn(async {});
        let ids = (far.id().get(), near.id().get());
        far.await.unwrap();
        near.await.unwrap();
        ids
    });
    let (trace, _) = finish(recording);
    let of = |task| {
        let is_of = |arrow: &&super::support::Arrow| arrow.task == Some(task);
        let arrows = trace.arrows_named("spawn").into_iter().filter(is_of);
        arrows.map(|arrow| (arrow.from.clone(), arrow.to.clone())).collect::<Vec<_>>()
    };
    assert_eq!(of(far), [("ring 0".to_owned(), "ring 1".to_owned())]);
    assert_eq!(of(near), []);
}

#[test]
fn a_task_that_another_ring_takes_over_is_an_arrow_and_an_arrival() {
    let _limit = limit();
    let pool = Pool::builder().threads(2).balance(Balance::Shed).build().unwrap();
    let recording = pool.start_trace(100_000).unwrap();
    let bearer = pool.runtime(0).spawn(async {
        let work = || {
            task::Builder::new().name("work").spawn(async {
                let begun = Instant::now();
                until(|| begun.elapsed() >= Duration::from_millis(1));
            })
        };
        let tasks: Vec<_> = (0..200).map(|_| work()).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    bearer.wait().unwrap();
    let sheds = pool.runtime(1).metrics().sheds_in;
    let (trace, report) = finish(recording);
    assert_eq!(report.dropped, 0);
    let polls = trace.polls_of("work");
    let there: Vec<_> = polls.iter().filter(|poll| poll.track == "ring 1").collect();
    assert_eq!(polls.len(), 200);
    let arrows: Vec<_> = trace.arrows_named("shed");
    let arrows = arrows.iter().filter(|arrow| arrow.to == "ring 1");
    let came: HashSet<u64> = arrows.filter_map(|arrow| arrow.task).collect();
    assert!(there.iter().all(|poll| came.contains(&poll.args["task"].as_u64().unwrap())));
    let taken =
        trace.arrivals.iter().filter(|(ring, how, _)| ring == "ring 1" && how == "taken over");
    assert_eq!(taken.count() as u64, sheds);
    if available_parallelism().is_ok_and(|processors| processors.get() > 1) {
        assert!(sheds > 0, "200 ms of work on one ring, and nothing on the other");
    }
}

#[test]
fn the_drop_of_a_cancelled_task_is_drawn() {
    let _limit = limit();
    let pool = Pool::new(1);
    let recording = pool.start_trace(10_000).unwrap();
    let task = pool.spawn(never());
    let id = task.id().get();
    pool.block_on(async { task.cancel().await });
    let (trace, _) = finish(recording);
    let drops: Vec<_> = trace.on("ring 0").filter(|slice| slice.category == "drop").collect();
    assert_eq!(drops.len(), 1);
    assert_eq!(drops[0].args["task"], id);
}

#[test]
fn a_poll_that_does_not_return_is_drawn_to_the_end() {
    let _limit = limit();
    let pool = Pool::new(2);
    let recording = pool.start_trace(10_000).unwrap();
    let (gate, begun) = (Gate::new(), Count::new());
    let (wait_for, begins) = (gate.clone(), begun.clone());
    let stuck = task::Builder::new().name("stuck").spawn_on(&pool.runtime(1), async move {
        begins.add();
        wait_for.wait();
        current().map(|runtime| runtime.index())
    });
    begun.reaches(1);
    let (trace, report) = finish(recording);
    gate.open();
    assert_eq!(stuck.wait().unwrap(), Some(1));
    assert!(!report.without_answer.contains(&1));
    let polls = trace.polls_of("stuck");
    assert_eq!(polls.len(), 1);
    assert_eq!(polls[0].track, "ring 1");
    assert_eq!(polls[0].args["outcome"], "goes on after the trace");
}
