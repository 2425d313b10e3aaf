//! The results on the terminal.

use std::io::Write as _;

use comfy_table::{CellAlignment, Table, presets::UTF8_HORIZONTAL_ONLY};

use super::{Row, goals::Goal};

/// One row, when it is measured: a long run shows that it goes on.
pub(super) fn line(row: &Row) -> anyhow::Result<()> {
    let rate = if row.per_second > 0.0 { format!("{:.0}/s", row.per_second) } else { String::new() };
    let p99 = row.millis(0.99).map(|millis| format!("  p99 {millis:.1} ms")).unwrap_or_default();
    let failed = if row.failed > 0 { format!("  {} FAILED", row.failed) } else { String::new() };
    said(&format!("{:<10} {:<46} {rate:>10}{p99}{failed}", row.group, described(row)))
}

/// Everything, at the end.
pub(super) fn print(rows: &[Row], goals: &[Goal]) -> anyhow::Result<()> {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY);
    table.set_header([
        "group",
        "what",
        "per second",
        "p50 ms",
        "p90",
        "p99",
        "p99.9",
        "CPU µs/event",
        "peak MiB",
        "fsyncs/event",
    ]);
    for row in rows {
        let millis = |quantile| row.millis(quantile).map(|millis| format!("{millis:.1}")).unwrap_or_default();
        table.add_row([
            row.group.to_owned(),
            described(row),
            row.ready_seconds
                .map_or_else(|| format!("{:.0}", row.per_second), |s| format!("ready in {s:.2} s")),
            millis(0.5),
            millis(0.9),
            millis(0.99),
            millis(0.999),
            named(&row.cpu, 0),
            named(&row.memory, 0),
            row.fsyncs_per_event.map(|fsyncs| format!("{fsyncs:.3}")).unwrap_or_default(),
        ]);
    }
    for column in 2..7 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    said(&format!("\n{table}\n"))?;
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY);
    table.set_header(["goal (ratios of this run)", "wanted", "measured", ""]);
    for goal in goals {
        let measured = format!("{:.2} {}", goal.measured, goal.unit);
        let reached = if goal.reached { "reached" } else { "MISSED" };
        table.add_row([goal.what.as_str(), &goal.wanted, &measured, reached]);
    }
    said(&table.to_string())
}

/// What tells this row from others of its group.
pub(super) fn described(row: &Row) -> String {
    let mut parts = vec![row.name.to_owned()];
    parts.extend(row.fsync.map(str::to_owned));
    parts.extend(row.mode.map(str::to_owned));
    parts.extend(row.kib.map(|kib| format!("{kib} KiB")));
    parts.extend(row.connections.map(|connections| format!("×{connections}")));
    parts.extend(row.rate.map(|rate| format!("{rate}/s asked")));
    parts.join(", ")
}

fn named(values: &[(&'static str, f64)], digits: usize) -> String {
    let values = values.iter().map(|(name, value)| format!("{name} {value:.digits$}"));
    values.collect::<Vec<_>>().join(" ")
}

pub(super) fn said(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{text}")?;
    Ok(stdout.flush()?)
}
