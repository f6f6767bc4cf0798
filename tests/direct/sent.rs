//! Direct descriptors that are sent from ring to ring.

use std::io::{ErrorKind, Read};

use futures::executor;
use ringpool::op;
use ringpool::{Pool, run_on, spawn_on, switch_to};

use crate::common::*;
use crate::support::*;

#[test]
fn one_that_is_sent_is_the_same_open_file_there() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        let (reader, here) = watched().await;
        let sent = here.send_to(&there).await.unwrap();
        assert_eq!((sent.runtime(), here.runtime()), (there.clone(), pool.runtime(0)));
        op::write(&here, "salt ").await.unwrap();
        switch_to(&there).await.unwrap();
        drop(here);
        op::write(&sent, "and pepper").await.unwrap();
        drop(sent);
        assert_eq!(rest_of(reader).await, b"salt and pepper");
    });
}

#[test]
fn sending_to_its_own_ring_gives_a_clone() {
    let _limit = limit();
    let pool = pool_with_places(1, 1);
    pool.block_on(async {
        let direct = fill_one().await.unwrap();
        let same = direct.send_to(&pool.runtime(0)).await.unwrap();
        assert_eq!(same.slot(), direct.slot());
        drop(direct);
        op::write(&same, "x").await.unwrap();
    });
}

#[test]
fn it_is_sent_from_wherever_its_owner_is() {
    let _limit = limit();
    let pool = pool_with_places(3, 4);
    let (reader, direct) = pool.block_on(watched());
    // From the ring that gets it, from a third one, and from no ring at all.
    let second = pool.runtime(1);
    let fetched = pool.block_on(run_on(&second, direct.send_to(&second))).unwrap().unwrap();
    let third = pool.runtime(2);
    let passed_on =
        pool.block_on(run_on(&third, fetched.send_to(&pool.runtime(0)))).unwrap().unwrap();
    let plain = executor::block_on(passed_on.send_to(&third)).unwrap();
    pool.block_on(run_on(&third, async { op::write(&plain, "x").await.map(drop) }))
        .unwrap()
        .unwrap();
    drop((direct, fetched, passed_on, plain));
    let mut text = Vec::new();
    { reader }.read_to_end(&mut text).unwrap();
    assert_eq!(text, b"x");
}

#[test]
fn a_full_table_there_is_an_error_that_names_the_option() {
    let _limit = limit();
    let pool = pool_with_places(2, 2);
    let there = pool.runtime(1);
    pool.block_on(async {
        let direct = fill_one().await.unwrap();
        let filled = run_on(&there, fill(2)).await.unwrap();
        let error = direct.send_to(&there).await.unwrap_err();
        assert!(error.to_string().contains("ring 1, which has 2"), "{error}");
        refused_as_full(Err::<(), _>(error));
        drop(filled);
        // The places are freed by messages, which may come after the file.
        while let Err(error) = direct.send_to(&there).await {
            refused_as_full(Err::<(), _>(error));
        }
    });
}

#[test]
fn a_ring_that_has_stopped_gets_no_file_and_sends_none() {
    let _limit = limit();
    let pool = Pool::new(1);
    let other = Pool::new(1);
    let (stopped, sent) = (other.runtime(0), other.block_on(fill_one()).unwrap());
    let direct = pool.block_on(fill_one()).unwrap();
    // Once with the door open, once without.
    let open = pool.block_on(direct.send_to(&stopped)).unwrap();
    drop(other);
    for _ in 0..2 {
        let error = pool.block_on(direct.send_to(&stopped)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotConnected, "{error}");
    }
    let error = pool.block_on(sent.send_to(&pool.runtime(0))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConnected, "{error}");
    drop(open);
}

#[test]
fn one_sent_to_another_pool_lives_there_when_its_own_has_gone() {
    let _limit = limit();
    let pool = Pool::new(1);
    let other = Pool::new(1);
    let (mut reader, direct) = pool.block_on(watched());
    let sent = pool.block_on(direct.send_to(&other.runtime(0))).unwrap();
    drop(pool);
    drop(direct);
    other.block_on(async { op::write(&sent, "salt").await.map(drop) }).unwrap();
    drop(sent);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "salt");
}

#[test]
fn a_send_that_is_dropped_under_way_leaves_nothing_there() {
    let _limit = limit();
    let pool = pool_with_places(2, 2);
    let there = pool.runtime(1);
    pool.block_on(async {
        let (reader, direct) = watched().await;
        for round in 0..300 {
            let mut send = Box::pin(direct.send_to(&there));
            for _ in 0..round % 4 {
                if poll_once(&mut send, &own_waker().await).is_ready() {
                    break;
                }
                ringpool::yield_now().await;
            }
            drop(send);
        }
        drop(direct);
        assert!(rest_of(reader).await.is_empty());
        run_on(&there, fill_in_time(2)).await.unwrap();
    });
}

#[test]
fn a_send_that_is_dropped_on_another_thread_leaves_nothing_there() {
    let _limit = limit();
    let pool = pool_with_places(2, 2);
    let there = pool.runtime(1);
    for _ in 0..rounds_of_closes(50) {
        let reader = pool.block_on(async {
            let (reader, direct) = watched().await;
            let target = there.clone();
            let mut send = Box::pin(async move { direct.send_to(&target).await });
            let _ = poll_once(&mut send, &own_waker().await);
            std::thread::spawn(move || drop(send));
            reader
        });
        is_closed(reader);
    }
    pool.block_on(run_on(&there, fill_in_time(2))).unwrap();
}

#[test]
fn files_sent_while_the_other_pool_stops_are_sent_or_refused_and_closed() {
    let _limit = limit();
    let pool = Pool::new(1);
    for _ in 0..20 {
        let other = Pool::new(1);
        let target = other.runtime(0);
        let (begun, has_begun) = std::sync::mpsc::channel();
        let sender = spawn_on(&pool.runtime(0), async move {
            let (reader, direct) = watched().await;
            let mut sent = 0;
            let error = loop {
                match direct.send_to(&target).await {
                    Ok(_) => sent += 1,
                    Err(error) => break error,
                }
                let _ = begun.send(());
            };
            drop(direct);
            (reader, sent, error)
        });
        next(&has_begun);
        drop(other);
        let (reader, sent, error) = sender.wait().unwrap();
        assert!(sent > 0);
        // Places that the stopping ring has no time to free may fill its table.
        let kinds = [ErrorKind::NotConnected, ErrorKind::QuotaExceeded];
        assert!(kinds.contains(&error.kind()), "{error:?}");
        is_closed(reader);
    }
}

#[test]
fn rings_that_send_to_each_other_do_not_wait_for_ever() {
    let _limit = limit();
    let pool = pool_with_places(2, 64);
    let tasks: Vec<_> = (0..8)
        .map(|number| {
            let (from, to) = (pool.runtime(number % 2), pool.runtime((number + 1) % 2));
            spawn_on(&from, async move {
                for _ in 0..rounds_of_closes(100) {
                    let (reader, direct) = watched().await;
                    let sent = direct.send_to(&to).await.unwrap();
                    drop(direct);
                    run_on(&to, async { op::write(&sent, "x").await.map(drop) })
                        .await
                        .unwrap()
                        .unwrap();
                    drop(sent);
                    assert_eq!(rest_of(reader).await, b"x");
                }
            })
        })
        .collect();
    for task in tasks {
        task.wait().unwrap();
    }
}
