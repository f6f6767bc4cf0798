//! What lets its holder read or write what is in an `RwLock`.

use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::rwlock::{ALL, RwLock};

/// The right to read what is in an [`RwLock`]; dropping it gives it back.
#[must_use = "a guard that is dropped at once unlocks at once"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
}

/// The right to write what is in an [`RwLock`]; dropping it gives it back.
#[must_use = "a guard that is dropped at once unlocks at once"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
}

/// As [`RwLockReadGuard`], and keeps the lock by an [`Arc`]; made by [`RwLock::read_owned`].
#[must_use = "a guard that is dropped at once unlocks at once"]
pub struct OwnedRwLockReadGuard<T: ?Sized> {
    lock: Arc<RwLock<T>>,
}

/// As [`RwLockWriteGuard`], and keeps the lock by an [`Arc`]; made by [`RwLock::write_owned`].
#[must_use = "a guard that is dropped at once unlocks at once"]
pub struct OwnedRwLockWriteGuard<T: ?Sized> {
    lock: Arc<RwLock<T>>,
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// Makes a reader of this writer, with no writer in between; readers that are next in line
    /// enter too.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::sync::{RwLock, RwLockWriteGuard};
    ///
    /// let lock = RwLock::new(5);
    /// let mut writer = lock.write_blocking();
    /// *writer += 1;
    /// let reader = RwLockWriteGuard::downgrade(writer);
    /// assert_eq!((*reader, *lock.read_blocking()), (6, 6));
    /// ```
    pub fn downgrade(this: Self) -> RwLockReadGuard<'a, T> {
        let lock = ManuallyDrop::new(this).lock;
        lock.permits.release(ALL - 1);
        RwLockReadGuard::new(lock)
    }
}

impl<T: ?Sized> OwnedRwLockWriteGuard<T> {
    /// Makes a reader of this writer; see [`RwLockWriteGuard::downgrade`].
    pub fn downgrade(this: Self) -> OwnedRwLockReadGuard<T> {
        let lock = Arc::clone(&this.lock);
        // The reader has its permit from here on, and keeps the lock.
        let reader = OwnedRwLockReadGuard::new(lock);
        let this = ManuallyDrop::new(this);
        this.lock.permits.release(ALL - 1);
        // SAFETY: `this` is never touched again, so its reference is dropped once, here.
        drop(unsafe { std::ptr::read(&raw const this.lock) });
        reader
    }
}

/// What the four guards have in common: how they are made, what dropping them gives back, and that
/// they show the value.
macro_rules! guard {
    ($guard:ident<$($life:lifetime,)? T>, $lock:ty, $permits:expr) => {
        impl<$($life,)? T: ?Sized> $guard<$($life,)? T> {
            /// The caller has acquired the permits.
            #[inline]
            pub(super) fn new(lock: $lock) -> Self {
                Self { lock }
            }
        }

        impl<$($life,)? T: ?Sized> Drop for $guard<$($life,)? T> {
            #[inline]
            fn drop(&mut self) {
                self.lock.permits.release($permits);
            }
        }

        impl<$($life,)? T: ?Sized> Deref for $guard<$($life,)? T> {
            type Target = T;

            #[inline]
            fn deref(&self) -> &T {
                // SAFETY: a guard has at least one permit, so nobody has all of them but perhaps
                // this guard itself: only who borrows it exclusively writes.
                unsafe { &*self.lock.value.get() }
            }
        }

        impl<$($life,)? T: ?Sized + fmt::Debug> fmt::Debug for $guard<$($life,)? T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&**self, f)
            }
        }

        impl<$($life,)? T: ?Sized + fmt::Display> fmt::Display for $guard<$($life,)? T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&**self, f)
            }
        }
    };
}

guard!(RwLockReadGuard<'a, T>, &'a RwLock<T>, 1);
guard!(RwLockWriteGuard<'a, T>, &'a RwLock<T>, ALL);
guard!(OwnedRwLockReadGuard<T>, Arc<RwLock<T>>, 1);
guard!(OwnedRwLockWriteGuard<T>, Arc<RwLock<T>>, ALL);

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard has all permits, so there is no other guard, and it is borrowed
        // exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for OwnedRwLockWriteGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as for `RwLockWriteGuard`.
        unsafe { &mut *self.lock.value.get() }
    }
}
