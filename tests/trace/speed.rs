//! Traces of pools at full speed: what is not in the file is counted.

use ringpool::{Pool, Runtime, Task, spawn_on, switch_to, yield_now};

use super::common::*;
use super::support::finish;

const TASKS: usize = 50;

/// Tasks that are born here and there, move, wake each other and end.
fn bustle(pool: &Pool) {
    let moves = rounds(200);
    let life = move |runtimes: Vec<Runtime>, number: usize| async move {
        for step in 0..moves {
            switch_to(&runtimes[(number + step) % runtimes.len()]).await.unwrap();
            yield_now().await;
            if step % 10 == 0 {
                let other = &runtimes[(number + step / 10) % runtimes.len()];
                spawn_on(other, yield_now()).await.unwrap();
            }
        }
    };
    let spawn = |number| pool.spawn(life(pool.runtimes().to_vec(), number));
    let tasks: Vec<Task<()>> = (0..TASKS).map(spawn).collect();
    tasks.into_iter().for_each(|task| task.wait().unwrap());
}

fn total(pool: &Pool, of: impl Fn(&ringpool::RuntimeMetrics) -> u64) -> usize {
    pool.runtimes().iter().map(|runtime| of(&runtime.metrics())).sum::<u64>() as usize
}

#[test]
fn nothing_is_lost_while_tasks_move_and_end_as_fast_as_they_can() {
    let _limit = limit();
    let pool = Pool::new(3);
    // The rings have come to rest: what follows is in the trace.
    bustle(&pool);
    let (polls, arrivals) = (total(&pool, |m| m.polls), total(&pool, |m| m.arrivals + m.sheds_in));
    let recording = pool.start_trace(4_000_000).unwrap();
    // A ring that takes what lies on a shelf may do so before it has read that it is to record; it
    // has when it has run what was sent to it behind that.
    pool.runtimes().iter().for_each(|ring| ring.spawn(async {}).wait().unwrap());
    bustle(&pool);
    let polls = total(&pool, |m| m.polls) - polls;
    let arrivals = total(&pool, |m| m.arrivals + m.sheds_in) - arrivals;
    let (trace, report) = finish(recording);
    assert_eq!(report.dropped, 0);
    assert!(report.without_answer.is_empty());
    assert_eq!(trace.polls(), polls);
    assert_eq!(trace.arrivals.len(), arrivals);
    // Each of them came by a message or from a shelf, and both ends of that are known.
    assert_eq!(trace.arrows.iter().filter(|arrow| arrow.task.is_some()).count(), arrivals);
}

#[test]
fn what_finds_no_room_is_counted_and_the_rest_is_as_it_was() {
    let _limit = limit();
    let pool = Pool::new(3);
    bustle(&pool);
    for events_max in [0, 1, 2, 3, 100, 1_001] {
        let polls = total(&pool, |m| m.polls);
        let recording = pool.start_trace(events_max).unwrap();
        bustle(&pool);
        let polls = total(&pool, |m| m.polls) - polls;
        let (trace, report) = finish(recording);
        assert!(report.events <= 4 * events_max, "{report:?}");
        assert!(report.dropped > 0);
        assert!(report.events + report.dropped as usize >= 2 * polls, "{report:?}");
        let said: u64 = trace.tracks.iter().map(|(_, dropped)| dropped).sum();
        assert!(said > 0 && said <= report.dropped, "{said} in the file, {report:?}");
        let is_remark = |slice: &&super::support::Slice| slice.name == "not recorded";
        assert!(trace.slices.iter().filter(is_remark).count() >= 3, "each ring says so");
    }
}
