//! Copies files and whole trees, on all rings: `fcp [--] SOURCE… DESTINATION`.
//!
//! The copy is what `cp -r` makes: contents, permissions, empty directories, symbolic links as
//! links. If the destination is a directory the copies go into it under their own names; else it is
//! the name of the one copy.
//!
//! * Files that are there are overwritten, never with themselves; a directory is never copied into
//!   itself.
//! * Permissions are those of the source, whatever the umask. Owners and times are not kept, and so
//!   the set-id bits only where the owner is the same.
//! * Of files with holes, blocks of nothing but zeros are left out.
//! * What cannot be copied is named on standard error with the reason, and all else is copied; the
//!   exit status is 1 then. Pipes, sockets and devices are named too.
//! * Ctrl-C ends it at once, as it ends `cp`: what was under way is left incomplete.
//!
//! One thread walks through the tree; it makes directories and links, and hands the files to
//! workers on every ring. On a terminal there is a bar. Memory and open files are bounded, whatever
//! the number and size of the files.

mod console;
mod copy;
mod large;
mod problem;
mod progress;
mod targets;
mod walk;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use ringpool::{Channel, Pool, spawn_blocking, spawn_on};

use copy::Copier;
use large::Lanes;
use progress::Progress;
use walk::Walk;

const USAGE: &str = "usage: fcp [--] SOURCE… DESTINATION";

/// Files that have been found and wait to be copied.
const QUEUE: usize = 1024;
/// Files that a ring copies at once, if as many may be open.
const WORKERS_A_RING: usize = 16;
/// Descriptors for all else: rings, bells, standard streams, the directory being read.
const OTHER_DESCRIPTORS: usize = 32;

fn main() -> ExitCode {
    let (sources, destination) = match arguments() {
        Ok(Some(paths)) => paths,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(problem) => return failure(&problem),
    };
    let copied =
        Pool::builder().build().and_then(|pool| pool.block_on(run(&pool, sources, destination)));
    match copied {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => failure(&error.to_string()),
    }
}

fn failure(problem: &str) -> ExitCode {
    // If nobody can read it, the exit status still tells.
    let _ = writeln!(io::stderr(), "fcp: {problem}");
    ExitCode::FAILURE
}

/// The sources and the destination; none if only help is wanted.
fn arguments() -> Result<Option<(Vec<PathBuf>, PathBuf)>, String> {
    let mut paths = Vec::new();
    let mut options_may_come = true;
    for argument in std::env::args_os().skip(1) {
        match argument.as_encoded_bytes() {
            b"--" if options_may_come => options_may_come = false,
            b"--help" if options_may_come => return Ok(None),
            [b'-', _, ..] if options_may_come => return Err(unknown(&argument)),
            _ => paths.push(PathBuf::from(argument)),
        }
    }
    match paths.pop() {
        Some(destination) if !paths.is_empty() => Ok(Some((paths, destination))),
        _ => Err(format!("a source and a destination are needed\n{USAGE}")),
    }
}

fn unknown(option: &OsString) -> String {
    format!("{option:?} is no option; a path that begins with a dash goes behind --\n{USAGE}")
}

/// Copies; gives the number of paths that could not be copied.
async fn run(pool: &Pool, sources: Vec<PathBuf>, destination: PathBuf) -> io::Result<u64> {
    let progress = Arc::new(Progress::default());
    let (problem, problems) = Channel::bounded(256).split();
    let (job, jobs) = Channel::bounded(QUEUE).split();
    let console = {
        let progress = progress.clone();
        spawn_blocking(move || console::run(problems, &progress))
    };
    let walking = {
        let (progress, problem) = (progress.clone(), problem.clone());
        spawn_blocking(move || Walk::new(job, problem, progress)?.all(&sources, &destination))
    };
    let lanes = Lanes::new(pool).await?;
    let copier = Arc::new(Copier { problems: problem, progress, lanes });
    let mut workers = Vec::new();
    for _ in 0..workers_a_ring(pool) {
        for ring in pool.runtimes() {
            workers.push(spawn_on(ring, copier.clone().work(jobs.clone())));
        }
    }
    // The walk ends when nobody takes its files any more, should the workers fail.
    drop((jobs, copier));
    for worker in workers {
        worker.await?;
    }
    let directories = walking.await??;
    // Only now: what is in a directory that nobody may write to has been written.
    spawn_blocking(move || directories.set_permissions()).await?;
    Ok(console.await?)
}

fn workers_a_ring(pool: &Pool) -> usize {
    let limit = usize::try_from(ringpool::capabilities().limits.open_files).unwrap_or(usize::MAX);
    // A worker has two files open.
    (limit.saturating_sub(OTHER_DESCRIPTORS) / (2 * pool.len())).clamp(1, WORKERS_A_RING)
}
