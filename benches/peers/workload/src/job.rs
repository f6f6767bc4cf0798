//! What a program is told.

use std::path::PathBuf;

/// One turn of a workload, as the command line has it: `--count 1000 --size 64 …`.
#[derive(Clone, Debug)]
pub struct Job {
    /// Iterations. Of servers nothing is counted: their client does.
    pub count: u64,
    /// Bytes of a message; a server reads into buffers of this size, or of 4 KiB if that is more.
    pub size: usize,
    /// Operations under way at once.
    pub depth: usize,
    /// A folder for files.
    pub scratch: PathBuf,
}

impl Job {
    /// Length of a server's buffer.
    pub fn buffer_len(&self) -> usize {
        self.size.max(4096)
    }
}

/// What a program is asked for.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) workload: String,
    pub(crate) job: Job,
    /// Find a count that takes about so long.
    pub(crate) for_ms: Option<u64>,
    /// Count system calls and allocations.
    pub(crate) counting: bool,
    /// How many sockets a server listens on.
    pub(crate) listeners: usize,
}

impl Request {
    pub(crate) fn of_command_line(workload: String, options: &[String]) -> Result<Self, String> {
        let job = Job { count: 1, size: 64, depth: 1, scratch: std::env::temp_dir() };
        let mut request = Self { workload, job, for_ms: None, counting: false, listeners: 1 };
        let mut options = options.iter();
        while let Some(option) = options.next() {
            if option == "--counting" {
                request.counting = true;
                continue;
            }
            let value = options.next().ok_or_else(|| format!("{option} needs a value"))?;
            request.set(option, value)?;
        }
        Ok(request)
    }

    fn set(&mut self, option: &str, value: &str) -> Result<(), String> {
        match option {
            "--count" => self.job.count = number(option, value)?,
            "--for-ms" => self.for_ms = Some(number(option, value)?),
            "--size" => self.job.size = number(option, value)?,
            "--depth" => self.job.depth = number(option, value)?,
            "--listeners" => self.listeners = number(option, value)?,
            "--scratch" => self.job.scratch = value.into(),
            unknown => return Err(format!("{unknown} is no option")),
        }
        Ok(())
    }
}

fn number<T: std::str::FromStr>(option: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{option} takes a number, not {value:?}"))
}
