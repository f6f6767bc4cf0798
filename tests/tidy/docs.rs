//! What the documentation of a public function has to say.

use super::source::Source;

/// Where futures are handed out.
const FUTURES_IN: &[&str] = &[
    "src/buf/",
    "src/channel/",
    "src/consume/",
    "src/fs/",
    "src/future/",
    "src/io/",
    "src/net/",
    "src/op/",
    "src/pipe.rs",
    "src/stdio.rs",
    "src/stop/",
    "src/sync/",
    "src/task/",
    "src/time/",
];

/// The types of this crate that are futures or streams.
const FUTURES: &[&str] = &[
    "AcquireFuture",
    "BarrierWait",
    "Changed",
    "Closed",
    "CondvarWait",
    "EventWait",
    "Finally",
    "ForEachSpawn",
    "ForwardTo",
    "Incoming",
    "Join",
    "JoinAll",
    "LatchWait",
    "Linked",
    "LockFuture",
    "Multishot",
    "Notified",
    "OnceCellWait",
    "Op",
    "OrWait",
    "Parallel",
    "ParallelAll",
    "Race",
    "RaceAll",
    "ReadFuture",
    "Recv",
    "RecvFuture",
    "ReserveFuture",
    "ReserveOwnedFuture",
    "Returning",
    "Select",
    "SelectAll",
    "SendFuture",
    "Serving",
    "Shield",
    "Sleep",
    "Timed",
    "TryJoin",
    "TryJoinAll",
    "Until",
    "UntilStopped",
    "WithStop",
    "WithTimeout",
    "WriteFuture",
    "ZeroCopy",
];

/// Who awaits something can stop awaiting it: what is lost then?
pub(crate) fn futures_say_what_a_drop_loses(source: &Source) -> Vec<(usize, String)> {
    if !FUTURES_IN.iter().any(|place| source.path.starts_with(place)) {
        return Vec::new();
    }
    public_functions(source)
        .filter(|(line, signature)| gives_a_future(signature) && !is_hidden(source, *line))
        .filter(|(line, _)| !source.attached_comments(*line).contains("# Cancel safety"))
        .map(|(line, _)| (line, String::from("a function that is awaited has # Cancel safety")))
        .collect()
}

/// A code of the kernel's came with some Linux.
pub(crate) fn opcodes_say_since_when(source: &Source) -> Vec<(usize, String)> {
    if !source.path.starts_with("src/op/") {
        return Vec::new();
    }
    public_functions(source)
        .map(|(line, _)| (line, flowing(&source.attached_comments(line))))
        .filter(|(_, comments)| comments.contains("IORING_OP_"))
        .filter(|(_, comments)| !comments.contains("Since Linux "))
        .map(|(line, _)| (line, String::from("a function of an opcode says Since Linux x.y")))
        .collect()
}

/// The lines that begin a public function, each with the code up to its body.
fn public_functions(source: &Source) -> impl Iterator<Item = (usize, String)> {
    let begins = |line: &usize| {
        let code = source.code[*line].trim_start();
        let words = code.split_whitespace().take_while(|word| *word != "fn");
        let is_modifier = |word| matches!(word, "pub" | "async" | "unsafe" | "const");
        code.starts_with("pub ") && code.contains("fn ") && words.into_iter().all(is_modifier)
    };
    (0..source.code.len())
        .filter(begins)
        .filter(|line| !source.is_in_tests(*line))
        .map(|line| (line, signature(&source.code[line..])))
}

fn signature(code: &[String]) -> String {
    let mut signature = String::new();
    for line in code {
        let end = line.find('{');
        signature.push_str(&line[..end.unwrap_or(line.len())]);
        if end.is_some() || line.trim_end().ends_with(';') {
            break;
        }
        signature.push(' ');
    }
    signature
}

fn gives_a_future(signature: &str) -> bool {
    if signature.contains("async fn") {
        return true;
    }
    let without_bounds = signature.split(" where ").next().unwrap_or(signature);
    let arrow = without_bounds.rfind("->").map(|at| at + "->".len());
    let given = arrow.map_or("", |after| without_bounds[after..].trim_start());
    let is_opaque = given.contains("impl Future") || given.contains("impl Stream");
    let name = given.split(|end: char| !end.is_alphanumeric()).next().unwrap_or("");
    is_opaque || FUTURES.contains(&name)
}

fn is_hidden(source: &Source, line: usize) -> bool {
    let above = &source.text[line.saturating_sub(5)..line];
    above.iter().any(|text| text.trim() == "#[doc(hidden)]")
}

/// Comments as they read where lines are broken.
fn flowing(comments: &str) -> String {
    let words = comments.split_whitespace().filter(|word| !word.starts_with("//"));
    words.collect::<Vec<_>>().join(" ")
}
