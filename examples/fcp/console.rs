//! Standard error, which one thread has for itself: what could not be copied, and on a terminal a
//! bar that tells how far it is.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use ringpool::{Receiver, RecvTimeoutError};

use crate::problem::Problem;
use crate::progress::Progress;

const BAR_EVERY: Duration = Duration::from_millis(100);

/// Prints problems until nobody can send any more; says how many there were.
pub(crate) fn run(problems: Receiver<Problem>, progress: &Progress) -> u64 {
    let bar = if io::stderr().is_terminal() { new_bar() } else { ProgressBar::hidden() };
    let mut count = 0;
    loop {
        match next(&problems, &bar) {
            Ok(problem) => {
                count += 1;
                // If nobody can read it, the exit status still tells.
                let _ = bar.suspend(|| writeln!(io::stderr(), "{problem}"));
            }
            Err(RecvTimeoutError::Timeout) => {
                bar.set_length(progress.found_bytes.get());
                bar.set_position(progress.bytes.get());
                let (files, found) = (progress.files.get(), progress.found_files.get());
                bar.set_message(format!("{files}/{found} files"));
            }
            Err(RecvTimeoutError::Closed) => break,
        }
    }
    bar.finish_and_clear();
    count
}

/// Without a bar to draw it sleeps until there is something to print.
fn next(problems: &Receiver<Problem>, bar: &ProgressBar) -> Result<Problem, RecvTimeoutError> {
    if bar.is_hidden() {
        return problems.recv_blocking().map_err(|_| RecvTimeoutError::Closed);
    }
    problems.recv_timeout(BAR_EVERY)
}

/// Until all files have been found, its length is that of those found so far.
fn new_bar() -> ProgressBar {
    let template = "{spinner} {wide_bar} {bytes}/{total_bytes}, {bytes_per_sec}, {msg}";
    let style = ProgressStyle::with_template(template).expect("the template is right");
    ProgressBar::new(0).with_style(style)
}
