//! Standard output: the lines in the order of the files, written through the ring.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use ringpool::buf::BufError;
use ringpool::fs::File;
use ringpool::time::timeout_at;
use ringpool::{Receiver, RecvError, Sender};

use crate::FILES_A_TICKET;
use crate::sum::{Outcome, Sum};

/// So much is written at once.
const BLOCK_BYTES: usize = 32 * 1024;
/// A line waits no longer than this for others to be written with.
const LINE_WAITS: Duration = Duration::from_millis(10);

/// Puts outcomes in order and prints them, until all workers have gone.
///
/// For every so many it takes a ticket, which lets as many more files in. Files that could not be
/// summed are told to `problems`.
pub(crate) async fn print(
    outcomes: Receiver<Outcome>,
    tickets: Receiver<()>,
    problems: Sender<String>,
) -> io::Result<()> {
    let mut output = Output::new()?;
    let mut order = Order::default();
    while let Ok(outcome) = output.next(&outcomes).await? {
        order.put(outcome);
        while let Some(Outcome { place, path, sum }) = order.take() {
            if place % FILES_A_TICKET == 0 {
                // It was put there before the file was found, so this takes no time.
                let _ = tickets.recv().await;
            }
            match sum {
                Ok(sum) => output.line(&sum, &path).await?,
                // Nobody reads it any more when the program ends anyway.
                Err(error) => drop(problems.send(problem(&path, &error)).await),
            }
        }
    }
    output.flush().await?;
    if order.waiting.is_empty() {
        Ok(())
    } else {
        Err(io::Error::other("not all files were summed"))
    }
}

/// What is said on standard error about a path.
pub(crate) fn problem(path: &Path, error: &io::Error) -> String {
    format!("ringsum: {path:?}: {error}")
}

/// Outcomes that came before those of the files in front of them.
#[derive(Default)]
struct Order {
    first: u64,
    waiting: VecDeque<Option<Outcome>>,
}

impl Order {
    fn put(&mut self, outcome: Outcome) {
        let index = (outcome.place - self.first) as usize;
        if self.waiting.len() <= index {
            self.waiting.resize_with(index + 1, || None);
        }
        self.waiting[index] = Some(outcome);
    }

    /// The next in order, if it has come.
    fn take(&mut self) -> Option<Outcome> {
        let outcome = self.waiting.front_mut()?.take()?;
        self.waiting.pop_front();
        self.first += 1;
        Some(outcome)
    }
}

struct Output {
    file: File,
    lines: Vec<u8>,
    /// When what is in `lines` has waited long enough.
    deadline: Instant,
}

impl Output {
    fn new() -> io::Result<Self> {
        let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        Ok(Self { file, lines: Vec::with_capacity(2 * BLOCK_BYTES), deadline: Instant::now() })
    }

    /// The next outcome; writes what is there before it waits for long.
    async fn next(
        &mut self,
        outcomes: &Receiver<Outcome>,
    ) -> io::Result<Result<Outcome, RecvError>> {
        if !self.lines.is_empty() {
            match timeout_at(self.deadline, outcomes.recv()).await {
                Ok(received) => return Ok(received),
                Err(_) => self.flush().await?,
            }
        }
        Ok(outcomes.recv().await)
    }

    async fn line(&mut self, sum: &Sum, path: &Path) -> io::Result<()> {
        if self.lines.is_empty() {
            self.deadline = Instant::now() + LINE_WAITS;
        }
        push_line(&mut self.lines, sum, path);
        if self.lines.len() >= BLOCK_BYTES { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> io::Result<()> {
        let result = self.file.write_all(mem::take(&mut self.lines)).await;
        let ((), lines) = result.map_err(|BufError { error, .. }| {
            io::Error::new(error.kind(), format!("standard output: {error}"))
        })?;
        self.lines = lines;
        self.lines.clear();
        Ok(())
    }
}

/// A line as `sha256sum` prints it: it begins with a backslash if the name is escaped.
fn push_line(lines: &mut Vec<u8>, sum: &Sum, path: &Path) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let name = path.as_os_str().as_bytes();
    if name.iter().any(|byte| escape(*byte).is_some()) {
        lines.push(b'\\');
    }
    for byte in sum {
        lines.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    lines.extend(b"  ");
    for byte in name {
        match escape(*byte) {
            Some(letter) => lines.extend([b'\\', letter]),
            None => lines.push(*byte),
        }
    }
    lines.push(b'\n');
}

/// What follows the backslash in place of a byte that cannot stand in a line.
fn escape(byte: u8) -> Option<u8> {
    match byte {
        b'\\' => Some(b'\\'),
        b'\n' => Some(b'n'),
        b'\r' => Some(b'r'),
        _ => None,
    }
}
