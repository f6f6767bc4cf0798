//! Says what this machine offers to a pool, what wakes cost here, and what to do about what is not
//! as it should be: `doctor [--json] [--quick] [--threads N]`.
//!
//! * It makes a pool as a program would, of `N` threads or of as many as a pool takes, and says how
//!   its rings are made and wake each other, and why so.
//! * It measures for about two seconds what it takes to wake another ring, with both doorbells, and
//!   what need no wake; with `--quick` for a part of a second.
//! * On each finding there is a sentence that says what it means, and what to do.
//! * With `--json` all of it is one JSON object; limits that do not exist are `null`.
//!
//! Where no pool can be made the exit status is 1, and everything else is told all the same.

mod advice;
mod eventfd;
mod findings;
mod json;
mod look;
mod measure;
mod text;

use std::io::{self, Write};
use std::process::ExitCode;

use measure::Effort;

const USAGE: &str = "usage: doctor [--json] [--quick] [--threads N]";
const STATUS_USAGE: u8 = 2;

/// What the command line asks for.
struct Options {
    json: bool,
    effort: Effort,
    threads: Option<usize>,
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(Some(options)) => options,
        Ok(None) => {
            print(&format!("{USAGE}\n"));
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            let _ = writeln!(io::stderr(), "doctor: {problem}\n{USAGE}");
            return ExitCode::from(STATUS_USAGE);
        }
    };
    let mut findings = look::look(options.threads);
    (findings.costs, findings.measured_all) = measure::measure(options.effort);
    let advices = advice::advise(&findings);
    print(&if options.json {
        format!("{}\n", json::report(&findings, &advices))
    } else {
        text::report(&findings, &advices)
    });
    ExitCode::from(u8::from(findings.pool.outcome.is_err()))
}

/// If nobody can read it, the exit status still tells.
fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// What the command line says; none if only help is wanted.
fn options() -> Result<Option<Options>, String> {
    let mut options = Options { json: false, effort: Effort::FULL, threads: None };
    let mut arguments = std::env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--json") => options.json = true,
            Some("--quick") => options.effort = Effort::QUICK,
            Some("--help") => return Ok(None),
            Some("--threads") => {
                let number = arguments.next().and_then(|number| number.to_str()?.parse().ok());
                let number = number.filter(|number| *number > 0);
                options.threads = Some(number.ok_or("--threads needs a number from 1")?);
            }
            _ => return Err(format!("{argument:?} is no option")),
        }
    }
    Ok(Some(options))
}
