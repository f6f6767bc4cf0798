//! Draws how a cost grows.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

use crate::growth::Growth;

const SIZE: (u32, u32) = (900, 520);
/// Ringpool's first; easily told apart, also by who does not see all colours.
const COLORS: [RGBColor; 12] = [
    RGBColor(213, 94, 0),
    RGBColor(230, 159, 0),
    RGBColor(0, 114, 178),
    RGBColor(86, 180, 233),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(100, 60, 160),
    RGBColor(150, 150, 150),
    RGBColor(90, 90, 90),
    RGBColor(0, 0, 0),
    RGBColor(60, 60, 0),
    RGBColor(0, 60, 60),
];

/// Both axes have powers of ten.
pub(crate) fn draw(path: &Path, growth: &Growth) -> Result<(), Box<dyn Error>> {
    let (plan, area) = (growth.plan, SVGBackend::new(path, SIZE).into_drawing_area());
    area.fill(&WHITE)?;
    // Whole powers of ten, which are what has a label for certain.
    let values = growth.lines.iter().flat_map(|line| line.cpu_ns().map(|(_, cpu_ns)| cpu_ns));
    let (least, most) =
        values.fold((f64::MAX, 1.0), |(least, most), value| (value.min(least), value.max(most)));
    let least = 10_f64.powf(least.log10().floor());
    let most = 10_f64.powf(most.log10().ceil());
    let sizes = (plan.sizes[0] as f64, plan.sizes[plan.sizes.len() - 1] as f64);
    let mut chart = ChartBuilder::on(&area)
        .caption(format!("{}, by the number of {}", plan.title, plan.of_what), ("sans-serif", 18))
        .margin(12)
        .margin_right(40)
        .x_label_area_size(44)
        .y_label_area_size(70)
        .build_cartesian_2d((sizes.0..sizes.1).log_scale(), (least..most).log_scale())?;
    chart
        .configure_mesh()
        .x_desc(plan.of_what)
        .y_desc("nanoseconds")
        .x_label_formatter(&|value| format!("{value:.0}"))
        .y_label_formatter(&|value| format!("{value:.0}"))
        .light_line_style(WHITE)
        .draw()?;
    for (line, color) in growth.lines.iter().zip(COLORS.iter().cycle()) {
        let points: Vec<_> = line.cpu_ns().map(|(size, cpu_ns)| (size as f64, cpu_ns)).collect();
        let width = if line.contender.is_ringpool() { 3 } else { 1 };
        let style = color.stroke_width(width);
        chart
            .draw_series(LineSeries::new(points.iter().copied(), style).point_size(3))?
            .label(line.contender.name.clone())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .position(SeriesLabelPosition::UpperLeft)
        .draw()?;
    area.present()?;
    Ok(())
}
