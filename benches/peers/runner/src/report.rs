//! The text of the results.

use crate::growth::{self, Growth};
use crate::plan::Figure;
use crate::programs::Contender;
use crate::statistics::{Spread, Turns};
use crate::{Measured, Setting, machine, plan, table};

const INTRODUCTION: &str = "\
# Side by side

Written by `cargo run --release -p runner -- all` in `benches/peers` (a quarter of an hour;
`quick` instead of `all` takes fewer and shorter turns and writes nothing; words that follow choose
rows by parts of their names). Every turn is a process of its own, and the contenders of a row take
turns, so that whatever
else the machine does hits them all alike. What is shown is the median of the turns, with the least
and the most in brackets.

- **Time** and **CPU** are those of one operation; CPU is that of all threads of the process. Where
  a server is asked, its client is another process, on the second processor, that waits awake and
  compares all bytes; CPU is the server's alone.
- **System calls** and **allocations** of one operation come from a turn of their own, of whose
  times nothing is used.
- All have the same numbers of threads, pinned to the same processors, the same buffer sizes, and no
  work that others have not. Each is used as its authors advise for speed; what stands in for
  something that a runtime does not have is said in its program.
- *bare floor* is no runtime: what the kernel and the processors need by themselves.
- A peer that is ahead by less than 2 % is level: two runs of one program differ by as much.
- Whoever has several ways to do something is in the overview with the best one for each figure.
  *ringpool, awake* is a pool made with `busy_poll(true)`, whose rings never sleep.
";

/// Everything that was measured.
pub(crate) fn write(
    setting: &Setting,
    load_before: &str,
    measured: &[Measured],
    grown: &[Growth],
) -> String {
    let mut text = format!("{INTRODUCTION}\n{}", machine::describe(load_before));
    let (turns, turn_ms) = (setting.effort.turns, setting.effort.turn.as_millis());
    text.push_str(&format!("- Turns: {turns} of each contender, about {turn_ms} ms each\n\n"));
    let idle = Idle::of(measured);
    text.push_str(&overview(measured, &idle));
    for growth in grown {
        text.push_str(&growth::write(growth));
    }
    text.push_str("## Row by row\n\n");
    measured.iter().for_each(|one| text.push_str(&details(one, &idle)));
    text
}

/// A line for each thing that is compared.
fn overview(measured: &[Measured], idle: &Idle) -> String {
    let mut text = String::from("## Ringpool and the best of the others\n\n");
    let names =
        ["work", "", "ringpool", "best peer", "peer ÷ ringpool", "ringpool ÷ floor", "standing"];
    text.push_str(&table::head(&names));
    let (mut ahead, mut all) = (0, 0);
    for one in measured {
        for &figure in one.row.compared {
            let Some(comparison) = Comparison::of(one, figure) else { continue };
            all += 1;
            ahead += usize::from(comparison.standing() == "ahead");
            text.push_str(&comparison.line(one.row.name, idle));
        }
    }
    text.push_str(&format!("\nAhead in {ahead} of {all}.\n\n"));
    text
}

/// Ringpool's best way, the best one of all peers, and the best one without a runtime.
struct Comparison {
    figure: Figure,
    ringpool: (Contender, f64),
    peer: Option<(Contender, f64)>,
    floor: Option<f64>,
}

impl Comparison {
    fn of(measured: &Measured, figure: Figure) -> Option<Self> {
        let median = |turns: &Turns| Some(Spread::of(figure.of(turns))?.median);
        let best = |is_meant: &dyn Fn(&Contender) -> bool| {
            let meant = measured.of.iter().filter(|(contender, _)| is_meant(contender));
            let medians = meant.filter_map(|(one, turns)| Some((one.clone(), median(turns)?)));
            medians.min_by(|one, other| one.1.total_cmp(&other.1))
        };
        Some(Self {
            figure,
            ringpool: best(&Contender::is_ringpool)?,
            peer: best(&|one| !one.is_ringpool() && !one.is_floor()),
            floor: best(&Contender::is_floor).map(|(_, median)| median),
        })
    }

    fn ratio(&self) -> Option<f64> {
        self.peer.as_ref().map(|(_, median)| median / self.ringpool.1)
    }

    fn standing(&self) -> &'static str {
        match self.ratio() {
            None => "alone",
            Some(ratio) if ratio >= 1.02 => "ahead",
            Some(ratio) if ratio > 0.98 => "level",
            Some(_) => "**behind**",
        }
    }

    fn line(&self, row: &str, idle: &Idle) -> String {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
        let of = |(who, median): &(Contender, f64)| {
            let (name, median) = (&who.name, table::value(self.figure, *median));
            match idle.processors(who) {
                Some(processors) if processors > NOTEWORTHY => {
                    format!("{median} ({name}; idle, it takes {processors:.2} processors)")
                }
                _ if who.is_usual() => median,
                _ => format!("{median} ({name})"),
            }
        };
        table::line(&[
            row.to_owned(),
            self.figure.name().to_owned(),
            of(&self.ringpool),
            or_dash(self.peer.as_ref().map(of)),
            or_dash(self.ratio().map(table::number)),
            or_dash(self.floor.map(|floor| table::number(self.ringpool.1 / floor))),
            self.standing().to_owned(),
        ])
    }
}

/// A runtime that takes more processors than this while it has nothing to do has it said.
const NOTEWORTHY: f64 = 0.02;

/// What each program takes while it has nothing to do.
struct Idle<'a>(Option<&'a Measured>);

impl<'a> Idle<'a> {
    fn of(measured: &'a [Measured]) -> Self {
        Self(measured.iter().find(|one| one.row.name == plan::IDLE))
    }

    /// In processors; `None` if it was not measured.
    fn processors(&self, contender: &Contender) -> Option<f64> {
        // How a server receives means nothing to it while it is idle.
        let name = contender.name.replace(", multishot", "");
        let (_, turns) = self.0?.of.iter().find(|(one, _)| one.name == name)?;
        let of_both = (Spread::of(&turns.cpu_ns)?, Spread::of(&turns.wall_ns)?);
        Some(of_both.0.median / of_both.1.median)
    }
}

/// The table of one row, with every contender.
fn details(measured: &Measured, idle: &Idle) -> String {
    let row = measured.row;
    let all = [Figure::Wall, Figure::Cpu, Figure::P50, Figure::P99, Figure::Bytes];
    let has = |figure: &Figure| measured.of.iter().any(|(_, turns)| !figure.of(turns).is_empty());
    let figures: Vec<_> = all.into_iter().filter(has).collect();
    let mut names = vec!["who"];
    names.extend(figures.iter().map(|figure| figure.name()));
    let counts = measured.of.iter().any(|(_, turns)| turns.syscalls.is_some());
    if counts {
        names.extend(["system calls", "allocations"]);
    }
    // Who waits awake has paid for it before.
    let has_idle = idle.0.is_some() && row.name != plan::IDLE;
    if has_idle {
        names.push("processors while idle");
    }
    let mut text = format!("### {}\n\n", row.name);
    if !row.remark.is_empty() {
        text.push_str(&format!("{}\n\n", row.remark));
    }
    text.push_str(&table::head(&names));
    for (contender, turns) in &measured.of {
        let mut cells = vec![contender.name.clone()];
        cells.extend(figures.iter().map(|figure| table::spread(*figure, figure.of(turns))));
        if counts {
            let count = |count: Option<f64>| count.map_or("–".to_owned(), table::number);
            cells.extend([count(turns.syscalls), count(turns.allocations)]);
        }
        if has_idle {
            let processors = idle.processors(contender);
            cells.push(processors.map_or("–".to_owned(), |share| format!("{share:.4}")));
        }
        text.push_str(&table::line(&cells));
    }
    for failure in measured.of.iter().filter_map(|(_, turns)| turns.failure.as_ref()) {
        text.push_str(&format!("\nFailed: {failure}\n"));
    }
    text.push('\n');
    text
}
