//! What an audit says.

use serde::{Deserialize, Serialize};
use store::lost_positions::Loss;

use crate::{ClaimReport, SetBack};

/// The books of one provider at one moment. `accepted` is the sum of the fields below it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// Whose events.
    pub provider: String,
    /// Their stream.
    pub stream: String,
    /// Positions that the stream has given out, since it was made first.
    pub accepted: i64,
    /// Not settled yet.
    pub pending: i64,
    /// Completed in the ledger.
    pub completed: i64,
    /// Dead in the ledger.
    pub dead: i64,
    /// Messages that repeat another event, or were published again at another position.
    pub duplicates: i64,
    /// Messages for one other consumer, which are none of the ledger.
    pub directed: i64,
    /// Losses that a person has acknowledged.
    pub acknowledged: i64,
    /// None of these: the difference.
    pub unaccounted: i64,
    /// Of the difference: what is still on the stream or in the ledger, lowest first; the first hundred.
    pub suspects: Vec<Suspect>,
    /// Of the difference: what the stream has lost.
    pub losses: Vec<Loss>,
    /// Positions that this audit did not get to; they count as pending.
    pub not_reached: i64,
    /// The stream ends before positions that were seen.
    pub set_back: Option<SetBack>,
    /// Dead letters that nobody has decided about, of all consumers.
    pub dead_letters_open: i64,
    /// The stream's other consumers.
    pub secondaries: Vec<Secondary>,
    /// Bodies in the object store.
    pub claims: Option<ClaimReport>,
    /// What was healed.
    pub healed: Healed,
}

impl Report {
    /// Whether everything that was accepted is accounted for.
    pub fn balances(&self) -> bool {
        self.unaccounted == 0
            && self.not_reached == 0
            && self.set_back.is_none()
            && self.secondaries.iter().all(|secondary| secondary.stuck == 0 && secondary.unseen == 0)
    }
}

/// One position that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspect {
    /// The position.
    pub sequence: i64,
    /// What is wrong.
    pub why: Why,
    /// The event there, if it is known.
    pub event_id: Option<String>,
}

/// What can be wrong with a position that its consumer has settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The ledger does not know it.
    Unknown,
    /// The ledger waits for another attempt, which will not come.
    Stuck,
    /// The stream has it no more, and the ledger never had it.
    Lost,
}

impl Why {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Stuck => "stuck",
            Self::Lost => "lost",
        }
    }
}

/// How a consumer stands that does not keep the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secondary {
    /// Its name.
    pub consumer: String,
    /// Not settled yet.
    pub pending: i64,
    /// Waits for another attempt.
    pub open: i64,
    /// Given up.
    pub dead: i64,
    /// Of the open ones, those whose next attempt will not come.
    pub stuck: i64,
    /// Events on the stream that it settled without a word of what became of them; the first five hundred.
    #[serde(default)]
    pub unseen: i64,
}

/// What an audit has healed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Healed {
    /// Dead letters recorded.
    pub dead: u64,
    /// Events published again.
    pub again: u64,
    /// Objects deleted that no message names.
    pub claims: u64,
}

impl std::ops::AddAssign for Healed {
    fn add_assign(&mut self, other: Self) {
        self.dead += other.dead;
        self.again += other.again;
        self.claims += other.claims;
    }
}
