//! The advice on machines that are made up.

use ringpool::DoorbellKind::{EventFd, RingMessage, SyncMessage};
use ringpool::{DoorbellKind, SetupError};

use crate::advice::{Advice, Verdict, advise};
use crate::findings::{
    Cost, Doorbells, Feature, Findings, Kernel, Limit, Limits, PoolFound, Processors, Ring, Work,
};
use crate::{json, text};

const NEWEST: Doorbells = Doorbells { from_rings: RingMessage, from_threads: SyncMessage };
const OLDEST: Doorbells = Doorbells { from_rings: EventFd, from_threads: EventFd };

fn no_limit() -> Limit {
    Limit { soft: u64::MAX, hard: u64::MAX }
}

fn cost(work: Work, doorbell: Option<DoorbellKind>, median_ns: f64) -> Cost {
    Cost { work, doorbell, median_ns, least_ns: median_ns * 0.9, most_ns: median_ns * 1.1 }
}

/// A machine without a fault: eight processors and a new kernel.
fn healthy() -> Findings {
    let fast = Feature { name: "fast messages between rings", since: "6.12", available: true };
    let pipes = Feature { name: "pipes made through a ring", since: "6.16", available: true };
    Findings {
        kernel: Kernel {
            release: String::from("6.18.0"),
            io_uring: Ok(()),
            io_uring_disabled: Some(0),
            seccomp_filter: false,
            features: vec![fast, pipes],
            operations_supported: 63,
            operations_missing: vec![("NOP128", "6.19")],
        },
        ring: Some(Ring {
            flags: vec!["IORING_SETUP_DEFER_TASKRUN"],
            submission_entries: 256,
            completion_entries: 4096,
            memory_bytes: 86_016,
            best_doorbells: NEWEST,
        }),
        pool: PoolFound { threads: 8, outcome: Ok(NEWEST), forced_doorbell: None },
        limits: Limits {
            memlock_bytes: Limit { soft: 8 << 20, hard: 8 << 20 },
            may_lock_any: false,
            open_files: Limit { soft: 65_536, hard: 65_536 },
            processes: no_limit(),
            io_workers: [4, 16],
        },
        processors: Processors { online: 8, in_mask: Some(8), quota: None, default_threads: 8 },
        costs: vec![
            cost(Work::SpawnOnAsleep, Some(RingMessage), 10_000.0),
            cost(Work::SpawnOnWarm, Some(RingMessage), 250.0),
            cost(Work::SpawnOnAsleep, Some(EventFd), 10_500.0),
            cost(Work::SpawnOnWarm, Some(EventFd), 250.0),
            cost(Work::Yield, None, 7.0),
        ],
        measured_all: true,
    }
}

/// The advice on one subject, which there is on every machine, told to people and to machines.
#[track_caller]
fn on(subject: &str, findings: &Findings) -> Advice {
    let advices = advise(findings);
    let told = text::report(findings, &advices);
    let written = json::report(findings, &advices).to_string();
    let advice = advices.into_iter().find(|advice| advice.subject == subject).expect("there is");
    assert_eq!(advice.remedy.is_none(), advice.verdict == Verdict::Fine, "{advice:?}");
    assert!(told.contains(&advice.meaning), "{told}");
    assert!(written.contains(advice.verdict.name()), "{written}");
    advice
}

/// The verdict, and words of the meaning and the remedy.
#[track_caller]
fn assert_advice(findings: &Findings, subject: &str, verdict: Verdict, words: &[&str]) {
    let advice = on(subject, findings);
    assert_eq!(advice.verdict, verdict, "{advice:?}");
    let text = format!("{} {}", advice.meaning, advice.remedy.as_deref().unwrap_or_default());
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text:?}");
    }
}

/// All other subjects are as they were.
#[track_caller]
fn assert_fine_but(findings: &Findings, subjects: &[&str]) {
    for advice in advise(findings) {
        let is_fine = advice.verdict == Verdict::Fine;
        assert_eq!(is_fine, !subjects.contains(&advice.subject), "{advice:?}");
    }
}

#[test]
fn a_healthy_machine_needs_nothing() {
    assert_fine_but(&healthy(), &[]);
}

#[test]
fn a_container_without_io_uring_is_told_of_its_profile() {
    let mut findings = healthy();
    let error = SetupError::Denied { seccomp_filter: true }.to_string();
    findings.kernel.io_uring = Err(error.clone());
    findings.kernel.seccomp_filter = true;
    findings.kernel.features.clear();
    findings.ring = None;
    findings.pool.outcome = Err(error);
    findings.costs.clear();
    assert_fine_but(&findings, &["io_uring", "pool"]);
    let words = ["denied to this process by a seccomp filter", "allow io_uring_setup"];
    assert_advice(&findings, "io_uring", Verdict::Problem, &words);
    assert_advice(&findings, "pool", Verdict::Problem, &["first see to", "io_uring"]);
    assert_advice(&findings, "wakes", Verdict::Fine, &["nothing was measured"]);
}

#[test]
fn every_error_of_a_set_up_is_split_into_reason_and_remedy() {
    let kernel = String::from("5.10.0");
    let errors = [
        SetupError::NotImplemented,
        SetupError::Disabled { setting: 1 },
        SetupError::Disabled { setting: 2 },
        SetupError::Denied { seccomp_filter: true },
        SetupError::Denied { seccomp_filter: false },
        SetupError::Memlock { limit_bytes: 65_536 },
        SetupError::Memlock { limit_bytes: u64::MAX },
        SetupError::TooManyFiles { limit: 8, whole_system: false },
        SetupError::TooManyFiles { limit: 8, whole_system: true },
        SetupError::MissingFeature { name: "IORING_SETUP_DEFER_TASKRUN", since: "6.1", kernel },
    ];
    for error in errors {
        let mut findings = healthy();
        findings.kernel.io_uring = Err(error.to_string());
        let advice = on("io_uring", &findings);
        let remedy = advice.remedy.expect("something can be done");
        assert_eq!(format!("{}; {remedy}", advice.meaning), error.to_string());
    }
}

#[test]
fn a_switched_off_io_uring_names_the_switch() {
    let mut findings = healthy();
    let error = SetupError::Disabled { setting: 2 }.to_string();
    findings.kernel.io_uring = Err(error.clone());
    findings.kernel.io_uring_disabled = Some(2);
    findings.pool.outcome = Err(error);
    let subject = "kernel.io_uring_disabled";
    assert_advice(&findings, subject, Verdict::Problem, &["it is 2", "io_uring_disabled=0"]);
    let mut privileged = healthy();
    privileged.kernel.io_uring_disabled = Some(1);
    assert_advice(&privileged, subject, Verdict::Hint, &["others may not"]);
    let mut old = healthy();
    old.kernel.io_uring_disabled = None;
    assert_advice(&old, subject, Verdict::Fine, &["no such setting"]);
}

#[test]
fn on_linux_6_1_the_eventfd_is_as_it_should_be() {
    let mut findings = healthy();
    findings.kernel.features.iter_mut().for_each(|feature| feature.available = false);
    findings.ring.as_mut().expect("a ring").best_doorbells = OLDEST;
    findings.pool.outcome = Ok(OLDEST);
    assert_fine_but(&findings, &["kernel"]);
    assert_advice(&findings, "kernel", Verdict::Hint, &["fast messages", "Linux 6.16 has"]);
    assert_advice(&findings, "doorbell", Verdict::Fine, &["eventfds"]);
    let told = text::report(&findings, &advise(&findings));
    assert!(told.contains("since messages between rings are slow before Linux 6.12"), "{told}");
}

#[test]
fn a_variable_that_forces_a_doorbell_is_named() {
    let mut findings = healthy();
    findings.pool.outcome = Ok(OLDEST);
    findings.pool.forced_doorbell = Some(String::from("eventfd"));
    assert_fine_but(&findings, &["doorbell"]);
    let words = ["RINGPOOL_DOORBELL=eventfd", "unset"];
    assert_advice(&findings, "doorbell", Verdict::Hint, &words);
    let told = text::report(&findings, &advise(&findings));
    assert!(told.contains("since the variable RINGPOOL_DOORBELL is eventfd"), "{told}");
}

#[test]
fn a_doorbell_that_is_slower_than_the_other_is_named_unless_that_is_noise() {
    let mut findings = healthy();
    findings.costs[0] = cost(Work::SpawnOnAsleep, Some(RingMessage), 40_000.0);
    assert_advice(&findings, "doorbell", Verdict::Hint, &["40.0 µs", "10.5", "eventfd"]);
    findings.costs[0].least_ns = 8_000.0;
    assert_advice(&findings, "doorbell", Verdict::Fine, &[]);
}

#[test]
fn slow_wakes_and_looks_that_do_not_pay_are_told_apart() {
    let mut findings = healthy();
    findings.costs[0] = cost(Work::SpawnOnAsleep, Some(RingMessage), 900_000.0);
    findings.costs[2] = cost(Work::SpawnOnAsleep, Some(EventFd), 900_000.0);
    assert_advice(&findings, "wakes", Verdict::Hint, &["900.0 µs", "overbooked"]);
    let mut findings = healthy();
    findings.costs[1] = cost(Work::SpawnOnWarm, Some(RingMessage), 9_000.0);
    assert_advice(&findings, "wakes", Verdict::Hint, &["9.0 µs", "spin_before_sleep"]);
    let mut findings = healthy();
    findings.measured_all = false;
    assert_advice(&findings, "wakes", Verdict::Problem, &["a wake was lost"]);
}

#[test]
fn too_little_locked_memory_is_a_problem_and_little_a_hint() {
    let mut findings = healthy();
    findings.limits.memlock_bytes = Limit { soft: 65_536, hard: 65_536 };
    assert_fine_but(&findings, &["locked memory"]);
    let words = ["64 KiB", "8 rings take 672 KiB", "`ulimit -l` as root", "LimitMEMLOCK="];
    assert_advice(&findings, "locked memory", Verdict::Problem, &words);
    findings.limits.memlock_bytes = Limit { soft: 1 << 20, hard: 8 << 20 };
    assert_advice(&findings, "locked memory", Verdict::Hint, &["`ulimit -l 8192`"]);
    findings.limits.may_lock_any = true;
    assert_advice(&findings, "locked memory", Verdict::Fine, &["CAP_IPC_LOCK"]);
    findings.limits.may_lock_any = false;
    findings.limits.memlock_bytes = no_limit();
    assert_fine_but(&findings, &[]);
}

#[test]
fn too_few_open_files_are_a_problem_and_few_a_hint() {
    let mut findings = healthy();
    findings.limits.open_files = Limit { soft: 20, hard: u64::MAX };
    assert_fine_but(&findings, &["open files"]);
    let words = ["20 at once", "take 32", "`ulimit -n unlimited`"];
    assert_advice(&findings, "open files", Verdict::Problem, &words);
    findings.limits.open_files = Limit { soft: 1024, hard: 524_288 };
    assert_advice(&findings, "open files", Verdict::Hint, &["a server", "`ulimit -n 524288`"]);
}

#[test]
fn a_limit_on_processes_below_what_the_kernel_may_start_is_a_hint() {
    let mut findings = healthy();
    findings.limits.processes = Limit { soft: 100, hard: 100 };
    assert_fine_but(&findings, &["kernel workers"]);
    let words = ["160 in all", "100 processes and threads", "Builder::io_workers"];
    assert_advice(&findings, "kernel workers", Verdict::Hint, &words);
}

#[test]
fn more_threads_than_processors_share_them() {
    let mut findings = healthy();
    findings.pool.threads = 9;
    assert_fine_but(&findings, &["processors"]);
    let words = ["9 threads share 8 processors", "at most 8 threads"];
    assert_advice(&findings, "processors", Verdict::Hint, &words);
    findings.pool.threads = 3;
    findings.processors.in_mask = Some(2);
    assert_advice(&findings, "processors", Verdict::Hint, &["3 threads share 2"]);
}

#[test]
fn a_quota_below_the_threads_throttles_them() {
    let mut findings = healthy();
    findings.pool.threads = 2;
    findings.processors.quota = Some(1.5);
    assert_fine_but(&findings, &["processors"]);
    let words = ["quota is 1.50 processors for 2 threads", "use 1 threads, or raise the quota"];
    assert_advice(&findings, "processors", Verdict::Hint, &words);
    findings.processors.quota = Some(0.5);
    assert_advice(&findings, "processors", Verdict::Hint, &["use 1 threads"]);
    findings.processors.quota = Some(2.0);
    assert_fine_but(&findings, &[]);
}

#[test]
fn a_mask_and_a_single_processor_are_no_fault() {
    let mut findings = healthy();
    findings.processors.in_mask = Some(4);
    findings.pool.threads = 4;
    let words = ["leaves 4 of 8", "takes 4 threads"];
    assert_advice(&findings, "processors", Verdict::Fine, &words);
    findings.processors = Processors { online: 1, in_mask: None, quota: None, default_threads: 1 };
    findings.pool.threads = 1;
    assert_advice(&findings, "processors", Verdict::Fine, &["nothing to even out"]);
}

#[test]
fn a_pool_that_cannot_be_made_though_rings_can_says_why() {
    let mut findings = healthy();
    let error = SetupError::TooManyFiles { limit: 12, whole_system: false }.to_string();
    findings.pool.outcome = Err(error);
    assert_fine_but(&findings, &["pool"]);
    let words = ["this process may have 12 files open", "raise that limit"];
    assert_advice(&findings, "pool", Verdict::Problem, &words);
}
