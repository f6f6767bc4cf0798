//! The balancer at scale: 2 to 256 rings, simulated, beside work stealing and no balancing at all.
//!
//! `cargo bench --bench simulation`; after `--`, `--quick` has it do only a few numbers of rings,
//! and `--write` puts the tables into `benches/SIMULATION.md` and a plot into
//! `benches/simulation.svg`. The numbers are the same on every run and every machine.

mod bits;
mod plot;
mod policy;
mod random;
mod runs;
mod shapes;
mod shedding;
mod strategies;
mod tables;
mod world;

use std::fs;
use std::path::Path;

use runs::{Contender, RINGS, RINGS_QUICK, Run};
use shapes::Shape;

/// What `--write` replaces: everything behind this line.
const MARK: &str =
    "<!-- What follows is written by `cargo bench --bench simulation -- --write` -->";

fn main() {
    let asked = |option: &str| std::env::args().skip(1).any(|argument| argument == option);
    let rings = if asked("--quick") { &RINGS_QUICK[..] } else { &RINGS };
    let runs: Vec<Run> = Shape::ALL
        .into_iter()
        .flat_map(|shape| rings.iter().map(move |rings| (shape, *rings)))
        .flat_map(|(shape, rings)| Contender::ALL.map(|who| runs::run(shape, rings, who)))
        .collect();
    let text = tables::all(&runs);
    print!("{text}");
    if asked("--write") {
        write(&text, &plot::svg(&runs));
    }
}

fn write(text: &str, svg: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches");
    let path = folder.join("SIMULATION.md");
    let old = fs::read_to_string(&path).expect("the file is there");
    let (head, _) = old.split_once(MARK).expect("the file has its mark");
    fs::write(&path, format!("{head}{MARK}\n\n{text}")).expect("the file can be written");
    fs::write(folder.join("simulation.svg"), svg).expect("the plot can be written");
}
