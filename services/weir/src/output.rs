//! The one place that writes to standard output and standard error.

use std::{io::Write as _, process::ExitCode, time::Duration};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::json;
use time::{OffsetDateTime, UtcOffset, macros::format_description};

use crate::failure::Failure;

/// Where results go: text for people, or one JSON document for machines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// A line for people; nothing for machines.
    pub(crate) fn line(self, text: impl AsRef<str>) -> anyhow::Result<()> {
        if !self.json {
            self.bytes(format!("{}\n", text.as_ref()).as_bytes())?;
        }
        Ok(())
    }

    /// A table for people; nothing for machines.
    pub(crate) fn table<const N: usize>(
        self,
        header: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) -> anyhow::Result<()> {
        if self.json {
            return Ok(());
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(header);
        table.add_rows(rows.into_iter().map(|row| row.map(|cell| printable(&cell))));
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        self.line(table.trim_fmt())
    }

    /// The document for machines; nothing for people.
    pub(crate) fn document(self, value: &impl Serialize) -> anyhow::Result<()> {
        if self.json {
            self.bytes(format!("{:#}\n", serde_json::to_value(value)?).as_bytes())?;
        }
        Ok(())
    }

    /// These bytes, whoever reads.
    #[expect(clippy::unused_self, reason = "writing is what an output does")]
    pub(crate) fn bytes(self, bytes: &[u8]) -> anyhow::Result<()> {
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(bytes)?;
        stdout.flush()?;
        Ok(())
    }

    /// Something that people should know beside the result, on standard error.
    pub(crate) fn note(self, text: &str) {
        self.stderr(&format!("note: {text}\n"));
    }

    /// The sentence of a failure, on standard error; for machines a document on standard output too.
    pub(crate) fn failure(self, failure: &Failure) -> ExitCode {
        if failure.is_broken_pipe() {
            return ExitCode::SUCCESS;
        }
        let (sentence, hint) = (failure.sentence(), failure.advice());
        self.stderr(&format!("weir: {sentence}\n"));
        if let Some(hint) = hint {
            self.stderr(&format!("hint: {hint}\n"));
        }
        // A reader that is gone does not need it.
        self.document(&json!({ "error": sentence, "hint": hint })).ok();
        failure.code()
    }

    /// Nobody is left to be told when standard error is gone.
    #[expect(clippy::unused_self, reason = "writing is what an output does")]
    fn stderr(self, text: &str) {
        std::io::stderr().write_all(text.as_bytes()).ok();
    }
}

/// Text from outside without what would command the terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// An instant for people, in UTC: `2026-01-20 10:00Z`.
pub(crate) fn minutes(instant: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]Z");
    instant.to_offset(UtcOffset::UTC).format(format).unwrap_or_default()
}

/// A size for people: `1.5 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let mut value = bytes as f64 / 1024.0;
    let mut units = UNITS.into_iter();
    let mut unit = units.next().unwrap_or_default();
    for larger in units {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    format!("{value:.1} {unit}")
}

/// A time span for people: `42s`, `3m`, `5h`, `2d`.
pub(crate) fn span(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..120 => format!("{seconds}s"),
        seconds @ 120..7_200 => format!("{}m", seconds / 60),
        seconds @ 7_200..172_800 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_cannot_command_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\u{7}\u{9b}c\nd"), "a\u{fffd}[31mb\u{fffd}\u{fffd}c\nd");
    }

    #[test]
    fn a_time_span_has_one_unit() {
        for (seconds, shown) in [(0, "0s"), (119, "119s"), (600, "10m"), (7_200, "2h"), (259_200, "3d")] {
            assert_eq!(span(Duration::from_secs(seconds)), shown);
        }
    }

    #[test]
    fn sizes_have_one_decimal() {
        for (bytes, shown) in [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (1 << 30, "1.0 GiB")] {
            assert_eq!(size(bytes), shown);
        }
    }
}
