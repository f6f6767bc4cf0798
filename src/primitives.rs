//! The only place that chooses between `std`, loom and shuttle.
//!
//! Everything that is modelled takes its atomics, cells and locks from here. The models run with
//! `RUSTFLAGS="--cfg ringpool_loom" cargo test --release --lib`, random schedules of larger
//! situations with `RUSTFLAGS="--cfg ringpool_shuttle" cargo test --lib shuttle_runs`; the cfgs are
//! private to this crate so that they never change a dependency.

use std::sync::LockResult;

#[cfg(not(any(ringpool_loom, ringpool_shuttle)))]
mod chosen {
    pub(crate) use std::hint::spin_loop;
    pub(crate) use std::sync::Arc;
    pub(crate) use std::sync::Mutex;
    pub(crate) use std::sync::MutexGuard;
    pub(crate) use std::sync::RwLock;
    pub(crate) use std::sync::RwLockReadGuard;
    pub(crate) use std::sync::atomic;
    pub(crate) use std::thread::yield_now;
    pub(crate) use std::thread_local;
}

/// Shuttle switches between threads at each of these, and at nothing else.
#[cfg(ringpool_shuttle)]
mod chosen {
    pub(crate) use shuttle::hint::spin_loop;
    pub(crate) use shuttle::sync::Arc;
    pub(crate) use shuttle::sync::Mutex;
    pub(crate) use shuttle::sync::MutexGuard;
    pub(crate) use shuttle::sync::RwLock;
    pub(crate) use shuttle::sync::RwLockReadGuard;
    pub(crate) use shuttle::sync::atomic;
    pub(crate) use shuttle::thread::yield_now;
    pub(crate) use shuttle::thread_local;
}

#[cfg(not(ringpool_loom))]
mod cell {
    /// `std::cell::UnsafeCell` with loom's interface, so that a model can watch every access.
    #[derive(Debug)]
    #[repr(transparent)]
    pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }

        /// Runs `read` with a pointer that may be read through.
        #[inline(always)]
        pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
            read(self.0.get())
        }

        /// Runs `write` with a pointer that may be written through.
        #[inline(always)]
        pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
            write(self.0.get())
        }
    }
}

#[cfg(ringpool_loom)]
mod chosen {
    pub(crate) use loom::cell::UnsafeCell;
    pub(crate) use loom::hint::spin_loop;
    pub(crate) use loom::sync::Arc;
    pub(crate) use loom::sync::Mutex;
    pub(crate) use loom::sync::MutexGuard;
    pub(crate) use loom::sync::RwLock;
    pub(crate) use loom::sync::RwLockReadGuard;
    pub(crate) use loom::sync::atomic;
    pub(crate) use loom::thread::yield_now;
    pub(crate) use std::thread_local;
}

#[cfg(not(ringpool_loom))]
pub(crate) use cell::UnsafeCell;
pub(crate) use chosen::*;

/// Locks `mutex`; a panic of another holder does not matter, since no user code runs under our
/// locks and every critical section leaves its data whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    unpoisoned(mutex.lock())
}

/// The guard of a lock that is not modelled: see [`lock`].
pub(crate) fn unpoisoned<G>(locked: LockResult<G>) -> G {
    match locked {
        Ok(guard) => guard,
        Err(poisoned) => poisoned.into_inner(),
    }
}

/// What several models need.
#[cfg(all(test, ringpool_loom))]
pub(crate) mod models {
    use loom::sync::{Arc, Condvar, Mutex};

    /// Numbers for a thread that blocks until there is one: the kernel's part in the models.
    pub(crate) struct Post {
        numbers: Mutex<Vec<u32>>,
        arrived: Condvar,
    }

    impl Post {
        pub(crate) fn new() -> Arc<Self> {
            Arc::new(Self { numbers: Mutex::new(Vec::new()), arrived: Condvar::new() })
        }

        pub(crate) fn send(&self, number: u32) {
            self.numbers.lock().unwrap().push(number);
            self.arrived.notify_one();
        }

        pub(crate) fn receive(&self) -> u32 {
            let mut numbers = self.numbers.lock().unwrap();
            while numbers.is_empty() {
                numbers = self.arrived.wait(numbers).unwrap();
            }
            numbers.remove(0)
        }

        pub(crate) fn try_receive(&self) -> Option<u32> {
            self.numbers.lock().unwrap().pop()
        }
    }
}
