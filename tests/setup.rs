//! What a program is told where rings cannot be made, or can do less than here.
//!
//! Each situation is made in a process of its own: this test binary runs itself again, either
//! under strace, which lets system calls fail, or with limits and seccomp filters it puts on
//! itself.

#[path = "common/situation.rs"]
mod situation;

use std::env;
use std::fs;
use std::io;
use std::process::{Command, Stdio};

use ringpool::{DoorbellKind, SetupError, capabilities};

/// Names the situation that a process of this binary has to put itself into.
const SITUATION: &str = "RINGPOOL_TEST_SITUATION";

const IOWQ_MAX_WORKERS: u32 = 19;
const RING_FDS: u32 = 20;
const SEND_MSG_RING: u32 = 31;

/// The one test that the other processes run. On its own it looks at this machine as it is.
#[test]
fn the_report_says_whether_rings_can_be_made() {
    let situation = env::var(SITUATION);
    if let Ok(situation) = &situation {
        enter_situation(situation);
    }
    let capabilities = capabilities();
    leave_situation();
    let text = capabilities.to_string();
    println!("{text}");
    match &capabilities.io_uring {
        Ok(()) => assert!(text.contains("io_uring: usable"), "{text}"),
        Err(error) => assert!(text.contains(&error.to_string()), "{text}"),
    }
    assert_eq!(capabilities.doorbell_from_rings.is_some(), capabilities.io_uring.is_ok());
    if situation.is_err() {
        capabilities.io_uring.expect("the tests of this crate need io_uring");
    }
}

#[test]
fn a_denied_io_uring_is_explained_by_the_switch_or_a_policy() {
    let disabled = fs::read_to_string("/proc/sys/kernel/io_uring_disabled");
    let is_off = disabled.is_ok_and(|value| value.trim() != "0");
    let cause = if is_off { "io_uring is switched off" } else { "io_uring is denied" };
    for errno in ["EPERM", "EACCES"] {
        let Some(report) = under_strace("io_uring_setup", errno) else {
            return;
        };
        assert!(report.contains(&format!("not usable: {cause}")), "{report}");
    }
}

#[test]
fn a_kernel_without_io_uring_is_called_that() {
    let Some(report) = under_strace("io_uring_setup", "ENOSYS") else {
        return;
    };
    assert!(report.contains("not usable: io_uring is not there"), "{report}");
}

#[test]
fn no_memory_for_a_ring_is_explained() {
    let Some(report) = under_strace("io_uring_setup", "ENOMEM") else {
        return;
    };
    assert!(report.contains("not usable: there is no memory for an io_uring ring"), "{report}");
}

#[test]
fn no_descriptor_for_a_ring_says_whose_limit_it_was() {
    let Some(report) = under_strace("io_uring_setup", "EMFILE") else {
        return;
    };
    assert!(report.contains("not usable: no file descriptor is left"), "{report}");
    assert!(report.contains("this process may have"), "{report}");
    let Some(report) = under_strace("io_uring_setup", "ENFILE") else {
        return;
    };
    assert!(report.contains("the whole system has too many files open"), "{report}");
}

#[test]
fn a_refusal_of_every_ring_keeps_the_systems_words() {
    let Some(report) = under_strace("io_uring_setup", "EINVAL") else {
        return;
    };
    let system = io::Error::from_raw_os_error(libc::EINVAL);
    let words = format!("not usable: no io_uring ring could be made: {system}");
    assert!(report.contains(&words), "{report}");
}

#[test]
fn a_kernel_that_refuses_only_the_newest_flag_is_used_without_it() {
    let Some(report) = under_strace("io_uring_setup", "EINVAL:when=1") else {
        return;
    };
    assert!(report.contains("io_uring: usable"), "{report}");
    assert!(report.contains("no  rings without an index array"), "{report}");
}

#[test]
fn a_container_that_filters_io_uring_is_told_of_its_seccomp_profile() {
    let report = in_a_process("filtered");
    let disabled = fs::read_to_string("/proc/sys/kernel/io_uring_disabled");
    if disabled.is_ok_and(|value| value.trim() != "0") {
        assert!(report.contains("not usable: io_uring is switched off"), "{report}");
    } else {
        assert!(report.contains("denied to this process by a seccomp filter"), "{report}");
    }
}

#[test]
fn a_kernel_without_the_sync_message_lets_threads_ring_an_eventfd() {
    let report = in_a_process("no sync message");
    assert!(report.contains("io_uring: usable"), "{report}");
    assert!(report.contains("no  messages from threads without a ring"), "{report}");
    let line = format!("doorbell from other threads: {}", DoorbellKind::EventFd);
    assert!(report.contains(&line), "{report}");
}

#[test]
fn a_ring_works_without_its_caps_and_its_registration() {
    let report = in_a_process("no registrations");
    assert!(report.contains("io_uring: usable"), "{report}");
}

#[test]
fn a_process_out_of_descriptors_is_told_its_limit() {
    let report = in_a_process("no descriptors");
    assert!(report.contains("this process may have 3 files open"), "{report}");
}

/// Kernels before 6.14 or so do not count the memory of a ring, so there it can be made.
#[test]
fn a_user_who_may_lock_no_memory_is_told_the_limit() {
    let report = in_a_process("no locked memory");
    assert!(report.contains("locked memory: at most 0 bytes"), "{report}");
    if !report.contains("io_uring: usable") {
        assert!(report.contains("share what it may lock, 0 bytes; raise that limit"), "{report}");
    }
}

#[test]
fn the_error_of_a_setup_is_found_again_in_an_io_error() {
    let error = io::Error::from(SetupError::TooManyFiles { limit: 8, whole_system: false });
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<SetupError>());
    assert!(matches!(inner, Some(SetupError::TooManyFiles { limit: 8, whole_system: false })));
}

/// Runs the report while `call` fails with `error`; `None` where strace cannot be used.
fn under_strace(call: &str, error: &str) -> Option<String> {
    if !strace_works() {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        assert!(env::var_os("CI").is_none(), "{test} needs strace, and CI has to have it");
        println!("skipped: {test} needs strace, which is missing or may not trace here");
        return None;
    }
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
    command.args(["-e", &format!("inject={call}:error={error}")]);
    command.arg(env::current_exe().expect("this program has a path"));
    Some(report_of(command, "as it is"))
}

fn strace_works() -> bool {
    let mut command = Command::new("strace");
    command.args(["-qq", "-o", "/dev/null", "-e", "trace=none", "true"]);
    command.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn in_a_process(situation: &str) -> String {
    report_of(Command::new(env::current_exe().expect("this program has a path")), situation)
}

/// Runs this binary's report in another process and gives what it printed.
fn report_of(mut command: Command, situation: &str) -> String {
    command.args(["--exact", "the_report_says_whether_rings_can_be_made", "--nocapture"]);
    command.env(SITUATION, situation);
    // A leak checker needs ptrace for itself, which strace has taken.
    command.env("ASAN_OPTIONS", "detect_leaks=0");
    let output = command.stdin(Stdio::null()).output().expect("the process starts");
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{report}\n{complaint}", output.status);
    report
}

/// Puts this process into a situation, and bounds its life.
fn enter_situation(situation: &str) {
    // SAFETY: alarm(2) takes a number; its signal ends this process, which exists for this test.
    unsafe { libc::alarm(60) };
    match situation {
        "as it is" => {}
        "filtered" => filter(&[(libc::SYS_io_uring_setup, None)], libc::EPERM),
        "no sync message" => {
            filter(&[(libc::SYS_io_uring_register, Some(SEND_MSG_RING))], libc::EINVAL);
        }
        "no registrations" => {
            let calls = [IOWQ_MAX_WORKERS, RING_FDS];
            let calls = calls.map(|call| (libc::SYS_io_uring_register, Some(call)));
            filter(&calls, libc::EINVAL);
        }
        "no descriptors" => limit(libc::RLIMIT_NOFILE, 3),
        "no locked memory" => {
            limit(libc::RLIMIT_MEMLOCK, 0);
            become_nobody();
        }
        _ => panic!("unknown situation {situation}"),
    }
}

/// Gives the descriptors back that a process needs to end in good order.
fn leave_situation() {
    situation::lift(libc::RLIMIT_NOFILE).expect("a limit can be lifted");
}

fn limit(resource: libc::__rlimit_resource_t, value: u64) {
    situation::limit(resource, value).expect("a limit can be set");
}

/// Gives up what root may do beyond the limits; others have nothing to give up.
fn become_nobody() {
    const NOBODY: libc::uid_t = 65_534;
    // SAFETY: geteuid(2) only answers.
    if unsafe { libc::geteuid() } == 0 {
        // SAFETY: setresuid(2) takes numbers, and this process has no other user's work to do.
        assert_eq!(unsafe { libc::setresuid(NOBODY, NOBODY, NOBODY) }, 0);
    }
}

/// Lets the calls fail with `errno`, for this thread and those it starts: all calls of a number,
/// or only those whose second argument is the one given.
fn filter(calls: situation::Calls<'_>, errno: i32) {
    situation::install(&mut situation::filter(calls, errno)).expect("a filter can be installed");
}
