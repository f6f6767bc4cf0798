//! A channel beside a model that is as plain as can be: every step is done to both, and has to end
//! the same.

use crate::support::{ByHand, Counted, Drops, Random};
use ringpool::channel::{
    Channel, Permit, RecvFuture, ReserveFuture, SendFuture, TryRecvError, TrySendError,
};
use std::collections::VecDeque;
use std::task::Poll;

/// What a waiting future is to find at its next poll.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Waits,
    Sent,
    Reserved,
    Got(usize),
    Closed,
}

struct Future<F> {
    real: ByHand<F>,
    fate: Fate,
    /// The item of a sender; the number of its hand-off once a receiver was served.
    number: usize,
    /// Who came first, of those who wait for a place.
    turn: usize,
}

/// The channel and its model. Futures are kept in the order in which they came to wait.
pub(crate) struct Pair<'a> {
    channel: &'a Channel<Counted>,
    drops: &'a Drops,
    made: usize,
    queue: VecDeque<usize>,
    returned: Vec<(usize, usize)>,
    hand_offs: usize,
    turns: usize,
    /// The permits below, and those that their futures have not been told of.
    reserved: usize,
    closed: bool,
    permits: Vec<Permit<'a, Counted>>,
    senders: Vec<Future<SendFuture<'a, Counted>>>,
    reservers: Vec<Future<ReserveFuture<'a, Counted>>>,
    receivers: Vec<Future<RecvFuture<'a, Counted>>>,
}

fn first_waiting<F>(futures: &mut [Future<F>]) -> Option<&mut Future<F>> {
    futures.iter_mut().find(|future| future.fate == Fate::Waits)
}

/// The model.
impl<'a> Pair<'a> {
    pub(crate) fn new(channel: &'a Channel<Counted>, drops: &'a Drops) -> Self {
        Self {
            channel,
            drops,
            made: 0,
            queue: VecDeque::new(),
            returned: Vec::new(),
            hand_offs: 0,
            turns: 0,
            reserved: 0,
            closed: false,
            permits: Vec::new(),
            senders: Vec::new(),
            reservers: Vec::new(),
            receivers: Vec::new(),
        }
    }

    fn has_places(&self) -> bool {
        self.channel.capacity() > 0
    }

    fn waiting_receivers(&self) -> usize {
        self.receivers.iter().filter(|receiver| receiver.fate == Fate::Waits).count()
    }

    /// Without places, those are places who wait for an item.
    fn is_place_free(&self) -> bool {
        match self.has_places() {
            true => self.queue.len() + self.reserved < self.channel.capacity(),
            false => self.waiting_receivers() > self.reserved,
        }
    }

    fn does_anybody_wait_for_a_place(&mut self) -> bool {
        first_waiting(&mut self.senders).is_some() || first_waiting(&mut self.reservers).is_some()
    }

    fn is_reservers_turn(&mut self) -> bool {
        let sender = first_waiting(&mut self.senders).map_or(usize::MAX, |sender| sender.turn);
        first_waiting(&mut self.reservers).is_some_and(|reserver| reserver.turn < sender)
    }

    fn hand_off(&mut self, number: usize) {
        self.hand_offs += 1;
        let receiver = first_waiting(&mut self.receivers).expect("somebody waits");
        (receiver.fate, receiver.number) = (Fate::Got(number), self.hand_offs);
    }

    fn give_free_places(&mut self) {
        while self.does_anybody_wait_for_a_place() && self.is_place_free() {
            if self.is_reservers_turn() {
                let reserver = first_waiting(&mut self.reservers).expect("it is its turn");
                reserver.fate = Fate::Reserved;
                self.reserved += 1;
                continue;
            }
            let sender = first_waiting(&mut self.senders).expect("it is its turn");
            sender.fate = Fate::Sent;
            let number = sender.number;
            match self.has_places() {
                true => self.queue.push_back(number),
                false => self.hand_off(number),
            }
        }
    }

    fn end_receivers(&mut self) {
        while self.closed
            && self.reserved == 0
            && let Some(receiver) = first_waiting(&mut self.receivers)
        {
            receiver.fate = Fate::Closed;
        }
    }

    fn release(&mut self) {
        self.reserved -= 1;
        self.give_free_places();
        self.end_receivers();
    }

    fn model_send(&mut self, number: usize) -> Fate {
        if self.closed {
            return Fate::Closed;
        }
        let promised = if self.has_places() { 0 } else { self.reserved };
        if self.waiting_receivers() > promised {
            self.hand_off(number);
            return Fate::Sent;
        }
        if self.has_places() && !self.does_anybody_wait_for_a_place() && self.is_place_free() {
            self.queue.push_back(number);
            return Fate::Sent;
        }
        Fate::Waits
    }

    fn model_reserve(&mut self) -> Fate {
        if self.closed {
            return Fate::Closed;
        }
        if self.does_anybody_wait_for_a_place() || !self.is_place_free() {
            return Fate::Waits;
        }
        self.reserved += 1;
        Fate::Reserved
    }

    fn model_send_reserved(&mut self, number: usize) {
        if self.waiting_receivers() > 0 {
            self.hand_off(number);
        } else if self.has_places() {
            self.queue.push_back(number);
        } else {
            self.hand_offs += 1;
            self.returned.push((self.hand_offs, number));
        }
        self.release();
    }

    fn model_recv(&mut self, may_wait: bool) -> Fate {
        if !self.returned.is_empty() {
            return Fate::Got(self.returned.remove(0).1);
        }
        if let Some(number) = self.queue.pop_front() {
            self.give_free_places();
            return Fate::Got(number);
        }
        let is_reservers = !self.has_places() && may_wait && self.is_reservers_turn();
        if !is_reservers && let Some(sender) = first_waiting(&mut self.senders) {
            sender.fate = Fate::Sent;
            return Fate::Got(sender.number);
        }
        if self.closed && self.reserved == 0 { Fate::Closed } else { Fate::Waits }
    }
}

/// The steps.
impl Pair<'_> {
    /// How many items were made.
    pub(crate) fn made(&self) -> usize {
        self.made
    }

    fn make(&mut self) -> Counted {
        self.made += 1;
        self.drops.item(self.made - 1)
    }

    pub(crate) fn try_send(&mut self) {
        let item = self.make();
        let expected = self.model_send(item.number);
        let real = match self.channel.try_send(item) {
            Ok(()) => Fate::Sent,
            Err(TrySendError::Full(_)) => Fate::Waits,
            Err(TrySendError::Closed(_)) => Fate::Closed,
        };
        assert_eq!(real, expected);
    }

    pub(crate) fn try_recv(&mut self) {
        let real = match self.channel.try_recv() {
            Ok(item) => Fate::Got(item.number),
            Err(TryRecvError::Empty) => Fate::Waits,
            Err(TryRecvError::Closed) => Fate::Closed,
        };
        assert_eq!(real, self.model_recv(false));
    }

    fn try_reserve(&mut self) {
        let real = match self.channel.try_reserve() {
            Ok(permit) => {
                self.permits.push(permit);
                Fate::Reserved
            }
            Err(TrySendError::Full(())) => Fate::Waits,
            Err(TrySendError::Closed(())) => Fate::Closed,
        };
        assert_eq!(real, self.model_reserve());
    }

    fn start_send(&mut self) {
        let item = self.make();
        let number = item.number;
        let mut real = ByHand::new(self.channel.send(item));
        let fate = self.model_send(number);
        assert_eq!(sent(real.poll()), fate);
        if fate == Fate::Waits {
            self.turns += 1;
            self.senders.push(Future { real, fate, number, turn: self.turns });
        }
    }

    fn start_reserve(&mut self) {
        let mut real = ByHand::new(self.channel.reserve());
        let fate = self.model_reserve();
        match real.poll() {
            Poll::Ready(Ok(permit)) => {
                assert_eq!(fate, Fate::Reserved);
                self.permits.push(permit);
            }
            Poll::Ready(Err(_)) => assert_eq!(fate, Fate::Closed),
            Poll::Pending => {
                assert_eq!(fate, Fate::Waits);
                self.turns += 1;
                self.reservers.push(Future { real, fate, number: 0, turn: self.turns });
            }
        }
    }

    fn start_recv(&mut self) {
        let mut real = ByHand::new(self.channel.recv());
        let fate = self.model_recv(true);
        assert_eq!(got(real.poll()), fate);
        if fate == Fate::Waits {
            self.receivers.push(Future { real, fate, number: 0, turn: 0 });
            self.give_free_places();
        }
    }

    fn use_permit(&mut self, place: usize) {
        let permit = self.permits.swap_remove(place);
        let item = self.make();
        self.model_send_reserved(item.number);
        permit.send(item);
    }

    fn drop_permit(&mut self, place: usize) {
        drop(self.permits.swap_remove(place));
        self.release();
    }

    fn poll_sender(&mut self, place: usize) {
        let sender = &mut self.senders[place];
        assert_eq!(sender.real.wakes(), usize::from(sender.fate != Fate::Waits));
        assert_eq!(sent(sender.real.poll()), sender.fate);
        if sender.fate != Fate::Waits {
            self.senders.remove(place);
        }
    }

    fn poll_reserver(&mut self, place: usize) {
        let reserver = &mut self.reservers[place];
        assert_eq!(reserver.real.wakes(), usize::from(reserver.fate != Fate::Waits));
        match reserver.real.poll() {
            Poll::Ready(Ok(permit)) => {
                assert_eq!(reserver.fate, Fate::Reserved);
                self.permits.push(permit);
            }
            Poll::Ready(Err(_)) => assert_eq!(reserver.fate, Fate::Closed),
            Poll::Pending => assert_eq!(reserver.fate, Fate::Waits),
        }
        if reserver.fate != Fate::Waits {
            self.reservers.remove(place);
        }
    }

    fn poll_receiver(&mut self, place: usize) {
        let receiver = &mut self.receivers[place];
        assert_eq!(receiver.real.wakes(), usize::from(receiver.fate != Fate::Waits));
        assert_eq!(got(receiver.real.poll()), receiver.fate);
        if receiver.fate != Fate::Waits {
            self.receivers.remove(place);
        }
    }

    fn drop_reserver(&mut self, place: usize) {
        if self.reservers.remove(place).fate == Fate::Reserved {
            self.release();
        }
    }

    fn drop_receiver(&mut self, place: usize) {
        let gone = self.receivers.remove(place);
        if let Fate::Got(item) = gone.fate {
            match first_waiting(&mut self.receivers) {
                Some(next) => (next.fate, next.number) = (gone.fate, gone.number),
                None => self.returned.push((gone.number, item)),
            }
            self.returned.sort_unstable();
        }
    }

    fn close(&mut self) {
        self.channel.close();
        self.closed = true;
        while let Some(sender) = first_waiting(&mut self.senders) {
            sender.fate = Fate::Closed;
        }
        while let Some(reserver) = first_waiting(&mut self.reservers) {
            reserver.fate = Fate::Closed;
        }
        self.end_receivers();
    }

    pub(crate) fn step(&mut self, random: &mut Random) {
        let mut one_of = |len: usize| random.below(len.max(1));
        let permit = one_of(self.permits.len());
        let sender = one_of(self.senders.len());
        let reserver = one_of(self.reservers.len());
        let receiver = one_of(self.receivers.len());
        match random.below(100) {
            0..10 => self.try_send(),
            10..22 => self.try_recv(),
            22..36 => self.start_send(),
            36..52 => self.start_recv(),
            52..56 => self.try_reserve(),
            56..62 => self.start_reserve(),
            62..67 if permit < self.permits.len() => self.use_permit(permit),
            67..71 if permit < self.permits.len() => self.drop_permit(permit),
            71..76 if sender < self.senders.len() => self.poll_sender(sender),
            76..80 if reserver < self.reservers.len() => self.poll_reserver(reserver),
            80..85 if receiver < self.receivers.len() => self.poll_receiver(receiver),
            85..89 if sender < self.senders.len() => drop(self.senders.remove(sender)),
            89..92 if reserver < self.reservers.len() => self.drop_reserver(reserver),
            92..97 if receiver < self.receivers.len() => self.drop_receiver(receiver),
            97 if random.below(30) == 0 => self.close(),
            _ => {}
        }
        let inside = self.queue.len() + self.returned.len();
        assert_eq!(self.channel.len(), inside);
        assert_eq!(self.channel.is_full(), inside + self.reserved >= self.channel.capacity());
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
