//! A stream that ends before a position which was seen: it was set back to an earlier state.

use std::time::Duration;

use bus::Bus;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use store::webhook_events;

use super::{Look, Subject};
use crate::{AuditError, account::Sums, facts::StreamFacts, gone};

/// After this long a stream that seems to have been set back is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// A stream was restored from a backup, or crashed without having written what it had. What waited at the positions in
/// between is gone, and they will be given out a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetBack {
    /// The highest position that was seen.
    pub reached: i64,
    /// The stream's last position.
    pub ends_at: i64,
}

impl Look {
    /// Compares the highest position that books, ledger or consumer have seen with where the stream ends, asked last
    /// (`now`), and counts what is above that: an event that the ledger does not have is unaccounted for. Proved by
    /// `a_stream_that_was_set_back_is_told_with_what_to_do`; `an_audit_under_traffic_finds_nothing` proves that one which
    /// only grows is not told.
    pub(super) async fn compare_end(
        &mut self,
        bus: &Bus,
        connection: &mut PgConnection,
        subject: &Subject<'_>,
        (in_ledger, mut now): (i64, StreamFacts),
    ) -> Result<(), AuditError> {
        let delivered = subject.consumer.map_or(0, |consumer| consumer.delivered);
        let reached = self.account.last_sequence.max(delivered).max(in_ledger);
        if reached > now.last {
            // In a cluster another server than the stream's leader may have been ahead of it for a moment.
            tokio::time::sleep(AGAIN).await;
            now = gone::confirm(bus, (self.account.stream.as_str(), now), &[]).await?;
        }
        if reached <= now.last {
            return Ok(());
        }
        let settled = self.account.settled_sequence;
        let above = subject.stretch(settled.max(now.last), reached);
        let tally = webhook_events::tally(connection, above).await?;
        let known = tally.completed + tally.dead + tally.duplicates + tally.open;
        self.sums += Sums { lost: (above.until - above.after).max(0) - known, ..Sums::of_tally(tally) };
        // What came since the stream was asked first.
        self.pending += (now.last - subject.facts.last.max(settled)).max(0);
        self.account.last_sequence = reached;
        self.set_back = Some(SetBack { reached, ends_at: now.last });
        Ok(())
    }
}
