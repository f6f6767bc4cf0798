//! Checksums (SHA-256) of every file under the paths, on all rings: `ringsum [--] [PATH…]`.
//!
//! Prints what `find PATH… -type f | sort | xargs sha256sum` would print if it were not for odd
//! names: one line a file as `sha256sum` has it, in the order of the bytes of their paths, which
//! `sha256sum --check` takes. Without a path it is the current directory, `.`.
//!
//! * A path that is given may be a symbolic link; links found under it are not followed.
//! * What is neither file nor directory (pipes, sockets, devices) is left out where it is found,
//!   and named as a problem where it is given. So nothing is opened that might block.
//! * What cannot be read is named on standard error with the reason, and the others are summed all
//!   the same; the exit status is 1 then.
//! * If nobody reads the output any more it ends, quietly, with the status that a shell tells of
//!   `sha256sum` then: 128 + SIGPIPE.
//!
//! On standard error there is a table with a row a ring at the end; before that a bar, if it is a
//! terminal and the lines go elsewhere. Memory and open files are bounded, whatever the number and
//! size of the files.

mod console;
mod large;
mod output;
mod rings;
mod sum;
mod walk;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use ringpool::{Channel, Pool, Sender, spawn_blocking, spawn_on};

use large::Trays;
use rings::{Counter, Rings, Table};
use sum::Job;
use walk::Walk;

/// Files that may be found before the first of them is printed: so many wait in memory.
const WINDOW: usize = 16 * 1024;
/// So many of them are let in at once: whoever waits for each is woken for each.
const FILES_A_TICKET: u64 = 64;
/// Files that a ring reads at once, if as many may be open.
const WORKERS_A_RING: usize = 16;
/// Descriptors for all else: rings, bells, standard streams, the directory being read.
const OTHER_DESCRIPTORS: usize = 32;

const STATUS_BROKEN_PIPE: u8 = 128 + libc::SIGPIPE as u8;

fn main() -> ExitCode {
    if std::env::args_os().skip(1).eq(["--help"]) {
        println!("usage: ringsum [--] [PATH…]");
        return ExitCode::SUCCESS;
    }
    let status = Pool::builder().build().and_then(|pool| pool.block_on(run(&pool, paths())));
    match status {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::from(STATUS_BROKEN_PIPE)
        }
        Err(error) => {
            // Nowhere is left to say so if this fails.
            let _ = writeln!(io::stderr(), "ringsum: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The paths on the command line. There are no options: all are paths, but a first `--`.
fn paths() -> Vec<PathBuf> {
    let mut arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "--") {
        arguments.remove(0);
    }
    if arguments.is_empty() {
        arguments.push(OsString::from("."));
    }
    arguments.into_iter().map(PathBuf::from).collect()
}

/// Sums and prints; gives the number of paths that could not be summed.
async fn run(pool: &Pool, paths: Vec<PathBuf>) -> io::Result<u64> {
    let start = Instant::now();
    let rings = Arc::new(Rings::new(pool));
    let found = Arc::new(Counter::default());
    let (problem, problems) = Channel::bounded(256).split();
    let (job, jobs) = Channel::bounded(WINDOW).split();
    let (outcome, outcomes) = Channel::bounded(WINDOW).split();
    let (ticket, tickets) = Channel::bounded(WINDOW / FILES_A_TICKET as usize).split();

    let console = {
        let (rings, found) = (rings.clone(), found.clone());
        spawn_blocking(move || console::run(problems, rings, found))
    };
    let walking = {
        let problem = problem.clone();
        spawn_blocking(move || find(paths, &found, &ticket, &job, &problem))
    };
    let trays = Trays::new(pool.len() + 1);
    for _ in 0..workers_a_ring(pool) {
        for ring in pool.runtimes() {
            let work = sum::work(jobs.clone(), outcome.clone(), rings.clone(), trays.clone());
            spawn_on(ring, work).detach();
        }
    }
    drop((jobs, outcome));
    output::print(outcomes, tickets, problem).await?;
    walking.await?;
    let problems = console.await?;
    // If nobody can read it, there is nothing to be done about that.
    let _ = write!(io::stderr(), "{}", Table { rings: &rings, took: start.elapsed() });
    Ok(problems)
}

/// Hands every file under the paths to the workers, until all are found or nobody takes them.
fn find(
    paths: Vec<PathBuf>,
    found: &Counter,
    ticket: &Sender<()>,
    job: &Sender<Job>,
    problem: &Sender<String>,
) {
    let report = |path: &Path, error| drop(problem.send_blocking(output::problem(path, &error)));
    for (place, file) in (0..).zip(Walk::new(paths, report)) {
        let follow = file.is_given;
        found.add(1);
        let entered = place % FILES_A_TICKET != 0 || ticket.send_blocking(()).is_ok();
        if !entered || job.send_blocking(Job { place, path: file.into_path(), follow }).is_err() {
            return;
        }
    }
}

fn workers_a_ring(pool: &Pool) -> usize {
    let limit = usize::try_from(ringpool::capabilities().limits.open_files).unwrap_or(usize::MAX);
    (limit.saturating_sub(OTHER_DESCRIPTORS) / pool.len()).clamp(1, WORKERS_A_RING)
}
