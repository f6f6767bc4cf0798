//! The main function of a program: `PROGRAM list`, or `PROGRAM run WORKLOAD OPTION…`.
//!
//! What is counted prints one line of JSON when done. A server prints the ports it listens on, and
//! then does what lines on its standard input say: `start` and `stop` are the ends of what is
//! measured, `memory` asks for the memory that the process has, and the end of the input ends it.

use std::io::BufRead;
use std::net::TcpListener;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::job::Request;
use crate::{Cost, Job, Stopwatch, allocations, processors, syscalls};

/// A workload as one program does it.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    /// Starts what it needs, warms up, and gives the cost of `job.count` iterations.
    Counted(fn(&Job) -> Cost),
    /// Serves, on as many threads as there are listeners, until the process ends.
    Server(fn(Vec<TcpListener>, &Job)),
}

/// What a counted workload prints.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Outcome {
    pub count: u64,
    pub cost: Cost,
}

/// The first line of a server.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Ports {
    pub ports: Vec<u16>,
}

/// The answer to `memory`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Memory {
    /// Bytes of memory that the process has now.
    pub resident: u64,
}

/// Does what the command line says, with what the program can do.
pub fn main(works: &[(&str, Work)]) -> ExitCode {
    processors::cores();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [list] if list == "list" => {
            works.iter().for_each(|(name, _)| println!("{name}"));
            ExitCode::SUCCESS
        }
        [run, workload, options @ ..] if run == "run" => run_one(works, workload, options),
        _ => refuse("say `list`, or `run` and the name of a workload"),
    }
}

fn refuse(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::from(2)
}

fn run_one(works: &[(&str, Work)], workload: &str, options: &[String]) -> ExitCode {
    let request = match Request::of_command_line(workload.to_owned(), options) {
        Ok(request) => request,
        Err(why) => return refuse(&why),
    };
    let Some((_, work)) = works.iter().find(|(name, _)| *name == request.workload) else {
        return refuse(&format!("this program has no workload {workload}"));
    };
    if request.counting {
        if let Err(error) = syscalls::begin_counting() {
            return refuse(&format!("this kernel counts no system calls for this user: {error}"));
        }
        allocations::begin_counting();
    }
    match work {
        Work::Counted(run) => {
            let outcome = count(*run, request);
            println!("{}", serde_json::to_string(&outcome).expect("numbers can be written"));
        }
        Work::Server(serve) => be_server(*serve, &request),
    }
    ExitCode::SUCCESS
}

fn count(run: fn(&Job) -> Cost, request: Request) -> Outcome {
    let mut job = request.job;
    if let Some(for_ms) = request.for_ms {
        job.count = count_for(run, &job, Duration::from_millis(for_ms));
    }
    Outcome { count: job.count, cost: run(&job) }
}

/// How many iterations take about so long.
fn count_for(run: fn(&Job) -> Cost, job: &Job, time: Duration) -> u64 {
    let time_ns = time.as_nanos() as u64;
    let mut count = 1;
    loop {
        let wall_ns = run(&Job { count, ..job.clone() }).wall_ns.max(1);
        if wall_ns * 8 > time_ns {
            return (count as u128 * u128::from(time_ns) / u128::from(wall_ns)).max(1) as u64;
        }
        count *= 8;
    }
}

fn be_server(serve: fn(Vec<TcpListener>, &Job), request: &Request) {
    let bind = |_| TcpListener::bind("127.0.0.1:0").expect("there is a loopback");
    let listeners: Vec<_> = (0..request.listeners).map(bind).collect();
    let port = |one: &TcpListener| one.local_addr().expect("it is bound").port();
    let ports = Ports { ports: listeners.iter().map(port).collect() };
    answer(&ports);
    thread::spawn(obey);
    serve(listeners, &request.job);
}

fn answer(value: &impl Serialize) {
    println!("{}", serde_json::to_string(value).expect("numbers can be written"));
}

/// Does what the runner says, until it says no more.
fn obey() {
    let mut watch = Stopwatch::start();
    for line in std::io::stdin().lock().lines() {
        match line.as_deref() {
            Ok("start") => {
                watch = Stopwatch::start();
                answer(&Cost::default());
            }
            Ok("stop") => answer(&watch.stop()),
            Ok("memory") => answer(&Memory { resident: resident() }),
            unknown => {
                eprintln!("told {unknown:?}, which means nothing here");
                std::process::exit(2);
            }
        }
    }
    std::process::exit(0);
}

/// Memory that this process has, in bytes.
pub fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("the kernel tells");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    // SAFETY: it only reads a number.
    let page_len = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as u64;
    pages.expect("the second number is that of pages in memory") * page_len
}
