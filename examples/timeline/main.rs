//! `timeline [FILE]`: runs a skewed load without and with balancing, and draws what the rings did.
//!
//! Nearly all tasks are born on ring 0. They compute for a while, and let others run three times in
//! between. What the rings do meanwhile is recorded as `Pool::trace` does it, and the picture is
//! made from that file. It is an SVG, written to FILE or to standard output.

mod picture;

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs, io, process, thread};

use picture::{Poll, Run};
use ringpool::{Balance, Pool, Task, task, yield_now};
use serde_json::Value;

/// How many tasks are born on ring 0, and how many on each of the others.
const TASKS: [usize; 2] = [56, 8];
/// How often each of them computes.
const PIECES: usize = 4;
/// How long each time.
const PIECE: Duration = Duration::from_micros(500);
/// How often it is tried: others may want the processors meanwhile, so the shortest run is drawn.
const TRIES: usize = 5;
const EVENTS_MAX: usize = 100_000;

/// Computes for some time, the same each time.
fn compute(rounds: u64) {
    let mut number = 1_u64;
    for round in 0..rounds {
        number = black_box(number.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(round));
    }
}

/// How many rounds take as long as [`PIECE`]: the best of some tries.
fn calibrate() -> u64 {
    const ROUNDS: u64 = 100_000;
    let time = || {
        let start = Instant::now();
        compute(ROUNDS);
        start.elapsed()
    };
    let best = (0..20).map(|_| time()).min().unwrap_or(PIECE);
    (PIECE.as_nanos() * u128::from(ROUNDS) / best.as_nanos().max(1)) as u64
}

/// What each of the tasks does.
async fn work(rounds: u64) {
    for _ in 0..PIECES {
        compute(rounds);
        yield_now().await;
    }
}

/// Bears the tasks of ring `birth`, and waits for them.
async fn bear(birth: usize, rounds: u64) -> io::Result<()> {
    let named = || task::Builder::new().name(format!("born on {birth}"));
    let tasks = (0..TASKS[birth.min(1)]).map(|_| named().spawn(work(rounds)));
    let tasks: Vec<Task<()>> = tasks.collect();
    for task in tasks {
        task.await?;
    }
    Ok(())
}

/// Runs the load, and gives the polls of its tasks.
fn run(title: &str, rings: usize, rounds: u64, balance: Balance) -> io::Result<Run> {
    let pool = Pool::builder().threads(rings).balance(balance).build()?;
    let path = env::temp_dir().join(format!("ringpool-timeline-{}.json", process::id()));
    let recording = pool.start_trace(EVENTS_MAX)?;
    let births = pool.runtimes().iter().enumerate();
    let births: Vec<_> = births.map(|(birth, ring)| ring.spawn(bear(birth, rounds))).collect();
    for tasks in births {
        tasks.wait()??;
    }
    let report = recording.write(&path)?;
    let polls = polls_of(&path);
    fs::remove_file(&path)?;
    if report.dropped > 0 {
        return Err(io::Error::other("the trace is not complete"));
    }
    Ok(Run::new(title, rings, polls?))
}

/// The polls of tasks with a birthplace, from the file of a trace.
fn polls_of(path: &Path) -> io::Result<Vec<Poll>> {
    let trace: Value = serde_json::from_slice(&fs::read(path)?)?;
    let events = trace["traceEvents"].as_array().ok_or(io::ErrorKind::InvalidData)?;
    // Which ring has which track.
    let ring_of = |track: &Value| {
        let is_name = |event: &&Value| event["name"] == "thread_name" && event["tid"] == *track;
        let name = events.iter().find(is_name)?["args"]["name"].as_str()?;
        name.strip_prefix("ring ")?.parse::<usize>().ok()
    };
    let poll = |event: &Value| {
        let name = event["args"]["task_name"].as_str().filter(|_| event["cat"] == "poll")?;
        let birth = name.strip_prefix("born on ")?.parse().ok()?;
        let (start_us, length_us) = (event["ts"].as_f64()?, event["dur"].as_f64()?);
        Some(Poll { ring: ring_of(&event["tid"])?, birth, start_us, length_us })
    };
    Ok(events.iter().filter_map(poll).collect())
}

fn main() -> io::Result<()> {
    let rings = thread::available_parallelism()?.get().clamp(2, 8);
    let rounds = calibrate();
    let shortest = |title, balance| {
        let mut best = run(title, rings, rounds, balance)?;
        for _ in 1..TRIES {
            best = best.shorter(run(title, rings, rounds, balance)?);
        }
        io::Result::Ok(best)
    };
    let runs = [
        shortest("Without balancing", Balance::Manual)?,
        shortest("With balancing", Balance::Shed)?,
    ];
    runs.iter().for_each(|run| eprintln!("{run}"));
    let svg = picture::draw(&runs);
    match env::args_os().nth(1) {
        Some(path) => fs::write(path, svg),
        None => io::Write::write_all(&mut io::stdout(), svg.as_bytes()),
    }
}
