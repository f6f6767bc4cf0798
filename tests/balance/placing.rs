//! Where a pool puts new tasks.

use ringpool::{Balance, Placement, Pool, spawn_on};

use crate::common::{here, limit, never, until};

fn pool(placement: Placement) -> Pool {
    let builder = Pool::builder().threads(3).balance(Balance::Manual);
    builder.placement(placement).build().expect("a pool")
}

/// Where each of so many tasks finds itself.
fn places(pool: &Pool, count: usize) -> Vec<usize> {
    let tasks: Vec<_> = (0..count).map(|_| pool.spawn(async { here() })).collect();
    tasks.into_iter().map(|task| task.wait().expect("it ends").expect("a ring")).collect()
}

#[test]
fn by_default_a_task_is_born_here_and_from_elsewhere_in_turn() {
    let _limit = limit();
    let pool = pool(Placement::default());
    assert_eq!(places(&pool, 6), [0, 1, 2, 0, 1, 2]);
    let shared = &pool;
    pool.block_on(async {
        for _ in 0..3 {
            assert_eq!(shared.spawn(async { here() }).await.expect("it ends"), Some(0));
        }
    });
    // On a ring of another pool one is elsewhere.
    let other = Pool::new(1);
    other.block_on(async {
        for ring in 0..3 {
            assert_eq!(shared.spawn(async { here() }).await.expect("it ends"), Some(ring));
        }
    });
}

#[test]
fn in_turn_means_in_turn_from_a_ring_too() {
    let _limit = limit();
    let pool = pool(Placement::RoundRobin);
    let shared = &pool;
    pool.block_on(async {
        for ring in [0, 1, 2, 0] {
            assert_eq!(shared.spawn(async { here() }).await.expect("it ends"), Some(ring));
        }
    });
}

#[test]
fn the_least_loaded_ring_gets_the_next() {
    let _limit = limit();
    let pool = pool(Placement::LeastLoaded);
    let [first, third] = [0, 2].map(|ring| {
        let tasks: Vec<_> = (0..10).map(|_| spawn_on(&pool.runtime(ring), never())).collect();
        until(|| pool.runtime(ring).load().tasks_alive == 10);
        tasks
    });
    assert_eq!(places(&pool, 5), [1; 5]);
    drop(first);
    until(|| pool.runtime(0).load().tasks_alive == 0);
    let _here: Vec<_> = (0..5).map(|_| spawn_on(&pool.runtime(1), never())).collect();
    until(|| pool.runtime(1).load().tasks_alive == 5);
    assert_eq!(places(&pool, 5), [0; 5]);
    drop(third);
}

#[test]
fn of_many_rings_the_better_of_two_gets_the_next() {
    let _limit = limit();
    let builder = Pool::builder().threads(6).balance(Balance::Manual);
    let pool = builder.placement(Placement::LeastLoaded).build().expect("a pool");
    let _loaded: Vec<_> = (0..60).map(|n| spawn_on(&pool.runtime(n % 3), never())).collect();
    until(|| (0..3).all(|ring| pool.runtime(ring).load().tasks_alive == 20));
    let places = places(&pool, 400);
    // Of two random ones both are loaded in a quarter of all cases.
    let loaded = places.iter().filter(|place| **place < 3).count();
    assert!((20..200).contains(&loaded), "{loaded} of 400");
    for ring in 3..6 {
        assert!(places.contains(&ring), "none on {ring}");
    }
}

#[test]
fn a_function_chooses_and_what_it_places_stays() {
    let _limit = limit();
    let last = Placement::by(|rings| rings.len() - 1);
    assert_eq!(places(&pool(last), 3), [2; 3]);
    // A number that is too large goes round.
    assert_eq!(places(&pool(Placement::by(|_| 4)), 3), [1; 3]);
}

#[test]
fn a_key_has_one_ring() {
    let _limit = limit();
    let pool = Pool::new(3);
    let ring_of = |key: &str| pool.spawn_by_key(key, async { here() }).wait().expect("it ends");
    let rings: Vec<_> = (0..100).map(|key| ring_of(&key.to_string())).collect();
    let again: Vec<_> = (0..100).map(|key| ring_of(&key.to_string())).collect();
    assert_eq!(rings, again);
    for ring in 0..3 {
        assert!(rings.contains(&Some(ring)));
    }
}

#[test]
fn a_pool_that_has_stopped_places_nothing() {
    let _limit = limit();
    let pool = pool(Placement::LeastLoaded);
    crate::common::shut_down(&pool);
    assert!(pool.spawn(async {}).wait().is_err());
    assert!(pool.spawn_by_key("any", async {}).wait().is_err());
}
