//! Where and when it was measured.

use std::fs;
use std::process::Command;

use crate::Effort;

/// The command, the machine, the day and how busy the machine was before and after.
pub(crate) fn describe(effort: Effort, load_before: &str) -> String {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let separator = if arguments.is_empty() { "" } else { " -- " };
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "- Command: `cargo bench --bench summary{separator}{arguments}`\n\
         - Day: {day}\n\
         - Machine: {cpus} processors ({model}{hypervisor}), Linux {kernel}\n\
         - Compiler: {compiler}\n\
         - Load of the last minute before: {load_before}, after: {load_after}; \
         own niceness {niceness}\n\
         - Turns: {turns} of each contender, one after the other, about {turn_ms} ms each\n\n",
        arguments = arguments.join(" "),
        day = output_of("date", &["+%F"]),
        model = cpu_info("model name"),
        hypervisor = if cpu_info("flags").contains("hypervisor") { ", virtual" } else { "" },
        kernel = file("/proc/sys/kernel/osrelease"),
        compiler = output_of("rustc", &["--version"]),
        load_after = load(),
        niceness = niceness(),
        turns = effort.turns,
        turn_ms = effort.turn.as_millis(),
    )
}

/// How many threads wanted to run, on average over the last minute.
pub(crate) fn load() -> String {
    file("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned()
}

/// How far this process stands back behind others, or, if negative, before them.
fn niceness() -> String {
    let status = file("/proc/self/stat");
    // The name in brackets may have blanks in it; the number is the 17th behind it.
    let behind_name = status.rsplit_once(") ").map_or("", |(_, behind)| behind);
    behind_name.split(' ').nth(16).unwrap_or("unknown").to_owned()
}

fn file(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn cpu_info(key: &str) -> String {
    let info = file("/proc/cpuinfo");
    let line = info.lines().find(|line| line.starts_with(key)).unwrap_or_default();
    line.split_once(": ").map_or("", |(_, value)| value).to_owned()
}

fn output_of(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or("unknown".to_owned(), |output| {
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    })
}
