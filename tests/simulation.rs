//! The simulation of the balancer: it loses nothing, undercuts no bound and comes out the same; and
//! what it shows of shedding.

#[path = "../benches/simulation/bits.rs"]
mod bits;
#[path = "../benches/simulation/plot.rs"]
mod plot;
#[path = "../benches/simulation/policy.rs"]
mod policy;
#[path = "../benches/simulation/random.rs"]
mod random;
#[path = "../benches/simulation/runs.rs"]
#[allow(dead_code, reason = "the bench runs more rings")]
mod runs;
#[path = "../benches/simulation/shapes.rs"]
mod shapes;
#[path = "../benches/simulation/shedding.rs"]
mod shedding;
#[path = "../benches/simulation/strategies.rs"]
mod strategies;
#[path = "../benches/simulation/tables.rs"]
mod tables;
#[path = "../benches/simulation/world.rs"]
mod world;

use random::Random;
use runs::{Contender, Run};
use shapes::{Shape, Task, ideal_ns};

const SHEDDING: [Contender; 4] = [
    Contender::Shedding,
    Contender::SheddingSleepingAtOnce,
    Contender::SheddingLookingOn,
    Contender::SheddingTrusting,
];

#[test]
fn every_task_is_polled_as_often_as_it_needs_and_no_bound_is_undercut() {
    for shape in Shape::ALL {
        for rings in [1, 2, 3, 17] {
            let tasks = shape.tasks(rings, 1);
            let polls: Vec<u32> = tasks.iter().map(|task| task.polls).collect();
            let polls_in_all: usize = polls.iter().map(|polls| *polls as usize).sum();
            for contender in Contender::ALL {
                let outcome = contender.simulate(&tasks, rings, 1);
                let name = format!("{shape:?} on {rings} by {contender:?}");
                assert!(outcome.polls == polls, "{name}: a task was lost or polled twice");
                assert_eq!(outcome.waits_ns.len(), polls_in_all, "{name}");
                assert!(outcome.makespan_ns as f64 >= ideal_ns(&tasks, rings), "{name}");
            }
        }
    }
}

#[test]
fn random_loads_lose_nothing_either() {
    for seed in 0..200 {
        let random = &mut Random::new(seed);
        let rings = 1 + random.index(9);
        let task = |random: &mut Random| Task {
            ring: random.index(rings),
            arrives_ns: random.between(0, 100_000),
            poll_ns: random.between(1, 20_000),
            polls: random.between(1, 4) as u32,
            gap_ns: random.between(0, 3) * 5_000,
        };
        let tasks: Vec<Task> = (0..random.index(200)).map(|_| task(random)).collect();
        for contender in Contender::ALL {
            let outcome = contender.simulate(&tasks, rings, seed);
            let is_done =
                tasks.iter().zip(&outcome.polls).all(|(task, polls)| task.polls == *polls);
            assert!(is_done, "seed {seed}: a task was lost by {contender:?}");
        }
    }
}

#[test]
fn a_seed_decides_everything() {
    let run = |seed| {
        let tasks = Shape::Bursts.tasks(8, seed);
        Contender::ALL.map(|contender| {
            let outcome = contender.simulate(&tasks, 8, seed);
            (outcome.makespan_ns, outcome.waits_ns, outcome.moves, outcome.wakes)
        })
    };
    assert!(run(1) == run(1));
    assert!(run(1) != run(2));
}

#[test]
fn one_hot_ring_is_evened_out_by_shedding_and_not_at_all_without() {
    for rings in [2, 4, 8, 16, 32, 64] {
        for contender in SHEDDING {
            let run = runs::run(Shape::OneHotRing, rings, contender);
            assert!(run.ratio <= 1.10, "{run:?}");
            assert!(run.moves_a_task <= 1.0, "{run:?}");
        }
        let run = runs::run(Shape::OneHotRing, rings, Contender::Static);
        assert!(run.ratio >= rings as f64 && run.wakes == 0 && run.moves_a_task == 0.0, "{run:?}");
    }
}

#[test]
fn shed_tasks_do_not_ping_pong() {
    for shape in Shape::ALL {
        for contender in SHEDDING {
            let run = runs::run(shape, 16, contender);
            assert!(run.moves_a_task <= 2.0, "{run:?}");
        }
    }
}

/// On balanced load nothing is made worse.
#[test]
fn uniform_load_waits_no_longer_than_without_balancing() {
    for rings in [2, 16] {
        let alone = runs::run(Shape::Uniform, rings, Contender::Static);
        for contender in SHEDDING {
            let run = runs::run(Shape::Uniform, rings, contender);
            assert!(run.wait_median_ns <= alone.wait_median_ns, "{run:?} beside {alone:?}");
            assert!(run.wait_long_ns <= alone.wait_long_ns, "{run:?} beside {alone:?}");
        }
    }
}

#[test]
fn the_ideal_is_the_work_over_the_rings_or_the_longest_task() {
    let task = |arrives_ns, poll_ns| Task { ring: 0, arrives_ns, poll_ns, polls: 1, gap_ns: 0 };
    assert_eq!(ideal_ns(&[task(0, 10), task(0, 10), task(0, 10)], 2), 15.0);
    assert_eq!(ideal_ns(&[task(0, 10), task(0, 90)], 2), 90.0);
    assert_eq!(ideal_ns(&[task(0, 10), task(100, 10), task(100, 20)], 2), 120.0);
    let waits = Task { polls: 3, gap_ns: 50, ..task(5, 10) };
    assert_eq!(ideal_ns(&[waits], 8), 135.0);
    assert_eq!(ideal_ns(&[], 2), 0.0);
}

#[test]
fn tables_and_plot_show_every_shape_and_strategy() {
    let shapes = [Shape::OneHotRing, Shape::OneHotRingShortTasks];
    let runs: Vec<Run> = shapes
        .into_iter()
        .flat_map(|shape| Contender::ALL.map(|contender| runs::run(shape, 2, contender)))
        .collect();
    let (text, picture) = (tables::all(&runs), plot::svg(&runs));
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"), "{picture}");
    for shape in Shape::ALL {
        assert!(picture.contains(&format!(">{}</text>", shape.name())), "{picture}");
    }
    for contender in Contender::ALL {
        assert_eq!(text.matches(&format!("| 2 | {} | ", contender.name())).count(), 2, "{text}");
    }
    assert!(picture.contains(Contender::Shedding.name()), "{picture}");
}
