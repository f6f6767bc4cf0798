//! Turns in which a program does its work by itself.

use std::path::Path;
use std::process::Command;

use workload::program::Outcome;

use crate::Setting;
use crate::programs::{Contender, Program};
use crate::statistics::Turns;

/// Work that a program counts by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    /// Operations of one iteration.
    pub(crate) operations: u64,
    /// Operations under way at once.
    pub(crate) depth: usize,
    pub(crate) how_long: HowLong,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum HowLong {
    /// As many iterations as fill a turn.
    ATurn,
    /// So many, whatever a turn is.
    Iterations(u64),
    /// As many as there shall be parked tasks, whose memory is asked for.
    ParkedTasks,
}

/// What goes wrong in a program that never ends is that; in seconds.
const LIMIT_S: &str = "60";

impl Counted {
    pub(crate) fn measure(&self, setting: &Setting, contender: &Contender, turns: &mut Turns) {
        if turns.failure.is_some() {
            return;
        }
        let mut command = self.command(setting, contender);
        match self.count_of(setting, turns) {
            Some(count) => command.args(["--count", &count.to_string()]),
            None => command.args(["--for-ms", &setting.effort.turn.as_millis().to_string()]),
        };
        let outcome = turns.note(&contender.name, contender.workload, outcome(command));
        let Some(Outcome { count, cost }) = outcome else { return };
        turns.count = Some(count);
        let operations = (count * self.operations) as f64;
        turns.wall_ns.push(cost.wall_ns as f64 / operations);
        turns.cpu_ns.push(cost.cpu_ns as f64 / operations);
        if matches!(self.how_long, HowLong::ParkedTasks) {
            turns.bytes.push(cost.resident as f64 / operations);
        }
    }

    /// One more turn, for system calls and allocations.
    pub(crate) fn count(&self, setting: &Setting, contender: &Contender, turns: &mut Turns) {
        let (None, Some(count)) = (&turns.failure, turns.count) else { return };
        let mut command = self.command(setting, contender);
        command.args(["--counting", "--count", &count.to_string()]);
        let outcome = turns.note(&contender.name, contender.workload, outcome(command));
        let Some(Outcome { count, cost }) = outcome else { return };
        let operations = (count * self.operations) as f64;
        turns.syscalls = Some(cost.syscalls as f64 / operations);
        turns.allocations = Some(cost.allocations as f64 / operations);
    }

    fn command(&self, setting: &Setting, contender: &Contender) -> Command {
        let mut command = contender.command(&setting.scratch);
        command.args(["--depth", &self.depth.to_string()]);
        command
    }

    fn count_of(&self, setting: &Setting, turns: &Turns) -> Option<u64> {
        match self.how_long {
            HowLong::ATurn => turns.count,
            HowLong::Iterations(count) => Some(count),
            HowLong::ParkedTasks => Some(setting.effort.parked_tasks),
        }
    }
}

/// Runs a program to its end, and takes what it prints.
fn outcome(command: Command) -> Result<Outcome, String> {
    let mut bounded = Command::new("timeout");
    bounded.args(["--kill-after=5", LIMIT_S]).arg(command.get_program()).args(command.get_args());
    let output = bounded.output().map_err(|error| format!("cannot be started: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: {said}", output.status));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("prints no outcome: {error}"))
}

/// Whether this kernel counts system calls for this user.
pub(crate) fn can_count(programs: &[Program], scratch: &Path) -> bool {
    let mut command = Command::new(&programs[0].path);
    command.args(["run", "yield", "--counting", "--scratch"]).arg(scratch);
    let counted = outcome(command);
    if let Err(why) = &counted {
        eprintln!("system calls and allocations are not counted: {}", why.trim());
    }
    counted.is_ok()
}
