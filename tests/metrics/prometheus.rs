//! The text for Prometheus, read as Prometheus would.

use std::collections::BTreeMap;

use ringpool::metrics::{OperationFamily, PROMETHEUS_CONTENT_TYPE};
use ringpool::{Pool, PoolMetrics, op, run_on, spawn_on};

use super::common::*;

/// A family of samples: what it is, and what has been read of it.
#[derive(Debug, Default)]
struct Family {
    help: String,
    kind: String,
    /// By name and labels, these in the order of their names.
    samples: BTreeMap<(String, Vec<(String, String)>), f64>,
}

fn is_name(text: &str) -> bool {
    let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || byte == b':';
    text.bytes().next().is_some_and(first)
        && text.bytes().all(|byte| first(byte) || byte.is_ascii_digit())
}

/// `name="value",…`, without values that need escapes.
fn labels(text: &str) -> Vec<(String, String)> {
    let label = |part: &str| {
        let (name, value) = part.split_once('=').expect("name=value");
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        let value = value.expect("in quotation marks");
        assert!(is_name(name) && !value.contains(['"', '\\', '\n']), "{part}");
        (name.to_owned(), value.to_owned())
    };
    let mut labels: Vec<_> = text.split(',').map(label).collect();
    labels.sort();
    labels
}

/// Reads the text; everything that the format forbids is a panic.
fn parse(text: &str) -> BTreeMap<String, Family> {
    assert!(text.ends_with('\n'));
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a name and a help");
            assert!(is_name(name), "{line}");
            current = name.to_owned();
            let family = Family { help: help.to_owned(), ..Family::default() };
            assert!(families.insert(current.clone(), family).is_none(), "twice: {line}");
            continue;
        }
        let family = families.get_mut(&current).expect("a help first");
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a name and a type");
            assert!(name == current && family.samples.is_empty(), "{line}");
            assert!(family.kind.is_empty(), "twice: {line}");
            family.kind = kind.to_owned();
            continue;
        }
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        let value: f64 = value.parse().expect("a number");
        let (name, labels) = match name.split_once('{') {
            None => (name, Vec::new()),
            Some((name, rest)) => (name, labels(rest.strip_suffix('}').expect("a brace"))),
        };
        let suffix = name.strip_prefix(&*current).expect("the samples of a family are together");
        let suffixes: &[&str] =
            if family.kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
        assert!(is_name(name) && suffixes.contains(&suffix), "{line}");
        let before = family.samples.insert((name.to_owned(), labels), value);
        assert!(before.is_none(), "twice: {line}");
    }
    families
}

fn value(families: &BTreeMap<String, Family>, name: &str, with: &[(&str, &str)]) -> f64 {
    let family = families.values().find(|family| family.samples.keys().any(|(n, _)| n == name));
    let family = family.unwrap_or_else(|| panic!("there is no {name}"));
    let mut with: Vec<_> = with.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    with.sort();
    *family.samples.get(&(name.to_owned(), with)).unwrap_or_else(|| panic!("{name}: no such label"))
}

/// A pool that has done a little of several things.
fn used() -> PoolMetrics {
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        for _ in 0..500 {
            spawn_on(&there, async { op::nop().await.map(drop) }).await.unwrap().unwrap();
        }
        run_on(&there, async {}).await.unwrap();
    });
    pool.metrics()
}

#[test]
fn the_text_says_what_the_structs_say() {
    let _limit = limit();
    let metrics = used();
    let families = parse(&metrics.to_prometheus());
    for (number, ring) in metrics.rings.iter().enumerate() {
        let label = number.to_string();
        let of = |name: &str| value(&families, name, &[("ring", &label)]);
        assert_eq!(of("ringpool_polls_total"), ring.polls as f64);
        assert_eq!(of("ringpool_tasks_alive"), ring.tasks_alive as f64);
        assert_eq!(of("ringpool_arrivals_total"), ring.arrivals as f64);
        assert_eq!(of("ringpool_migrations_total"), ring.migrations as f64);
        assert_eq!(of("ringpool_messages_sent_total"), ring.messages_sent as f64);
        assert_eq!(of("ringpool_messages_received_total"), ring.messages_received as f64);
        assert_eq!(of("ringpool_sheds_out"), ring.sheds_out as f64);
        assert_eq!(of("ringpool_enters_total"), ring.enters as f64);
        assert_eq!(of("ringpool_running_seconds_total"), ring.running.as_secs_f64());
        for family in OperationFamily::ALL {
            let labels = [("ring", &*label), ("family", family.name())];
            let started = value(&families, "ringpool_operations_started_total", &labels);
            let in_flight = value(&families, "ringpool_operations_in_flight", &labels);
            assert_eq!(started, ring.operations.of(family).started as f64);
            assert_eq!(in_flight, ring.operations.of(family).in_flight as f64);
        }
    }
    let of_ring_1 = [("ring", "1"), ("family", "other")];
    assert_eq!(value(&families, "ringpool_operations_completed_total", &of_ring_1), 500.0);
    assert_eq!(value(&families, "ringpool_blocking_threads", &[]), 0.0);
}

#[test]
fn the_text_is_as_the_format_demands() {
    let _limit = limit();
    let families = parse(&used().to_prometheus());
    assert!(families.len() > 25);
    for (name, family) in &families {
        assert!(name.starts_with("ringpool_") && !family.help.is_empty());
        assert!(!family.samples.is_empty(), "{name}");
        assert_eq!(name.ends_with("_total"), family.kind == "counter", "{name}");
        assert!(["counter", "gauge", "histogram"].contains(&&*family.kind), "{name}");
    }
    assert!(PROMETHEUS_CONTENT_TYPE.starts_with("text/plain; version=0.0.4"));
}

#[test]
fn the_buckets_of_the_histogram_are_cumulative() {
    let _limit = limit();
    let metrics = used();
    let families = parse(&metrics.to_prometheus());
    for (number, ring) in metrics.rings.iter().enumerate() {
        let label = number.to_string();
        let samples = families["ringpool_poll_seconds"].samples.iter();
        let mut buckets: Vec<_> = samples
            .filter(|((_, labels), _)| labels.contains(&("ring".to_owned(), label.clone())))
            .filter_map(|((_, labels), count)| {
                let bound = &labels.iter().find(|(name, _)| name == "le")?.1;
                // As Prometheus reads it: `+Inf` is a number.
                Some((bound.parse::<f64>().expect("a number"), *count))
            })
            .collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert_eq!(buckets.len(), ring.poll_times.buckets.len());
        assert!(buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1 && pair[0].0 < pair[1].0));
        let (last, count) = buckets[buckets.len() - 1];
        assert_eq!((last, count), (f64::INFINITY, ring.poll_times.count() as f64));
        assert!(count > 0.0);
        let of = |name: &str| value(&families, name, &[("ring", &label)]);
        assert_eq!(of("ringpool_poll_seconds_count"), count);
        assert_eq!(of("ringpool_poll_seconds_sum"), ring.poll_times.sum.as_secs_f64());
    }
    let one_in = value(&families, "ringpool_poll_sampled_one_in", &[]);
    assert_eq!(one_in, metrics.rings[0].poll_times.sampled_one_in as f64);
}
