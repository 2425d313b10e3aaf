//! What can still be learnt about a message that was given up.

use bus::{
    Stored,
    claim::{ClaimError, Claims},
};
use bytes::Bytes;
use contract::{Envelope, header::TRACEPARENT};
use sqlx::PgConnection;
use store::{
    dead_letters::{FoundBy, NewDeadLetter},
    webhook_events::{self, Abandoned, Event, Grave, Kept, Position},
};
use time::OffsetDateTime;

use super::{GivenUp, Incarnation};
use crate::AuditError;

/// One message, from the stream if it is still there, else from the ledger, else from where it lay.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) given_up: &'a GivenUp,
    /// Another event of the same key stands for it.
    pub(super) is_repeat: bool,
    /// What the dead letter keeps; `None`: gone.
    pub(super) body: Option<Bytes>,
    envelope: Envelope,
    subject: String,
    payload: Bytes,
    headers: Option<Vec<(String, String)>>,
    trace_id: Option<String>,
    key: String,
    error: String,
}

impl<'a> Case<'a> {
    pub(super) async fn of(
        connection: &mut PgConnection,
        given_up: &'a GivenUp,
        stored: Option<Stored>,
    ) -> sqlx::Result<Self> {
        let case = match stored {
            Some(stored) => Self::from_stream(given_up, stored),
            None => Self::from_ledger(connection, given_up).await?,
        };
        let key = case.event().key().into_owned();
        Ok(Self { key, ..case })
    }

    fn from_stream(given_up: &'a GivenUp, stored: Stored) -> Self {
        let envelope = stored.envelope();
        let trace_id =
            stored.header(TRACEPARENT).and_then(|value| value.split('-').nth(1)).map(str::to_owned);
        let is_claim = envelope.extensions.contains_key("claim") && stored.payload.is_empty();
        Self {
            given_up,
            is_repeat: false,
            body: (!is_claim).then(|| stored.payload.clone()),
            envelope,
            subject: stored.subject,
            payload: stored.payload,
            headers: Some(stored.headers),
            trace_id: trace_id.filter(|id| id.len() == 32),
            key: String::new(),
            error: given_up.error.clone(),
        }
    }

    async fn from_ledger(connection: &mut PgConnection, given_up: &'a GivenUp) -> sqlx::Result<Self> {
        if let Some(id) = given_up.event_id
            && let Some(kept) = webhook_events::kept(connection, id).await?
        {
            return Ok(Self::kept(given_up, kept));
        }
        let sequence = i64::try_from(given_up.sequence).unwrap_or(i64::MAX);
        let since = match given_up.incarnation {
            Incarnation::Current(created) => created,
            Incarnation::Before(_) => OffsetDateTime::UNIX_EPOCH,
        };
        let place = (given_up.stream.as_str(), since);
        let mut kept = webhook_events::kept_at(connection, place, &[sequence]).await?;
        if let Incarnation::Before(created) = given_up.incarnation {
            kept.retain(|kept| kept.created_at < created);
        }
        let newest = kept.into_iter().max_by_key(|kept| kept.created_at);
        if let (Some(kept), None) = (newest, given_up.event_id) {
            return Ok(Self::kept(given_up, kept));
        }
        let repeats = webhook_events::repeats_at(connection, place, &[sequence]).await?;
        let unknown = Envelope::unknown(&given_up.stream, given_up.sequence, since);
        Ok(Self {
            given_up,
            is_repeat: given_up.event_id.is_none() && !repeats.is_empty(),
            body: None,
            envelope: Envelope { id: given_up.event_id.unwrap_or(unknown.id), ..unknown },
            subject: String::new(),
            payload: Bytes::new(),
            headers: None,
            trace_id: None,
            key: String::new(),
            error: format!("{}; the message was gone before it could be copied", given_up.error),
        })
    }

    fn kept(given_up: &'a GivenUp, kept: Kept) -> Self {
        let payload = Bytes::from(kept.body);
        let is_claim = kept.envelope.extensions.contains_key("claim") && payload.is_empty();
        // The ledger's row of a message that was gone when it died holds no body, either.
        let is_known = kept.envelope.event_type != "unknown" || !payload.is_empty();
        Self {
            given_up,
            is_repeat: false,
            body: (!is_claim && is_known).then(|| payload.clone()),
            envelope: kept.envelope,
            subject: kept.stream_subject,
            payload,
            headers: None,
            trace_id: kept.trace_id,
            key: String::new(),
            error: given_up.error.clone(),
        }
    }

    /// Whether its body is an object that is still to be fetched.
    pub(super) fn names_a_claim(&self) -> bool {
        self.body.is_none() && self.claim().is_some()
    }

    fn claim(&self) -> Option<&str> {
        self.envelope.extensions.get("claim").map(String::as_str)
    }

    /// Gets the body that the message only names. One that is gone, damaged or too large stays absent.
    pub(super) async fn fetch_claim(&mut self, claims: &Claims, max: usize) -> Result<(), AuditError> {
        let Some(name) = self.claim().map(str::to_owned) else { return Ok(()) };
        self.body = match claims.get(&name, max).await {
            Ok(body) => Some(body),
            Err(ClaimError::Missing | ClaimError::Damaged | ClaimError::TooLarge { .. }) => None,
            Err(error @ ClaimError::Unavailable(_)) => return Err(AuditError::broker("an object", error)),
        };
        Ok(())
    }

    fn event(&self) -> Event<'_> {
        Event {
            provider: self.given_up.provider,
            envelope: &self.envelope,
            body: &self.payload,
            lead_id: None,
            updated_at: None,
            position: self.position(),
            attempt: self.given_up.attempts,
            trace_id: self.trace_id.clone(),
        }
    }

    fn position(&self) -> Position<'_> {
        Position { stream: &self.given_up.stream, subject: &self.subject, sequence: self.given_up.sequence }
    }

    pub(super) fn abandoned(&self) -> Abandoned<'_> {
        Abandoned { event: self.event(), code: &self.given_up.code, error: &self.error }
    }

    pub(super) fn letter<'b>(&'b self, grave: &'b Grave, found_by: FoundBy) -> NewDeadLetter<'b> {
        let attempts = u64::try_from(grave.attempts).unwrap_or_default();
        NewDeadLetter {
            event_id: grave.id.0,
            consumer: &self.given_up.consumer,
            provider: self.given_up.provider,
            envelope: &self.envelope,
            dedup_key: &self.key,
            body: self.body.as_deref(),
            headers: self.headers.as_deref(),
            position: self.position(),
            attempts: attempts.max(self.given_up.attempts),
            reason_code: &grave.code,
            last_error: Some(&grave.error),
            first_failed_at: grave.first_failed_at,
            last_failed_at: grave.last_failed_at,
            trace_id: grave.trace_id.as_deref().or(self.trace_id.as_deref()),
            found_by,
        }
    }
}
