//! A trace, read back.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use ringpool::trace::{Recording, Report};
use serde_json::Value;

/// A path for a file that is gone when this is dropped.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("ringpool-trace-{}-{number}.json", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// What a file says, in ns.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) slices: Vec<Slice>,
    pub(crate) arrows: Vec<Arrow>,
    /// The names of the tracks, and how many events each lacks.
    pub(crate) tracks: Vec<(String, u64)>,
    /// Tasks that came to a ring: the track, the name of the event, the task.
    pub(crate) arrivals: Vec<(String, String, u64)>,
}

#[derive(Debug)]
pub(crate) struct Slice {
    pub(crate) track: String,
    pub(crate) category: String,
    pub(crate) name: String,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) args: Value,
}

#[derive(Debug)]
pub(crate) struct Arrow {
    pub(crate) name: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) task: Option<u64>,
}

/// Ends the recording, and reads what it has come to.
pub(crate) fn finish(recording: Recording) -> (Trace, Report) {
    let scratch = Scratch::new();
    let report = recording.write(&scratch.0).unwrap();
    (Trace::read(&scratch), report)
}

impl Trace {
    pub(crate) fn read(scratch: &Scratch) -> Self {
        let text = fs::read(&scratch.0).unwrap();
        let json: Value = serde_json::from_slice(&text).expect("the file is JSON");
        let events = json["traceEvents"].as_array().expect("a list of events");
        let of = |phase: &str| {
            let phase = phase.to_owned();
            events.iter().filter(move |event| event["ph"] == *phase)
        };
        let name_events = of("M").filter(|event| event["name"] == "thread_name");
        let tracks: Vec<(String, u64)> = name_events
            .clone()
            .map(|event| (text_of(&event["args"]["name"]), dropped(event)))
            .collect();
        let names: HashMap<u64, String> = name_events
            .map(|event| (number(&event["tid"]), text_of(&event["args"]["name"])))
            .collect();
        let track = |event: &Value| names[&number(&event["tid"])].clone();
        let slices = of("X").map(|event| slice(event, track(event))).collect();
        let heads: HashMap<u64, &Value> = of("f").map(|head| (number(&head["id"]), head)).collect();
        let arrows = of("s").map(|tail| {
            let head = heads[&number(&tail["id"])];
            assert_eq!((&head["name"], &head["cat"]), (&tail["name"], &tail["cat"]));
            arrow(tail, head, track(tail), track(head))
        });
        let arrows: Vec<Arrow> = arrows.collect();
        assert_eq!(heads.len(), arrows.len(), "no arrow ends that has not begun");
        assert_eq!(of("f").count(), arrows.len(), "and each ends once");
        let arrival =
            |event| (track(event), text_of(&event["name"]), number(&event["args"]["task"]));
        let arrivals = of("i").map(arrival).collect();
        let known = ["M", "X", "s", "f", "i"].map(|phase| of(phase).count());
        assert_eq!(known.iter().sum::<usize>(), events.len(), "nothing else is in the file");
        let trace = Self { slices, arrows, tracks, arrivals };
        trace.check();
        trace
    }

    /// What holds for all traces.
    fn check(&self) {
        for (track, _) in &self.tracks {
            let mut slices: Vec<&Slice> = self.on(track).collect();
            slices.sort_by_key(|slice| (slice.start, slice.end));
            for pair in slices.windows(2) {
                assert!(
                    pair[0].end <= pair[1].start,
                    "a thread does one thing at a time: {pair:?}"
                );
            }
            // An arrow is drawn from and to what is under way at that moment.
            let holds = |at: u64| {
                let next = slices.partition_point(|slice| slice.start <= at);
                next > 0 && slices[next - 1].end >= at
            };
            for arrow in &self.arrows {
                assert!(arrow.start <= arrow.end, "{arrow:?}");
                assert!(arrow.from != *track || holds(arrow.start), "no tail for {arrow:?}");
                assert!(arrow.to != *track || holds(arrow.end), "no head for {arrow:?}");
            }
        }
    }

    pub(crate) fn on(&self, track: &str) -> impl Iterator<Item = &Slice> {
        self.slices.iter().filter(move |slice| slice.track == track)
    }

    /// The polls of tasks with this name, in the order of time.
    pub(crate) fn polls_of(&self, name: &str) -> Vec<&Slice> {
        let is_one = |slice: &&Slice| slice.category == "poll" && slice.name == name;
        let mut polls: Vec<&Slice> = self.slices.iter().filter(is_one).collect();
        polls.sort_by_key(|poll| poll.start);
        polls
    }

    pub(crate) fn polls(&self) -> usize {
        self.slices.iter().filter(|slice| slice.category == "poll").count()
    }

    pub(crate) fn arrows_named(&self, name: &str) -> Vec<&Arrow> {
        self.arrows.iter().filter(|arrow| arrow.name == name).collect()
    }
}

fn dropped(event: &Value) -> u64 {
    number(&event["args"]["dropped_events"])
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

fn slice(event: &Value, track: String) -> Slice {
    let start = nanos(&event["ts"]);
    Slice {
        track,
        category: text_of(&event["cat"]),
        name: text_of(&event["name"]),
        start,
        end: start + nanos(&event["dur"]),
        args: event["args"].clone(),
    }
}

fn arrow(tail: &Value, head: &Value, from: String, to: String) -> Arrow {
    let (start, end) = (nanos(&tail["ts"]), nanos(&head["ts"]));
    let task = head["args"]["task"].as_u64();
    Arrow { name: text_of(&tail["name"]), from, to, start, end, task }
}

fn text_of(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

fn nanos(value: &Value) -> u64 {
    (value.as_f64().expect("a number") * 1000.0).round() as u64
}
