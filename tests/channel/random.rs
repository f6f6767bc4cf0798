//! Random operations against a model that is as plain as can be, and random threads.

use crate::support::{ByHand, Counted, Drops, Random, seed};
use ringpool::channel::{Channel, RecvFuture, SendFuture, TryRecvError, TrySendError};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;

/// What a waiting future is to find at its next poll.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Waits,
    Sent,
    Got(usize),
    Closed,
}

struct Future<F> {
    real: ByHand<F>,
    fate: Fate,
    /// The item of a sender; the number of its hand-off once a receiver was served.
    number: usize,
}

/// The channel and its model. Futures are kept in the order in which they came to wait.
struct Pair<'a> {
    channel: &'a Channel<Counted>,
    drops: &'a Drops,
    made: usize,
    queue: VecDeque<usize>,
    returned: Vec<(usize, usize)>,
    hand_offs: usize,
    closed: bool,
    senders: Vec<Future<SendFuture<'a, Counted>>>,
    receivers: Vec<Future<RecvFuture<'a, Counted>>>,
}

impl<'a> Pair<'a> {
    fn first_waiting<F>(futures: &mut [Future<F>]) -> Option<&mut Future<F>> {
        futures.iter_mut().find(|future| future.fate == Fate::Waits)
    }

    fn make(&mut self) -> Counted {
        self.made += 1;
        self.drops.item(self.made - 1)
    }

    fn model_send(&mut self, number: usize) -> Fate {
        if self.closed {
            return Fate::Closed;
        }
        if let Some(receiver) = Self::first_waiting(&mut self.receivers) {
            receiver.fate = Fate::Got(number);
            receiver.number = self.hand_offs;
            self.hand_offs += 1;
            return Fate::Sent;
        }
        if self.queue.len() < self.channel.capacity() {
            self.queue.push_back(number);
            return Fate::Sent;
        }
        Fate::Waits
    }

    fn model_recv(&mut self) -> Fate {
        if !self.returned.is_empty() {
            return Fate::Got(self.returned.remove(0).1);
        }
        if let Some(sender) = Self::first_waiting(&mut self.senders) {
            sender.fate = Fate::Sent;
            self.queue.push_back(sender.number);
        }
        match self.queue.pop_front() {
            Some(number) => Fate::Got(number),
            None if self.closed => Fate::Closed,
            None => Fate::Waits,
        }
    }

    fn try_send(&mut self) {
        let item = self.make();
        let expected = self.model_send(item.number);
        let real = match self.channel.try_send(item) {
            Ok(()) => Fate::Sent,
            Err(TrySendError::Full(_)) => Fate::Waits,
            Err(TrySendError::Closed(_)) => Fate::Closed,
        };
        assert_eq!(real, expected);
    }

    fn try_recv(&mut self) {
        let real = match self.channel.try_recv() {
            Ok(item) => Fate::Got(item.number),
            Err(TryRecvError::Empty) => Fate::Waits,
            Err(TryRecvError::Closed) => Fate::Closed,
        };
        assert_eq!(real, self.model_recv());
    }

    fn start_send(&mut self) {
        let item = self.make();
        let number = item.number;
        let mut real = ByHand::new(self.channel.send(item));
        let expected = self.model_send(number);
        assert_eq!(sent(real.poll()), expected);
        if expected == Fate::Waits {
            self.senders.push(Future { real, fate: Fate::Waits, number });
        }
    }

    fn start_recv(&mut self) {
        let mut real = ByHand::new(self.channel.recv());
        let expected = self.model_recv();
        assert_eq!(got(real.poll()), expected);
        if expected == Fate::Waits {
            self.receivers.push(Future { real, fate: Fate::Waits, number: 0 });
        }
    }

    fn poll_sender(&mut self, place: usize) {
        let sender = &mut self.senders[place];
        assert_eq!(sender.real.wakes(), usize::from(sender.fate != Fate::Waits));
        assert_eq!(sent(sender.real.poll()), sender.fate);
        if sender.fate != Fate::Waits {
            self.senders.remove(place);
        }
    }

    fn poll_receiver(&mut self, place: usize) {
        let receiver = &mut self.receivers[place];
        assert_eq!(got(receiver.real.poll()), receiver.fate);
        if receiver.fate != Fate::Waits {
            assert_eq!(receiver.real.wakes(), 1);
            self.receivers.remove(place);
        }
    }

    fn drop_receiver(&mut self, place: usize) {
        let gone = self.receivers.remove(place);
        if let Fate::Got(item) = gone.fate {
            match Self::first_waiting(&mut self.receivers) {
                Some(next) => (next.fate, next.number) = (gone.fate, gone.number),
                None => self.returned.push((gone.number, item)),
            }
            self.returned.sort_unstable();
        }
    }

    fn close(&mut self) {
        self.channel.close();
        self.closed = true;
        while let Some(sender) = Self::first_waiting(&mut self.senders) {
            sender.fate = Fate::Closed;
        }
        while let Some(receiver) = Self::first_waiting(&mut self.receivers) {
            receiver.fate = Fate::Closed;
        }
    }

    fn step(&mut self, random: &mut Random) {
        match random.below(100) {
            0..15 => self.try_send(),
            15..30 => self.try_recv(),
            30..50 => self.start_send(),
            50..70 => self.start_recv(),
            70..77 if !self.senders.is_empty() => {
                self.poll_sender(random.below(self.senders.len()));
            }
            77..84 if !self.receivers.is_empty() => {
                self.poll_receiver(random.below(self.receivers.len()));
            }
            84..90 if !self.senders.is_empty() => {
                drop(self.senders.remove(random.below(self.senders.len())));
            }
            90..97 if !self.receivers.is_empty() => {
                self.drop_receiver(random.below(self.receivers.len()));
            }
            97 if random.below(30) == 0 => self.close(),
            _ => {}
        }
        assert_eq!(self.channel.len(), self.queue.len() + self.returned.len());
        assert_eq!(self.channel.is_closed(), self.closed);
    }
}

fn sent<T, E>(polled: Poll<Result<T, E>>) -> Fate {
    match polled {
        Poll::Ready(Ok(_)) => Fate::Sent,
        Poll::Ready(Err(_)) => Fate::Closed,
        Poll::Pending => Fate::Waits,
    }
}

fn got<E>(polled: Poll<Result<Counted, E>>) -> Fate {
    match polled {
        Poll::Ready(Ok(item)) => Fate::Got(item.number),
        Poll::Ready(Err(_)) => Fate::Closed,
        Poll::Pending => Fate::Waits,
    }
}

#[test]
fn random_operations_do_what_the_model_does() {
    let seed = seed();
    for round in 0..600 {
        let mut random = Random::new(seed.wrapping_add(round));
        let steps = 300;
        let drops = Drops::new(steps);
        let channel = Channel::bounded(random.below(5));
        let mut pair = Pair {
            channel: &channel,
            drops: &drops,
            made: 0,
            queue: VecDeque::new(),
            returned: Vec::new(),
            hand_offs: 0,
            closed: false,
            senders: Vec::new(),
            receivers: Vec::new(),
        };
        for _ in 0..steps {
            pair.step(&mut random);
        }
        let made = pair.made;
        drop(pair);
        drop(channel);
        drops.assert_once_each(made);
    }
}

/// Sends `each` items, giving up on waiting sends at random; says which were surely sent.
fn send_or_give_up(
    channel: &Channel<Counted>,
    drops: &Drops,
    next: &AtomicUsize,
    mut random: Random,
    each: usize,
) -> Vec<usize> {
    let mut surely_sent = Vec::new();
    for _ in 0..each {
        let number = next.fetch_add(1, Ordering::SeqCst);
        let mut send = ByHand::new(channel.send(drops.item(number)));
        let patience = random.below(40);
        let outcome = (0..=patience).find_map(|_| match send.poll() {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => {
                thread::yield_now();
                None
            }
        });
        if outcome.is_some_and(|outcome| outcome.is_ok()) {
            surely_sent.push(number);
        }
    }
    surely_sent
}

/// Receives until told to stop, giving up on waiting receives at random.
fn receive_or_give_up(
    channel: &Channel<Counted>,
    stop: &AtomicBool,
    mut random: Random,
) -> Vec<usize> {
    let mut received = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        let mut receive = ByHand::new(channel.recv());
        for _ in 0..=random.below(20) {
            if let Poll::Ready(outcome) = receive.poll() {
                received.extend(outcome.map(|item| item.number));
                break;
            }
            thread::yield_now();
        }
    }
    received
}

#[test]
fn threads_that_give_up_at_random_lose_and_double_nothing() {
    let seed = seed();
    for round in 0..60 {
        let mut random = Random::new(seed.wrapping_add(round));
        let (threads, each) = (2, 150);
        let drops = Drops::new(threads * each);
        let next = AtomicUsize::new(0);
        let stop = AtomicBool::new(false);
        let channel = Channel::bounded(random.below(4));
        let (mut sent, mut received) = thread::scope(|scope| {
            let mut seeds = || Random::new(seed ^ random.below(usize::MAX >> 1) as u64);
            let senders: Vec<_> = (0..threads)
                .map(|_| {
                    let random = seeds();
                    scope.spawn(|| send_or_give_up(&channel, &drops, &next, random, each))
                })
                .collect();
            let receivers: Vec<_> = (0..2)
                .map(|_| {
                    let random = seeds();
                    scope.spawn(|| receive_or_give_up(&channel, &stop, random))
                })
                .collect();
            let sent: Vec<_> = senders.into_iter().flat_map(|t| t.join().unwrap()).collect();
            stop.store(true, Ordering::SeqCst);
            let received: Vec<_> = receivers.into_iter().flat_map(|t| t.join().unwrap()).collect();
            (sent, received)
        });
        channel.close();
        received.extend(std::iter::from_fn(|| channel.try_recv().ok()).map(|item| item.number));
        sent.sort_unstable();
        received.sort_unstable();
        assert!(received.windows(2).all(|pair| pair[0] != pair[1]), "an item came out twice");
        let missing = sent.iter().find(|number| received.binary_search(number).is_err());
        assert_eq!(missing, None, "an accepted item was lost");
        drop(channel);
        drops.assert_once_each(threads * each);
    }
}
