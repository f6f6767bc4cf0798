//! A property: however selects over channels are cancelled, every item arrives once.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ringpool::future::{OneOf2, OneOf3, select, select_all};
use ringpool::{Channel, Pool, Receiver, Sender, Task, spawn_on, switch_to, time, yield_now};

use crate::common::*;
use crate::support::*;

/// Numbers by a well-known generator, xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end
    }
}

type Received = Arc<Mutex<Vec<u64>>>;

/// Numbers from here on are sent or not, since their sends are dropped.
const OPTIONAL: u64 = 1 << 32;

/// Sends its numbers, with branches that win again and again before each is taken; and others,
/// of which it drops the sends.
async fn send_all(pool: Arc<Pool>, sender: Sender<u64>, numbers: Vec<u64>, mut random: Random) {
    for number in numbers {
        let mut sending = sender.send(number);
        let sent = loop {
            let turns = random.below(4);
            if let OneOf2::First(sent) = select((&mut sending, after(turns as usize, ()))).await {
                break sent;
            }
            if random.below(8) == 0 {
                let there = pool.runtime(random.below(2) as usize);
                switch_to(&there).await.expect("the pool is alive");
            }
        };
        sent.expect("there are receivers");
        let turns = random.below(4) as usize;
        select((after(turns, ()), sender.send(OPTIONAL + number))).await;
    }
}

/// Receives from both, with branches that win now and then, until it is cancelled. What was
/// received is noted before the next await.
async fn receive(
    pool: Arc<Pool>,
    receivers: [Receiver<u64>; 2],
    received: Received,
    mut random: Random,
) {
    loop {
        let [one, other] = &receivers;
        let which = match random.below(3) {
            0 => {
                let pause = time::sleep(Duration::from_micros(random.below(50)));
                match select((one.recv(), other.recv(), pause)).await {
                    OneOf3::First(number) | OneOf3::Second(number) => Some(number),
                    OneOf3::Third(()) => None,
                }
            }
            1 => match select((yield_now(), other.recv(), one.recv())).await {
                OneOf3::Second(number) | OneOf3::Third(number) => Some(number),
                OneOf3::First(()) => None,
            },
            _ => Some(select_all([other.recv(), one.recv()]).await.1),
        };
        if let Some(number) = which {
            received.lock().unwrap().push(number.expect("there are senders"));
        }
        if random.below(16) == 0 {
            let there = pool.runtime(random.below(2) as usize);
            switch_to(&there).await.expect("the pool is alive");
        }
    }
}

fn every_item_arrives_once(capacity: usize, seed: u64) {
    let pool = Arc::new(Pool::new(2));
    let mut random = Random(seed);
    let channels = [(); 2].map(|()| Channel::bounded(capacity).split());
    let each = rounds(500) as u64;
    let received = Received::default();
    let mut sending = Vec::new();
    for number in 0..4 {
        let numbers = (number * each..(number + 1) * each).collect();
        let sender = channels[number as usize % 2].0.clone();
        let own = Random(random.below(u64::MAX) | 1);
        let ring = pool.runtime(number as usize % 2);
        sending.push(spawn_on(&ring, send_all(pool.clone(), sender, numbers, own)));
    }
    let begin = |index: usize, random: &mut Random| -> Task<()> {
        let receivers = channels.each_ref().map(|(_, receiver)| receiver.clone());
        let own = Random(random.below(u64::MAX) | 1);
        let ring = pool.runtime(index % 2);
        spawn_on(&ring, receive(pool.clone(), receivers, received.clone(), own))
    };
    let mut receiving: Vec<_> = (0..3).map(|index| begin(index, &mut random)).collect();
    pool.block_on(async {
        while !sending.iter().all(Task::is_finished) {
            let index = random.below(3) as usize;
            let ended = std::mem::replace(&mut receiving[index], begin(index, &mut random));
            assert!(ended.cancel().await.is_none(), "it ends by a cancel only");
            after(random.below(5) as usize, ()).await;
        }
        for task in sending {
            task.await.expect("all is sent");
        }
        for task in receiving {
            assert!(task.cancel().await.is_none());
        }
    });
    // What nobody has received is still there.
    let mut all = received.lock().unwrap().clone();
    for (_, receiver) in &channels {
        all.extend(std::iter::from_fn(|| receiver.try_recv().ok()));
    }
    let count = all.len();
    let different: HashSet<_> = all.into_iter().collect();
    assert_eq!(count, different.len(), "nothing comes twice: {seed}");
    assert!((0..4 * each).all(|number| different.contains(&number)), "nothing is lost: {seed}");
    assert!(different.iter().all(|number| number % OPTIONAL < 4 * each), "nothing is invented");
}

#[test]
fn selects_that_are_cancelled_at_random_lose_no_item_and_double_none() {
    let _limit = limit();
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    for (round, capacity) in [0, 1, 7].into_iter().enumerate() {
        let seed = (seed.as_nanos() as u64).wrapping_add(round as u64) | 1;
        println!("capacity {capacity}, seed {seed}");
        every_item_arrives_once(capacity, seed);
    }
}
