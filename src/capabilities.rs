//! What this machine lets the crate do, for people who wonder why it does not.

use std::fmt;
use std::io;
use std::thread;

use io_uring::opcode;

use crate::ring::{self, Environment, Features, RingOptions, SetupError};

/// What io_uring can do for this process on this machine.
///
/// It prints as a report of several lines. Made by [`capabilities`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Capabilities {
    /// The kernel's release, as `uname -r` prints it.
    pub kernel_release: String,
    /// Whether a ring can be made; if not, the error that the pool would give.
    pub io_uring: Result<(), SetupError>,
    /// The setting `kernel.io_uring_disabled`, where the kernel has it (Linux 6.6): 0 allows rings,
    /// 1 to privileged processes and the members of one group, 2 to nobody.
    pub io_uring_disabled: Option<u8>,
    /// Whether a seccomp filter watches the system calls of the calling thread, as in most
    /// containers.
    pub seccomp_filter: bool,
    /// How the rings of a pool are made if its builder is not told otherwise; `None` where no ring
    /// can be made.
    pub ring: Option<RingSetup>,
    /// What rings can use beyond the least that is needed; empty where no ring can be made.
    pub features: Vec<Feature>,
    /// How one ring's thread wakes another; `None` where no ring can be made.
    pub doorbell_from_rings: Option<DoorbellKind>,
    /// How a thread without a ring wakes a ring's thread; `None` where no ring can be made.
    pub doorbell_from_threads: Option<DoorbellKind>,
    /// How many operations this kernel's io_uring knows; 0 where no ring can be made.
    pub operations_supported: usize,
    /// The operations known to this crate that the kernel lacks; empty where no ring can be made.
    pub operations_missing: Vec<MissingOperation>,
    /// What the process is limited to.
    pub limits: Limits,
}

/// How a ring is made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RingSetup {
    /// The flags of `io_uring_setup(2)`, by their names in the kernel's headers.
    pub flags: Vec<&'static str>,
    /// Requests that fit between two submissions.
    pub submission_entries: u32,
    /// Completions and messages that fit between two reapings.
    pub completion_entries: u32,
    /// Memory of the two queues, in bytes. Linux 6.14 and newer count it as locked memory of an
    /// unprivileged user.
    pub memory_bytes: u64,
}

/// Something that newer kernels can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Feature {
    /// What it is.
    pub name: &'static str,
    /// The first Linux that has it.
    pub since: &'static str,
    /// Whether it was found here.
    pub available: bool,
}

/// An io_uring operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissingOperation {
    /// Its name in the kernel's headers, without `IORING_OP_`.
    pub name: &'static str,
    /// The first Linux that has it.
    pub since: &'static str,
}

/// What wakes a sleeping ring's thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DoorbellKind {
    /// A message sent through the sender's own ring. Chosen since Linux 6.12.
    RingMessage,
    /// A message sent by a system call of its own. Since Linux 6.13.
    SyncMessage,
    /// A write to an eventfd that the ring polls.
    EventFd,
}

/// What a process may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Memory this user may lock, in bytes; `u64::MAX` is no limit.
    pub memlock_bytes: u64,
    /// Files this process may have open; `u64::MAX` is no limit.
    pub open_files: u64,
    /// Kernel threads a ring may use for blocking work on files and block devices.
    pub io_workers_on_files: u32,
    /// Kernel threads a ring may use for other blocking work.
    pub io_workers_on_others: u32,
    /// Processors that the affinity mask and the cgroup's quota leave to this process.
    pub processors_allowed: usize,
    /// Processors of the machine that are online.
    pub processors_online: usize,
}

/// Finds out what io_uring can do here, by making a small ring and closing it again.
///
/// It works where io_uring is denied as well, and then says why. The ring is made on a thread of
/// its own, so that nothing of it stays with the calling thread.
///
/// # Examples
///
/// ```
/// let capabilities = ringpool::capabilities();
/// println!("{capabilities}");
/// if let Err(error) = capabilities.io_uring {
///     eprintln!("no pool can be made: {error}");
/// }
/// ```
pub fn capabilities() -> Capabilities {
    let environment = Environment::read();
    let limits = Limits {
        memlock_bytes: environment.memlock_bytes,
        open_files: environment.open_files,
        io_workers_on_files: ring::IO_WORKERS[0],
        io_workers_on_others: ring::IO_WORKERS[1],
        processors_allowed: num_cpus::get(),
        processors_online: environment.processors_online,
    };
    report(environment, probe(), limits)
}

/// Makes a ring of the default size, for a smaller one may fit where a pool's do not.
fn probe() -> Result<Features, SetupError> {
    let open = || ring::open(&RingOptions::default()).map(|opened| opened.features);
    let builder = thread::Builder::new().name(String::from("ringpool-probe"));
    let prober = builder.spawn(open).map_err(|error| SetupError::Other(thread_error(error)))?;
    prober.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn thread_error(error: io::Error) -> io::Error {
    let message = format!("the thread to try it on could not be started: {error}");
    io::Error::new(error.kind(), message)
}

fn report(
    environment: Environment,
    probed: Result<Features, SetupError>,
    limits: Limits,
) -> Capabilities {
    let found = probed.as_ref().ok();
    Capabilities {
        kernel_release: environment.kernel_release,
        io_uring_disabled: environment.io_uring_disabled,
        seccomp_filter: environment.seccomp_filter,
        ring: found.map(ring_setup),
        features: found.map(features).unwrap_or_default(),
        doorbell_from_rings: found.map(doorbell_from_rings),
        doorbell_from_threads: found.map(doorbell_from_threads),
        operations_supported: found.map_or(0, |found| found.operations.len()),
        operations_missing: found.map(operations_missing).unwrap_or_default(),
        io_uring: probed.map(drop),
        limits,
    }
}

fn ring_setup(found: &Features) -> RingSetup {
    let options = RingOptions::default();
    RingSetup {
        flags: ring::setup_flags(found).collect(),
        submission_entries: options.submission_entries,
        completion_entries: options.completion_entries,
        memory_bytes: options.memory_bytes(),
    }
}

fn features(found: &Features) -> Vec<Feature> {
    let operation = |code| found.operations.supports(code);
    [
        ("rings without an index array", "6.6", found.no_sqarray),
        ("multishot reads", "6.7", operation(opcode::ReadMulti::CODE)),
        ("waiting for child processes", "6.7", operation(opcode::WaitId::CODE)),
        ("bundles of provided buffers", "6.10", found.bundles),
        ("binding and listening through a ring", "6.11", operation(opcode::Listen::CODE)),
        ("fast messages between rings", "6.12", found.fast_msg_ring),
        ("waits that gather completions", "6.12", found.min_timeout),
        ("messages from threads without a ring", "6.13", found.sync_msg_ring),
        ("idle waits that do not count as I/O wait", "6.15", found.no_iowait),
        ("pipes made through a ring", "6.16", operation(opcode::Pipe::CODE)),
    ]
    .map(|(name, since, available)| Feature { name, since, available })
    .into()
}

fn doorbell_from_rings(found: &Features) -> DoorbellKind {
    if found.fast_msg_ring { DoorbellKind::RingMessage } else { DoorbellKind::EventFd }
}

fn doorbell_from_threads(found: &Features) -> DoorbellKind {
    if found.sync_msg_ring { DoorbellKind::SyncMessage } else { DoorbellKind::EventFd }
}

fn operations_missing(found: &Features) -> Vec<MissingOperation> {
    ring::operations_missing_from(found.operations)
        .map(|(name, since)| MissingOperation { name, since })
        .collect()
}

impl fmt::Display for Capabilities {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "kernel: Linux {}", self.kernel_release)?;
        match &self.io_uring {
            Ok(()) => self.write_details(formatter)?,
            Err(error) => writeln!(formatter, "io_uring: not usable: {error}")?,
        }
        write!(formatter, "{}", self.limits)
    }
}

impl Capabilities {
    /// Writes the part that only a working ring can tell.
    fn write_details(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "io_uring: usable")?;
        if let Some(ring) = &self.ring {
            writeln!(formatter, "rings: {ring}")?;
        }
        for Feature { name, since, available } in &self.features {
            let answer = if *available { "yes" } else { "no" };
            writeln!(formatter, "  {answer:<3} {name} (since Linux {since})")?;
        }
        for (from, doorbell) in [
            ("a ring's thread", self.doorbell_from_rings),
            ("other threads", self.doorbell_from_threads),
        ] {
            if let Some(doorbell) = doorbell {
                writeln!(formatter, "doorbell from {from}: {doorbell}")?;
            }
        }
        write!(formatter, "operations: {} known to this kernel", self.operations_supported)?;
        let missing = self.operations_missing.iter();
        let missing: Vec<_> =
            missing.map(|MissingOperation { name, since }| format!("{name} ({since})")).collect();
        if !missing.is_empty() {
            write!(formatter, ", without {}", missing.join(", "))?;
        }
        writeln!(formatter)
    }
}

impl fmt::Display for RingSetup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (submission, completion) = (self.submission_entries, self.completion_entries);
        let memory_kib = self.memory_bytes / 1024;
        let flags = self.flags.join(" | ");
        write!(formatter, "{submission} and {completion} entries, {memory_kib} KiB, {flags}")
    }
}

impl fmt::Display for DoorbellKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::RingMessage => "a message through the sender's ring (IORING_OP_MSG_RING)",
            Self::SyncMessage => "a message by system call (IORING_REGISTER_SEND_MSG_RING)",
            Self::EventFd => "a write to an eventfd",
        })
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "locked memory: {}", Limit(self.memlock_bytes, " bytes"))?;
        writeln!(formatter, "open files: {}", Limit(self.open_files, ""))?;
        let (files, others) = (self.io_workers_on_files, self.io_workers_on_others);
        writeln!(formatter, "kernel workers of a ring: {files} for files, {others} for the rest")?;
        let (allowed, online) = (self.processors_allowed, self.processors_online);
        writeln!(formatter, "processors: {allowed} allowed of {online} online")
    }
}

/// A limit with its unit; the largest number stands for none.
struct Limit(u64, &'static str);

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(u64::MAX, _) => formatter.write_str("unlimited"),
            Self(value, unit) => write!(formatter, "at most {value}{unit}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::OpSet;

    const LIMITS: Limits = Limits {
        memlock_bytes: 65_536,
        open_files: u64::MAX,
        io_workers_on_files: 4,
        io_workers_on_others: 16,
        processors_allowed: 2,
        processors_online: 8,
    };

    fn environment(kernel_release: &str) -> Environment {
        Environment { kernel_release: String::from(kernel_release), ..Environment::read() }
    }

    /// What a ring of Linux 6.1 is known to tell.
    fn floor() -> Features {
        Features {
            no_sqarray: false,
            min_timeout: false,
            no_iowait: false,
            bundles: false,
            fast_msg_ring: false,
            sync_msg_ring: false,
            operations: OpSet::from_fn(|opcode| opcode <= 48),
        }
    }

    #[test]
    fn on_the_oldest_kernel_the_doorbell_is_an_eventfd() {
        let capabilities = report(environment("6.1.0"), Ok(floor()), LIMITS);
        assert_eq!(capabilities.doorbell_from_rings, Some(DoorbellKind::EventFd));
        assert_eq!(capabilities.doorbell_from_threads, Some(DoorbellKind::EventFd));
        assert!(capabilities.features.iter().all(|feature| !feature.available));
        assert_eq!(capabilities.operations_supported, 49);
        let flags = capabilities.ring.as_ref().expect("a ring was made").flags.join(" ");
        assert!(flags.ends_with("IORING_SETUP_DEFER_TASKRUN"), "{flags}");
        let text = capabilities.to_string();
        assert!(text.contains("no  fast messages between rings (since Linux 6.12)"), "{text}");
        assert!(text.contains("49 known to this kernel, without READ_MULTISHOT (6.7)"), "{text}");
        assert!(text.contains("locked memory: at most 65536 bytes"), "{text}");
        assert!(text.contains("open files: unlimited"), "{text}");
        assert!(text.contains("processors: 2 allowed of 8 online"), "{text}");
    }

    #[test]
    fn on_6_12_only_rings_send_messages() {
        let found = Features { min_timeout: true, fast_msg_ring: true, ..floor() };
        let capabilities = report(environment("6.12.0"), Ok(found), LIMITS);
        assert_eq!(capabilities.doorbell_from_rings, Some(DoorbellKind::RingMessage));
        assert_eq!(capabilities.doorbell_from_threads, Some(DoorbellKind::EventFd));
    }

    #[test]
    fn the_index_array_is_left_out_where_the_kernel_agrees() {
        let found = Features { no_sqarray: true, ..floor() };
        let ring = report(environment("6.6.0"), Ok(found), LIMITS).ring.expect("a ring was made");
        assert_eq!(ring.flags.last(), Some(&"IORING_SETUP_NO_SQARRAY"));
        assert_eq!(ring.memory_bytes, 84 * 1024);
    }

    #[test]
    fn without_io_uring_the_report_says_why_and_claims_nothing() {
        let error = SetupError::Disabled { setting: 2 };
        let why = error.to_string();
        let capabilities = report(environment("6.6.0"), Err(error), LIMITS);
        assert!(capabilities.features.is_empty());
        assert_eq!(capabilities.ring, None);
        assert_eq!(capabilities.doorbell_from_rings, None);
        let text = capabilities.to_string();
        assert!(text.contains(&format!("io_uring: not usable: {why}")), "{text}");
        assert!(!text.contains("doorbell"), "{text}");
        assert!(text.contains("Linux 6.6.0"), "{text}");
    }
}
