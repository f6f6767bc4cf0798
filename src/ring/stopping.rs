//! Operations that the kernel was asked to stop.
//!
//! The kernel does not find an operation that it has set aside for a moment, and so would never
//! stop it: then it is asked again. Mostly the moment is short, so the first times it is asked at
//! once. But an operation may also wait for another one, to which it is linked and which the kernel
//! cannot stop, such as an `fsync`; asking all that time would keep the thread busy for nothing. So
//! after some times the next one is put off.

use std::collections::HashMap;
use std::mem;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use crate::op::cell::CellHeader;

/// How often the kernel is asked again at once.
const TRIES_AT_ONCE: u32 = 8;
/// How long the next try is put off afterwards.
const PATIENCE: Duration = Duration::from_millis(1);
/// In place of how often: the kernel has nothing to stop, and is not asked.
const NOT_ASKED: u32 = u32::MAX;

/// The operations that the kernel was asked to stop and has not given back.
#[derive(Default)]
pub(super) struct Stopping {
    /// How often the kernel has not found each of them.
    missed: HashMap<NonNull<CellHeader>, u32>,
    /// Those to ask for when their time has come.
    put_off: Vec<NonNull<CellHeader>>,
    put_off_until: Option<Instant>,
}

impl Stopping {
    /// The kernel is asked for the first time.
    pub(super) fn begin(&mut self, cell: NonNull<CellHeader>) {
        self.missed.entry(cell).or_insert(0);
    }

    /// Nobody waits for an operation that cannot be stopped.
    pub(super) fn wait_for(&mut self, cell: NonNull<CellHeader>) {
        self.missed.insert(cell, NOT_ASKED);
    }

    /// What there was to stop is over, although the operation has not come back.
    pub(super) fn cannot_stop(&mut self, cell: NonNull<CellHeader>) {
        if let Some(times) = self.missed.get_mut(&cell) {
            *times = NOT_ASKED;
        }
    }

    /// The operation has come back.
    #[inline]
    pub(super) fn ended(&mut self, cell: NonNull<CellHeader>) {
        if !self.missed.is_empty() {
            self.missed.remove(&cell);
        }
    }

    /// Whether it has not come back.
    pub(super) fn has(&self, cell: NonNull<CellHeader>) -> bool {
        self.missed.contains_key(&cell)
    }

    /// The kernel did not find it: whether to ask again at once.
    pub(super) fn missed(&mut self, cell: NonNull<CellHeader>) -> bool {
        let times = self.missed.get_mut(&cell).filter(|times| **times != NOT_ASKED);
        let Some(times) = times else { return false };
        *times += 1;
        if *times <= TRIES_AT_ONCE {
            return true;
        }
        self.put_off.push(cell);
        self.put_off_until.get_or_insert_with(|| Instant::now() + PATIENCE);
        false
    }

    #[inline]
    pub(super) fn has_put_off(&self) -> bool {
        !self.put_off.is_empty()
    }

    /// Those of which the time has come and which have not come back meanwhile.
    #[cold]
    pub(super) fn take_put_off(&mut self) -> Vec<NonNull<CellHeader>> {
        if self.put_off_until.is_none_or(|until| until > Instant::now()) {
            return Vec::new();
        }
        self.put_off_until = None;
        let mut cells = mem::take(&mut self.put_off);
        cells.retain(|cell| self.missed.get(cell).is_some_and(|times| *times != NOT_ASKED));
        cells
    }

    /// How long to wait in the kernel at most.
    pub(super) fn limit(&self, limit: Option<Duration>) -> Option<Duration> {
        if self.has_put_off() {
            return Some(limit.map_or(PATIENCE, |limit| limit.min(PATIENCE)));
        }
        limit
    }

    pub(super) fn into_cells(self) -> impl Iterator<Item = NonNull<CellHeader>> {
        self.missed.into_keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_does_not_find_is_asked_for_at_once_and_then_with_patience() {
        let cell = NonNull::dangling();
        let mut stopping = Stopping::default();
        assert!(!stopping.missed(cell), "nobody has asked for it");
        stopping.begin(cell);
        let at_once = std::iter::repeat_with(|| stopping.missed(cell)).take_while(|now| *now);
        assert_eq!(at_once.count(), TRIES_AT_ONCE as usize);
        assert!(stopping.has_put_off());
        assert_eq!(stopping.limit(None), Some(PATIENCE));
        let cells = std::iter::repeat_with(|| stopping.take_put_off()).find(|it| !it.is_empty());
        assert_eq!(cells, Some(vec![cell]));
        assert_eq!(stopping.limit(None), None);
    }

    #[test]
    fn what_cannot_be_stopped_is_not_asked_for_but_known() {
        let cell = NonNull::dangling();
        let mut stopping = Stopping::default();
        stopping.begin(cell);
        stopping.cannot_stop(cell);
        assert!(!stopping.missed(cell));
        stopping.ended(cell);
        stopping.cannot_stop(cell);
        stopping.wait_for(cell);
        assert!(!stopping.missed(cell));
        assert!(!stopping.has_put_off());
        assert_eq!(stopping.into_cells().collect::<Vec<_>>(), [cell]);
    }

    #[test]
    fn what_has_come_back_is_not_asked_for_any_more() {
        let cell = NonNull::dangling();
        let mut stopping = Stopping::default();
        stopping.begin(cell);
        while stopping.missed(cell) {}
        stopping.ended(cell);
        assert!(!stopping.missed(cell));
        while stopping.put_off_until.is_some() {
            assert_eq!(stopping.take_put_off(), []);
        }
    }
}
