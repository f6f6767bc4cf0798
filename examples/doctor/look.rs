//! Looks at the machine: what the library tells, and what procfs and the cgroups do.

use std::fs;
use std::path::{Path, PathBuf};

use ringpool::{Capabilities, DoorbellKind, Pool, SetupError};

use crate::findings::{
    Doorbells, Feature, Findings, Kernel, Limit, Limits, PoolFound, Processors, Ring,
};

/// The bit of `CAP_IPC_LOCK` in a set of capabilities.
const CAP_IPC_LOCK: u64 = 1 << 14;

/// Everything but costs. `threads` is how many the pool is to have, if not as many as it takes.
pub(crate) fn look(threads: Option<usize>) -> Findings {
    let capabilities = ringpool::capabilities();
    let status = read("/proc/self/status");
    let limits = read("/proc/self/limits");
    let told = capabilities.limits;
    let limit = |name, soft| hard_limit(&limits, name, soft);
    let threads = threads.unwrap_or(told.processors_allowed);
    Findings {
        ring: ring(&capabilities),
        pool: pool(threads),
        limits: Limits {
            memlock_bytes: limit("Max locked memory", told.memlock_bytes),
            may_lock_any: may_lock_any(&status),
            open_files: limit("Max open files", told.open_files),
            processes: limit("Max processes", soft_limit(&limits, "Max processes")),
            io_workers: [told.io_workers_on_files, told.io_workers_on_others],
        },
        processors: Processors {
            online: told.processors_online,
            in_mask: field(&status, "Cpus_allowed_list:").and_then(count_of_list),
            quota: quota(),
            default_threads: told.processors_allowed,
        },
        kernel: kernel(capabilities),
        costs: Vec::new(),
        measured_all: true,
    }
}

/// What cannot be read says nothing.
fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn kernel(capabilities: Capabilities) -> Kernel {
    let features = capabilities.features.iter().map(|feature| Feature {
        name: feature.name,
        since: feature.since,
        available: feature.available,
    });
    let missing = capabilities.operations_missing.iter();
    Kernel {
        features: features.collect(),
        operations_supported: capabilities.operations_supported,
        operations_missing: missing.map(|operation| (operation.name, operation.since)).collect(),
        io_uring: capabilities.io_uring.map_err(|error: SetupError| error.to_string()),
        io_uring_disabled: capabilities.io_uring_disabled,
        seccomp_filter: capabilities.seccomp_filter,
        release: capabilities.kernel_release,
    }
}

fn ring(capabilities: &Capabilities) -> Option<Ring> {
    let setup = capabilities.ring.as_ref()?;
    Some(Ring {
        flags: setup.flags.clone(),
        submission_entries: setup.submission_entries,
        completion_entries: setup.completion_entries,
        memory_bytes: setup.memory_bytes,
        best_doorbells: Doorbells {
            from_rings: capabilities.doorbell_from_rings?,
            from_threads: capabilities.doorbell_from_threads?,
        },
    })
}

/// Makes the pool, asks a ring of it, and ends it.
fn pool(threads: usize) -> PoolFound {
    let built = Pool::builder().threads(threads).build().map_err(|error| error.to_string());
    let outcome = built.map(|pool| {
        let ring = pool.runtime(0);
        // A ring of a pool that has not been shut down can be woken.
        let or_eventfd = |kind: Option<DoorbellKind>| kind.unwrap_or(DoorbellKind::EventFd);
        Doorbells {
            from_rings: or_eventfd(pool.block_on(async { ring.doorbell() })),
            from_threads: or_eventfd(ring.doorbell()),
        }
    });
    PoolFound { threads, outcome, forced_doorbell: std::env::var("RINGPOOL_DOORBELL").ok() }
}

/// The rest of a line of `/proc/self/status`.
fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

pub(crate) fn may_lock_any(status: &str) -> bool {
    let effective = field(status, "CapEff:").and_then(|set| u64::from_str_radix(set, 16).ok());
    effective.is_some_and(|set| set & CAP_IPC_LOCK != 0)
}

/// How many numbers are in a list such as `0-3,8`.
pub(crate) fn count_of_list(list: &str) -> Option<usize> {
    list.split(',')
        .map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
            Some((last + 1).saturating_sub(first))
        })
        .sum()
}

/// The two values of a line of `/proc/self/limits`.
pub(crate) fn limit_of(limits: &str, name: &str) -> Option<Limit> {
    let value = |word: &str| if word == "unlimited" { Some(u64::MAX) } else { word.parse().ok() };
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    let mut words = line.split_whitespace();
    Some(Limit { soft: value(words.next()?)?, hard: value(words.next()?)? })
}

fn soft_limit(limits: &str, name: &str) -> u64 {
    limit_of(limits, name).map_or(u64::MAX, |limit| limit.soft)
}

/// The library has asked the kernel for the limit in force; procfs knows how far it may go.
fn hard_limit(limits: &str, name: &str, soft: u64) -> Limit {
    Limit { soft, hard: limit_of(limits, name).map_or(soft, |limit| limit.hard.max(soft)) }
}

/// How many processors the cgroups of this process leave to it: the least on the way to the root.
fn quota() -> Option<f64> {
    let groups = read("/proc/self/cgroup");
    let quotas = cgroup_folders(&groups).into_iter().filter_map(|folder| {
        quota_of_2(&read(folder.join("cpu.max"))).or_else(|| {
            let part = |name| read(folder.join(name));
            quota_of_1(&part("cpu.cfs_quota_us"), &part("cpu.cfs_period_us"))
        })
    });
    quotas.min_by(f64::total_cmp)
}

/// Where the settings of these groups may be: `id:controllers:path` a line.
pub(crate) fn cgroup_folders(groups: &str) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for group in groups.lines() {
        let mut parts = group.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let root = match controllers {
            // The unified hierarchy.
            "" => Path::new("/sys/fs/cgroup").to_owned(),
            _ if controllers.split(',').any(|controller| controller == "cpu") => {
                Path::new("/sys/fs/cgroup").join(controllers)
            }
            _ => continue,
        };
        let path = Path::new(path.trim_start_matches('/'));
        folders.extend(path.ancestors().map(|ancestor| root.join(ancestor)));
    }
    folders
}

/// What `cpu.max` of a cgroup says: a time, or `max`, in each period.
pub(crate) fn quota_of_2(cpu_max: &str) -> Option<f64> {
    let (quota, period) = cpu_max.trim().split_once(' ')?;
    quota_of_1(quota, period)
}

/// What the two files of an old cgroup say; -1 is no quota.
pub(crate) fn quota_of_1(quota: &str, period: &str) -> Option<f64> {
    let (quota, period): (f64, f64) = (quota.trim().parse().ok()?, period.trim().parse().ok()?);
    (quota > 0.0 && period > 0.0).then(|| quota / period)
}
