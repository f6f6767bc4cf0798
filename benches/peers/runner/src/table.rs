//! Numbers and cells.

use crate::plan::Figure;
use crate::statistics::Spread;

/// A number with three digits or so.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// How a unit is written, and how many of the small one it has.
fn unit(figure: Figure, value: f64) -> (&'static str, f64) {
    match (figure, value) {
        (Figure::Bytes, value) if value >= 10_000.0 => ("KiB", 1024.0),
        (Figure::Bytes, _) => ("B", 1.0),
        (_, value) if value >= 1e6 => ("ms", 1e6),
        (_, value) if value >= 1e3 => ("µs", 1e3),
        _ => ("ns", 1.0),
    }
}

/// A value with its unit.
pub(crate) fn value(figure: Figure, value: f64) -> String {
    let (name, size) = unit(figure, value);
    format!("{} {name}", number(value / size))
}

/// The median, with the least and the most in brackets.
pub(crate) fn spread(figure: Figure, values: &[f64]) -> String {
    let Some(Spread { least, median, most }) = Spread::of(values) else {
        return "–".to_owned();
    };
    let (name, size) = unit(figure, median);
    let [least, median, most] = [least, median, most].map(|value| number(value / size));
    format!("{median} {name} ({least}..{most})")
}

/// A line of a table.
pub(crate) fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

/// The first two lines of a table.
pub(crate) fn head(names: &[&str]) -> String {
    format!("| {} |\n|{}\n", names.join(" | "), "---|".repeat(names.len()))
}
