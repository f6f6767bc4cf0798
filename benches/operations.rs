//! Each row of the table by itself, measured by criterion: `cargo bench --bench operations`.
//!
//! The clock starts and stops inside the runtime. Processor time, goals and ratios are in the table
//! that `cargo bench --bench summary` prints.

#[allow(dead_code, reason = "goals, notes and processor time are for the table")]
mod common;

use std::time::Duration;

use common::rows::{self, Row};
use criterion::{Criterion, Throughput};

fn main() {
    let mut criterion = Criterion::default()
        .without_plots()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
        .configure_from_args();
    for row in rows::all() {
        measure(&mut criterion, row);
    }
    criterion.final_summary();
}

fn measure(criterion: &mut Criterion, row: &Row) {
    let mut group = criterion.benchmark_group(row.name.replace('`', ""));
    group.throughput(Throughput::Elements(row.operations));
    for contender in row.contenders {
        group.bench_function(contender.who.name(), |bencher| {
            bencher.iter_custom(|iterations| (contender.run)(iterations).wall);
        });
    }
    group.finish();
}
