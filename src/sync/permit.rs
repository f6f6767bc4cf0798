//! Permits of a semaphore in somebody's hands.

use std::fmt;
use std::sync::Arc;

use super::semaphore::Semaphore;

const OF_ANOTHER: &str = "permits of different semaphores cannot be merged";

/// One or more permits; dropping it gives them back.
#[must_use = "a permit that is dropped at once is given back at once"]
pub struct SemaphorePermit<'a> {
    semaphore: &'a Semaphore,
    count: usize,
}

/// As [`SemaphorePermit`], and keeps the semaphore by an [`Arc`]; made by
/// [`Semaphore::acquire_owned`].
#[must_use = "a permit that is dropped at once is given back at once"]
pub struct OwnedSemaphorePermit {
    semaphore: Arc<Semaphore>,
    count: usize,
}

impl<'a> SemaphorePermit<'a> {
    /// The caller has acquired them.
    #[inline]
    pub(super) fn new(semaphore: &'a Semaphore, count: usize) -> Self {
        Self { semaphore, count }
    }

    /// Keeps the permits from ever being given back: the semaphore has so many fewer.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = ringpool::sync::Semaphore::new(3);
    /// semaphore.try_acquire()?.forget();
    /// assert_eq!(semaphore.available_permits(), 2);
    /// # Ok::<(), ringpool::sync::TryAcquireError>(())
    /// ```
    pub fn forget(mut self) {
        self.count = 0;
    }

    /// Adds the permits of `other` to this one.
    ///
    /// # Panics
    ///
    /// If they are of another semaphore; then `other` is given back there.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = ringpool::sync::Semaphore::new(3);
    /// let mut permit = semaphore.try_acquire()?;
    /// permit.merge(semaphore.try_acquire()?);
    /// assert_eq!(permit.num_permits(), 2);
    /// # Ok::<(), ringpool::sync::TryAcquireError>(())
    /// ```
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(std::ptr::eq(self.semaphore, other.semaphore), "{OF_ANOTHER}");
        self.count += std::mem::take(&mut other.count);
    }

    /// Splits off `count` of the permits; `None`, and nothing changes, if there are not so many.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = ringpool::sync::Semaphore::new(3);
    /// let mut permits = semaphore.try_acquire_many(3)?;
    /// drop(permits.split(2));
    /// assert_eq!((permits.num_permits(), semaphore.available_permits()), (1, 2));
    /// assert!(permits.split(2).is_none());
    /// # Ok::<(), ringpool::sync::TryAcquireError>(())
    /// ```
    pub fn split(&mut self, count: usize) -> Option<Self> {
        self.count = self.count.checked_sub(count)?;
        Some(Self::new(self.semaphore, count))
    }

    /// How many permits it holds.
    pub fn num_permits(&self) -> usize {
        self.count
    }
}

impl OwnedSemaphorePermit {
    /// The caller has acquired them.
    pub(super) fn new(semaphore: Arc<Semaphore>, count: usize) -> Self {
        Self { semaphore, count }
    }

    /// Keeps the permits from ever being given back; see [`SemaphorePermit::forget`].
    pub fn forget(mut self) {
        self.count = 0;
    }

    /// Adds the permits of `other` to this one.
    ///
    /// # Panics
    ///
    /// If they are of another semaphore; then `other` is given back there.
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(Arc::ptr_eq(&self.semaphore, &other.semaphore), "{OF_ANOTHER}");
        self.count += std::mem::take(&mut other.count);
    }

    /// Splits off `count` of the permits; `None`, and nothing changes, if there are not so many.
    pub fn split(&mut self, count: usize) -> Option<Self> {
        self.count = self.count.checked_sub(count)?;
        Some(Self::new(Arc::clone(&self.semaphore), count))
    }

    /// How many permits it holds.
    pub fn num_permits(&self) -> usize {
        self.count
    }

    /// The semaphore that they are of.
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore
    }
}

impl Drop for SemaphorePermit<'_> {
    #[inline]
    fn drop(&mut self) {
        self.semaphore.permits.release(self.count);
    }
}

impl Drop for OwnedSemaphorePermit {
    fn drop(&mut self) {
        self.semaphore.permits.release(self.count);
    }
}

impl fmt::Debug for SemaphorePermit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SemaphorePermit").field("count", &self.count).finish_non_exhaustive()
    }
}

impl fmt::Debug for OwnedSemaphorePermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedSemaphorePermit").field("count", &self.count).finish_non_exhaustive()
    }
}
