//! The two processors that everything runs on.

use std::sync::OnceLock;

use core_affinity::CoreId;

/// The first two that the process may use, as it was started; twice the same if it has but one.
pub fn cores() -> [usize; 2] {
    // Asked once: threads that have been pinned give their mask to those they start.
    static CORES: OnceLock<[usize; 2]> = OnceLock::new();
    *CORES.get_or_init(|| {
        let allowed = core_affinity::get_core_ids().expect("the affinity mask can be read");
        let first = allowed.first().expect("there is a processor").id;
        [first, allowed.get(1).map_or(first, |core| core.id)]
    })
}

/// Pins the calling thread to the first (0) or the second (1) of them.
pub fn pin(which: usize) {
    assert!(core_affinity::set_for_current(CoreId { id: cores()[which] }), "cannot pin a thread");
}

/// Lets the calling thread run on both: for threads that do blocking work.
pub fn unpin() {
    // SAFETY: an all-zero set is an empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for core in cores() {
        // SAFETY: the set is ours, and the core is one that the kernel has named.
        unsafe { libc::CPU_SET(core, &mut set) };
    }
    // SAFETY: 0 is the calling thread; the kernel only reads the set.
    let result = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &set) };
    assert_eq!(result, 0, "cannot set a thread free");
}

/// Runs `body` on a thread of its own that is pinned to the first or the second of them.
pub fn on_core<T: Send>(which: usize, body: impl FnOnce() -> T + Send) -> T {
    cores();
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            pin(which);
            body()
        });
        thread.join().expect("the body does not panic")
    })
}
