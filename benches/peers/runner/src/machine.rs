//! What was measured on.

use std::fs;
use std::process::Command;

/// Load of the last minute.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_owned()
}

/// The lines about it in the results.
pub(crate) fn describe(load_before: &str) -> String {
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "- Day: {}\n- Machine: {processors} processors ({}), Linux {}\n- Compiler: {}\n\
         - Load of the last minute before: {load_before}, after: {}\n",
        output("date", &["+%F"]),
        model(),
        kernel.trim(),
        output("rustc", &["--version"]),
        load(),
    )
}

fn model() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("model name"));
    let name = line.map_or("unknown", |line| line.trim_start_matches([' ', '\t', ':']));
    let is_virtual = text.contains(" hypervisor");
    if is_virtual { format!("{name}, virtual") } else { name.to_owned() }
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|_| "unknown".to_owned())
}
