//! The trace event format of Chrome, which Perfetto reads: one object a line.
//!
//! All is one process; the threads of it are the tracks, the first of which is for senders without
//! a ring. Moments are in µs with three digits behind the point, from the beginning of the trace.

use std::collections::HashMap;
use std::fmt::{self, Display};
use std::io::{self, Write};
use std::panic::Location;

use super::event::{Doing, How, TaskMark, What};
use super::flows::{Flow, flows};
use super::pieces::{Outcome, Piece, Span, Why, Work, draw};
use super::session::Session;
use crate::task::origin::Name;

const PROCESS: u32 = 1;
/// The track of senders without a ring; those of the rings follow.
const OTHERS: u32 = 1;
/// A send outside of all that is drawn is drawn as long as this, so that its arrow has a tail.
const SEND_MAX_NS: u64 = 1_000;

/// Writes all that was recorded until `end_ns`.
pub(super) fn write(session: &Session, end_ns: u64, out: &mut dyn Write) -> io::Result<()> {
    let names = session.rings.iter().flat_map(|ring| ring.names()).collect();
    let mut chrome = Chrome { out, names, zero_ns: session.began_ns, is_first: true };
    chrome.out.write_all(b"{\"displayTimeUnit\":\"ns\",\"traceEvents\":[")?;
    let process = format!("ringpool, process {}", std::process::id());
    chrome.metadata("process_name", OTHERS, format_args!("\"name\":{}", Json(&process)))?;
    chrome.track(OTHERS, "other threads", session.others.dropped.get())?;
    chrome.sends(session, end_ns)?;
    for (index, ring) in session.rings.iter().enumerate() {
        chrome.track(track_of(index), &format!("ring {index}"), ring.dropped.get())?;
        let places = ring.places();
        let mut piece = |piece| chrome.piece(track_of(index), piece, &places);
        draw(ring, session.began_ns, end_ns, &mut piece)?;
    }
    for (number, flow) in flows(session, end_ns).iter().enumerate() {
        chrome.flow(number, flow)?;
    }
    chrome.out.write_all(b"\n]}\n")?;
    chrome.out.flush()
}

fn track_of(ring: usize) -> u32 {
    OTHERS + 1 + ring as u32
}

struct Chrome<'a> {
    out: &'a mut dyn Write,
    names: HashMap<u64, Name>,
    zero_ns: u64,
    is_first: bool,
}

impl Chrome<'_> {
    /// Begins an event; what follows its first fields, and its end, the caller writes.
    fn begin(&mut self, phase: char, track: u32, name: &str) -> io::Result<()> {
        let between = if std::mem::take(&mut self.is_first) { "" } else { "," };
        let name = Json(name);
        write!(
            self.out,
            "{between}\n{{\"ph\":\"{phase}\",\"pid\":{PROCESS},\"tid\":{track},\"name\":{name}"
        )
    }

    fn metadata(&mut self, what: &str, track: u32, args: fmt::Arguments<'_>) -> io::Result<()> {
        self.begin('M', track, what)?;
        write!(self.out, ",\"args\":{{{args}}}}}")
    }

    fn track(&mut self, track: u32, name: &str, dropped: u64) -> io::Result<()> {
        let args = format_args!("\"name\":{},\"dropped_events\":{dropped}", Json(name));
        self.metadata("thread_name", track, args)?;
        self.metadata("thread_sort_index", track, format_args!("\"sort_index\":{track}"))
    }

    fn micros(&self, at_ns: u64) -> Micros {
        Micros(at_ns.saturating_sub(self.zero_ns))
    }

    fn slice(
        &mut self,
        (track, category, name): (u32, &str, &str),
        span: Span,
        args: fmt::Arguments<'_>,
    ) -> io::Result<()> {
        let ts = self.micros(span.from_ns);
        let dur = Micros(span.until_ns.saturating_sub(span.from_ns));
        self.begin('X', track, name)?;
        write!(self.out, ",\"cat\":\"{category}\",\"ts\":{ts},\"dur\":{dur},\"args\":{{{args}}}}}")
    }

    fn piece(
        &mut self,
        track: u32,
        piece: Piece,
        places: &[&'static Location<'static>],
    ) -> io::Result<()> {
        match piece {
            Piece::Task { doing, task, outcome, span } => {
                let task = self.describe(task, places);
                let name = if doing == Doing::Drop { "drop of a task" } else { &task.label };
                let outcome = outcome.name();
                let args = format_args!("{task},\"outcome\":\"{outcome}\"");
                self.slice((track, doing.name(), name), span, args)
            }
            Piece::Wait { doing, span } => {
                self.slice((track, "wait", doing.name()), span, format_args!(""))
            }
            Piece::Loop { work: Work { received, sent, laid_out, taken }, span } => {
                let messages = format!("\"received\":{received},\"sent\":{sent}");
                let tasks = format_args!("\"laid_out\":{laid_out},\"taken\":{taken}");
                self.slice((track, "loop", "loop"), span, format_args!("{messages},{tasks}"))
            }
            Piece::Unknown { why, span } => {
                let args = format_args!("\"why\":{}", Json(why.text()));
                self.slice((track, "unknown", "not recorded"), span, args)
            }
            Piece::Arrival { task, how, at_ns } => {
                let task = self.describe(task, places);
                let name = match how {
                    How::Spawned => "spawned here",
                    How::Switched => "switched here",
                    How::Shed { .. } => "taken over",
                };
                let ts = self.micros(at_ns);
                self.begin('i', track, name)?;
                let start = "\"cat\":\"arrival\",\"s\":\"t\"";
                write!(self.out, ",{start},\"ts\":{ts},\"args\":{{{task}}}}}")
            }
        }
    }

    fn describe(&self, task: TaskMark, places: &[&'static Location<'static>]) -> TaskText {
        let name = self.names.get(&task.id).cloned();
        let place = places.get(task.place as usize);
        let label = match (&name, place) {
            (Some(name), _) => name.to_string(),
            (None, Some(place)) => format!("{}:{}", place.file(), place.line()),
            (None, None) => format!("task {}", task.id),
        };
        TaskText { id: task.id, name, label, spawned_at: place.map(ToString::to_string) }
    }

    /// What threads without a ring have sent: no more is known of them.
    fn sends(&mut self, session: &Session, end_ns: u64) -> io::Result<()> {
        let mut events = session.others.events().filter(|event| event.at_ns <= end_ns).peekable();
        while let Some(event) = events.next() {
            let What::Sent { to, .. } = event.what else { continue };
            let next_ns = events.peek().map_or(end_ns, |next| next.at_ns);
            let until_ns = next_ns.min(event.at_ns + SEND_MAX_NS);
            let span = Span { from_ns: event.at_ns, until_ns };
            self.slice((OTHERS, "send", "send"), span, format_args!("\"to\":{to}"))?;
        }
        Ok(())
    }

    /// An arrow, from its tail to its head.
    fn flow(&mut self, number: usize, flow: &Flow) -> io::Result<()> {
        let (name, category) = (flow.how.map_or("message", How::name), "message");
        let from = flow.from.map_or(OTHERS, track_of);
        let task = flow.task.map(|task| format!("\"task\":{task}")).unwrap_or_default();
        let ends = [('s', from, flow.sent_ns), ('f', track_of(flow.to), flow.delivered_ns)];
        for (phase, track, at_ns) in ends {
            let ts = self.micros(at_ns);
            // The head of an arrow is at what encloses that moment, not at what comes next.
            let binding = if phase == 'f' { "\"bp\":\"e\"," } else { "" };
            self.begin(phase, track, name)?;
            write!(
                self.out,
                ",{binding}\"cat\":\"{category}\",\"id\":{number},\"ts\":{ts},\"args\":{{{task}}}}}"
            )?;
        }
        Ok(())
    }
}

/// What a person wants to know of a task; as the arguments of an event.
struct TaskText {
    id: u64,
    name: Option<Name>,
    label: String,
    spawned_at: Option<String>,
}

impl Display for TaskText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"task\":{}", self.id)?;
        if let Some(name) = &self.name {
            write!(f, ",\"task_name\":{}", Json(name))?;
        }
        if let Some(spawned_at) = &self.spawned_at {
            write!(f, ",\"spawned_at\":{}", Json(spawned_at))?;
        }
        Ok(())
    }
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Finished => "finished",
            Self::GoesOn => "goes on after the trace",
        }
    }
}

impl Why {
    fn text(self) -> &'static str {
        match self {
            Self::NoAnswer => {
                "the ring did not take the message to record: it is stuck in a poll that began \
                 before the trace, or has stopped"
            }
            Self::LateAnswer => {
                "the ring took the message to record only now: until then it was in a poll that \
                 began before the trace, or had no processor"
            }
            Self::Full => "the room for this ring's events was used up; see dropped_events",
        }
    }
}

/// Nanoseconds, written as microseconds.
struct Micros(u64);

impl Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// A string of JSON, with its quotes.
struct Json<'a>(&'a str);

impl Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;

        f.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                control if control < ' ' => write!(f, "\\u{:04x}", control as u32)?,
                plain => f.write_char(plain)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_moments_are_as_json_wants_them() {
        assert_eq!(Json("a\"b\\c\n\u{1}é").to_string(), r#""a\"b\\c\u000a\u0001é""#);
        assert_eq!(Micros(1_234_005).to_string(), "1234.005");
        assert_eq!(Micros(7).to_string(), "0.007");
    }
}
