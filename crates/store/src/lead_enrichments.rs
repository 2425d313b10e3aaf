//! What was done to enrich leads, once for each thing that a lead said of its person.

mod erase;
mod list;

use contract::{Code, EventId};
use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::text::{bounded, storable};

pub use erase::{count_of_leads, erase, leads_of};
pub use list::{Filter, Listed, find, list};

/// Longest reason kept, in bytes.
const ERROR_MAX_BYTES: usize = 2_000;

/// How far an enrichment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Status {
    /// Somebody is at it, or was when it died.
    Processing,
    /// Nothing more will be done for this fingerprint.
    Completed,
    /// The last attempt failed.
    Failed,
}

impl Status {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

/// How an enrichment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Outcome {
    /// The message is on the lead.
    Enriched,
    /// The same text was sent to the lead before.
    Repeated,
    /// Nobody could say whose the lead is.
    NoCpf,
    /// Nobody knows anything of the CPF.
    NoData,
    /// The person asked to be forgotten.
    Suppressed,
    /// Contact2Sale has no such lead.
    LeadGone,
}

impl Outcome {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enriched => "enriched",
            Self::Repeated => "repeated",
            Self::NoCpf => "no_cpf",
            Self::NoData => "no_data",
            Self::Suppressed => "suppressed",
            Self::LeadGone => "lead_gone",
        }
    }
}

/// A wish to enrich a lead.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// Id for a new row.
    pub id: Uuid,
    /// The lead.
    pub lead_id: &'a str,
    /// What it says of its person, as each of the keys would have written it; the first one is written.
    pub fingerprints: &'a [Vec<u8>],
    /// The event that brings it.
    pub event_id: EventId,
    /// The lead's instant.
    pub updated_at: OffsetDateTime,
    /// Do it although the lead has moved on.
    pub force: bool,
    /// Until when nobody else will begin.
    pub leased_until: OffsetDateTime,
}

/// An enrichment in our hands.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// The row: sealed values are bound to it.
    pub id: Uuid,
    /// What was found so far, sealed.
    pub progress_sealed: Option<Vec<u8>>,
}

/// Whether a wish may be worked on.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// It is ours.
    Claimed(Claimed),
    /// Somebody else is at it, for so long at most.
    Busy(time::Duration),
    /// It was done: by this event itself, or by another one.
    Done {
        /// By this event itself.
        is_own: bool,
    },
    /// A newer version of the lead was taken up before this one.
    Superseded,
}

/// Takes up an enrichment, unless it was done, somebody else is at it, or the lead has moved on. The same event takes
/// its own one over at once: its first attempt is dead. Proved by `of_two_processes_one_enriches_a_lead`.
///
/// # Errors
/// Those of the database.
pub async fn claim(
    connection: &mut PgConnection,
    wish: &Wish<'_>,
    now: OffsetDateTime,
) -> sqlx::Result<Claim> {
    let lead_id = storable(wish.lead_id);
    let newer = sqlx::query_scalar!(
        r#"select exists (select from lead_enrichments
            where lead_id = $1 and updated_at > $2 and fingerprint <> all($3)) as "newer!""#,
        &lead_id,
        wish.updated_at,
        wish.fingerprints,
    )
    .fetch_one(&mut *connection)
    .await?;
    if newer && !wish.force {
        return Ok(Claim::Superseded);
    }
    let known = sqlx::query!(
        r#"select id, event_id, status as "status: Status", leased_until, progress_sealed from lead_enrichments
        where lead_id = $1 and fingerprint = any($2) order by started_at limit 1 for update"#,
        &lead_id,
        wish.fingerprints,
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(known) = known else { return begin(connection, wish, &lead_id, now).await };
    let is_own = known.event_id == wish.event_id.0;
    // Done or not: what is older than this is too late from now on.
    sqlx::query!(
        "update lead_enrichments set updated_at = $2 where id = $1 and updated_at < $2",
        known.id,
        wish.updated_at,
    )
    .execute(&mut *connection)
    .await?;
    match (known.status, known.leased_until) {
        (Status::Completed, _) => return Ok(Claim::Done { is_own }),
        (Status::Processing, Some(until)) if !is_own && until > now => return Ok(Claim::Busy(until - now)),
        _ => {}
    }
    sqlx::query!(
        "update lead_enrichments
        set status = 'processing', outcome = null, finished_at = null, event_id = $2, attempts = attempts + 1,
            leased_until = $3, error_code = null, error_message = null
        where id = $1",
        known.id,
        wish.event_id.0,
        wish.leased_until,
    )
    .execute(connection)
    .await?;
    Ok(Claim::Claimed(Claimed { id: known.id, progress_sealed: known.progress_sealed }))
}

/// Makes the row. Of two at one time the second one finds it busy.
async fn begin(
    connection: &mut PgConnection,
    wish: &Wish<'_>,
    lead_id: &str,
    now: OffsetDateTime,
) -> sqlx::Result<Claim> {
    let inserted = sqlx::query!(
        "insert into lead_enrichments (id, lead_id, fingerprint, event_id, updated_at, status, attempts, leased_until,
            started_at)
        values ($1, $2, $3, $4, $5, 'processing', 1, $6, $7)
        on conflict on constraint ux_lead_enrichments_fingerprint do nothing",
        wish.id,
        lead_id,
        wish.fingerprints.first().map(Vec::as_slice).unwrap_or_default(),
        wish.event_id.0,
        wish.updated_at,
        wish.leased_until,
        now,
    )
    .execute(connection)
    .await?;
    Ok(if inserted.rows_affected() == 1 {
        Claim::Claimed(Claimed { id: wish.id, progress_sealed: None })
    } else {
        Claim::Busy(wish.leased_until - now)
    })
}

/// What became known of an enrichment while it lasts.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// What was found so far, sealed.
    pub sealed: &'a [u8],
    /// HMACs of the CPFs found.
    pub cpf_indexes: &'a [Vec<u8>],
    /// Where the last ones are from; none: the step found nobody.
    pub cpf_source: Option<&'a str>,
}

/// Keeps what was found, and notes the step that found it. What was found before stays: an erasure finds the lead by it.
///
/// # Errors
/// Those of the database.
pub async fn advance(
    connection: &mut PgConnection,
    id: Uuid,
    progress: Progress<'_>,
    step: &serde_json::Value,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update lead_enrichments
        set progress_sealed = $2, cpf_indexes = array(select distinct unnest(cpf_indexes || $3)),
            cpf_source = coalesce($4, cpf_source), steps = steps || $5::jsonb
        where id = $1 and erased_at is null",
        id,
        progress.sealed,
        progress.cpf_indexes,
        progress.cpf_source,
        step,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes a step that found nothing to keep.
///
/// # Errors
/// Those of the database.
pub async fn note_step(
    connection: &mut PgConnection,
    id: Uuid,
    step: &serde_json::Value,
) -> sqlx::Result<()> {
    sqlx::query!("update lead_enrichments set steps = steps || $2::jsonb where id = $1", id, step)
        .execute(connection)
        .await?;
    Ok(())
}

/// Completes an enrichment. What was found on the way is removed: the message says it, and the lead has the message.
///
/// # Errors
/// Those of the database.
pub async fn complete(
    connection: &mut PgConnection,
    id: Uuid,
    outcome: Outcome,
    note: &str,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update lead_enrichments
        set status = 'completed', outcome = $2, note = $3, finished_at = $4, leased_until = null,
            progress_sealed = null, error_code = null, error_message = null
        where id = $1",
        id,
        outcome as Outcome,
        note,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Records that an attempt for an event failed, be it the last one.
///
/// # Errors
/// Those of the database.
pub async fn fail(
    connection: &mut PgConnection,
    event_id: EventId,
    code: Code,
    error: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update lead_enrichments
        set status = 'failed', leased_until = null, error_code = $2, error_message = $3
        where event_id = $1 and status = 'processing'",
        event_id.0,
        code.as_str(),
        &bounded(error, ERROR_MAX_BYTES),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes what was found on the way by attempts that began before `before` and never ended, at most `limit`, and says
/// how many they were. Who takes one up again asks again.
///
/// # Errors
/// Those of the database.
pub async fn expire_progress(
    connection: &mut PgConnection,
    before: OffsetDateTime,
    limit: i64,
) -> sqlx::Result<u64> {
    let removed = sqlx::query!(
        "update lead_enrichments set progress_sealed = null
        where id in (select id from lead_enrichments where progress_sealed is not null and started_at < $1 limit $2)",
        before,
        limit,
    )
    .execute(connection)
    .await?;
    Ok(removed.rows_affected())
}
