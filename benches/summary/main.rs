//! All rows in one table, in markdown: `cargo bench --bench summary`.
//!
//! The contenders of a row take turns, so that whatever else the machine does hits them all alike;
//! the table has the median of the turns, and the least and the most in brackets.
//!
//! Options, after `--`: `--quick` for fewer and shorter turns, `--write` to put the table into
//! `benches/SUMMARY.md`, and a part of a row's name to see only such rows.

#[path = "../common/mod.rs"]
mod common;
mod idle;
mod machine;
mod statistics;
mod table;

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use common::rows::{self, Contender, Row};
use idle::Idle;
use statistics::Costs;

/// How long, and how often, each contender is measured.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    turns: usize,
    turn: Duration,
}

const FULL: Effort = Effort { turns: 7, turn: Duration::from_millis(200) };
const QUICK: Effort = Effort { turns: 3, turn: Duration::from_millis(20) };

struct Options {
    effort: Effort,
    write: bool,
    only: String,
}

fn main() {
    let options = Options::of_command_line();
    let before = machine::load();
    let rows: Vec<_> = rows::all().filter(|row| row.name.contains(&options.only)).collect();
    let measured: Vec<_> = rows.iter().map(|row| (*row, measure(row, options.effort))).collect();
    let idle = options.only.is_empty().then(|| measure_idle(options.effort));
    let mut text = machine::describe(options.effort, &before);
    text.push_str(&table::of_rows(&measured));
    if let Some(idle) = idle {
        text.push_str(&table::of_idle(&idle));
    }
    print!("{text}");
    if options.write {
        write_into_results(&text);
    }
}

impl Options {
    fn of_command_line() -> Self {
        let mut options = Self { effort: FULL, write: false, only: String::new() };
        for argument in std::env::args().skip(1) {
            match argument.as_str() {
                // Cargo says this to every bench.
                "--bench" => {}
                "--quick" => options.effort = QUICK,
                "--write" => options.write = true,
                part => part.clone_into(&mut options.only),
            }
        }
        options
    }
}

/// The costs of one operation of each contender.
fn measure(row: &Row, effort: Effort) -> Vec<Costs> {
    eprint!("{} ", row.name);
    let runs = row.contenders.iter().map(|contender| (contender, iterations(contender, effort)));
    let mut runs: Vec<_> = runs.map(|(one, count)| (one, count, Costs::default())).collect();
    for _ in 0..effort.turns {
        for (contender, count, costs) in &mut runs {
            costs.add((contender.run)(*count), *count * row.operations);
        }
        eprint!(".");
        // Nobody minds if the progress cannot be seen.
        let _ = std::io::stderr().flush();
    }
    eprintln!();
    runs.into_iter().map(|(_, _, costs)| costs).collect()
}

/// How many iterations take about as long as one turn shall.
fn iterations(contender: &Contender, effort: Effort) -> u64 {
    let mut count = 1;
    loop {
        let wall = (contender.run)(count).wall.max(Duration::from_nanos(1));
        if wall * 8 > effort.turn {
            let per_turn = effort.turn.as_nanos() as f64 / wall.as_nanos() as f64;
            return (count as f64 * per_turn).ceil() as u64;
        }
        count *= 8;
    }
}

/// Idle times of ringpool, of tokio, and of a process that has neither; of each the median by
/// processor time.
fn measure_idle(effort: Effort) -> [Idle; 3] {
    eprintln!("idle");
    let who: [fn() -> Idle; 3] = [idle::ringpool_idle, idle::tokio_idle, idle::nothing_idle];
    let mut all = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..effort.turns.min(5) {
        for (measure, idles) in who.iter().zip(&mut all) {
            idles.push(measure());
        }
    }
    all.map(|mut idles| {
        idles.sort_by_key(|idle: &Idle| idle.cpu);
        idles[idles.len() / 2]
    })
}

const BEGIN: &str =
    "<!-- What follows is written by `cargo bench --bench summary -- --write` -->\n";
const END: &str = "<!-- End of what is written -->\n";

/// Replaces the table in the file of results.
fn write_into_results(text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/SUMMARY.md");
    let old = std::fs::read_to_string(&path).expect("benches/SUMMARY.md is there");
    let (before, rest) = old.split_once(BEGIN).expect("the file says where the table begins");
    let (_, after) = rest.split_once(END).expect("the file says where the table ends");
    let new = format!("{before}{BEGIN}\n{text}\n{END}{after}");
    std::fs::write(&path, new).expect("benches/SUMMARY.md can be written");
}
