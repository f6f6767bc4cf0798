//! A cell that is written once, by one of those who want its value.
//!
//! [`Turns`] say who may write. Who only waits for the value, and would not make it, waits at an
//! [`Event`], which is set last.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::error::{SetError, TimedOut};
use super::event::{Event, EventWait};
use super::turns::{Taken, Turn, Turns};
use super::waiting::{Wait, block_for, block_on, const_fn, poll_with_budget};

/// A value that is made once, when it is first wanted, by code that may await.
///
/// Many may want it at the same time: one makes it, the others wait. If that one fails, panics or
/// is cancelled, the next in line makes it.
///
/// To make the value from within the code that makes it waits for ever. So do all who want it if
/// the future that makes it is leaked ([`std::mem::forget`]); [`take`](Self::take) makes the cell
/// usable again.
///
/// # Examples
///
/// ```
/// use ringpool::sync::OnceCell;
///
/// static SETTINGS: OnceCell<String> = OnceCell::new();
///
/// # futures::executor::block_on(async {
/// let settings = SETTINGS.get_or_init(async || String::from("read from somewhere")).await;
/// assert_eq!(settings, "read from somewhere");
/// assert_eq!(SETTINGS.get(), Some(settings));
/// # });
/// ```
pub struct OnceCell<T> {
    value: OnceLock<T>,
    turns: Turns,
    is_set: Event,
}

/// A wait for the value of a [`OnceCell`]; made by [`OnceCell::wait`].
#[must_use = "a wait does nothing before it is awaited"]
pub struct OnceCellWait<'a, T> {
    cell: &'a OnceCell<T>,
    wait: EventWait<'a>,
}

impl<T> OnceCell<T> {
    const_fn! {
        /// Makes an empty cell.
        ///
        /// # Examples
        ///
        /// ```
        /// assert_eq!(ringpool::sync::OnceCell::<u8>::new().get(), None);
        /// ```
        pub fn new() -> Self {
            Self {
                value: OnceLock::new(),
                turns: Turns::new(),
                is_set: Event::manual(),
            }
        }
    }

    /// The value, if it is there.
    ///
    /// # Examples
    ///
    /// ```
    /// let cell = ringpool::sync::OnceCell::from(7);
    /// assert_eq!(cell.get(), Some(&7));
    /// ```
    #[inline]
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// The value, if it is there, to be changed.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut cell = ringpool::sync::OnceCell::from(7);
    /// *cell.get_mut().unwrap() += 1;
    /// assert_eq!(cell.into_inner(), Some(8));
    /// ```
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut()
    }

    /// Gives the cell its value, and wakes all who wait for it.
    ///
    /// # Errors
    ///
    /// [`SetError`] with the value if there is one, or if somebody is making one.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::sync::{OnceCell, SetError};
    ///
    /// let cell = OnceCell::new();
    /// cell.set(1)?;
    /// assert_eq!(cell.set(2), Err(SetError::AlreadyInitialized(2)));
    /// # Ok::<(), SetError<i32>>(())
    /// ```
    pub fn set(&self, value: T) -> Result<(), SetError<T>> {
        match self.turns.try_take() {
            Taken::Turn(turn) => {
                self.finish(turn, value);
                Ok(())
            }
            Taken::Over => Err(SetError::AlreadyInitialized(value)),
            Taken::BySomebodyElse => Err(SetError::Initializing(value)),
        }
    }

    /// The value; if there is none, `init` makes it, unless somebody else does so first.
    ///
    /// # Cancel safety
    ///
    /// If this is dropped while it makes the value, what it was making is dropped, and the next in
    /// line calls its own `init`. One that is dropped in line gives up its place.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::sync::OnceCell;
    ///
    /// # futures::executor::block_on(async {
    /// let cell = OnceCell::new();
    /// assert_eq!(cell.get_or_init(async || 1).await, &1);
    /// assert_eq!(cell.get_or_init(async || 2).await, &1);
    /// # });
    /// ```
    pub async fn get_or_init<F, Fut>(&self, init: F) -> &T
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        let Ok(value) = self.get_or_try_init(|| async { Ok::<_, Infallible>(init().await) }).await;
        value
    }

    /// The value; if there is none, `init` makes it or fails, unless somebody else makes it first.
    ///
    /// # Errors
    ///
    /// That of `init`; the next in line then calls its own.
    ///
    /// # Cancel safety
    ///
    /// As for [`get_or_init`](Self::get_or_init).
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::sync::OnceCell;
    ///
    /// # futures::executor::block_on(async {
    /// let cell = OnceCell::new();
    /// assert!(cell.get_or_try_init(async || "x".parse::<u8>()).await.is_err());
    /// assert_eq!(cell.get_or_try_init(async || "7".parse::<u8>()).await, Ok(&7));
    /// # });
    /// ```
    pub async fn get_or_try_init<E, F, Fut>(&self, init: F) -> Result<&T, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        if let Some(value) = self.get() {
            return Ok(value);
        }
        match self.turns.take().await {
            Some(turn) => Ok(self.finish(turn, init().await?)),
            None => Ok(self.expect()),
        }
    }

    /// Waits until there is a value, and makes none.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping a wait.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let cell = ringpool::sync::OnceCell::new();
    /// let (seven, ()) = futures::join!(cell.wait(), async { cell.set(7).unwrap() });
    /// assert_eq!(seven, &7);
    /// # });
    /// ```
    pub fn wait(&self) -> OnceCellWait<'_, T> {
        OnceCellWait { cell: self, wait: self.is_set.wait() }
    }

    /// Blocks the thread until there is a value, and makes none.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task; await [`wait`](Self::wait) there.
    ///
    /// # Examples
    ///
    /// ```
    /// let cell = ringpool::sync::OnceCell::new();
    /// std::thread::scope(|threads| {
    ///     threads.spawn(|| cell.set(7));
    ///     assert_eq!(cell.wait_blocking(), &7);
    /// });
    /// ```
    #[track_caller]
    pub fn wait_blocking(&self) -> &T {
        block_on(self.wait(), "wait")
    }

    /// Blocks the thread until there is a value, for at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] if there is none then.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task; await [`wait`](Self::wait) there.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let cell = ringpool::sync::OnceCell::<u8>::new();
    /// assert!(cell.wait_timeout(Duration::from_millis(1)).is_err());
    /// ```
    #[track_caller]
    pub fn wait_timeout(&self, timeout: Duration) -> Result<&T, TimedOut> {
        block_for(self.wait(), timeout, "wait").ok_or(TimedOut(()))
    }

    /// The value; if there is none, `init` makes it on this thread, unless somebody else does so
    /// first, which is waited for.
    ///
    /// # Panics
    ///
    /// If `init` panics; the next in line then calls its own. And on the thread of a ring, where it
    /// would stop every task; await [`get_or_init`](Self::get_or_init) there.
    ///
    /// # Examples
    ///
    /// ```
    /// let cell = ringpool::sync::OnceCell::new();
    /// assert_eq!(cell.get_or_init_blocking(|| 1), &1);
    /// ```
    #[track_caller]
    pub fn get_or_init_blocking(&self, init: impl FnOnce() -> T) -> &T {
        let Ok(value) = self.get_or_try_init_blocking(|| Ok::<_, Infallible>(init()));
        value
    }

    /// The value; if there is none, `init` makes it on this thread or fails, unless somebody else
    /// makes it first, which is waited for.
    ///
    /// # Errors
    ///
    /// That of `init`; the next in line then calls its own.
    ///
    /// # Panics
    ///
    /// As [`get_or_init_blocking`](Self::get_or_init_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// let cell = ringpool::sync::OnceCell::new();
    /// assert!(cell.get_or_try_init_blocking(|| "x".parse::<u8>()).is_err());
    /// assert_eq!(cell.get_or_try_init_blocking(|| "7".parse::<u8>()), Ok(&7));
    /// ```
    #[track_caller]
    pub fn get_or_try_init_blocking<E>(
        &self,
        init: impl FnOnce() -> Result<T, E>,
    ) -> Result<&T, E> {
        if let Some(value) = self.get() {
            return Ok(value);
        }
        match block_on(self.turns.take(), "get_or_init") {
            Some(turn) => Ok(self.finish(turn, init()?)),
            None => Ok(self.expect()),
        }
    }

    /// The value; if there is none, `init` makes it on this thread, unless somebody else is making
    /// it, which is waited for for at most `timeout`. What `init` takes is not limited.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] if somebody else is still making it.
    ///
    /// # Panics
    ///
    /// As [`get_or_init_blocking`](Self::get_or_init_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let cell = ringpool::sync::OnceCell::new();
    /// assert_eq!(cell.get_or_init_timeout(|| 1, Duration::from_millis(1)), Ok(&1));
    /// ```
    #[track_caller]
    pub fn get_or_init_timeout(
        &self,
        init: impl FnOnce() -> T,
        timeout: Duration,
    ) -> Result<&T, TimedOut> {
        if let Some(value) = self.get() {
            return Ok(value);
        }
        match block_for(self.turns.take(), timeout, "get_or_init") {
            Some(Some(turn)) => Ok(self.finish(turn, init())),
            Some(None) => Ok(self.expect()),
            None => Err(TimedOut(())),
        }
    }

    /// Takes the value out, and makes the cell as new.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut cell = ringpool::sync::OnceCell::from(7);
    /// assert_eq!(cell.take(), Some(7));
    /// assert_eq!(cell.take(), None);
    /// ```
    pub fn take(&mut self) -> Option<T> {
        std::mem::take(self).into_inner()
    }

    /// The value, if there is one.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(ringpool::sync::OnceCell::from(7).into_inner(), Some(7));
    /// ```
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// Writes the value, and tells all who wait.
    fn finish(&self, turn: Turn<'_>, value: T) -> &T {
        let is_first = self.value.set(value).is_ok();
        assert!(is_first, "only who has the turn writes, and it is given once");
        turn.finish();
        self.is_set.set();
        self.expect()
    }

    fn expect(&self) -> &T {
        self.get().expect("the value is there before anybody is told of it")
    }
}

impl<'a, T> Wait for OnceCellWait<'a, T> {
    type Output = &'a T;

    fn poll_wait(&mut self, waker: &Waker) -> Poll<&'a T> {
        self.wait.poll_wait(waker).map(|()| self.cell.expect())
    }

    fn give_up(&mut self) -> Option<&'a T> {
        self.wait.give_up().map(|()| self.cell.expect())
    }
}

impl<'a, T> Future for OnceCellWait<'a, T> {
    type Output = &'a T;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<&'a T> {
        poll_with_budget(&mut *self, cx)
    }
}

impl<T> Default for OnceCell<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<T> for OnceCell<T> {
    fn from(value: T) -> Self {
        let cell = Self::new();
        assert!(cell.set(value).is_ok(), "nobody else has the cell yet");
        cell
    }
}

impl<T: Clone> Clone for OnceCell<T> {
    fn clone(&self) -> Self {
        self.get().cloned().map_or_else(Self::new, Self::from)
    }
}

impl<T: PartialEq> PartialEq for OnceCell<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceCell<T> {}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceCell").field("value", &self.get()).finish()
    }
}

impl<T> fmt::Debug for OnceCellWait<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.wait.fmt(f)
    }
}
