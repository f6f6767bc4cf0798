//! How a dump is printed: a line for each ring, task and operation, each below what it belongs to.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use super::{
    Awaited, Awaiting, LongPoll, OperationDump, PoolDump, RingDump, RingState, TaskDump, TaskState,
};

impl Display for PoolDump {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for ring in &self.rings {
            write!(f, "{ring}")?;
        }
        if !self.blocking.is_empty() {
            writeln!(f, "threads for blocking work: {}", tasks(self.blocking.len()))?;
            write_tasks(f, &self.blocking)?;
        }
        Ok(())
    }
}

impl Display for RingDump {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "ring {}", self.index)?;
        if let Some(core) = self.core {
            write!(f, ", core {core}")?;
        }
        write!(f, ": ")?;
        match &self.state {
            RingState::Answered => writeln!(f, "{}", tasks(self.tasks.len()))?,
            state => writeln!(f, "{state}")?,
        }
        write_tasks(f, &self.tasks)?;
        if !self.operations.is_empty() {
            writeln!(f, "  begun by others:")?;
            write_operations(f, &self.operations)?;
        }
        Ok(())
    }
}

fn tasks(count: usize) -> String {
    format!("{count} {}", if count == 1 { "task" } else { "tasks" })
}

fn write_tasks(f: &mut Formatter<'_>, tasks: &[TaskDump]) -> fmt::Result {
    for task in tasks {
        writeln!(f, "  {task}")?;
        write_operations(f, &task.operations)?;
    }
    Ok(())
}

fn write_operations(f: &mut Formatter<'_>, operations: &[OperationDump]) -> fmt::Result {
    operations.iter().try_for_each(|operation| writeln!(f, "    {operation}"))
}

impl Display for RingState {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered => f.write_str("answers"),
            Self::InPoll(poll) => write!(f, "does not answer, in a poll of {poll}"),
            Self::Busy => f.write_str("does not answer, busy with polls"),
            Self::Silent => f.write_str("does not answer, and is in no poll"),
            Self::Stopped => f.write_str("has stopped"),
        }
    }
}

impl Display for LongPoll {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.task)?;
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        write!(f, ", {}, for >= {}", self.spawned_at, Rough(self.lasted))
    }
}

impl Display for TaskDump {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.id)?;
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        write!(f, ", {}, {}, {} old", self.spawned_at, self.state, Rough(self.age))?;
        if self.is_local {
            f.write_str(", local")?;
        }
        if self.is_cancelled {
            f.write_str(", cancelled")?;
        }
        match &self.awaits {
            Some(awaits) => write!(f, ", waits for {awaits}"),
            None => Ok(()),
        }
    }
}

impl Display for TaskState {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Ready => "ready",
            Self::Waiting => "waiting",
            Self::UnderWay => "under way",
            Self::WindingDown => "winding down",
            Self::Queued => "queued",
            Self::Blocking => "blocking",
        })
    }
}

impl Display for Awaiting {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        self.at.map_or(Ok(()), |at| write!(f, " at {at}"))
    }
}

impl Display for Awaited {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Operation => "an operation",
            Self::Timer => "a timer",
            Self::Channel => "a channel",
            Self::Lock => "a lock or signal",
            Self::Task => "a task",
        })
    }
}

impl Display for OperationDump {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        if let Some(descriptor) = self.descriptor {
            let kind = if self.is_direct { "direct descriptor" } else { "fd" };
            write!(f, " on {kind} {descriptor}")?;
        }
        write!(f, ", ring {}, for {}", self.ring, Rough(self.age))
    }
}

/// A duration, to about three figures.
struct Rough(Duration);

impl Display for Rough {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (ms, s) = (self.0.as_millis(), self.0.as_secs());
        match s {
            0 => write!(f, "{ms} ms"),
            1..60 => write!(f, "{:.1} s", self.0.as_secs_f64()),
            60..3600 => write!(f, "{} min {} s", s / 60, s % 60),
            _ => write!(f, "{} h {} min", s / 3600, s / 60 % 60),
        }
    }
}
