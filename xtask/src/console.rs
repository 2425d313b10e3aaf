//! What people see. Progress goes to standard error, results to standard output; nothing is coloured.

use std::{
    io::{Write as _, stderr, stdout},
    path::Path,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// One line of progress.
pub(crate) fn say(line: &str) {
    // Whoever reads us may have gone away; that is no reason to stop.
    writeln!(stderr(), "{line}").ok();
}

/// One line of progress: who, and how they are.
pub(crate) fn status(who: &str, how: &str) {
    say(&format!("  {who:<12} {how}"));
}

/// A path as one would type it in the root of the repository.
pub(crate) fn short(path: &Path) -> String {
    path.strip_prefix(servers::repository()).unwrap_or(path).display().to_string()
}

/// Text that was asked for.
pub(crate) fn print(text: &str) {
    writeln!(stdout(), "{text}").ok();
}

/// Why nothing more happens, in one sentence.
pub(crate) fn error(error: &anyhow::Error) {
    say(&format!("error: {error:#}"));
}

/// Shows on a terminal that `who` is busy while `work` runs, and says how it went.
pub(crate) fn working<T>(
    who: &str,
    doing: &str,
    work: impl FnOnce() -> anyhow::Result<(T, String)>,
) -> anyhow::Result<T> {
    let started = Instant::now();
    // Hidden when standard error is no terminal.
    let spinner = ProgressBar::new_spinner().with_message(format!("{who:<12} {doing}"));
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(Duration::from_millis(100));
    let result = work();
    spinner.finish_and_clear();
    let (value, how) = result?;
    let seconds = started.elapsed().as_secs_f32();
    status(who, &if seconds < 1.0 { how } else { format!("{how} ({seconds:.1} s)") });
    Ok(value)
}
