//! A pipeline over two rings: producers and the sink on one, workers on the other, two bounded
//! channels between them, and a sum that can be checked.

use ringpool::{Channel, Pool, Receiver, Sender, spawn, spawn_on};

const PRODUCERS: u64 = 4;
const WORKERS: u64 = 4;
const NUMBERS: u64 = 200_000;

/// Sends every number up to `NUMBERS` whose turn it is.
async fn produce(first: u64, numbers: Sender<u64>) {
    for number in (first..=NUMBERS).step_by(PRODUCERS as usize) {
        numbers.send(number).await.expect("the workers stay until the producers have gone");
    }
}

/// Squares what comes, until the last producer has gone.
async fn work(numbers: Receiver<u64>, squares: Sender<u64>) {
    while let Ok(number) = numbers.recv().await {
        squares.send(number * number).await.expect("the sink stays until the workers have gone");
    }
}

fn main() {
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    let (count, sum) = pool.block_on(async {
        let (numbers, to_square) = Channel::bounded(256).split();
        let (squared, squares) = Channel::bounded(256).split();
        for first in 1..=PRODUCERS {
            spawn(produce(first, numbers.clone())).detach();
        }
        for _ in 0..WORKERS {
            spawn_on(&there, work(to_square.clone(), squared.clone())).detach();
        }
        // A channel closes with the last handle of one of its ends: let go of ours.
        drop((numbers, to_square, squared));
        let (mut count, mut sum) = (0, 0);
        while let Ok(square) = squares.recv().await {
            count += 1;
            sum += square;
        }
        (count, sum)
    });
    println!("{count} squares, their sum is {sum}");
    assert_eq!(count, NUMBERS);
    assert_eq!(sum, NUMBERS * (NUMBERS + 1) * (2 * NUMBERS + 1) / 6);
}
