//! What the findings mean and what to do about them: values in, sentences out.

use ringpool::DoorbellKind;

use crate::findings::{Cost, Doorbells, Findings, Limit, Work};

/// What one finding means, and what to do.
#[derive(Clone, Debug)]
pub(crate) struct Advice {
    pub(crate) subject: &'static str,
    pub(crate) verdict: Verdict,
    pub(crate) meaning: String,
    /// Nothing, if there is nothing to do.
    pub(crate) remedy: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All is well.
    Fine,
    /// It works, and could be better.
    Hint,
    /// Something does not work, or soon will not.
    Problem,
}

impl Verdict {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Hint => "hint",
            Self::Problem => "problem",
        }
    }
}

/// Open files below this are soon used up by a server.
const FILES_FEW: u64 = 4096;
/// Descriptors of a ring: itself and its eventfd.
const FILES_OF_A_RING: u64 = 2;
/// Standard streams, and what a program has open besides.
const FILES_BESIDES: u64 = 16;
/// Buffers that are registered count as locked memory; less than this is soon used up.
const LOCKABLE_BYTES_FEW: u64 = 1 << 20;
/// There and back between sleeping rings takes 10 to 50 µs on a machine that is not busy.
const ASLEEP_NS_MUCH: f64 = 200_000.0;
/// The other doorbell has to be so much faster before anybody should care.
const FASTER: f64 = 1.5;

/// An advice on each subject, the same subjects in the same order everywhere.
pub(crate) fn advise(findings: &Findings) -> Vec<Advice> {
    vec![
        io_uring(findings),
        setting(findings),
        pool(findings),
        kernel(findings),
        doorbell(findings),
        wakes(findings),
        locked_memory(findings),
        open_files(findings),
        io_workers(findings),
        processors(findings),
    ]
}

fn fine(subject: &'static str, meaning: impl Into<String>) -> Advice {
    Advice { subject, verdict: Verdict::Fine, meaning: meaning.into(), remedy: None }
}

fn hint(subject: &'static str, meaning: String, remedy: impl Into<String>) -> Advice {
    Advice { subject, verdict: Verdict::Hint, meaning, remedy: Some(remedy.into()) }
}

fn problem(subject: &'static str, meaning: String, remedy: impl Into<String>) -> Advice {
    Advice { subject, verdict: Verdict::Problem, meaning, remedy: Some(remedy.into()) }
}

/// The library's errors are a reason, a semicolon and what to do.
fn from_error(subject: &'static str, error: &str) -> Advice {
    let (meaning, remedy) = error.split_once("; ").unwrap_or((error, "ask the system's log"));
    problem(subject, meaning.to_owned(), remedy)
}

fn io_uring(findings: &Findings) -> Advice {
    const SUBJECT: &str = "io_uring";
    match &findings.kernel.io_uring {
        Ok(()) if findings.kernel.seccomp_filter => {
            fine(SUBJECT, "a seccomp filter is in force and lets io_uring through")
        }
        Ok(()) => fine(SUBJECT, "rings can be made, and no seccomp filter is in the way"),
        Err(error) => from_error(SUBJECT, error),
    }
}

fn setting(findings: &Findings) -> Advice {
    const SUBJECT: &str = "kernel.io_uring_disabled";
    match findings.kernel.io_uring_disabled {
        None => fine(SUBJECT, "this kernel has no such setting, so it is not switched off"),
        Some(0) => fine(SUBJECT, "it is 0: everybody may make rings"),
        Some(1) if findings.kernel.io_uring.is_ok() => hint(
            SUBJECT,
            "it is 1: this process may make rings, being privileged or in the group; others may \
             not"
            .to_owned(),
            "run the program as this user, or `sysctl -w kernel.io_uring_disabled=0` as root",
        ),
        Some(value) => problem(
            SUBJECT,
            format!("it is {value}: the administrator has switched io_uring off"),
            "run `sysctl -w kernel.io_uring_disabled=0` as root, and put it into /etc/sysctl.d",
        ),
    }
}

fn pool(findings: &Findings) -> Advice {
    const SUBJECT: &str = "pool";
    let threads = findings.pool.threads;
    match &findings.pool.outcome {
        Ok(_) => fine(SUBJECT, format!("a pool of {threads} threads with a ring each was made")),
        Err(_) if findings.kernel.io_uring.is_err() => {
            let remedy = "first see to what is said about io_uring";
            problem(SUBJECT, "no pool can be made without rings".to_owned(), remedy)
        }
        Err(error) => from_error(SUBJECT, error),
    }
}

fn kernel(findings: &Findings) -> Advice {
    const SUBJECT: &str = "kernel";
    if findings.kernel.io_uring.is_err() {
        return fine(SUBJECT, "what it has besides can be told only where rings can be made");
    }
    let features = findings.kernel.features.iter().filter(|feature| !feature.available);
    let missing: Vec<_> = features.map(|feature| (feature.name, feature.since)).collect();
    let Some((_, newest)) = missing.iter().max_by_key(|(_, since)| version(since)) else {
        return fine(SUBJECT, "it has all that ringpool can use");
    };
    let names: Vec<_> = missing.iter().map(|(name, since)| format!("{name} ({since})")).collect();
    hint(
        SUBJECT,
        format!("it lacks what newer ones have: {}", names.join(", ")),
        format!("nothing as long as you do not need these; Linux {newest} has them all"),
    )
}

/// The two numbers of `6.12`.
fn version(since: &str) -> (u32, u32) {
    let (major, minor) = since.split_once('.').unwrap_or((since, "0"));
    (major.parse().unwrap_or(0), minor.parse().unwrap_or(0))
}

/// Why rings wake each other, and other threads them, as they do.
pub(crate) fn reasons(used: Doorbells, best: Doorbells, forced: Option<&str>) -> [String; 2] {
    use DoorbellKind::{EventFd, RingMessage};

    let forced = forced.filter(|value| matches!(*value, "eventfd" | "msg_ring"));
    let from_rings = match (used.from_rings, forced) {
        (_, Some(value)) => format!("the variable RINGPOOL_DOORBELL is {value}"),
        (RingMessage, None) => "messages between rings are fast here, as since Linux 6.12".into(),
        (EventFd, None) if best.from_rings == EventFd => {
            "messages between rings are slow before Linux 6.12, or cannot be sent here".into()
        }
        _ => "a message has failed".into(),
    };
    let from_threads = match (used.from_rings, best.from_threads) {
        (EventFd, _) => "these rings do not take messages".into(),
        (_, EventFd) => "only since Linux 6.13 can such threads send messages".into(),
        _ => "such threads can send messages here, as since Linux 6.13".into(),
    };
    [from_rings, from_threads]
}

fn doorbell(findings: &Findings) -> Advice {
    const SUBJECT: &str = "doorbell";
    let (Ok(used), Some(ring)) = (&findings.pool.outcome, &findings.ring) else {
        return fine(SUBJECT, "without a pool there is none");
    };
    let best = ring.best_doorbells;
    if used.from_rings != best.from_rings
        && let Some(value) = &findings.pool.forced_doorbell
    {
        let meaning = format!("RINGPOOL_DOORBELL={value} keeps rings from the better way to wake");
        return hint(SUBJECT, meaning, "unset that variable, unless this is a test");
    }
    let other = match used.from_rings {
        DoorbellKind::EventFd => DoorbellKind::RingMessage,
        _ => DoorbellKind::EventFd,
    };
    let cost = |kind| findings.cost(Work::SpawnOnAsleep, Some(kind));
    if let (Some(used), Some(others)) = (cost(used.from_rings), cost(other))
        && is_faster(others, used)
    {
        let (used_us, other_us) = (used.median_ns / 1000.0, others.median_ns / 1000.0);
        return hint(
            SUBJECT,
            format!("waking took {used_us:.1} µs there and back, and {other_us:.1} by {other}"),
            "measure again while nothing else runs; if it stays so, see Builder::doorbell",
        );
    }
    match used.from_rings {
        DoorbellKind::EventFd => {
            fine(SUBJECT, "rings wake each other by eventfds, which works on every kernel")
        }
        _ => fine(SUBJECT, "rings wake each other by the fastest means there is"),
    }
}

/// So much that it is no noise either: in every round.
fn is_faster(one: &Cost, other: &Cost) -> bool {
    one.median_ns * FASTER < other.median_ns && one.most_ns < other.least_ns
}

fn wakes(findings: &Findings) -> Advice {
    const SUBJECT: &str = "wakes";
    if !findings.measured_all {
        return problem(
            SUBJECT,
            "the measuring did not end: a wake was lost, or the machine stands still".to_owned(),
            "run it again; if it happens again, that is a defect to be reported",
        );
    }
    let used = findings.pool.outcome.as_ref().ok().map(|used| used.from_rings);
    let asleep = findings.cost(Work::SpawnOnAsleep, used);
    let warm = findings.cost(Work::SpawnOnWarm, used);
    let (Some(asleep), Some(warm)) = (asleep, warm) else {
        return fine(SUBJECT, "nothing was measured");
    };
    let (asleep, warm) = (asleep.median_ns, warm.median_ns);
    let (asleep_us, warm_us) = (asleep / 1000.0, warm / 1000.0);
    let meaning = format!(
        "a task on another ring takes {asleep_us:.1} µs there and back if the rings sleep, and \
         {warm_us:.1} µs if they are awake"
    );
    if asleep > ASLEEP_NS_MUCH {
        let remedy = "look for what else runs here; on a virtual machine, for an overbooked host";
        return hint(SUBJECT, format!("{meaning}, which is slow"), remedy);
    }
    if warm > asleep / 2.0 {
        return hint(
            SUBJECT,
            format!("{meaning}, so that looking on before sleeping does not pay"),
            "give each ring a processor of its own, or Builder::spin_before_sleep zero",
        );
    }
    fine(SUBJECT, meaning)
}

fn locked_memory(findings: &Findings) -> Advice {
    const SUBJECT: &str = "locked memory";
    let limit = findings.limits.memlock_bytes;
    if findings.limits.may_lock_any {
        return fine(SUBJECT, "this process may lock as much as it likes (CAP_IPC_LOCK)");
    }
    if limit.soft == u64::MAX {
        return fine(SUBJECT, "it is not limited");
    }
    let threads = findings.pool.threads as u64;
    let of_a_ring = findings.ring.as_ref().map_or(84 * 1024, |ring| ring.memory_bytes);
    let needed = of_a_ring * threads;
    let meaning = format!(
        "this user may lock {}; {threads} rings take {} of that since Linux 6.14, registered \
         buffers come on top",
        bytes(limit.soft),
        bytes(needed),
    );
    let remedy = format!(
        "raise it: {}, LimitMEMLOCK= in systemd, --ulimit memlock= in Docker",
        raise("ulimit -l", limit, 1024)
    );
    if limit.soft < needed {
        return problem(SUBJECT, meaning, remedy);
    }
    if limit.soft - needed < LOCKABLE_BYTES_FEW {
        return hint(SUBJECT, meaning, remedy);
    }
    fine(SUBJECT, meaning)
}

fn bytes(count: u64) -> String {
    match count {
        0..1024 => format!("{count} bytes"),
        1024..1_048_576 => format!("{} KiB", count / 1024),
        _ => format!("{:.1} MiB", count as f64 / 1_048_576.0),
    }
}

/// How to raise a limit in a shell, without being root if that is allowed.
fn raise(command: &str, limit: Limit, unit: u64) -> String {
    match limit.hard {
        u64::MAX => format!("`{command} unlimited`"),
        hard if hard > limit.soft => format!("`{command} {}`", hard / unit),
        _ => format!("`{command}` as root, for this is all that is allowed"),
    }
}

fn open_files(findings: &Findings) -> Advice {
    const SUBJECT: &str = "open files";
    let limit = findings.limits.open_files;
    if limit.soft == u64::MAX {
        return fine(SUBJECT, "they are not limited");
    }
    let threads = findings.pool.threads as u64;
    let needed = threads * FILES_OF_A_RING + FILES_BESIDES;
    let meaning = format!(
        "{} at once; {threads} rings and a small program take {needed}, each file and each \
         connection one more",
        limit.soft
    );
    let remedy = format!("raise it: {}, LimitNOFILE= in systemd", raise("ulimit -n", limit, 1));
    if limit.soft < needed {
        return problem(SUBJECT, meaning, remedy);
    }
    if limit.soft < FILES_FEW {
        return hint(SUBJECT, meaning, format!("for a server, {remedy}"));
    }
    fine(SUBJECT, meaning)
}

fn io_workers(findings: &Findings) -> Advice {
    const SUBJECT: &str = "kernel workers";
    let [files, others] = findings.limits.io_workers;
    let most = findings.pool.threads as u64 * u64::from(files + others);
    let meaning = format!(
        "for what blocks, the kernel starts up to {files} threads a ring for files and {others} \
         for all else, {most} in all"
    );
    let limit = findings.limits.processes;
    if limit.soft < most {
        return hint(
            SUBJECT,
            format!("{meaning}; this user may have {} processes and threads", limit.soft),
            format!("raise it: {}; or see Builder::io_workers", raise("ulimit -u", limit, 1)),
        );
    }
    fine(SUBJECT, meaning)
}

fn processors(findings: &Findings) -> Advice {
    const SUBJECT: &str = "processors";
    let processors = &findings.processors;
    let (threads, online) = (findings.pool.threads, processors.online);
    let usable = processors.in_mask.unwrap_or(online).min(online).max(1);
    if threads > usable {
        return hint(
            SUBJECT,
            format!(
                "{threads} threads share {usable} processors, so that rings wait for each other"
            ),
            format!("use at most {usable} threads, or let the process run on more processors"),
        );
    }
    if let Some(quota) = processors.quota.filter(|quota| *quota < threads as f64) {
        return hint(
            SUBJECT,
            format!(
                "the cgroup's quota is {quota:.2} processors for {threads} threads: when all are \
                 busy, all stand still until the next period"
            ),
            format!("use {} threads, or raise the quota", (quota as usize).max(1)),
        );
    }
    if usable < online {
        let meaning = format!("the affinity mask leaves {usable} of {online} to this process");
        return fine(SUBJECT, format!("{meaning}, and the pool takes {threads} threads"));
    }
    if usable == 1 {
        return fine(SUBJECT, "there is one, so a pool has one ring and nothing to even out");
    }
    fine(SUBJECT, format!("{usable} for {threads} threads"))
}
