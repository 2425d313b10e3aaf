//! Each hook's own queue: events on their way to hooks, and what became of them.

mod claim;
mod erase;
mod fan_out;
mod settle;
mod stats;

use serde::Serialize;

pub use claim::{ABANDONED, Claimed, claim, release};
pub use erase::{erase_answers, told};
pub use fan_out::{HookEvent, fan_out};
pub use settle::{Settled, Verdict, settle, skip};
pub use stats::{Attempt, Backlog, Period, attempts, backlogs, period, waiting};

/// What became of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Outcome {
    /// The hook took it.
    Delivered,
    /// Another attempt follows.
    Retry,
    /// The hook takes nothing for a while; the attempt does not count.
    Throttled,
    /// Given up.
    Dead,
    /// The hook is retired; what waits for it goes on waiting.
    Disabled,
}

impl Outcome {
    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retry => "retry",
            Self::Throttled => "throttled",
            Self::Dead => "dead",
            Self::Disabled => "disabled",
        }
    }
}
