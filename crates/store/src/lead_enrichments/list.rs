//! Enrichments, for people. Nothing here says who a person is.

use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Outcome, Status};

/// Which ones are listed.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this lead.
    pub lead_id: Option<String>,
    /// In this status.
    pub status: Option<Status>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// Begun since then.
    pub since: Option<OffsetDateTime>,
}

/// An enrichment as it is listed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listed {
    /// Its id.
    pub id: Uuid,
    /// The lead.
    pub lead_id: String,
    /// The event that asked for it.
    pub event_id: Uuid,
    /// How far it is.
    pub status: Status,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// What is worth saying of that.
    pub note: Option<String>,
    /// Where the CPF is from.
    pub cpf_source: Option<String>,
    /// How many people it is about.
    pub people: i32,
    /// What was asked and what came of it.
    pub steps: serde_json::Value,
    /// Times it was taken up.
    pub attempts: i32,
    /// Why the last attempt failed.
    pub error_code: Option<String>,
    /// The same, in full.
    pub error_message: Option<String>,
    /// How far the message is: ready, sending or sent.
    pub message_status: Option<String>,
    /// The first line's marker.
    pub message_marker: Option<String>,
    /// When the message was sent.
    #[serde(with = "time::serde::rfc3339::option")]
    pub sent_at: Option<OffsetDateTime>,
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// When it was completed.
    #[serde(with = "time::serde::rfc3339::option")]
    pub finished_at: Option<OffsetDateTime>,
    /// When its person was erased.
    #[serde(with = "time::serde::rfc3339::option")]
    pub erased_at: Option<OffsetDateTime>,
}

/// The newest ones first, at most `limit`.
///
/// # Errors
/// Those of the database.
pub async fn list(connection: &mut PgConnection, filter: &Filter, limit: i64) -> sqlx::Result<Vec<Listed>> {
    sqlx::query_as!(
        Listed,
        r#"select enrichment.id, enrichment.lead_id, event_id, enrichment.status as "status: Status",
            outcome as "outcome: Outcome", note, cpf_source, cardinality(cpf_indexes) as "people!", steps,
            enrichment.attempts, error_code, error_message, message.status as "message_status?",
            message.marker as "message_marker?", message.sent_at, started_at, finished_at, erased_at
        from lead_enrichments enrichment
        left join lead_messages message on message.enrichment_id = enrichment.id
        where ($1::text is null or enrichment.lead_id = $1) and ($2::text is null or enrichment.status = $2)
            and ($3::text is null or outcome = $3) and ($4::timestamptz is null or started_at >= $4)
        order by started_at desc, enrichment.id desc
        limit $5"#,
        filter.lead_id,
        filter.status.map(Status::as_str),
        filter.outcome.map(Outcome::as_str),
        filter.since,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// One of them.
///
/// # Errors
/// Those of the database.
pub async fn find(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<Listed>> {
    sqlx::query_as!(
        Listed,
        r#"select enrichment.id, enrichment.lead_id, event_id, enrichment.status as "status: Status",
            outcome as "outcome: Outcome", note, cpf_source, cardinality(cpf_indexes) as "people!", steps,
            enrichment.attempts, error_code, error_message, message.status as "message_status?",
            message.marker as "message_marker?", message.sent_at, started_at, finished_at, erased_at
        from lead_enrichments enrichment
        left join lead_messages message on message.enrichment_id = enrichment.id
        where enrichment.id = $1
        order by message.created_at desc
        limit 1"#,
        id,
    )
    .fetch_optional(connection)
    .await
}
