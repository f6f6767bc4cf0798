//! Which threads of a pool have begun, and which are still there.
//!
//! Whoever starts a pool waits until all of its threads have their rings, and whoever stops it
//! until they have ended. Either is woken once, by the last thread, and sleeps at once until then:
//! the processors that it might look on with are the ones that the threads need meanwhile.

use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use crate::primitives::unpoisoned;

/// What the threads of one pool have said.
#[derive(Debug, Default)]
pub(crate) struct Attendance {
    state: Mutex<State>,
    /// The last thread has begun, or has ended.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Threads that have not said yet whether they work.
    starting: usize,
    /// Threads that have not ended.
    present: usize,
    /// Those who wait until all have.
    waiting: usize,
    /// Why the first one that failed did not begin.
    failure: Option<io::Error>,
}

impl Attendance {
    /// One more thread is about to be started; it takes the value along, and drops it at its end.
    pub(crate) fn admit(self: &Arc<Self>) -> Presence {
        self.change(|state| {
            state.starting += 1;
            state.present += 1;
        });
        Presence { attendance: self.clone(), is_starting: true, is_present: true }
    }

    /// Waits until every thread that was admitted has begun, or has said why it has not; gives the
    /// first error.
    pub(crate) fn wait_until_begun(&self) -> io::Result<()> {
        let state = unpoisoned(self.state.lock());
        let mut state = unpoisoned(self.changed.wait_while(state, |state| state.starting > 0));
        state.failure.take().map_or(Ok(()), Err)
    }

    /// Waits until every thread has ended; `false` if the deadline came first. Who calls it joins
    /// those that have ended, in both cases, and takes what they leave behind.
    pub(crate) fn wait_until_gone(&self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut state = unpoisoned(self.state.lock());
        state.waiting += 1;
        let is_there = |state: &mut State| state.present > 0;
        let waited = self.changed.wait_timeout_while(state, left, is_there);
        let (mut state, waited) = unpoisoned(waited);
        state.waiting -= 1;
        !waited.timed_out()
    }

    /// Whether all have begun, for who must not wait; the error as above.
    #[cfg(ringpool_shuttle)]
    pub(crate) fn outcome(&self) -> Option<io::Result<()>> {
        let is_over = unpoisoned(self.state.lock()).starting == 0;
        is_over.then(|| self.wait_until_begun())
    }

    /// Who waits is woken without the lock, which it needs.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = unpoisoned(self.state.lock());
        let before = (state.starting, state.present);
        change(&mut state);
        let last_began = before.0 > 0 && state.starting == 0;
        let last_ended = before.1 > 0 && state.present == 0;
        drop(state);
        if last_began || last_ended {
            self.changed.notify_all();
        }
    }
}

/// A thread's share in the [`Attendance`] of its pool.
#[derive(Debug)]
pub(crate) struct Presence {
    attendance: Arc<Attendance>,
    is_starting: bool,
    is_present: bool,
}

impl Presence {
    /// Says, once, whether the thread works.
    pub(crate) fn report(&mut self, outcome: io::Result<()>) {
        if !std::mem::take(&mut self.is_starting) {
            return;
        }
        self.attendance.change(|state| {
            state.starting -= 1;
            if let Err(error) = outcome {
                state.failure.get_or_insert(error);
            }
        });
    }

    /// The thread ends. Says whether somebody waits for that, who takes what it leaves behind.
    pub(crate) fn end(mut self) -> bool {
        self.leave()
    }

    fn leave(&mut self) -> bool {
        let mut is_awaited = false;
        if std::mem::take(&mut self.is_present) {
            self.attendance.change(|state| {
                state.present -= 1;
                is_awaited = state.waiting > 0;
            });
        }
        is_awaited
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        if self.is_starting {
            self.report(Err(io::Error::other("a ring's thread ended before it began")));
        }
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn who_starts_waits_for_all_and_hears_of_the_first_error() {
        let attendance = Arc::new(Attendance::default());
        let mut present: Vec<_> = (0..4).map(|_| attendance.admit()).collect();
        present[2].report(Err(io::Error::other("the first")));
        present[0].report(Err(io::Error::other("the second")));
        let others = thread::spawn(move || {
            for presence in &mut present {
                thread::sleep(Duration::from_millis(5));
                presence.report(Ok(()));
            }
            present
        });
        let error = attendance.wait_until_begun().unwrap_err();
        assert_eq!(error.to_string(), "the first");
        assert_eq!(unpoisoned(attendance.state.lock()).starting, 0);
        drop(others.join().unwrap());
    }

    #[test]
    fn a_thread_that_never_began_is_an_error_and_is_gone() {
        let attendance = Arc::new(Attendance::default());
        drop(attendance.admit());
        let error = attendance.wait_until_begun().unwrap_err();
        assert_eq!(error.to_string(), "a ring's thread ended before it began");
        assert!(attendance.wait_until_gone(Instant::now()));
    }

    #[test]
    fn who_stops_waits_for_the_last_one_or_for_the_deadline() {
        let attendance = Arc::new(Attendance::default());
        let (mut first, mut second) = (attendance.admit(), attendance.admit());
        first.report(Ok(()));
        second.report(Ok(()));
        attendance.wait_until_begun().unwrap();
        drop(first);
        assert!(!attendance.wait_until_gone(Instant::now() + Duration::from_millis(5)));
        let last = thread::spawn(move || {
            thread::sleep(Duration::from_millis(5));
            drop(second);
        });
        assert!(attendance.wait_until_gone(Instant::now() + Duration::from_secs(60)));
        last.join().unwrap();
    }

    #[test]
    fn a_thread_hears_at_its_end_whether_somebody_waits() {
        let attendance = Arc::new(Attendance::default());
        let (first, second) = (attendance.admit(), attendance.admit());
        assert!(!first.end());
        let waiting = attendance.clone();
        let waiter = thread::spawn(move || {
            waiting.wait_until_gone(Instant::now() + Duration::from_secs(60))
        });
        while unpoisoned(attendance.state.lock()).waiting == 0 {
            thread::yield_now();
        }
        assert!(second.end());
        assert!(waiter.join().unwrap());
        assert_eq!(unpoisoned(attendance.state.lock()).waiting, 0);
    }

    #[test]
    fn a_pool_without_threads_has_begun_and_ended() {
        let attendance = Attendance::default();
        attendance.wait_until_begun().unwrap();
        assert!(attendance.wait_until_gone(Instant::now()));
    }
}
