//! Whether an operation costs the same however many of them there are.

use crate::client::Client;
use crate::counted::{Counted, HowLong};
use crate::plan::{Figure, Way, Work};
use crate::programs::{self, Contender};
use crate::served::Served;
use crate::statistics::{Spread, Turns};
use crate::{Setting, table};

/// One plot.
pub(crate) struct Plan {
    /// The file it is drawn into.
    pub(crate) plot: &'static str,
    pub(crate) title: &'static str,
    /// What there is more and more of.
    pub(crate) of_what: &'static str,
    pub(crate) ways: &'static [Way],
    pub(crate) sizes: &'static [usize],
    pub(crate) work: fn(usize) -> Work,
}

impl Plan {
    /// The sizes that are measured with this effort.
    fn sizes_within(&self, setting: &Setting) -> &'static [usize] {
        let has_connections = matches!((self.work)(1), Work::Served(_));
        let most = if has_connections { setting.effort.plotted_connections } else { usize::MAX };
        let count = self.sizes.iter().filter(|size| **size <= most).count();
        &self.sizes[..count]
    }
}

const PLANS: &[Plan] = &[
    Plan {
        plot: "growth-tasks.svg",
        title: "CPU time of a yield",
        of_what: "tasks that yield",
        ways: &[Way { suffix: "", workloads: &["yield-many"] }],
        sizes: &[1, 10, 100, 1_000, 10_000, 100_000],
        work: tasks,
    },
    Plan {
        plot: "growth-connections.svg",
        title: "CPU time of a request of 64 B, of the server",
        of_what: "connections",
        ways: &[
            Way { suffix: "", workloads: &["echo"] },
            Way { suffix: ", multishot", workloads: &["echo-multishot"] },
        ],
        sizes: &[1, 10, 100, 1_000, 10_000],
        work: connections,
    },
    Plan {
        plot: "growth-rings.svg",
        title: "CPU time of a task's way from one ring to the next, all of them asleep",
        of_what: "rings",
        ways: &[Way { suffix: "", workloads: &["rings"] }],
        sizes: &[2, 4, 8, 16, 32, 64],
        work: rings,
    },
];

fn tasks(tasks: usize) -> Work {
    let how_long = HowLong::ATurn;
    Work::Counted(Counted { operations: tasks as u64, depth: tasks, how_long })
}

fn rings(rings: usize) -> Work {
    let how_long = HowLong::ATurn;
    Work::Counted(Counted { operations: rings as u64, depth: rings, how_long })
}

fn connections(connections: usize) -> Work {
    Work::Served(Served { client: Client::Closed, connections, size: 64 })
}

/// A plot with its values.
pub(crate) struct Growth {
    pub(crate) plan: &'static Plan,
    pub(crate) lines: Vec<Line>,
}

/// The values of one contender, for each size.
pub(crate) struct Line {
    pub(crate) contender: Contender,
    pub(crate) points: Vec<(usize, Turns)>,
}

impl Line {
    /// Processor time of an operation in nanoseconds, for each size that was measured.
    pub(crate) fn cpu_ns(&self) -> impl Iterator<Item = (usize, f64)> {
        let median = |turns: &Turns| Some(Spread::of(Figure::Cpu.of(turns))?.median);
        self.points.iter().filter_map(move |(size, turns)| Some((*size, median(turns)?)))
    }
}

/// Measures them all.
pub(crate) fn measure(setting: &Setting) -> Vec<Growth> {
    PLANS.iter().map(|plan| measure_one(setting, plan)).collect()
}

fn measure_one(setting: &Setting, plan: &'static Plan) -> Growth {
    eprint!("{} ", plan.title);
    let sizes = plan.sizes_within(setting);
    let empty = |contender| {
        let points = sizes.iter().map(|size| (*size, Turns::default())).collect();
        Line { contender, points }
    };
    let contenders = programs::contenders(&setting.programs, plan.ways);
    let mut lines: Vec<_> = contenders.into_iter().map(empty).collect();
    for index in 0..sizes.len() {
        for _ in 0..setting.effort.turns_of_plots {
            for line in &mut lines {
                let (size, turns) = &mut line.points[index];
                (plan.work)(*size).measure(setting, &line.contender, turns);
            }
        }
        if setting.counts {
            for line in &mut lines {
                let (size, turns) = &mut line.points[index];
                (plan.work)(*size).count(setting, &line.contender, turns);
            }
        }
        eprint!(".");
    }
    eprintln!();
    Growth { plan, lines }
}

/// The table and the plot.
pub(crate) fn write(growth: &Growth) -> String {
    let plan = growth.plan;
    let mut text = format!("## {}, by the number of {}\n\n", plan.title, plan.of_what);
    text.push_str(&format!("![plot]({})\n\n", plan.plot));
    let measured = growth.lines.first().map_or(&[][..], |line| &line.points);
    let sizes: Vec<String> = measured.iter().map(|(size, _)| size.to_string()).collect();
    let mut names = vec!["who"];
    names.extend(sizes.iter().map(String::as_str));
    text.push_str(&table::head(&names));
    for line in &growth.lines {
        let mut cells = vec![line.contender.name.clone()];
        cells.extend(line.points.iter().map(|(_, turns)| cell(turns)));
        text.push_str(&table::line(&cells));
    }
    text.push_str("\nIn brackets: system calls.\n\n");
    text
}

fn cell(turns: &Turns) -> String {
    let Some(cpu) = Spread::of(Figure::Cpu.of(turns)) else {
        return "–".to_owned();
    };
    let calls = turns.syscalls.map_or(String::new(), |calls| format!(" ({calls:.2})"));
    format!("{}{calls}", table::value(Figure::Cpu, cpu.median))
}
