//! Standard error, which one thread has for itself: what could not be summed, and on a terminal a
//! bar that tells how far it is, if the lines go elsewhere.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{BinaryBytes, ProgressBar, ProgressStyle};
use ringpool::{Receiver, RecvTimeoutError};

use crate::rings::{Counter, Rings};

const BAR_EVERY: Duration = Duration::from_millis(100);

/// Prints problems until nobody can send any more; says how many there were.
pub(crate) fn run(problems: Receiver<String>, rings: Arc<Rings>, found: Arc<Counter>) -> u64 {
    let shows_bar = io::stderr().is_terminal() && !io::stdout().is_terminal();
    let bar = if shows_bar { new_bar() } else { ProgressBar::hidden() };
    let mut count = 0;
    loop {
        match problems.recv_timeout(BAR_EVERY) {
            Ok(problem) => {
                count += 1;
                // If nobody can read it, the exit status still tells.
                let _ = bar.suspend(|| writeln!(io::stderr(), "{problem}"));
            }
            Err(RecvTimeoutError::Timeout) if bar.is_hidden() => {}
            Err(RecvTimeoutError::Timeout) => {
                bar.set_length(found.get());
                bar.set_message(BinaryBytes(rings.bytes()).to_string());
                bar.set_position(rings.files());
            }
            Err(RecvTimeoutError::Closed) => break,
        }
    }
    bar.finish_and_clear();
    count
}

/// Until all files have been found, its length is that of those found so far.
fn new_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {wide_bar} {pos}/{len} files, {msg}")
        .expect("the template is right");
    ProgressBar::new(0).with_style(style)
}
