//! Messages to leads: the intent is committed before the call, so that no process sends what another one has sent.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::text::storable;

/// How far a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Status {
    /// Not sent: certainly.
    Ready,
    /// The call began; nobody wrote down how it ended.
    Sending,
    /// It is on the lead.
    Sent,
}

/// How we know that a message is on the lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfirmedBy {
    /// The call was answered so.
    Answer,
    /// It was found on the lead.
    ReadBack,
}

impl ConfirmedBy {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::ReadBack => "read_back",
        }
    }
}

/// A message to send.
#[derive(Debug, Clone, Copy)]
pub struct Draft<'a> {
    /// The row: the sealed text is bound to it.
    pub id: Uuid,
    /// Whose message it is.
    pub enrichment_id: Uuid,
    /// The lead.
    pub lead_id: &'a str,
    /// HMAC of the text, as each of the keys would have written it; the first one is written.
    pub content_hashes: &'a [Vec<u8>],
    /// What stands in its first line.
    pub marker: &'a str,
    /// The text, sealed.
    pub body_sealed: &'a [u8],
}

/// A message as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The row.
    pub id: Uuid,
    /// Whose message it is.
    pub enrichment_id: Uuid,
    /// What stands in its first line.
    pub marker: String,
    /// The text, sealed; none: it was removed.
    pub body_sealed: Option<Vec<u8>>,
    /// How far it is.
    pub status: Status,
    /// When the last call began.
    pub intended_at: Option<OffsetDateTime>,
}

/// Keeps a message to send, or gives the one of the same text that the lead has or will have already. Proved by
/// `the_same_text_is_one_message_for_a_lead`.
///
/// # Errors
/// Those of the database.
pub async fn draft(
    connection: &mut PgConnection,
    draft: &Draft<'_>,
    now: OffsetDateTime,
) -> sqlx::Result<Message> {
    let lead_id = storable(draft.lead_id);
    if let Some(known) = of_content(&mut *connection, &lead_id, draft.content_hashes).await? {
        return Ok(known);
    }
    sqlx::query!(
        "insert into lead_messages (id, enrichment_id, lead_id, content_hash, marker, body_sealed, status, created_at)
        values ($1, $2, $3, $4, $5, $6, 'ready', $7)
        on conflict on constraint ux_lead_messages_content do nothing",
        draft.id,
        draft.enrichment_id,
        &lead_id,
        draft.content_hashes.first().map(Vec::as_slice).unwrap_or_default(),
        draft.marker,
        draft.body_sealed,
        now,
    )
    .execute(&mut *connection)
    .await?;
    of_content(connection, &lead_id, draft.content_hashes).await?.ok_or(sqlx::Error::RowNotFound)
}

async fn of_content(
    connection: &mut PgConnection,
    lead_id: &str,
    content_hashes: &[Vec<u8>],
) -> sqlx::Result<Option<Message>> {
    sqlx::query_as!(
        Message,
        r#"select id, enrichment_id, marker, body_sealed, status as "status: Status", intended_at
        from lead_messages where lead_id = $1 and content_hash = any($2) order by created_at limit 1"#,
        lead_id,
        content_hashes,
    )
    .fetch_optional(connection)
    .await
}

/// The message of an enrichment that was composed before.
///
/// # Errors
/// Those of the database.
pub async fn of_enrichment(
    connection: &mut PgConnection,
    enrichment_id: Uuid,
) -> sqlx::Result<Option<Message>> {
    sqlx::query_as!(
        Message,
        r#"select id, enrichment_id, marker, body_sealed, status as "status: Status", intended_at
        from lead_messages where enrichment_id = $1 order by created_at desc limit 1"#,
        enrichment_id,
    )
    .fetch_optional(connection)
    .await
}

/// The message as it is now.
///
/// # Errors
/// Those of the database.
pub async fn find(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<Message> {
    sqlx::query_as!(
        Message,
        r#"select id, enrichment_id, marker, body_sealed, status as "status: Status", intended_at
        from lead_messages where id = $1"#,
        id,
    )
    .fetch_one(connection)
    .await
}

/// Commits that the call begins now; false: it is another process's, or sent. Proved by
/// `of_two_processes_one_sends_a_message`.
///
/// # Errors
/// Those of the database.
pub async fn begin(connection: &mut PgConnection, id: Uuid, now: OffsetDateTime) -> sqlx::Result<bool> {
    let begun = sqlx::query!(
        "update lead_messages set status = 'sending', intended_at = $2, attempts = attempts + 1
        where id = $1 and status = 'ready'",
        id,
        now,
    )
    .execute(connection)
    .await?;
    Ok(begun.rows_affected() == 1)
}

/// Commits that the message is certainly not on the lead. `intended_at` is the call that is meant: a later one is
/// somebody else's, and stays.
///
/// # Errors
/// Those of the database.
pub async fn withdraw(
    connection: &mut PgConnection,
    id: Uuid,
    intended_at: OffsetDateTime,
) -> sqlx::Result<bool> {
    let withdrawn = sqlx::query!(
        "update lead_messages set status = 'ready' where id = $1 and status = 'sending' and intended_at = $2",
        id,
        intended_at,
    )
    .execute(connection)
    .await?;
    Ok(withdrawn.rows_affected() == 1)
}

/// Commits that the message is on the lead.
///
/// # Errors
/// Those of the database.
pub async fn confirm(
    connection: &mut PgConnection,
    id: Uuid,
    by: ConfirmedBy,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update lead_messages set status = 'sent', sent_at = $2, confirmed_by = $3
        where id = $1 and status <> 'sent'",
        id,
        now,
        by.as_str(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes the texts of messages that were sent before `before`, or that nobody knows the outcome of since then, at most
/// `limit`, and says how many they were. The rows stay: they are the guard against sending a text again.
///
/// # Errors
/// Those of the database.
pub async fn expire_texts(
    connection: &mut PgConnection,
    before: OffsetDateTime,
    limit: i64,
) -> sqlx::Result<u64> {
    let removed = sqlx::query!(
        "update lead_messages set body_sealed = null
        where id in (
            select id from lead_messages
            where body_sealed is not null and status <> 'ready' and coalesce(sent_at, intended_at) < $1 limit $2
        )",
        before,
        limit,
    )
    .execute(connection)
    .await?;
    Ok(removed.rows_affected())
}

/// Removes messages that were composed before `before` and never sent, at most `limit`, and says how many they were.
/// Whoever still wants to send one composes it anew.
///
/// # Errors
/// Those of the database.
pub async fn expire_drafts(
    connection: &mut PgConnection,
    before: OffsetDateTime,
    limit: i64,
) -> sqlx::Result<u64> {
    let removed = sqlx::query!(
        "delete from lead_messages
        where id in (select id from lead_messages where status = 'ready' and created_at < $1 limit $2)",
        before,
        limit,
    )
    .execute(connection)
    .await?;
    Ok(removed.rows_affected())
}

/// What lies on these leads at Contact2Sale: id of the lead, and how many messages of ours.
///
/// # Errors
/// Those of the database.
pub async fn on_leads(
    connection: &mut PgConnection,
    lead_ids: &[String],
) -> sqlx::Result<Vec<(String, i64)>> {
    let rows = sqlx::query!(
        r#"select lead_id, count(*) as "count!" from lead_messages
        where lead_id = any($1) and status <> 'ready' group by lead_id order by lead_id"#,
        lead_ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.lead_id, row.count)).collect())
}

/// Removes the texts of these leads' messages, and says how many they were. What was not sent is not sent any more.
///
/// # Errors
/// Those of the database.
pub async fn erase_texts(connection: &mut PgConnection, lead_ids: &[String]) -> sqlx::Result<u64> {
    let erased = sqlx::query!(
        "update lead_messages set body_sealed = null where lead_id = any($1) and body_sealed is not null",
        lead_ids,
    )
    .execute(connection)
    .await?;
    Ok(erased.rows_affected())
}

/// How many texts of messages to these leads are kept.
///
/// # Errors
/// Those of the database.
pub async fn count_texts(connection: &mut PgConnection, lead_ids: &[String]) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from lead_messages where lead_id = any($1) and body_sealed is not null"#,
        lead_ids,
    )
    .fetch_one(connection)
    .await
}
