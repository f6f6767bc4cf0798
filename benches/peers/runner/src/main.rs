//! Runs the same workloads on all runtimes in turns, and writes down what they cost.
//!
//! `cargo run --release -p runner -- all` measures everything, and writes `benches/RESULTS.md` and
//! the plots beside it; `quick` takes shorter and fewer turns, and only prints; `check` takes the
//! shortest ones there are, to see whether all programs do what they shall. Words that follow are
//! parts of the names of rows, and choose those.
//!
//! A turn is a process of its own. The contenders of a row take turns (A B C A B C …), so that
//! whatever else the machine does hits them all alike.

mod client;
mod counted;
mod growth;
mod machine;
mod plan;
mod plot;
mod programs;
mod report;
mod served;
mod statistics;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use plan::Row;
use programs::{Contender, Program};
use statistics::Turns;

/// How long, and how often, each contender is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) turns: usize,
    pub(crate) turn: Duration,
    /// Connections of the row with idle ones.
    pub(crate) idle_connections: usize,
    /// Tasks of the row with parked ones.
    pub(crate) parked_tasks: u64,
    /// Turns of each point of a plot.
    pub(crate) turns_of_plots: usize,
    /// The largest number of connections that a plot has.
    pub(crate) plotted_connections: usize,
}

const FULL: Effort = Effort {
    turns: 5,
    turn: Duration::from_millis(250),
    idle_connections: 10_000,
    parked_tasks: 100_000,
    turns_of_plots: 3,
    plotted_connections: 10_000,
};
const QUICK: Effort = Effort {
    turns: 3,
    turn: Duration::from_millis(30),
    idle_connections: 2_000,
    parked_tasks: 100_000,
    turns_of_plots: 1,
    plotted_connections: 1_000,
};
const CHECK: Effort = Effort {
    turns: 1,
    turn: Duration::from_millis(5),
    idle_connections: 1_000,
    parked_tasks: 10_000,
    turns_of_plots: 1,
    plotted_connections: 100,
};

/// A row with what every contender took.
pub(crate) struct Measured {
    pub(crate) row: &'static Row,
    pub(crate) of: Vec<(Contender, Turns)>,
}

/// What goes for all turns.
pub(crate) struct Setting {
    pub(crate) programs: Vec<Program>,
    pub(crate) effort: Effort,
    /// Where the programs put their files.
    pub(crate) scratch: PathBuf,
    /// Whether system calls can be counted here.
    pub(crate) counts: bool,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((mode, chosen)) = arguments.split_first() else {
        return refuse("say `all`, `quick` or `check`");
    };
    let effort = match mode.as_str() {
        "all" => FULL,
        "quick" => QUICK,
        "check" => CHECK,
        unknown => return refuse(&format!("{unknown} is neither `all` nor `quick` nor `check`")),
    };
    let setting = match prepare(effort) {
        Ok(setting) => setting,
        Err(why) => return refuse(&why),
    };
    let load_before = machine::load();
    let measured = measure_rows(&setting, chosen);
    let grown = if chosen.is_empty() { growth::measure(&setting) } else { Vec::new() };
    let text = report::write(&setting, &load_before, &measured, &grown);
    println!("{text}");
    if mode == "all" && chosen.is_empty() {
        save(&text, &grown);
    }
    failures(&measured, &grown)
}

fn refuse(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::from(2)
}

/// Builds the programs, and finds out what they can do.
fn prepare(effort: Effort) -> Result<Setting, String> {
    programs::build()?;
    let programs = programs::all()?;
    plan::check(&programs)?;
    let scratch = programs::folder().join("peers-scratch");
    fs::create_dir_all(&scratch).map_err(|error| format!("cannot make {scratch:?}: {error}"))?;
    let counts = counted::can_count(&programs, &scratch);
    Ok(Setting { programs, effort, scratch, counts })
}

fn measure_rows(setting: &Setting, chosen: &[String]) -> Vec<Measured> {
    let is_chosen =
        |row: &&Row| chosen.is_empty() || chosen.iter().any(|part| row.name.contains(part));
    plan::ROWS.iter().filter(is_chosen).map(|row| measure_row(setting, row)).collect()
}

fn measure_row(setting: &Setting, row: &'static Row) -> Measured {
    eprint!("{} ", row.name);
    let contenders = programs::contenders(&setting.programs, row.ways);
    let mut of: Vec<_> = contenders.into_iter().map(|one| (one, Turns::default())).collect();
    for _ in 0..setting.effort.turns {
        for (contender, turns) in &mut of {
            row.work.measure(setting, contender, turns);
        }
        eprint!(".");
    }
    if setting.counts {
        for (contender, turns) in &mut of {
            row.work.count(setting, contender, turns);
        }
    }
    eprintln!();
    Measured { row, of }
}

/// Puts the text and the plots where the crate keeps them.
fn save(text: &str, grown: &[growth::Growth]) {
    let benches = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::write(benches.join("RESULTS.md"), text).expect("benches/RESULTS.md can be written");
    for growth in grown {
        let path = benches.join(growth.plan.plot);
        plot::draw(&path, growth).expect("the plots can be written");
    }
}

/// Says once more what went wrong, so that nobody overlooks it. It is this run's failure if it went
/// wrong in ringpool or where there is no runtime; the others are as they are.
fn failures(measured: &[Measured], grown: &[growth::Growth]) -> ExitCode {
    let of_rows = measured.iter().flat_map(|one| &one.of).map(|(one, turns)| (one, turns));
    let lines = grown.iter().flat_map(|one| &one.lines);
    let of_lines =
        lines.flat_map(|line| line.points.iter().map(|(_, turns)| (&line.contender, turns)));
    let mut code = ExitCode::SUCCESS;
    for (contender, turns) in of_rows.chain(of_lines) {
        let Some(failure) = &turns.failure else { continue };
        eprintln!("failed: {failure}");
        if contender.is_ringpool() || contender.is_floor() {
            code = ExitCode::FAILURE;
        }
    }
    code
}
