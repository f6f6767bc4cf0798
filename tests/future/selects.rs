//! `select`: the first wins at once, and no branch that loses takes anything.

use std::future::pending;
use std::task::{Poll, Waker};

use ringpool::future::{OneOf2, OneOf3, OneOf4, select, select_all};
use ringpool::{Channel, Pool, RecvError, op, spawn_on, switch_to, time};

use crate::common::*;
use crate::support::*;

#[test]
fn the_branch_before_wins_on_every_poll() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let channels = [(); 4].map(|()| Channel::bounded(1));
        for channel in &channels[1..] {
            channel.try_send(1).unwrap();
        }
        let [a, b, c, d] = &channels;
        for expected in 1..4 {
            let selected = select((a.recv(), b.recv(), c.recv(), d.recv())).await;
            assert_eq!(selected.index(), expected);
        }
        assert_eq!(select_all([after(2, 'a'), after(1, 'b'), after(1, 'c')]).await, (1, 'b'));
        let text = panic_of(|| drop(select_all(Vec::<std::future::Ready<()>>::new())));
        assert!(text.contains("at least one"), "{text}");
    });
}

#[test]
fn a_select_does_not_wait_for_the_kernel_but_the_task_does() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (reader, _writer) = pipe();
    let mut selecting = Box::pin(select((op::read(&reader, vec![0; 3]), after(1, ()))));
    pool.block_on(async {
        let waker = own_waker().await;
        assert!(poll_once(&mut selecting, &waker).is_pending());
        assert_eq!(poll_once(&mut selecting, &waker).map(|which| which.index()), Poll::Ready(1));
    });
    let task = pool.runtime(0).spawn(async move {
        loop {
            select((op::read(&reader, vec![0; 3]), after(2, ()))).await;
        }
    });
    assert!(futures::executor::block_on(task.cancel()).is_none());
    comes_to_rest(&pool);
    drop(_writer);
}

#[test]
fn losers_that_were_lent_go_on_where_they_were() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (reader, writer) = pipe();
    pool.block_on(async {
        let mut read = op::read(&reader, vec![0; 4]);
        let mut sum = Box::pin(after(20, 7));
        let mut forever = spawn_on(&pool.runtime(1), pending::<()>());
        let mut ended = 0;
        while ended < 20 {
            match select((&mut read, &mut forever, &mut sum, after(1, ()))).await {
                OneOf4::Third(output) => {
                    assert_eq!(output, 7);
                    break;
                }
                OneOf4::Fourth(()) => ended += 1,
                other => panic!("{}", other.index()),
            }
            switch_to(&pool.runtime(ended % 2)).await.unwrap();
        }
        std::io::Write::write_all(&mut &writer, b"data").unwrap();
        let OneOf2::First(read) = select((&mut read, &mut forever)).await else { panic!("which") };
        assert_eq!(read.unwrap().1, b"data");
        assert!(forever.cancel().await.is_none());
    });
}

#[test]
fn a_send_that_loses_keeps_its_item_and_a_receive_takes_none() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        for capacity in [0, 1, 3] {
            let (sender, receiver) = Channel::bounded(capacity).split();
            for number in 0..capacity {
                sender.try_send(number).unwrap();
            }
            assert_eq!(select((sender.send(99), after(2, ()))).await.index(), 1);
            for number in 0..capacity {
                assert_eq!(
                    select((receiver.recv(), pending::<()>())).await,
                    OneOf2::First(Ok(number))
                );
            }
            assert_eq!(select((receiver.recv(), after(2, ()))).await, OneOf2::Second(()));
            // Both ends at once, of one rendezvous too.
            let both = ringpool::future::join((sender.send(5), receiver.recv())).await;
            assert_eq!(both, (Ok(()), Ok(5)));
            drop(sender);
            assert_eq!(select((receiver.recv(), never())).await, OneOf2::First(Err(RecvError)));
        }
    });
}

#[test]
fn an_item_handed_to_a_branch_that_loses_goes_to_the_next_who_asks() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        for capacity in [0, 1] {
            let (sender, receiver) = Channel::bounded(capacity).split();
            let gate = Gate::new();
            let mut selecting = Box::pin(select((gate.pass(), receiver.recv())));
            assert!(poll_once(&mut selecting, Waker::noop()).is_pending());
            // The item is the receive's now, but the gate comes before it.
            sender.try_send('x').unwrap();
            gate.open();
            assert_eq!(poll_once(&mut selecting, Waker::noop()), Poll::Ready(OneOf2::First(())));
            drop(selecting);
            assert_eq!(receiver.recv().await, Ok('x'));
        }
    });
}

#[test]
fn a_stream_of_selects_over_channels_timers_and_tasks_goes_on() {
    let _limit = limit();
    let pool = Pool::new(2);
    pool.block_on(async {
        let (sender, receiver) = Channel::bounded(4).split();
        let mut sending = spawn_on(&pool.runtime(1), async move {
            for number in 0..1000 {
                sender.send(number).await.unwrap();
            }
        });
        let (mut next, mut has_ended) = (0, false);
        while next < 1000 || !has_ended {
            let tick = time::sleep(SHORT);
            if has_ended {
                assert_eq!(receiver.recv().await, Ok(next));
                next += 1;
                continue;
            }
            match select((receiver.recv(), &mut sending, tick)).await {
                OneOf3::First(item) => {
                    assert_eq!(item, Ok(next));
                    next += 1;
                }
                OneOf3::Second(ended) => {
                    ended.unwrap();
                    has_ended = true;
                }
                OneOf3::Third(()) => {}
            }
            if next == 1000 && !has_ended {
                (&mut sending).await.unwrap();
                has_ended = true;
            }
        }
    });
}

#[test]
fn two_selects_meet_in_a_channel_without_places() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (item, other) = (Channel::bounded(0), Channel::<()>::bounded(1));
    let count = rounds(300);
    let sending = pool.spawn({
        let (item, other) = (item.clone(), other.clone());
        async move {
            for number in 0..count {
                assert_eq!(select((other.recv(), item.send(number))).await.index(), 1);
            }
        }
    });
    let there = pool.runtime(1);
    let receiving = spawn_on(&there, async move {
        for number in 0..count {
            match select((item.recv(), other.recv())).await {
                OneOf2::First(received) => assert_eq!(received, Ok(number)),
                OneOf2::Second(_) => unreachable!("nobody sends there"),
            }
        }
    });
    receiving.wait().unwrap();
    sending.wait().unwrap();
}

#[test]
fn a_select_that_meets_itself_in_a_channel_loses_no_item() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        for capacity in [0, 1] {
            let channel = Channel::bounded(capacity);
            // The receive that waits is handed the item of the send behind it.
            let selected = select((channel.recv(), channel.send(7))).await;
            assert_eq!(selected, OneOf2::Second(Ok(())));
            assert_eq!(channel.recv().await, Ok(7), "with {capacity} places");
        }
    });
}
