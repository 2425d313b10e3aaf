//! Posting the message, once.
//!
//! Contact2Sale knows no repeats, so the row says `sending` before the call and `sent` after it. Who finds `sending`
//! does not know how the call ended: it waits until the call has surely ended (`confirm_after_ms`), reads the lead, and
//! looks for the message's marker. Found: it was sent. Not found: it is sent again.
//!
//! What holds: one message, however often processes die and wherever, as long as Contact2Sale shows a message on the lead,
//! and does what it was asked, within `confirm_after_ms` of the call. Where it shows no messages at all, none is posted
//! again: the event is dead as `message_unconfirmed`, for a person to look.

use anyhow::anyhow;
use consumer::Failure;
use contract::{Code, c2s::OWN_MARK};
use seal::Place;
use store::{
    lead_enrichments::{Claimed, Outcome},
    lead_messages::{self, ConfirmedBy, Draft, Message, Status},
    person_erasures,
};
use time::OffsetDateTime;
use tokio::time::Instant;
use tracing::{info, warn};
use uuid::Uuid;

use super::{
    Enricher,
    take_up::{BUSY_RETRY, Task},
};

/// The call was made, and nobody knows how it ended.
const OUTCOME_UNKNOWN: Code = Code::new("message_outcome_unknown");
/// Contact2Sale does not show the lead's messages, so nobody will know.
const UNCONFIRMED: Code = Code::new("message_unconfirmed");
/// The kept text cannot be opened.
const UNREADABLE: Code = Code::new("message_unreadable");

/// Bytes of the content's fingerprint in the marker: enough for one lead's messages.
const MARKER_BYTES: usize = 8;

/// Whether a call may begin.
enum Begun {
    At(OffsetDateTime),
    Suppressed,
    ByAnother,
}

impl Enricher {
    /// Keeps the message before anything is posted. The same text for the same lead is the same message.
    pub(super) async fn draft(&self, lead_id: &str, task: &Task, text: &str) -> Result<Message, Failure> {
        let id = Uuid::now_v7();
        let again = task.again.map(|replay| replay.to_string());
        let content: Vec<&str> = [lead_id, text].into_iter().chain(again.as_deref()).collect();
        let content_hashes = self.index.all("message", &content);
        let marker = marker(content_hashes.first().map(Vec::as_slice).unwrap_or_default());
        let body = format!("🔎 Enriquecimento automático {marker}\n{text}");
        let row = id.to_string();
        let draft = Draft {
            id,
            enrichment_id: task.claimed.id,
            lead_id,
            content_hashes: &content_hashes,
            marker: &marker,
            body_sealed: &self.keys.seal(body.as_bytes(), &place(&row)),
        };
        let drafting = async {
            let mut connection = self.pool.acquire().await?;
            lead_messages::draft(&mut connection, &draft, OffsetDateTime::now_utc()).await
        };
        drafting.await.map_err(service::failure)
    }

    /// The message that an earlier attempt composed.
    pub(super) async fn composed(&self, claimed: &Claimed) -> Result<Option<Message>, Failure> {
        let finding = async {
            let mut connection = self.pool.acquire().await?;
            lead_messages::of_enrichment(&mut connection, claimed.id).await
        };
        let message = finding.await.map_err(service::failure)?;
        Ok(message.filter(|message| match message.status {
            Status::Sent | Status::Sending => true,
            Status::Ready => message.body_sealed.is_some(),
        }))
    }

    /// Brings the message to the lead, whatever state it is in.
    pub(super) async fn post(
        &self,
        lead_id: &str,
        enrichment: Uuid,
        mut message: Message,
    ) -> Result<Outcome, Failure> {
        loop {
            match message.status {
                Status::Sent if message.enrichment_id == enrichment => return Ok(Outcome::Enriched),
                Status::Sent => return Ok(Outcome::Repeated),
                Status::Sending => {
                    if let Some(outcome) = self.confirm(lead_id, &message).await? {
                        return Ok(outcome);
                    }
                }
                Status::Ready => {
                    if let Some(outcome) = self.send(lead_id, &message).await? {
                        return Ok(outcome);
                    }
                }
            }
            message = self.again(&message).await?;
        }
    }

    /// Calls, between two commits. `None`: another process was faster.
    async fn send(&self, lead_id: &str, message: &Message) -> Result<Option<Outcome>, Failure> {
        let Some(text) = self.open(message)? else { return Ok(Some(Outcome::Suppressed)) };
        self.limits.take_c2s().await?;
        let began = Instant::now();
        let intended_at = match self.begin(message).await.map_err(service::failure)? {
            Begun::At(instant) => instant,
            Begun::Suppressed => return Ok(Some(Outcome::Suppressed)),
            Begun::ByAnother => return Ok(None),
        };
        // A process that froze here must not call when another one may have read the lead already.
        if began.elapsed() > self.settings.confirm_after() / 2 {
            self.withdraw(message, intended_at).await?;
            return Err(Failure::Retry {
                code: OUTCOME_UNKNOWN,
                after: None,
                source: anyhow!("the process stood still before the call"),
            });
        }
        match self.api.create_message(lead_id, &text).await {
            Ok(()) => {
                self.confirmed(message, ConfirmedBy::Answer).await?;
                Ok(Some(Outcome::Enriched))
            }
            Err(error) if error.is_uncertain() => {
                warn!(
                    lead.id = lead_id,
                    code = error.code().as_str(),
                    "a message's outcome is not known yet"
                );
                let after = Some(self.settings.confirm_after());
                Err(Failure::Retry { code: OUTCOME_UNKNOWN, after, source: error.into() })
            }
            Err(error) => {
                self.withdraw(message, intended_at).await?;
                match error {
                    c2s_api::Error::NotFound | c2s_api::Error::LeadId => Ok(Some(Outcome::LeadGone)),
                    error => Err(self.limits.c2s_failed(lead_id, error).await),
                }
            }
        }
    }

    /// Commits that the call begins, by the clock that all replicas share.
    async fn begin(&self, message: &Message) -> sqlx::Result<Begun> {
        let mut connection = self.pool.acquire().await?;
        // Somebody may have been erased since the message was composed.
        if person_erasures::is_of_enrichment(&mut connection, message.enrichment_id).await? {
            return Ok(Begun::Suppressed);
        }
        let now = store::now(&mut connection).await?;
        let is_ours = lead_messages::begin(&mut connection, message.id, now).await?;
        Ok(if is_ours { Begun::At(now) } else { Begun::ByAnother })
    }

    /// Finds out how a call ended that nobody wrote down. `None`: look at the row again.
    async fn confirm(&self, lead_id: &str, message: &Message) -> Result<Option<Outcome>, Failure> {
        let Some(intended_at) = message.intended_at else { return Ok(None) };
        let ends_at = intended_at + self.settings.confirm_after();
        let asking = async { store::now(&mut *self.pool.acquire().await?).await };
        let remaining = ends_at - asking.await.map_err(service::failure)?;
        if remaining.is_positive() {
            let after = remaining.try_into().unwrap_or(BUSY_RETRY);
            return Err(Failure::Wait { after, code: OUTCOME_UNKNOWN });
        }
        let Some(lead) = self.limits.lead(&self.api, lead_id).await? else {
            return Ok(Some(Outcome::LeadGone));
        };
        if lead.body.contains(&message.marker) {
            info!(lead.id = lead_id, "the message was found on the lead");
            self.confirmed(message, ConfirmedBy::ReadBack).await?;
            return Ok(Some(Outcome::Enriched));
        }
        if !lead.shows_messages() {
            let source = anyhow!("the message may be on the lead, but its messages cannot be read");
            return Err(Failure::Dead { code: UNCONFIRMED, source });
        }
        self.withdraw(message, intended_at).await?;
        Ok(None)
    }

    async fn confirmed(&self, message: &Message, by: ConfirmedBy) -> Result<(), Failure> {
        let confirming = async {
            let mut connection = self.pool.acquire().await?;
            lead_messages::confirm(&mut connection, message.id, by, OffsetDateTime::now_utc()).await
        };
        confirming.await.map_err(service::failure)
    }

    async fn withdraw(&self, message: &Message, intended_at: OffsetDateTime) -> Result<(), Failure> {
        let withdrawing = async {
            let mut connection = self.pool.acquire().await?;
            lead_messages::withdraw(&mut connection, message.id, intended_at).await
        };
        withdrawing.await.map_err(service::failure).map(drop)
    }

    async fn again(&self, message: &Message) -> Result<Message, Failure> {
        let finding = async {
            let mut connection = self.pool.acquire().await?;
            lead_messages::find(&mut connection, message.id).await
        };
        finding.await.map_err(service::failure)
    }

    /// The text; none: it was erased.
    fn open(&self, message: &Message) -> Result<Option<String>, Failure> {
        let row = message.id.to_string();
        let unreadable = |source: anyhow::Error| Failure::Dead { code: UNREADABLE, source };
        let Some(sealed) = &message.body_sealed else { return Ok(None) };
        let text = self.keys.open(sealed, &place(&row)).map_err(|error| unreadable(error.into()))?;
        str::from_utf8(&text).map(|text| Some(text.to_owned())).map_err(|error| unreadable(error.into()))
    }
}

fn marker(content_hash: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut marker = OWN_MARK.to_owned();
    for byte in content_hash.iter().take(MARKER_BYTES) {
        write!(marker, "{byte:02x}").expect("a String takes every write");
    }
    marker.push(']');
    marker
}

fn place(row: &str) -> Place<'_> {
    Place { table: "lead_messages", column: "body_sealed", row }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_recognised_as_ours() {
        let marker = marker(&[0xab; 32]);
        assert_eq!(marker, "[weir:abababababababab]");
        assert!(contract::c2s::is_own(&format!("🔎 Enriquecimento automático {marker}\nmore")));
    }
}
