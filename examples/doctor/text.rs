//! The findings and advices for people.

use std::fmt::{self, Write};

use crate::advice::{Advice, reasons};
use crate::findings::{Cost, Findings, Limit};

pub(crate) fn report(findings: &Findings, advices: &[Advice]) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(&mut text, findings, advices);
    text
}

fn write_all(out: &mut String, findings: &Findings, advices: &[Advice]) -> fmt::Result {
    write_kernel(out, findings)?;
    write_pool(out, findings)?;
    write_limits(out, findings)?;
    write_costs(out, findings)?;
    write_advices(out, advices)
}

fn write_kernel(out: &mut String, findings: &Findings) -> fmt::Result {
    let kernel = &findings.kernel;
    writeln!(out, "Kernel: Linux {}", kernel.release)?;
    match &kernel.io_uring {
        Ok(()) => writeln!(out, "  io_uring: usable")?,
        Err(error) => writeln!(out, "  io_uring: not usable: {error}")?,
    }
    match kernel.io_uring_disabled {
        Some(value) => writeln!(out, "  kernel.io_uring_disabled: {value}")?,
        None => writeln!(out, "  kernel.io_uring_disabled: this kernel has no such setting")?,
    }
    let filter = if kernel.seccomp_filter { "in force" } else { "none" };
    writeln!(out, "  seccomp filter: {filter}")?;
    for feature in &kernel.features {
        let answer = if feature.available { "yes" } else { "no" };
        writeln!(out, "  {answer:<3} {} (since Linux {})", feature.name, feature.since)?;
    }
    if kernel.io_uring.is_ok() {
        write!(out, "  operations: {} known to it", kernel.operations_supported)?;
        let missing = kernel.operations_missing.iter();
        let missing: Vec<_> = missing.map(|(name, since)| format!("{name} ({since})")).collect();
        let without = if missing.is_empty() { "" } else { ", without " };
        writeln!(out, "{without}{}", missing.join(", "))?;
    }
    Ok(())
}

fn write_pool(out: &mut String, findings: &Findings) -> fmt::Result {
    let pool = &findings.pool;
    writeln!(out, "\nPool: {} threads with a ring each", pool.threads)?;
    if let Some(ring) = &findings.ring {
        let (submission, completion) = (ring.submission_entries, ring.completion_entries);
        let kib = ring.memory_bytes / 1024;
        writeln!(out, "  a ring: {submission} and {completion} entries, {kib} KiB, set up with")?;
        for flag in &ring.flags {
            writeln!(out, "    {flag}")?;
        }
    }
    match (&pool.outcome, &findings.ring) {
        (Ok(used), Some(ring)) => {
            let forced = pool.forced_doorbell.as_deref();
            let [from_rings, from_threads] = reasons(*used, ring.best_doorbells, forced);
            writeln!(out, "  doorbell from a ring's thread: {}", used.from_rings)?;
            writeln!(out, "    since {from_rings}")?;
            writeln!(out, "  doorbell from other threads: {}", used.from_threads)?;
            writeln!(out, "    since {from_threads}")
        }
        (Err(error), Some(_)) => writeln!(out, "  cannot be made: {error}"),
        (_, None) => writeln!(out, "  cannot be made without io_uring"),
    }
}

fn write_limits(out: &mut String, findings: &Findings) -> fmt::Result {
    let (limits, processors) = (&findings.limits, &findings.processors);
    writeln!(out, "\nLimits:")?;
    let lifted = if limits.may_lock_any { ", lifted by CAP_IPC_LOCK" } else { "" };
    writeln!(out, "  locked memory: {}{lifted}", Shown(limits.memlock_bytes, " bytes"))?;
    writeln!(out, "  open files: {}", Shown(limits.open_files, ""))?;
    writeln!(out, "  processes and threads: {}", Shown(limits.processes, ""))?;
    let [files, others] = limits.io_workers;
    writeln!(out, "  kernel workers of a ring: {files} for files, {others} for all else")?;
    write!(out, "  processors: {} online", processors.online)?;
    if let Some(in_mask) = processors.in_mask {
        write!(out, ", {in_mask} in the affinity mask")?;
    }
    match processors.quota {
        Some(quota) => write!(out, ", a cgroup quota of {quota:.2}")?,
        None => write!(out, ", no cgroup quota")?,
    }
    writeln!(out, "; a pool takes {} threads by default", processors.default_threads)
}

/// A limit with its unit, and how far it may be raised.
struct Shown(Limit, &'static str);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Limit { soft, hard }, unit) = self;
        match soft {
            &u64::MAX => return f.write_str("unlimited"),
            soft => write!(f, "{soft}{unit}")?,
        }
        match hard {
            &u64::MAX => f.write_str(" (may be raised as you like)"),
            hard if hard > soft => write!(f, " (may be raised to {hard})"),
            _ => Ok(()),
        }
    }
}

fn write_costs(out: &mut String, findings: &Findings) -> fmt::Result {
    if findings.costs.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nCosts, median (least..most) of some rounds; between rings there and back:")?;
    for Cost { work, doorbell, median_ns, least_ns, most_ns } in &findings.costs {
        let by = doorbell.map(|doorbell| format!("  by {doorbell}")).unwrap_or_default();
        let (median, least, most) = (time(*median_ns), time(*least_ns), time(*most_ns));
        writeln!(out, "  {:<26} {median:>9} ({least}..{most}){by}", work.name())?;
    }
    Ok(())
}

fn time(ns: f64) -> String {
    match ns {
        ..1000.0 => format!("{ns:.1} ns"),
        ..1_000_000.0 => format!("{:.1} µs", ns / 1000.0),
        _ => format!("{:.1} ms", ns / 1_000_000.0),
    }
}

fn write_advices(out: &mut String, advices: &[Advice]) -> fmt::Result {
    writeln!(out, "\nWhat it means:")?;
    for Advice { subject, verdict, meaning, remedy } in advices {
        writeln!(out, "  {:<7} {subject}: {meaning}", verdict.name())?;
        writeln!(out, "          → {}", remedy.as_deref().unwrap_or("nothing to do"))?;
    }
    Ok(())
}
