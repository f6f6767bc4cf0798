//! The findings and advices as JSON. A limit that is not there is `null`.

use std::fmt;

use ringpool::DoorbellKind;

use crate::advice::Advice;
use crate::findings::{Cost, Doorbells, Findings, Limit};

/// A JSON value; it prints as one.
pub(crate) enum Json {
    Null,
    Bool(bool),
    Integer(u64),
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(&'static str, Json)>),
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Number(value) if value.is_finite() => write!(f, "{value:.1}"),
            Self::Number(_) => f.write_str("null"),
            Self::Text(text) => write_text(f, text),
            Self::List(values) => write_all(f, '[', values, ']', |f, value| write!(f, "{value}")),
            Self::Object(fields) => {
                write_all(f, '{', fields, '}', |f, (name, value)| write!(f, "\"{name}\":{value}"))
            }
        }
    }
}

fn write_all<T>(
    f: &mut fmt::Formatter<'_>,
    open: char,
    items: &[T],
    close: char,
    write_one: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    write!(f, "{open}")?;
    for (number, item) in items.iter().enumerate() {
        if number > 0 {
            f.write_str(",")?;
        }
        write_one(f, item)?;
    }
    write!(f, "{close}")
}

fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for character in text.chars() {
        match character {
            '"' | '\\' => write!(f, "\\{character}")?,
            control if control < ' ' => write!(f, "\\u{:04x}", u32::from(control))?,
            other => write!(f, "{other}")?,
        }
    }
    f.write_str("\"")
}

fn text(text: impl Into<String>) -> Json {
    Json::Text(text.into())
}

fn integer(value: usize) -> Json {
    Json::Integer(value as u64)
}

fn or_null<T>(value: Option<T>, to_json: impl FnOnce(T) -> Json) -> Json {
    value.map_or(Json::Null, to_json)
}

/// All of it, as one object.
pub(crate) fn report(findings: &Findings, advices: &[Advice]) -> Json {
    Json::Object(vec![
        ("usable", Json::Bool(findings.pool.outcome.is_ok())),
        ("kernel", kernel(findings)),
        ("ring", ring(findings)),
        ("pool", pool(findings)),
        ("limits", limits(findings)),
        ("processors", processors(findings)),
        ("costs", Json::List(findings.costs.iter().map(cost).collect())),
        ("advice", Json::List(advices.iter().map(advice).collect())),
    ])
}

fn kernel(findings: &Findings) -> Json {
    let kernel = &findings.kernel;
    let features = kernel.features.iter().map(|feature| {
        Json::Object(vec![
            ("name", text(feature.name)),
            ("since", text(feature.since)),
            ("available", Json::Bool(feature.available)),
        ])
    });
    let missing = kernel
        .operations_missing
        .iter()
        .map(|(name, since)| Json::Object(vec![("name", text(*name)), ("since", text(*since))]));
    Json::Object(vec![
        ("release", text(&kernel.release)),
        ("io_uring", Json::Bool(kernel.io_uring.is_ok())),
        ("error", or_null(kernel.io_uring.as_ref().err(), text)),
        (
            "io_uring_disabled",
            or_null(kernel.io_uring_disabled, |value| Json::Integer(value.into())),
        ),
        ("seccomp_filter", Json::Bool(kernel.seccomp_filter)),
        ("features", Json::List(features.collect())),
        ("operations_supported", integer(kernel.operations_supported)),
        ("operations_missing", Json::List(missing.collect())),
    ])
}

fn ring(findings: &Findings) -> Json {
    or_null(findings.ring.as_ref(), |ring| {
        Json::Object(vec![
            ("flags", Json::List(ring.flags.iter().map(|flag| text(*flag)).collect())),
            ("submission_entries", Json::Integer(ring.submission_entries.into())),
            ("completion_entries", Json::Integer(ring.completion_entries.into())),
            ("memory_bytes", Json::Integer(ring.memory_bytes)),
        ])
    })
}

/// A word for it.
fn doorbell_name(kind: DoorbellKind) -> Json {
    text(match kind {
        DoorbellKind::RingMessage => "ring_message",
        DoorbellKind::SyncMessage => "sync_message",
        DoorbellKind::EventFd => "eventfd",
        _ => "other",
    })
}

fn pool(findings: &Findings) -> Json {
    let pool = &findings.pool;
    let doorbells = |doorbells: &Doorbells| {
        Json::Object(vec![
            ("from_rings", doorbell_name(doorbells.from_rings)),
            ("from_threads", doorbell_name(doorbells.from_threads)),
        ])
    };
    Json::Object(vec![
        ("threads", integer(pool.threads)),
        ("error", or_null(pool.outcome.as_ref().err(), text)),
        ("doorbell", or_null(pool.outcome.as_ref().ok(), doorbells)),
        ("forced_doorbell", or_null(pool.forced_doorbell.as_ref(), text)),
    ])
}

fn limit(limit: Limit) -> Json {
    let value = |value| if value == u64::MAX { Json::Null } else { Json::Integer(value) };
    Json::Object(vec![("soft", value(limit.soft)), ("hard", value(limit.hard))])
}

fn limits(findings: &Findings) -> Json {
    let limits = &findings.limits;
    let [files, others] = limits.io_workers;
    Json::Object(vec![
        ("memlock_bytes", limit(limits.memlock_bytes)),
        ("may_lock_any", Json::Bool(limits.may_lock_any)),
        ("open_files", limit(limits.open_files)),
        ("processes", limit(limits.processes)),
        ("io_workers_on_files", Json::Integer(files.into())),
        ("io_workers_on_others", Json::Integer(others.into())),
    ])
}

fn processors(findings: &Findings) -> Json {
    let processors = &findings.processors;
    Json::Object(vec![
        ("online", integer(processors.online)),
        ("in_affinity_mask", or_null(processors.in_mask, integer)),
        ("cgroup_quota", or_null(processors.quota, Json::Number)),
        ("threads_by_default", integer(processors.default_threads)),
    ])
}

fn cost(cost: &Cost) -> Json {
    Json::Object(vec![
        ("work", text(cost.work.name())),
        ("doorbell", or_null(cost.doorbell, doorbell_name)),
        ("median_ns", Json::Number(cost.median_ns)),
        ("least_ns", Json::Number(cost.least_ns)),
        ("most_ns", Json::Number(cost.most_ns)),
    ])
}

fn advice(advice: &Advice) -> Json {
    Json::Object(vec![
        ("subject", text(advice.subject)),
        ("verdict", text(advice.verdict.name())),
        ("meaning", text(&advice.meaning)),
        ("remedy", or_null(advice.remedy.as_ref(), text)),
    ])
}
