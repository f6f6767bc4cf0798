//! The tables.

use std::fmt::Write;

use crate::common::rows::{Goal, NOTES, Row, Who};
use crate::idle::{IDLE, Idle};
use crate::statistics::{Costs, Spread};

/// A line for each row, and the notes they refer to.
pub(crate) fn of_rows(measured: &[(&Row, Vec<Costs>)]) -> String {
    let mut text =
        "Time an operation takes, and processor time it costs: median (least..most).\n\n\
        | work | ringpool, wall | CPU | tokio, wall | CPU | tokio ÷ ringpool, wall / CPU \
        | floor, wall / CPU | ÷ floor | goal | reached |\n\
        |---|---|---|---|---|---|---|---|---|---|\n"
            .to_owned();
    for (row, costs) in measured {
        text.push_str(&line(row, costs));
    }
    text.push('\n');
    for (index, note) in NOTES.iter().enumerate() {
        let number = index + 1;
        if measured.iter().any(|(row, _)| row.notes.contains(&number)) {
            writeln!(text, "{number}. {note}").expect("a string takes it");
        }
    }
    text
}

fn line(row: &Row, costs: &[Costs]) -> String {
    let of = |wanted: fn(Who) -> bool| {
        let index = row.contenders.iter().position(|contender| wanted(contender.who));
        index.map(|index| (&row.contenders[index], &costs[index]))
    };
    let (_, ringpool) = of(|who| who == Who::Ringpool).expect("ringpool is in every row");
    let tokio = of(|who| who == Who::Tokio).map(|(_, costs)| costs);
    let floor = of(|who| matches!(who, Who::Floor(_)));
    let (wall, cpu) = (ringpool.wall_ns(), ringpool.cpu_ns());
    let (floor_text, to_floor) = match floor {
        None => ("–".to_owned(), "–".to_owned()),
        Some((contender, floor)) => {
            let (floor_wall, floor_cpu) = (floor.wall_ns().median, floor.cpu_ns().median);
            let name = contender.who.name();
            let text = format!("{name}: {} / {}", time(floor_wall), time(floor_cpu));
            let ratio = format!("{:.2} / {:.2}", wall.median / floor_wall, cpu.median / floor_cpu);
            (text, ratio)
        }
    };
    let (goal, reached) = goal(row.goal, ringpool, tokio, floor.map(|(_, costs)| costs));
    let notes: String = row.notes.iter().map(|number| format!(" [{number}]")).collect();
    format!(
        "| {name}{notes} | {} | {} | {tokio} | {floor_text} | {to_floor} | {goal} | {reached} |\n",
        spread(wall),
        spread(cpu),
        tokio = of_tokio(tokio, ringpool),
        name = row.name,
    )
}

/// The three columns of tokio.
fn of_tokio(tokio: Option<&Costs>, ringpool: &Costs) -> String {
    let Some(tokio) = tokio else { return "– | – | –".to_owned() };
    let (wall, cpu) = (tokio.wall_ns(), tokio.cpu_ns());
    format!(
        "{} | {} | {:.2} / {:.2}",
        spread(wall),
        spread(cpu),
        wall.median / ringpool.wall_ns().median,
        cpu.median / ringpool.cpu_ns().median,
    )
}

/// The goal in words, and whether the median reaches it.
fn goal(
    goal: Goal,
    ringpool: &Costs,
    tokio: Option<&Costs>,
    floor: Option<&Costs>,
) -> (String, &'static str) {
    let (wall, cpu) = (ringpool.wall_ns().median, ringpool.cpu_ns().median);
    let (text, is_reached) = match goal {
        Goal::WallNs(most) => (format!("≤ {}", time(most)), wall <= most),
        Goal::WallOfFloor(times) => {
            let most = times * floor.expect("the goal refers to it").wall_ns().median;
            (format!("wall ≤ {times:.2} × floor"), wall <= most)
        }
        Goal::CpuOfFloor(times) => {
            let most = times * floor.expect("the goal refers to it").cpu_ns().median;
            (format!("CPU ≤ {times:.2} × floor"), cpu <= most)
        }
        Goal::AheadOfTokio => {
            let tokio = tokio.expect("the goal refers to it");
            let is_ahead = wall <= tokio.wall_ns().median && cpu <= tokio.cpu_ns().median;
            ("ahead of tokio".to_owned(), is_ahead)
        }
    };
    (text, if is_reached { "yes" } else { "**no**" })
}

/// What the runtimes do that have nothing to do.
pub(crate) fn of_idle(idles: &[Idle; 3]) -> String {
    let mut text = format!(
        "\nProcessor time and voluntary context switches of the whole process in {} ms in which \
         two threads that were busy a moment ago have nothing to do (median by processor time). \
         The goal is what a process with neither has, once the rings have stopped to wait awake, \
         which takes them 16 times 50 µs at most.\n\n\
         | who | CPU | share of one processor | switches |\n|---|---|---|---|\n",
        IDLE.as_millis()
    );
    let names = ["ringpool, two rings", "tokio, two current-thread runtimes", "neither"];
    for (name, idle) in names.iter().zip(idles) {
        let cpu_ns = idle.cpu.as_nanos() as f64;
        let share = 100.0 * cpu_ns / IDLE.as_nanos() as f64;
        let switches = idle.voluntary_switches;
        writeln!(text, "| {name} | {} | {share:.3} % | {switches} |", time(cpu_ns))
            .expect("a string takes it");
    }
    text
}

fn spread(spread: Spread) -> String {
    format!("{} ({}..{})", time(spread.median), number(spread.least), number(spread.most))
}

fn time(ns: f64) -> String {
    if ns < 1_000.0 { format!("{} ns", number(ns)) } else { format!("{} µs", number(ns)) }
}

/// Nanoseconds, or microseconds from a thousand of them on, to three digits.
fn number(ns: f64) -> String {
    let value = if ns < 1_000.0 { ns } else { ns / 1_000.0 };
    let decimals = match value {
        value if value < 10.0 => 2,
        value if value < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}
