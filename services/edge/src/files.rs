//! Open files. Every connection is one, and the broker, the collector and the private listener need some too.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// Files that callers' connections never get, or a flood of them would keep the edge from its own broker (proved by
/// `callers_cannot_take_the_files_that_the_broker_needs`).
const RESERVED: u64 = 128;

/// How many connections there is room for, at most `wanted`. Raises the process's limit as far as it may: the usual soft
/// limit of 1024 is for programs that use `select`.
pub(crate) fn room(wanted: usize) -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    if setrlimit(Resource::Nofile, raised).is_ok() {
        limit = raised;
    }
    let Some(files) = limit.current else { return wanted };
    let room = usize::try_from(files.saturating_sub(RESERVED)).unwrap_or(usize::MAX).max(1);
    if room < wanted {
        warn!(
            room,
            wanted, files, "fewer connections than edge.connections_max: more files may not be opened"
        );
    }
    wanted.min(room)
}
