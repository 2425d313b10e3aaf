//! The results as a picture: a bar for each row that has a rate.

use std::path::Path;

use anyhow::anyhow;
use plotters::prelude::*;

use super::{Row, table::described};

const WIDTH: u32 = 1_100;
const BAR: i32 = 22;
/// Where the bars begin, and where the longest ends.
const LEFT: i32 = 470;
const RIGHT: i32 = 980;

pub(super) fn write(rows: &[Row], file: &Path) -> anyhow::Result<()> {
    let bars: Vec<&Row> = rows.iter().filter(|row| row.per_second > 0.0).collect();
    let height = 40 + BAR * i32::try_from(bars.len())?;
    let area = SVGBackend::new(file, (WIDTH, u32::try_from(height)?)).into_drawing_area();
    draw(&area, &bars).map_err(|error| anyhow!("cannot draw {}: {error}", file.display()))
}

fn draw(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    bars: &[&Row],
) -> Result<(), Box<dyn std::error::Error>> {
    area.fill(&WHITE)?;
    let text = ("sans-serif", 13).into_font().color(&BLACK);
    area.draw(&Text::new("per second", (LEFT, 8), text.clone()))?;
    // Rows of one group are compared with each other: each group has its own scale.
    for (bar, top) in bars.iter().zip((30..).step_by(22)) {
        let group = bars.iter().filter(|other| other.group == bar.group);
        let longest = group.map(|row| row.per_second).fold(1.0, f64::max);
        let end = LEFT + (f64::from(RIGHT - LEFT) * bar.per_second / longest) as i32;
        let place = [(LEFT, top), (end, top + BAR - 6)];
        area.draw(&Rectangle::new(place, color(bar.group).filled()))?;
        let label = format!("{}: {}", bar.group, described(bar));
        area.draw(&Text::new(label, (8, top + 2), text.clone()))?;
        area.draw(&Text::new(format!("{:.0}", bar.per_second), (end + 6, top + 2), text.clone()))?;
    }
    area.present()?;
    Ok(())
}

fn color(group: &str) -> RGBColor {
    match group {
        "edge" => RGBColor(31, 119, 180),
        "drain" => RGBColor(44, 160, 44),
        "steady" => RGBColor(214, 39, 40),
        _ => RGBColor(150, 150, 150),
    }
}
