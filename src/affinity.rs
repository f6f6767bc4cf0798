//! Which processors a thread runs on.

use core_affinity::CoreId;

/// The processors that the calling thread may run on, in order.
pub(crate) fn allowed_cores() -> Vec<usize> {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    cores.into_iter().map(|core| core.id).collect()
}

/// Pins the calling thread; says whether that worked.
pub(crate) fn pin_to(core: usize) -> bool {
    core_affinity::set_for_current(CoreId { id: core })
}

/// A set of processors, to give a thread the freedom of another.
///
/// A thread inherits the set of the thread that makes it. Threads for blocking work are made by
/// rings, which are pinned, and would all share their maker's one processor with it.
#[derive(Clone, Copy)]
pub(crate) struct CoreSet(libc::cpu_set_t);

impl CoreSet {
    /// That of the calling thread; `None` where it cannot be told.
    pub(crate) fn of_current_thread() -> Option<Self> {
        // SAFETY: an all-zero set is an empty set.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: 0 is the calling thread; the kernel writes at most the size it is told.
        let failed = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &mut set) };
        (failed == 0).then_some(Self(set))
    }

    /// Lets the calling thread run on these. If the kernel refuses, the thread stays where it is,
    /// which is slower but not wrong.
    pub(crate) fn apply_to_current_thread(&self) {
        // SAFETY: 0 is the calling thread; the kernel only reads the set.
        unsafe { libc::sched_setaffinity(0, size_of_val(&self.0), &self.0) };
    }

    /// How many processors there are in it.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        // SAFETY: only reads the set.
        unsafe { libc::CPU_COUNT(&self.0) as usize }
    }
}

impl std::fmt::Debug for CoreSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let contains = |&core: &usize| {
            // SAFETY: only reads the set, within its size.
            unsafe { libc::CPU_ISSET(core, &self.0) }
        };
        f.debug_set().entries((0..libc::CPU_SETSIZE as usize).filter(contains)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_thread_can_be_set_free_again() {
        let free = CoreSet::of_current_thread().unwrap();
        std::thread::spawn(move || {
            assert!(pin_to(allowed_cores()[0]));
            assert_eq!(CoreSet::of_current_thread().unwrap().count(), 1);
            free.apply_to_current_thread();
            let now = CoreSet::of_current_thread().unwrap();
            assert_eq!(format!("{now:?}"), format!("{free:?}"));
        })
        .join()
        .unwrap();
    }
}
