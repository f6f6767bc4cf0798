//! The program, in processes of its own.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use ringpool::DoorbellKind;

use crate::common::{LIMIT, Watchdog, example, limit_of, skip};
use crate::situation;

fn limit() -> Watchdog {
    limit_of(4 * LIMIT)
}

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| example("doctor"))
}

fn doctor(arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(arguments).stdin(Stdio::null());
    // A leak checker needs more than some of these situations leave.
    command.env("ASAN_OPTIONS", "detect_leaks=0");
    command
}

/// Lets the program begin in a situation. Between fork and exec nothing may be allocated, and
/// nothing is.
fn doctor_in(
    arguments: &[&str],
    enter: impl FnMut() -> std::io::Result<()> + Send + Sync + 'static,
) -> Command {
    let mut command = doctor(arguments);
    // SAFETY: what the callers give makes system calls and nothing else.
    unsafe { command.pre_exec(enter) };
    command
}

/// What it printed; with this exit status.
#[track_caller]
fn report_of(mut command: Command, status: i32) -> String {
    let Output { status: found, stdout, stderr } = command.output().expect("it can be run");
    let report = String::from_utf8(stdout).expect("it prints text");
    let complaint = String::from_utf8_lossy(&stderr);
    assert_eq!(found.code(), Some(status), "{report}\n{complaint}");
    assert!(complaint.is_empty(), "{complaint}");
    report
}

#[track_caller]
fn assert_has(report: &str, parts: &[&str]) {
    for part in parts {
        assert!(report.contains(part), "{part:?} is not in\n{report}");
    }
}

/// The parts that are there on any machine.
const ANYWHERE: [&str; 7] = [
    "Kernel: Linux ",
    "\nPool: ",
    "\nLimits:\n",
    "  open files: ",
    " online",
    "\nWhat it means:\n",
    "processors: ",
];

#[test]
fn here_it_tells_everything_and_ends_well() {
    let _limit = limit();
    let report = report_of(doctor(&[]), 0);
    assert_has(&report, &ANYWHERE);
    let costs = [
        "io_uring: usable",
        "IORING_SETUP_DEFER_TASKRUN",
        "doorbell from a ring's thread: ",
        "doorbell from other threads: ",
        "spawn_on and await, asleep",
        "spawn_on and await, warm",
        "nop on the ring",
        "write to an eventfd",
        "yield_now",
        "fine    pool: a pool of ",
    ];
    assert_has(&report, &costs);
    for doorbell in [DoorbellKind::RingMessage, DoorbellKind::EventFd] {
        assert_eq!(report.matches(&format!("by {doorbell}\n")).count(), 2, "{report}");
    }
}

#[test]
fn as_json_it_is_one_object_in_one_line() {
    let _limit = limit();
    let report = report_of(doctor(&["--json", "--quick", "--threads", "3"]), 0);
    assert_eq!(report.lines().count(), 1, "{report}");
    assert!(report.starts_with("{\"usable\":true,\"kernel\":{") && report.ends_with("}\n"));
    let parts = [
        "\"pool\":{\"threads\":3,\"error\":null,\"doorbell\":{\"from_rings\":\"",
        "\"memory_bytes\":86016",
        "{\"work\":\"yield_now\",\"doorbell\":null,\"median_ns\":",
        "\"subject\":\"processors\",\"verdict\":\"",
    ];
    assert_has(&report, &parts);
    for (open, close) in [('{', '}'), ('[', ']')] {
        let count = |bracket| report.matches(bracket).count();
        assert_eq!(count(open), count(close), "{report}");
    }
}

#[test]
fn a_doorbell_that_is_asked_for_is_the_one_it_finds() {
    let _limit = limit();
    let mut command = doctor(&["--quick"]);
    command.env("RINGPOOL_DOORBELL", "eventfd");
    let report = report_of(command, 0);
    let used = format!("doorbell from a ring's thread: {}", DoorbellKind::EventFd);
    assert_has(&report, &[&used, "since the variable RINGPOOL_DOORBELL is eventfd"]);
}

#[test]
fn help_and_wrong_options_are_answered() {
    let _limit = limit();
    assert!(report_of(doctor(&["--help"]), 0).starts_with("usage: doctor "));
    for arguments in [&["--what"][..], &["--threads"], &["--threads", "0"], &["--threads", "x"]] {
        let output = doctor(arguments).output().expect("it can be run");
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{complaint}");
        assert!(output.stdout.is_empty());
        assert!(complaint.starts_with("doctor: ") && complaint.contains("usage: "), "{complaint}");
    }
}

#[test]
fn where_a_filter_denies_io_uring_it_says_so_and_tells_the_rest() {
    let _limit = limit();
    let denied = |arguments: &[&str]| {
        let mut filter = situation::filter(&[(libc::SYS_io_uring_setup, None)], libc::EPERM);
        doctor_in(arguments, move || situation::install(&mut filter))
    };
    let report = report_of(denied(&["--quick"]), 1);
    assert_has(&report, &ANYWHERE);
    assert_has(&report, &["write to an eventfd", "problem io_uring: ", "problem pool: "]);
    assert!(!report.contains("spawn_on and await"), "{report}");
    let disabled = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled");
    if disabled.is_ok_and(|value| value.trim() != "0") {
        return skip("io_uring to be switched on");
    }
    let parts = [
        "seccomp filter: in force",
        "denied to this process by a seccomp filter",
        "→ allow io_uring_setup, io_uring_enter and io_uring_register",
    ];
    assert_has(&report, &parts);
    let report = report_of(denied(&["--quick", "--json"]), 1);
    assert_has(&report, &["{\"usable\":false,", "\"io_uring\":false", "\"ring\":null"]);
}

#[test]
fn a_kernel_without_io_uring_is_called_that() {
    let _limit = limit();
    let mut filter = situation::filter(&[(libc::SYS_io_uring_setup, None)], libc::ENOSYS);
    let command = doctor_in(&["--quick"], move || situation::install(&mut filter));
    let report = report_of(command, 1);
    assert_has(&report, &ANYWHERE);
    assert_has(&report, &["io_uring: not usable: io_uring is not there", "→ run on Linux 6.1"]);
}

#[test]
fn few_open_files_are_a_hint_and_too_few_a_reason() {
    let _limit = limit();
    let with_files =
        |files| doctor_in(&["--quick"], move || situation::limit(libc::RLIMIT_NOFILE, files));
    let report = report_of(with_files(256), 0);
    assert_has(&report, &["  open files: 256", "hint    open files: 256 at once"]);
    // As many as the loader of programs needs.
    let report = report_of(with_files(4), 1);
    assert_has(&report, &ANYWHERE);
    let parts = ["problem pool: ", "this process may have 4 files open", "problem open files: "];
    assert_has(&report, &parts);
}

/// Kernels before 6.14 or so do not count the memory of a ring, so there it can be made.
#[test]
fn a_process_that_may_lock_no_memory_is_told_the_limit() {
    let _limit = limit();
    let command = doctor_in(&["--quick"], || {
        const CAP_IPC_LOCK: libc::c_ulong = 14;
        // Who is not root has not got it, and may not drop it.
        // SAFETY: the call takes numbers only.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0) };
        situation::limit(libc::RLIMIT_MEMLOCK, 0)
    });
    let output = { command }.output().expect("it can be run");
    let report = String::from_utf8(output.stdout).expect("it prints text");
    assert_has(&report, &ANYWHERE);
    let parts = ["  locked memory: 0 bytes", "problem locked memory: this user may lock 0 bytes"];
    assert_has(&report, &parts);
    if report.contains("io_uring: usable") {
        return assert_eq!(output.status.code(), Some(0), "{report}");
    }
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert_has(&report, &["share what it may lock, 0 bytes", "→ raise that limit"]);
}

#[test]
fn a_pipe_that_nobody_reads_does_not_change_the_answer() {
    let _limit = limit();
    let mut command = doctor(&["--quick"]);
    let (reader, writer) = std::io::pipe().expect("a pipe can be made");
    drop(reader);
    let status = command.stdout(writer).stderr(Stdio::null()).status().expect("it can be run");
    assert_eq!(status.code(), Some(0));
}
