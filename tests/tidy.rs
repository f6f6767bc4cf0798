//! The style sheet as a test: what a reader may rely on in every file of this crate.

#[path = "tidy/docs.rs"]
mod docs;
#[path = "tidy/proof.rs"]
mod proof;
#[path = "tidy/source.rs"]
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use docs::{futures_say_what_a_drop_loses, opcodes_say_since_when};
use source::{Block, Source};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 100;

/// The files and folders of the crate that may hold `unsafe`.
const UNSAFE_ALLOWED: &[&str] = &[
    "src/ring/",
    "src/op/",
    "src/task/",
    "src/inbox.rs",
    "src/inbox_models.rs",
    "src/completion.rs",
    "src/completion_models.rs",
    "src/balance/giving_models.rs",
    // One pointer a thread.
    "src/context.rs",
    // The stop message, and a future that borrows from the caller of `block_on`.
    "src/runtime.rs",
    "src/pool.rs",
    // Operations that the kernel keeps.
    "src/shutdown.rs",
    // Three descriptors that are nobody's.
    "src/stdio.rs",
    // Two system calls.
    "src/affinity.rs",
    "src/mailbox.rs",
    "src/recycle.rs",
    // A place in the source, which is good for ever.
    "src/running.rs",
    "src/buf/",
    "src/channel/",
    "src/fs/",
    // Futures pinned in their combinator.
    "src/future/",
    "src/net/",
    // One pointer a thread, and pins.
    "src/stop/",
    "src/stream/",
    // Locks show what they guard.
    "src/sync/",
    "src/time/",
    // Two calls that std does not have.
    "examples/doctor/eventfd.rs",
];

/// Files whose atomics only count, so that their ordering needs no reason; elsewhere a counter
/// is a method of a type whose name has `Counter` in it.
const COUNTERS: [&str; 1] = ["src/metrics/counter.rs"];

/// How far above an atomic access its reason may stand if not in the same function.
const ORDERING_REACH_LINES: usize = 12;

const ORDERINGS: [&str; 5] = [
    "Ordering::Relaxed",
    "Ordering::Acquire",
    "Ordering::Release",
    "Ordering::AcqRel",
    "Ordering::SeqCst",
];

/// What is never left behind; in pieces, so that this file does not hold it.
const LEFT_BEHIND: [&str; 6] = [
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
    concat!("#[ign", "ore"),
    concat!("db", "g!"),
];

/// Paths that only exist on somebody's machine.
const MACHINE_PATHS: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/t", "mp/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

const SLEEP: &str = concat!("thread::", "sleep");

/// A rule: what it finds, each with the line counted from 0.
type Rule = fn(&Source) -> Vec<(usize, String)>;

const RULES_OF_ANY_FILE: [Rule; 2] = [whitespace, words];

const RULES_OF_RUST: [Rule; 10] = [
    file_length,
    function_length,
    columns,
    unsafe_has_a_reason,
    unsafe_function_states_its_demands,
    unsafe_stays_in_its_place,
    orderings_have_a_reason,
    tests_do_not_sleep,
    futures_say_what_a_drop_loses,
    opcodes_say_since_when,
];

#[test]
fn every_file_keeps_to_the_style_sheet() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = files_of_the_project(root);
    assert!(files.iter().any(|file| file.ends_with("src/lib.rs")), "found only {files:?}");
    let mut broken = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
        let name = file.strip_prefix(root).expect("it was found there").display().to_string();
        broken.extend(check(&name, &text));
    }
    assert!(broken.is_empty(), "{} times:\n{}", broken.len(), broken.join("\n"));
}

/// Everything a person wrote: the sources, the texts on the top level and the checks.
fn files_of_the_project(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in ["src", "tests", "examples", "benches", ".ci"] {
        collect(&root.join(folder), &mut files);
    }
    for entry in fs::read_dir(root).expect("the crate is there").flatten() {
        let path = entry.path();
        let is_text = path.extension().is_some_and(|end| end == "md" || end == "toml");
        if is_text && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}

/// Holds one file against all rules; each finding names the file, the line and the rule.
fn check(path: &str, text: &str) -> Vec<String> {
    let source = Source::parse(path, text);
    let rust = if path.ends_with(".rs") { &RULES_OF_RUST[..] } else { &[] };
    let findings = RULES_OF_ANY_FILE.iter().chain(rust).flat_map(|rule| rule(&source));
    findings.map(|(line, message)| format!("{path}:{}: {message}", line + 1)).collect()
}

fn whitespace(source: &Source) -> Vec<(usize, String)> {
    let is_bad = |line: &&String| line.trim_end() != line.as_str() || line.contains('\t');
    find_lines(&source.text, is_bad, "a line has no tab and no blank at its end")
}

fn words(source: &Source) -> Vec<(usize, String)> {
    let mut findings = Vec::new();
    for word in LEFT_BEHIND {
        let message = format!("{word} is not left behind");
        findings.extend(find_lines(&source.text, |line| line.contains(word), &message));
    }
    for path in MACHINE_PATHS {
        let message = format!("{path} is a path of one machine");
        findings.extend(find_lines(&source.text, |line| line.contains(path), &message));
    }
    findings
}

fn find_lines(
    lines: &[String],
    is_bad: impl Fn(&&String) -> bool,
    message: &str,
) -> Vec<(usize, String)> {
    let bad = lines.iter().enumerate().filter(|(_, line)| is_bad(line));
    bad.map(|(number, _)| (number, String::from(message))).collect()
}

fn file_length(source: &Source) -> Vec<(usize, String)> {
    let lines = source.text.len();
    if lines <= FILE_LINES_MAX || !source.path.starts_with("src/") {
        return Vec::new();
    }
    vec![(FILE_LINES_MAX, format!("a file has at most {FILE_LINES_MAX} lines, not {lines}"))]
}

fn function_length(source: &Source) -> Vec<(usize, String)> {
    let lines = |block: &Block| block.last - block.first + 1;
    let functions = source.blocks.iter().filter(|block| block.is_function);
    let long = functions.filter(|block| lines(block) > FUNCTION_LINES_MAX);
    let message =
        |block| format!("a function has at most {FUNCTION_LINES_MAX} lines, not {}", lines(block));
    long.map(|block| (block.first, message(block))).collect()
}

/// A row of a table cannot be broken.
fn columns(source: &Source) -> Vec<(usize, String)> {
    let is_table =
        |line: &str| ["//! |", "/// |", "// |"].iter().any(|start| line.starts_with(start));
    let is_bad = |line: &&String| line.chars().count() > COLUMNS_MAX && !is_table(line);
    find_lines(&source.text, is_bad, &format!("a line has at most {COLUMNS_MAX} columns"))
}

/// The lines with the word `unsafe` in code, each with what follows the word.
fn unsafes(source: &Source) -> impl Iterator<Item = (usize, String)> {
    let mut found = Vec::new();
    for (line, code) in source.code.iter().enumerate() {
        for (at, _) in code.match_indices("unsafe") {
            let in_name = |character: char| character.is_alphanumeric() || character == '_';
            let after = &code[at + "unsafe".len()..];
            if code[..at].ends_with(in_name) || after.starts_with(in_name) {
                continue;
            }
            let next_line = source.code.get(line + 1).map_or("", |next| next.trim());
            let after = if after.trim().is_empty() { next_line } else { after.trim() };
            found.push((line, String::from(after)));
        }
    }
    found.into_iter()
}

fn unsafe_has_a_reason(source: &Source) -> Vec<(usize, String)> {
    let needs_one = |after: &str| after.starts_with('{') || after.starts_with("impl");
    unsafes(source)
        .filter(|(_, after)| needs_one(after))
        .filter(|(line, _)| !source.attached_comments(*line).contains("SAFETY:"))
        .map(|(line, _)| (line, String::from("an unsafe block or impl has its // SAFETY: above")))
        .collect()
}

fn unsafe_function_states_its_demands(source: &Source) -> Vec<(usize, String)> {
    let is_stated = |line| {
        let comments = source.attached_comments(line);
        // A function that is put into a table may point to the demands stated there.
        comments.contains("# Safety") || comments.contains("SAFETY:")
    };
    let is_exempt = |line| is_model(source) || source.is_in_tests(line);
    unsafes(source)
        .filter(|(_, after)| declares_a_function(after))
        .filter(|(line, _)| !is_stated(*line) && !is_exempt(*line))
        .map(|(line, _)| (line, String::from("an unsafe fn has a section # Safety")))
        .collect()
}

/// A file of loom models is a test that stands beside what it models; so is a run of shuttle's.
fn is_model(source: &Source) -> bool {
    source.path.ends_with("models.rs") || source.path.starts_with("src/shuttle_runs/")
}

/// Tells a declaration from the type of a function pointer, which has no name.
fn declares_a_function(after_unsafe: &str) -> bool {
    let after = after_unsafe.strip_prefix("extern").unwrap_or(after_unsafe).trim_start();
    after.strip_prefix("fn ").is_some_and(|name| name.starts_with(|c: char| c.is_alphabetic()))
}

fn unsafe_stays_in_its_place(source: &Source) -> Vec<(usize, String)> {
    let is_restricted = source.path.starts_with("src/") || source.path.starts_with("examples/");
    if !is_restricted || UNSAFE_ALLOWED.iter().any(|allowed| source.path.starts_with(allowed)) {
        return Vec::new();
    }
    let message = String::from("unsafe is allowed only where tests/tidy.rs lists it");
    unsafes(source).map(|(line, _)| (line, message.clone())).collect()
}

fn orderings_have_a_reason(source: &Source) -> Vec<(usize, String)> {
    let is_exempt = COUNTERS.contains(&source.path.as_str()) || is_model(source);
    if !source.path.starts_with("src/") || is_exempt {
        return Vec::new();
    }
    let uses = |line: &usize| ORDERINGS.iter().any(|name| source.code[*line].contains(name));
    let is_import = |line: &usize| source.code[*line].trim_start().starts_with("use ");
    (0..source.code.len())
        .filter(|line| uses(line) && !is_import(line) && !source.is_in_tests(*line))
        .filter(|line| !is_counter(source, *line) && !has_ordering_reason(source, *line))
        .map(|line| (line, String::from("an atomic access has its // Ordering: near")))
        .collect()
}

fn is_counter(source: &Source, line: usize) -> bool {
    let counts = |header: &str| header.contains("impl") && header.contains("Counter");
    source.around(line).any(|block| counts(&block.header))
}

/// Looks through the function around `line` and the comments above the function, and else
/// through the lines above.
fn has_ordering_reason(source: &Source, line: usize) -> bool {
    let is_reason = |comment: &String| comment.contains("Ordering:");
    let function = source.around(line).rev().find(|block| block.is_function);
    let above_function = function
        .is_some_and(|function| source.attached_comments(function.first).contains("Ordering:"));
    let (first, last) = function.map_or((line, line), |function| (function.first, function.last));
    let first = first.min(line.saturating_sub(ORDERING_REACH_LINES));
    above_function || source.comments[first..=last].iter().any(is_reason)
}

fn tests_do_not_sleep(source: &Source) -> Vec<(usize, String)> {
    if !source.path.starts_with("tests/") {
        return Vec::new();
    }
    let message = "a test waits for the thing itself instead of sleeping";
    find_lines(&source.code, |line| line.contains(SLEEP), message)
}
