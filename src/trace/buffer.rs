//! The events of one thread: written by that thread alone, read by anybody at any time.
//!
//! An event is never changed once it is there, and the length is published after it. So what the
//! reader finds below the length is whole, also while the thread goes on, and also if it is stuck:
//! nobody has to answer. The memory is made piece by piece as it is needed.

use std::panic::Location;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use super::event::{Event, Words};
use crate::metrics::Counter;
use crate::primitives::unpoisoned;
use crate::task::origin::Name;

/// Events in one piece of memory: 96 KiB.
const CHUNK: usize = 4096;
/// The most events that one buffer is made for: 1.5 GiB, with a table of 384 KiB made at once.
pub(super) const EVENTS_MAX: usize = 1 << 26;

type Chunk = Box<[[AtomicU64; 3]]>;

/// See the module's page.
pub(super) struct Buffer {
    chunks: Box<[OnceLock<Chunk>]>,
    len: AtomicUsize,
    limit: usize,
    /// When the thread began to record; 0 before.
    began_ns: AtomicU64,
    /// Events that found no room.
    pub(super) dropped: Counter,
    names: Mutex<Vec<(u64, Name)>>,
    places: Mutex<Vec<&'static Location<'static>>>,
}

impl Buffer {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            chunks: (0..limit.div_ceil(CHUNK)).map(|_| OnceLock::new()).collect(),
            len: AtomicUsize::new(0),
            limit,
            began_ns: AtomicU64::new(0),
            dropped: Counter::default(),
            names: Mutex::default(),
            places: Mutex::default(),
        }
    }

    /// How many events there still is room for.
    pub(super) fn room(&self) -> usize {
        self.limit - self.len()
    }

    pub(super) fn len(&self) -> usize {
        // Ordering: Acquire, partner of the Release in `push`.
        self.len.load(Ordering::Acquire)
    }

    /// The writer, one at a time: adds an event, for which there is room.
    pub(super) fn push(&self, event: Event) {
        // Ordering: Relaxed: only the writer changes it.
        let at = self.len.load(Ordering::Relaxed);
        let blank = || [const { AtomicU64::new(0) }; 3];
        let chunk = self.chunks[at / CHUNK].get_or_init(|| (0..CHUNK).map(|_| blank()).collect());
        for (place, word) in chunk[at % CHUNK].iter().zip(event.into_words()) {
            // Ordering: Relaxed, published by the Release below.
            place.store(word, Ordering::Relaxed);
        }
        // Ordering: Release, partner of the Acquire in `len`: who sees the length sees the event.
        self.len.store(at + 1, Ordering::Release);
    }

    /// The events there are by now, in the order in which they were written.
    pub(super) fn events(&self) -> impl Iterator<Item = Event> + '_ {
        (0..self.len()).map_while(|at| {
            let words = &self.chunks[at / CHUNK].get()?[at % CHUNK];
            // Ordering: Relaxed: the Acquire in `len` ordered it.
            let words: Words = words.each_ref().map(|word| word.load(Ordering::Relaxed));
            Some(Event::from_words(words))
        })
    }

    /// The writer: it records from here on.
    pub(super) fn begin(&self, now_ns: u64) {
        // Ordering: Relaxed: stands for itself.
        self.began_ns.store(now_ns.max(1), Ordering::Relaxed);
    }

    /// When the writer began, if it has.
    pub(super) fn began_ns(&self) -> Option<u64> {
        // Ordering: Relaxed: stands for itself.
        Some(self.began_ns.load(Ordering::Relaxed)).filter(|began_ns| *began_ns > 0)
    }

    pub(super) fn add_name(&self, task: u64, name: &Name) {
        unpoisoned(self.names.lock()).push((task, name.clone()));
    }

    pub(super) fn names(&self) -> Vec<(u64, Name)> {
        unpoisoned(self.names.lock()).clone()
    }

    /// Adds a place where tasks are spawned, and gives its index.
    pub(super) fn add_place(&self, place: &'static Location<'static>) -> u32 {
        let mut places = unpoisoned(self.places.lock());
        places.push(place);
        // There are not so many lines in a program.
        (places.len() - 1) as u32
    }

    pub(super) fn places(&self) -> Vec<&'static Location<'static>> {
        unpoisoned(self.places.lock()).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::What;
    use super::*;

    #[test]
    fn a_reader_finds_whole_events_while_they_are_written() {
        const EVENTS: u64 = 3 * CHUNK as u64 + 7;
        let buffer = Buffer::new(EVENTS as usize);
        let event = |at_ns| Event { at_ns, what: What::Delivered { node: !at_ns } };
        std::thread::scope(|scope| {
            scope.spawn(|| (0..EVENTS).for_each(|at_ns| buffer.push(event(at_ns))));
            while buffer.room() > 0 {
                let mut count = 0;
                for (at_ns, read) in (0..).zip(buffer.events()) {
                    assert_eq!(read, event(at_ns));
                    count += 1;
                }
                assert!(count <= buffer.len());
            }
        });
        assert_eq!(buffer.events().count() as u64, EVENTS);
    }
}
