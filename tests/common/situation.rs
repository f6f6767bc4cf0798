//! Situations that a process can be put into: limits, and system calls that are refused.

#![allow(dead_code, reason = "every test file uses a part of it")]

use std::io;

/// System calls to be refused: a number, and the second argument if only such calls are meant.
pub(crate) type Calls<'a> = &'a [(libc::c_long, Option<u32>)];

/// Sets the limit that is in force, and leaves the one up to which it may be raised.
pub(crate) fn limit(resource: libc::__rlimit_resource_t, value: u64) -> io::Result<()> {
    let mut limits = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: getrlimit(2) writes one rlimit, and the local has room for it.
    done(unsafe { libc::getrlimit(resource, &mut limits) })?;
    limits.rlim_cur = value;
    // SAFETY: setrlimit(2) reads one rlimit from a live local.
    done(unsafe { libc::setrlimit(resource, &limits) })
}

/// Raises a limit as far as it goes.
pub(crate) fn lift(resource: libc::__rlimit_resource_t) -> io::Result<()> {
    let mut limits = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: getrlimit(2) writes one rlimit, and the local has room for it.
    done(unsafe { libc::getrlimit(resource, &mut limits) })?;
    limit(resource, limits.rlim_max)
}

/// A filter that lets the calls fail with `errno`.
pub(crate) fn filter(calls: Calls<'_>, errno: i32) -> Vec<libc::sock_filter> {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const JUMP_IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    /// Where `seccomp_data` holds the number of the call and the low half of its second argument.
    const NUMBER: u32 = 0;
    const SECOND: u32 = 24 + if cfg!(target_endian = "big") { 4 } else { 0 };

    let step = |code, k| libc::sock_filter { code, jt: 0, jf: 0, k };
    let unless_equal =
        |k, skipped| libc::sock_filter { code: JUMP_IF_EQUAL, jt: 0, jf: skipped, k };
    let mut program = Vec::new();
    for (number, second) in calls {
        let number = u32::try_from(*number).expect("numbers of calls are small");
        program.push(step(LOAD, NUMBER));
        program.push(unless_equal(number, if second.is_some() { 3 } else { 1 }));
        if let Some(second) = second {
            program.push(step(LOAD, SECOND));
            program.push(unless_equal(*second, 1));
        }
        program.push(step(RETURN, libc::SECCOMP_RET_ERRNO | errno.cast_unsigned()));
    }
    program.push(step(RETURN, libc::SECCOMP_RET_ALLOW));
    program
}

/// Puts a filter on this thread and those it starts, and on what it executes. Allocates nothing.
pub(crate) fn install(program: &mut [libc::sock_filter]) -> io::Result<()> {
    let len = u16::try_from(program.len()).unwrap_or(u16::MAX);
    let program = libc::sock_fprog { len, filter: program.as_mut_ptr() };
    // SAFETY: this call takes numbers only.
    done(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
    let mode = libc::SECCOMP_MODE_FILTER;
    // SAFETY: the kernel copies the `len` instructions of the slice, which is alive.
    done(unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) })
}

fn done(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
