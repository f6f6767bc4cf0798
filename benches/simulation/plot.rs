//! The runs as a picture: a panel a shape, makespan over ideal against the number of rings.

use std::fmt::Write;

use crate::runs::{Contender, RINGS, Run};
use crate::shapes::Shape;

const COLUMNS: usize = 2;
const PANEL: [f64; 2] = [330.0, 190.0];
/// Around the panels, for axes and titles: left, top.
const MARGIN: [f64; 2] = [56.0, 92.0];
/// From one panel to the next.
const STEP: [f64; 2] = [410.0, 262.0];
/// What is above this is drawn at the upper edge.
const RATIO_MOST: f64 = 2.0;

/// In the order in which they are drawn, so that the last is on top.
const LINES: [(Contender, &str, &str); 5] = [
    (Contender::SheddingSleepingAtOnce, "#e8a33d", "6 3"),
    (Contender::SheddingTrusting, "#2ca02c", "6 3"),
    (Contender::Static, "#999999", "2 4"),
    (Contender::Stealing, "#1f77b4", ""),
    (Contender::Shedding, "#d62728", ""),
];

pub(crate) fn svg(runs: &[Run]) -> String {
    let rows = Shape::ALL.len().div_ceil(COLUMNS);
    let width = MARGIN[0] + STEP[0] * COLUMNS as f64;
    let height = MARGIN[1] + STEP[1] * rows as f64;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    text(
        &mut out,
        [MARGIN[0], 24.0],
        "start",
        "Makespan ÷ ideal, simulated, by the number of rings",
    );
    for (number, shape) in Shape::ALL.into_iter().enumerate() {
        let (column, row) = (number % COLUMNS, number / COLUMNS);
        let left = MARGIN[0] + STEP[0] * column as f64;
        let top = MARGIN[1] + STEP[1] * row as f64;
        panel(&mut out, shape, runs, [left, top]);
    }
    legend(&mut out, [MARGIN[0], 48.0]);
    out.push_str("</svg>\n");
    out
}

fn text(out: &mut String, [x, y]: [f64; 2], anchor: &str, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>");
}

fn line(out: &mut String, from: [f64; 2], to: [f64; 2], style: &str) {
    let ([x1, y1], [x2, y2]) = (from, to);
    let _ = writeln!(
        out,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" {style}/>"
    );
}

/// Where a point is in a panel.
fn place([left, top]: [f64; 2], rings: usize, ratio: f64) -> [f64; 2] {
    let across = (rings as f64).log2() - 1.0;
    let most = (RINGS[RINGS.len() - 1] as f64).log2() - 1.0;
    let up = (ratio.min(RATIO_MOST) - 1.0) / (RATIO_MOST - 1.0);
    [left + PANEL[0] * across / most, top + PANEL[1] * (1.0 - up)]
}

fn panel(out: &mut String, shape: Shape, runs: &[Run], corner: [f64; 2]) {
    let [left, top] = corner;
    text(out, [left, top - 10.0], "start", shape.name());
    for ratio in [1.0, 1.2, 1.4, 1.6, 1.8, 2.0] {
        let [_, y] = place(corner, 2, ratio);
        line(out, [left, y], [left + PANEL[0], y], "stroke=\"#dddddd\"");
        text(out, [left - 6.0, y + 4.0], "end", &format!("{ratio:.1}"));
    }
    for rings in RINGS {
        let [x, y] = place(corner, rings, 1.0);
        text(out, [x, y + 18.0], "middle", &rings.to_string());
    }
    for (contender, color, dashes) in LINES {
        let is_of_line = |run: &&Run| run.shape == shape && run.contender == contender;
        let points: Vec<&Run> = runs.iter().filter(is_of_line).collect();
        curve(out, &points, corner, color, dashes);
    }
    let is_above = |run: &&Run| run.shape == shape && run.ratio > RATIO_MOST;
    if let Some(most) = runs.iter().filter(is_above).map(|run| run.ratio).reduce(f64::max) {
        let place = [left + PANEL[0], top - 10.0];
        text(out, place, "end", &format!("the highest reaches {most:.1}"));
    }
}

fn curve(out: &mut String, runs: &[&Run], corner: [f64; 2], color: &str, dashes: &str) {
    let points = runs.iter().map(|run| place(corner, run.rings, run.ratio));
    let points: Vec<String> = points.map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
    let points = points.join(" ");
    let style = format!("fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"");
    let _ = writeln!(out, "<polyline points=\"{points}\" {style} stroke-dasharray=\"{dashes}\"/>");
}

fn legend(out: &mut String, [left, y]: [f64; 2]) {
    for (number, (contender, color, dashes)) in LINES.into_iter().rev().enumerate() {
        let x = left + 145.0 * number as f64;
        let style = format!("stroke=\"{color}\" stroke-width=\"2\" stroke-dasharray=\"{dashes}\"");
        line(out, [x, y], [x + 24.0, y], &style);
        text(out, [x + 30.0, y + 4.0], "start", contender.name());
    }
}
