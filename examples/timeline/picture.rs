//! The picture: a lane a ring, coloured by where the tasks were born.

use std::fmt::{self, Display, Write};

/// A poll of a task.
#[derive(Clone, Copy)]
pub(crate) struct Poll {
    pub(crate) ring: usize,
    /// The ring where the task was born.
    pub(crate) birth: usize,
    pub(crate) start_us: f64,
    pub(crate) length_us: f64,
}

/// What happened in one run.
pub(crate) struct Run {
    title: String,
    rings: usize,
    /// Busy times, each with the birthplace of the tasks that were run, in the order of time.
    stretches: Vec<Poll>,
    polls: usize,
    /// From the first poll to the end of the last one.
    span_us: f64,
}

/// The lightness of these is in the middle, so that they stand out on white and on black.
const COLOURS: [&str; 8] =
    ["#3b82c4", "#e0872b", "#3d9a5f", "#b0579f", "#8a7a2e", "#3a9ca6", "#c4544c", "#7a6bc9"];

const WIDTH: f64 = 860.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 40.0;
const LANE: f64 = 26.0;
const LANE_STEP: f64 = 34.0;
/// The heights of a title, of the axis below the lanes, and of the legend at the end.
const TITLE: f64 = 34.0;
const AXIS: f64 = 44.0;
const LEGEND: f64 = 26.0;
/// A pause that is drawn; a smaller one could not be seen.
const PAUSE_PX: f64 = 0.4;

/// Texts in a grey that can be read on white and on black; better ones where it is known.
const STYLE: &str = "<style>
text { font: 13px system-ui, sans-serif; fill: #768390; }
.title { font-weight: 600; }
.lane { fill: #768390; fill-opacity: 0.14; }
.line { stroke: #768390; stroke-opacity: 0.6; }
.end { stroke: #768390; stroke-dasharray: 4 3; }
@media (prefers-color-scheme: light) { text { fill: #24292f; } }
@media (prefers-color-scheme: dark) { text { fill: #d1d7e0; } }
</style>
";

impl Run {
    pub(crate) fn new(title: &str, rings: usize, mut polls: Vec<Poll>) -> Self {
        polls.sort_by(|a, b| a.start_us.total_cmp(&b.start_us));
        let first_us = polls.first().map_or(0.0, |poll| poll.start_us);
        polls.iter_mut().for_each(|poll| poll.start_us -= first_us);
        let span_us = polls.iter().map(Poll::end_us).fold(1.0, f64::max);
        let pause_us = PAUSE_PX * span_us / (WIDTH - LEFT - RIGHT);
        let lanes = (0..rings).map(|ring| polls.iter().copied().filter(move |p| p.ring == ring));
        let stretches = lanes.flat_map(|lane| merge(lane, pause_us)).collect();
        Self { title: title.to_owned(), rings, stretches, polls: polls.len(), span_us }
    }

    pub(crate) fn shorter(self, other: Self) -> Self {
        if other.span_us < self.span_us { other } else { self }
    }

    /// The share of the run in which a ring was busy with these tasks.
    fn busy_share(&self, ring: usize) -> f64 {
        let own = self.stretches.iter().filter(|stretch| stretch.ring == ring);
        own.map(|stretch| stretch.length_us).sum::<f64>() / self.span_us
    }

    fn height(&self) -> f64 {
        TITLE + self.rings as f64 * LANE_STEP + AXIS
    }
}

impl Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (polls, span_ms) = (self.polls, self.span_us / 1000.0);
        write!(f, "{}: {polls} polls in {span_ms:.1} ms", self.title)?;
        (0..self.rings).try_for_each(|ring| {
            write!(f, ", ring {ring} busy {:.0} %", 100.0 * self.busy_share(ring))
        })
    }
}

impl Poll {
    fn end_us(&self) -> f64 {
        self.start_us + self.length_us
    }
}

/// Makes one stretch of polls between which no pause could be seen.
fn merge(polls: impl Iterator<Item = Poll>, pause_us: f64) -> Vec<Poll> {
    let mut stretches: Vec<Poll> = Vec::new();
    for poll in polls {
        match stretches.last_mut() {
            Some(last) if last.birth == poll.birth && poll.start_us - last.end_us() < pause_us => {
                last.length_us = poll.end_us() - last.start_us;
            }
            _ => stretches.push(poll),
        }
    }
    stretches
}

/// All runs, one below the other, on the same axis of time.
pub(crate) fn draw(runs: &[Run]) -> String {
    let longest_us = runs.iter().map(|run| run.span_us).fold(1.0, f64::max);
    let height = runs.iter().map(Run::height).sum::<f64>() + LEGEND;
    let scale = (WIDTH - LEFT - RIGHT) / longest_us;
    let mut svg = String::new();
    let size = format!("width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\"");
    let _ = writeln!(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\" {size}>");
    let _ = writeln!(svg, "<title>What the rings of a pool do under a skewed load</title>");
    svg.push_str(STYLE);
    let mut top = 0.0;
    for run in runs {
        lanes(&mut svg, run, top, scale);
        axis(&mut svg, longest_us, top + run.height() - AXIS, scale);
        top += run.height();
    }
    legend(&mut svg, runs, top);
    svg.push_str("</svg>\n");
    svg
}

fn lanes(svg: &mut String, run: &Run, top: f64, scale: f64) {
    let (width, title, ms) = (WIDTH - LEFT - RIGHT, &run.title, run.span_us / 1000.0);
    let y = top + 20.0;
    let _ =
        writeln!(svg, "<text class=\"title\" x=\"{LEFT}\" y=\"{y}\">{title}: {ms:.1} ms</text>");
    let lane_top = |ring: usize| top + TITLE + ring as f64 * LANE_STEP;
    for ring in 0..run.rings {
        let (y, busy) = (lane_top(ring), 100.0 * run.busy_share(ring));
        let text = y + LANE / 2.0 + 5.0;
        let _ = writeln!(
            svg,
            "<text x=\"{LEFT}\" dx=\"-10\" y=\"{text}\" text-anchor=\"end\">ring {ring}</text>\
             <rect class=\"lane\" x=\"{LEFT}\" y=\"{y}\" width=\"{width}\" height=\"{LANE}\">\
             <title>busy {busy:.0} % of the run</title></rect>"
        );
    }
    for stretch in &run.stretches {
        let (x, y) = (LEFT + stretch.start_us * scale, lane_top(stretch.ring));
        let (width, colour) = (stretch.length_us * scale, COLOURS[stretch.birth % COLOURS.len()]);
        let place = format!("x=\"{x:.2}\" y=\"{y}\" width=\"{width:.2}\" height=\"{LANE}\"");
        let _ = writeln!(svg, "<rect {place} fill=\"{colour}\"/>");
    }
    let (x, y) = (LEFT + run.span_us * scale, lane_top(0) - 4.0);
    let bottom = lane_top(run.rings) - 4.0;
    let _ = writeln!(
        svg,
        "<line class=\"end\" x1=\"{x:.2}\" y1=\"{y}\" x2=\"{x:.2}\" y2=\"{bottom}\"/>"
    );
}

/// The time, in steps of 1, 2 or 5 times a power of ten.
fn axis(svg: &mut String, longest_us: f64, y: f64, scale: f64) {
    let end = WIDTH - RIGHT;
    let _ =
        writeln!(svg, "<line class=\"line\" x1=\"{LEFT}\" y1=\"{y}\" x2=\"{end}\" y2=\"{y}\"/>");
    let steps = (0..9).flat_map(|power| [1.0, 2.0, 5.0].map(|first| first * 10_f64.powi(power)));
    let step_us = { steps }.find(|step| longest_us / step <= 10.0).unwrap_or(longest_us);
    let mut at_us = 0.0;
    while at_us <= longest_us {
        let (x, bottom, text) = (LEFT + at_us * scale, y + 5.0, y + 19.0);
        let ms = at_us / 1000.0;
        let _ = writeln!(
            svg,
            "<line class=\"line\" x1=\"{x:.2}\" y1=\"{y}\" x2=\"{x:.2}\" y2=\"{bottom}\"/>\
             <text x=\"{x:.2}\" y=\"{text}\" text-anchor=\"middle\">{ms} ms</text>"
        );
        at_us += step_us;
    }
}

fn legend(svg: &mut String, runs: &[Run], top: f64) {
    let rings = runs.iter().map(|run| run.rings).max().unwrap_or(0);
    let step = ((WIDTH - LEFT - RIGHT) / rings.max(1) as f64).min(190.0);
    for birth in 0..rings {
        let (x, y) = (LEFT + birth as f64 * step, top + 3.0);
        let (text_x, text_y, colour) = (x + 19.0, y + 11.0, COLOURS[birth % COLOURS.len()]);
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"{y}\" width=\"13\" height=\"13\" fill=\"{colour}\"/>\
             <text x=\"{text_x}\" y=\"{text_y}\">tasks born on ring {birth}</text>"
        );
    }
}
