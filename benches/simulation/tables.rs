//! The runs as tables in markdown.

use std::fmt::Write;

use crate::runs::Run;
use crate::shapes::Shape;

/// Numbers of rings that have rows; the plot shows all.
const RINGS_SHOWN: [usize; 4] = [2, 16, 64, 256];

/// A table for each shape.
pub(crate) fn all(runs: &[Run]) -> String {
    let mut text = String::new();
    for shape in Shape::ALL {
        let of_shape = runs.iter().filter(|run| run.shape == shape);
        let shown = of_shape.filter(|run| RINGS_SHOWN.contains(&run.rings));
        let _ = write!(text, "### {}\n\n{}.\n\n", capitalized(shape.name()), shape.description());
        text.push_str(
            "| rings | strategy | makespan ÷ ideal | wait p50 | p99 | moves a task | wakes |\n",
        );
        text.push_str("|---|---|---|---|---|---|---|\n");
        shown.for_each(|run| text.push_str(&row(run)));
        text.push('\n');
    }
    // One line break at the end, not two.
    text.pop();
    text
}

fn capitalized(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    first.to_uppercase() + rest
}

fn row(run: &Run) -> String {
    let Run { rings, ratio, moves_a_task, wakes, .. } = run;
    let (median, long) = (time(run.wait_median_ns), time(run.wait_long_ns));
    let name = run.contender.name();
    format!("| {rings} | {name} | {ratio:.3} | {median} | {long} | {moves_a_task:.2} | {wakes} |\n")
}

fn time(ns: u64) -> String {
    match ns {
        ..1000 => format!("{ns} ns"),
        1000..1_000_000 => format!("{:.1} µs", ns as f64 / 1e3),
        _ => format!("{:.1} ms", ns as f64 / 1e6),
    }
}
