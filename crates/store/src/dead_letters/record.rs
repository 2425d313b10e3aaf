//! Writing a dead letter down, by whoever finds it first.

use std::collections::HashSet;

use contract::Envelope;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::FoundBy;
use crate::{
    column,
    failure_groups::{Failure, fingerprint},
    newest_of_each,
    text::{bounded, storable},
    webhook_events::{ERROR_MAX_BYTES, Position},
};

/// A body, if it could be had.
pub type Body<'a> = Option<&'a [u8]>;

/// What is known of an event that a consumer gave up.
#[derive(Debug, Clone, Copy)]
pub struct NewDeadLetter<'a> {
    /// The event; its ledger row's id where the consumer keeps the ledger.
    pub event_id: Uuid,
    /// Who gave it up.
    pub consumer: &'a str,
    /// Who sent it.
    pub provider: &'a str,
    /// Its envelope.
    pub envelope: &'a Envelope,
    /// The dedup key as the ledger spells it.
    pub dedup_key: &'a str,
    /// Its bytes.
    pub body: Body<'a>,
    /// All headers of its message; `None`: those of the envelope are all that is known.
    pub headers: Option<&'a [(String, String)]>,
    /// Where it lies, or lay.
    pub position: Position<'a>,
    /// Times it was handled.
    pub attempts: u64,
    /// Why, in one word.
    pub reason_code: &'a str,
    /// What the last attempt said.
    pub last_error: Option<&'a str>,
    /// When it failed first.
    pub first_failed_at: OffsetDateTime,
    /// When it failed last.
    pub last_failed_at: OffsetDateTime,
    /// Trace in which it was handled.
    pub trace_id: Option<&'a str>,
    /// Who says so.
    pub found_by: FoundBy,
}

impl NewDeadLetter<'_> {
    fn fingerprint(&self) -> String {
        fingerprint(&Failure {
            provider: self.provider,
            consumer: self.consumer,
            event_type: &self.envelope.event_type,
            reason_code: self.reason_code,
            error: self.last_error,
        })
    }

    /// The list of headers as JSON, which cannot hold NUL.
    fn headers(&self) -> String {
        let pair = |name: &str, value: &str| [storable(name).into_owned(), storable(value).into_owned()];
        let pairs: Vec<_> = match self.headers {
            Some(headers) => headers.iter().map(|(name, value)| pair(name, value)).collect(),
            None => self.envelope.headers().iter().map(|(name, value)| pair(name, value)).collect(),
        };
        serde_json::to_value(pairs).unwrap_or_default().to_string()
    }

    fn attempts(&self) -> i32 {
        i32::try_from(self.attempts).unwrap_or(i32::MAX)
    }
}

/// Records dead letters; of what is recorded already, adds what was missing. Gives the events that are new. Proved by
/// `the_first_complete_one_wins_and_later_ones_add_what_is_missing`. What was erased because of a person in it stays
/// so: `what_was_erased_is_not_filled_in_again`.
///
/// # Errors
/// Those of the database.
pub async fn record(connection: &mut PgConnection, letters: &[NewDeadLetter<'_>]) -> sqlx::Result<Vec<Uuid>> {
    if letters.is_empty() {
        return Ok(Vec::new());
    }
    // In the order of the unique key, each once.
    let letters = newest_of_each(letters, |letter| (letter.event_id, letter.consumer), |_| ());
    let rows = sqlx::query!(
        r#"insert into dead_letters as known (id, event_id, consumer, provider, source, event_type, subject, dedup_key,
            stream, stream_subject, stream_sequence, body, content_type, headers, attempts, reason_code, last_error,
            fingerprint, received_at, first_failed_at, last_failed_at, trace_id, delivery_id, found_by)
        select id, event_id, consumer, provider, source, event_type, subject, dedup_key,
            stream, stream_subject, stream_sequence, body, content_type, headers::jsonb, attempts, reason_code,
            last_error, fingerprint, received_at, first_failed_at, last_failed_at, trace_id, delivery_id, found_by
        from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::text[], $10::text[], $11::bigint[], $12::bytea[], $13::text[], $14::text[], $15::integer[],
            $16::text[], $17::text[], $18::text[], $19::timestamptz[], $20::timestamptz[], $21::timestamptz[],
            $22::text[], $23::uuid[], $24::text[])
        as new (id, event_id, consumer, provider, source, event_type, subject, dedup_key, stream, stream_subject,
            stream_sequence, body, content_type, headers, attempts, reason_code, last_error, fingerprint, received_at,
            first_failed_at, last_failed_at, trace_id, delivery_id, found_by)
        on conflict (event_id, consumer) do update set
            body = coalesce(known.body, excluded.body),
            headers = coalesce(known.headers, excluded.headers),
            attempts = greatest(known.attempts, excluded.attempts),
            fingerprint = case when known.last_error is null then excluded.fingerprint else known.fingerprint end,
            last_error = coalesce(known.last_error, excluded.last_error),
            first_failed_at = least(known.first_failed_at, excluded.first_failed_at),
            trace_id = coalesce(known.trace_id, excluded.trace_id),
            delivery_id = coalesce(known.delivery_id, excluded.delivery_id)
        where known.erased_at is null
            and ((known.body is null and excluded.body is not null)
                or (known.headers is null and excluded.headers is not null)
                or (known.last_error is null and excluded.last_error is not null)
                or (known.trace_id is null and excluded.trace_id is not null)
                or known.attempts < excluded.attempts)
        returning event_id, (xmax = 0) as "is_new!""#,
        &column(&letters, |_| Uuid::now_v7()),
        &column(&letters, |letter| letter.event_id),
        &column(&letters, |letter| letter.consumer) as _,
        &column(&letters, |letter| storable(letter.provider)) as _,
        &column(&letters, |letter| storable(&letter.envelope.source)) as _,
        &column(&letters, |letter| storable(&letter.envelope.event_type)) as _,
        &column(&letters, |letter| letter.envelope.subject.as_deref().map(storable)) as _,
        &column(&letters, |letter| storable(letter.dedup_key)) as _,
        &column(&letters, |letter| letter.position.stream) as _,
        &column(&letters, |letter| letter.position.subject) as _,
        &column(&letters, |letter| letter.position.sequence()),
        &column(&letters, |letter| letter.body) as _,
        &column(&letters, |letter| storable(&letter.envelope.content_type)) as _,
        &column(&letters, NewDeadLetter::headers),
        &column(&letters, NewDeadLetter::attempts),
        &column(&letters, |letter| storable(letter.reason_code)) as _,
        &column(&letters, |letter| letter.last_error.map(|error| bounded(error, ERROR_MAX_BYTES))) as _,
        &column(&letters, NewDeadLetter::fingerprint),
        &column(&letters, |letter| letter.envelope.time),
        &column(&letters, |letter| letter.first_failed_at),
        &column(&letters, |letter| letter.last_failed_at),
        &column(&letters, |letter| letter.trace_id) as _,
        &column(&letters, |letter| letter.envelope.delivery_id) as _,
        &column(&letters, |letter| letter.found_by) as _,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().filter(|row| row.is_new).map(|row| row.event_id).collect())
}

/// Which of the positions of `stream` have a dead letter of `consumer` that lacks nothing. One that was recorded before
/// `incarnation` was of a message that another stream of the same name had there.
///
/// # Errors
/// Those of the database.
pub async fn complete_at(
    connection: &mut PgConnection,
    (stream, incarnation): (&str, OffsetDateTime),
    consumer: &str,
    sequences: &[u64],
) -> sqlx::Result<HashSet<u64>> {
    let sequences = column(sequences, |sequence| i64::try_from(*sequence).unwrap_or(i64::MAX));
    let rows = sqlx::query_scalar!(
        "select stream_sequence from dead_letters
        where stream = $1 and stream_sequence = any($2) and consumer = $3 and created_at >= $4
            and (erased_at is not null or (body is not null and headers is not null and last_error is not null))",
        stream,
        &sequences,
        consumer,
        incarnation,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().filter_map(|sequence| u64::try_from(sequence).ok()).collect())
}
