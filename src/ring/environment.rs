//! What this process is allowed, as far as it decides whether a ring can be made.

use std::ffi::CStr;
use std::fs;
use std::mem::MaybeUninit;

/// The facts that turn a bare errno into an explanation.
///
/// They are gathered when an error has to be explained, never on the way to a working ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Environment {
    /// The kernel's release as `uname -r` prints it; for messages only, never to decide anything.
    pub(crate) kernel_release: String,
    /// `kernel.io_uring_disabled`, where the kernel has that setting (6.6, and some backports).
    pub(crate) io_uring_disabled: Option<u8>,
    /// True if a seccomp filter watches this thread's system calls, as in most containers.
    pub(crate) seccomp_filter: bool,
    /// How much memory this user may lock; `u64::MAX` is no limit.
    pub(crate) memlock_bytes: u64,
    /// How many files this process may have open; `u64::MAX` is no limit.
    pub(crate) open_files: u64,
    /// How many processors of the machine are online.
    pub(crate) processors_online: usize,
    /// The part of the set-up that this kernel does not know, found by trying.
    pub(crate) missing: Option<Missing>,
}

/// Something a ring needs that this kernel does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    /// The name in the kernel's own headers.
    pub(crate) name: &'static str,
    /// The first Linux that has it.
    pub(crate) since: &'static str,
}

impl Environment {
    pub(crate) fn read() -> Self {
        let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
        Self {
            kernel_release: kernel_release(),
            io_uring_disabled: fs::read_to_string("/proc/sys/kernel/io_uring_disabled")
                .ok()
                .and_then(|text| text.trim().parse().ok()),
            seccomp_filter: has_seccomp_filter(&status),
            memlock_bytes: soft_limit(libc::RLIMIT_MEMLOCK),
            open_files: soft_limit(libc::RLIMIT_NOFILE),
            processors_online: processors_online(),
            missing: None,
        }
    }
}

/// Reads the `Seccomp:` line of a `/proc/…/status`: 0 is off, 1 strict, 2 a filter.
fn has_seccomp_filter(status: &str) -> bool {
    status.lines().filter_map(|line| line.strip_prefix("Seccomp:")).any(|mode| mode.trim() == "2")
}

fn kernel_release() -> String {
    let mut names = MaybeUninit::<libc::utsname>::zeroed();
    // SAFETY: uname(2) writes one utsname, and `names` has room for exactly that.
    if unsafe { libc::uname(names.as_mut_ptr()) } != 0 {
        return String::from("unknown");
    }
    // SAFETY: the buffer was zeroed, which is a valid utsname, and the call has filled it.
    let names = unsafe { names.assume_init() };
    // SAFETY: the kernel ends each field of a utsname with a NUL inside the field, and `names`
    // outlives the borrow, which ends within this statement.
    let release = unsafe { CStr::from_ptr(names.release.as_ptr()) };
    release.to_string_lossy().into_owned()
}

/// The limit that is in force; `u64::MAX` where there is none or it cannot be asked for.
pub(super) fn soft_limit(resource: libc::__rlimit_resource_t) -> u64 {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: getrlimit(2) writes one rlimit through the pointer, which is that of a live local.
    unsafe { libc::getrlimit(resource, &mut limit) };
    limit.rlim_cur
}

fn processors_online() -> usize {
    // SAFETY: sysconf(3) takes a number and refers to no memory of ours.
    let online = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    usize::try_from(online).unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_the_one_the_kernel_tells_in_proc() {
        let told = fs::read_to_string("/proc/sys/kernel/osrelease").expect("proc is mounted");
        assert_eq!(Environment::read().kernel_release, told.trim());
    }

    #[test]
    fn limits_are_those_of_proc_limits() {
        let limits = fs::read_to_string("/proc/self/limits").expect("proc is mounted");
        let soft = |name: &str| {
            let line = limits.lines().find_map(|line| line.strip_prefix(name)).expect("listed");
            match line.split_whitespace().next().expect("a value") {
                "unlimited" => u64::MAX,
                value => value.parse().expect("a number"),
            }
        };
        let environment = Environment::read();
        assert_eq!(environment.memlock_bytes, soft("Max locked memory"));
        assert_eq!(environment.open_files, soft("Max open files"));
    }

    #[test]
    fn only_mode_two_is_a_seccomp_filter() {
        assert!(has_seccomp_filter("Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1\n"));
        assert!(!has_seccomp_filter("Seccomp:\t0\nSeccomp_filters:\t2\n"));
        assert!(!has_seccomp_filter(""));
    }
}
