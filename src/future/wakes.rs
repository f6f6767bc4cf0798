//! Which of many futures have been woken, so that only those are polled.
//!
//! Each future has a waker of its own, which notes its number and wakes the combinator, once a
//! turn. The combinator's waker is taken out under the lock, and woken after it.

use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use crate::primitives::{Mutex, lock};

/// The futures of one combinator, by number. At first all of them are to be polled.
pub(crate) struct Wakes {
    shared: Arc<Shared>,
    wakers: Vec<Waker>,
    /// Emptied, and exchanged for what has been woken.
    turn: Vec<usize>,
}

struct Shared(Mutex<State>);

struct State {
    woken: Vec<usize>,
    /// Those in `woken`.
    is_woken: Vec<bool>,
    /// The combinator's, until somebody has been woken.
    combinator: Option<Waker>,
}

/// The waker of one future.
struct Child {
    shared: Arc<Shared>,
    number: usize,
}

impl Wakes {
    pub(crate) fn new(count: usize) -> Self {
        let state =
            State { woken: (0..count).collect(), is_woken: vec![true; count], combinator: None };
        let shared = Arc::new(Shared(Mutex::new(state)));
        let waker = |number| Waker::from(Arc::new(Child { shared: shared.clone(), number }));
        let wakers = (0..count).map(waker).collect();
        Self { shared, wakers, turn: Vec::with_capacity(count) }
    }

    /// Those that have been woken since the last turn, in the order of their numbers; the
    /// combinator is woken when another one is. To be given back by [`end_turn`](Self::end_turn).
    pub(crate) fn begin_turn(&mut self, cx: &Context<'_>) -> Vec<usize> {
        let mut turn = std::mem::take(&mut self.turn);
        turn.clear();
        // The user's code, so not under the lock.
        let fresh = cx.waker().clone();
        let previous = {
            let mut state = lock(&self.shared.0);
            std::mem::swap(&mut state.woken, &mut turn);
            for number in &turn {
                state.is_woken[*number] = false;
            }
            state.combinator.replace(fresh)
        };
        drop(previous);
        turn.sort_unstable();
        turn
    }

    pub(crate) fn end_turn(&mut self, turn: Vec<usize>) {
        self.turn = turn;
    }

    /// The waker to poll a future with.
    pub(crate) fn waker(&self, number: usize) -> &Waker {
        &self.wakers[number]
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        // Wakers of the futures may be kept for long, and must not keep the combinator's task.
        let combinator = lock(&self.shared.0).combinator.take();
        drop(combinator);
    }
}

impl Wake for Child {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let combinator = {
            let mut state = lock(&self.shared.0);
            if std::mem::replace(&mut state.is_woken[self.number], true) {
                return;
            }
            state.woken.push(self.number);
            state.combinator.take()
        };
        if let Some(waker) = combinator {
            waker.wake();
        }
    }
}

#[cfg(all(test, ringpool_loom))]
#[path = "wakes_models.rs"]
mod models;
