//! What notifications and data, in any order, say of a job.

use std::collections::{BTreeSet, HashMap};

use contract::{EventId, brightdata::JobStatus};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Origin, ScrapeRequest, Status};
use crate::{column, text::bounded};

/// Longest word, code or sentence of Bright Data's that is kept, in bytes.
const TEXT_MAX_BYTES: usize = 2_000;

/// What one event says of a job.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// The job.
    pub snapshot_id: &'a str,
    /// Ledger row of the event.
    pub event_id: EventId,
    /// When it reached the edge.
    pub seen_at: OffsetDateTime,
    /// Dataset, if the event names it.
    pub dataset_id: Option<&'a str>,
    /// Platform, if the event shows it.
    pub platform: Option<&'a str>,
    /// Kind, if the event shows it.
    pub kind: Option<&'a str>,
    /// The rest.
    pub notice: Notice<'a>,
}

/// What sort of event it is.
#[derive(Debug, Clone, Copy)]
pub enum Notice<'a> {
    /// A notification.
    Status {
        /// Bright Data's word.
        word: &'a str,
        /// Why it failed, in one word.
        error_code: Option<&'a str>,
        /// Why it failed.
        error: Option<&'a str>,
        /// Records that there are.
        records: Option<i64>,
        /// Errors among them.
        errors: Option<i64>,
    },
    /// A part of its data.
    Data(PartCounts),
}

/// What was in a part, in records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PartCounts {
    /// All of them.
    pub records: i64,
    /// Errors.
    pub errors: i64,
    /// Records with a warning of Bright Data's, or with a value that was refused.
    pub warnings: i64,
    /// Records that were kept raw.
    pub unrecognised: i64,
}

/// A job after one observation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The event that was observed.
    pub event_id: EventId,
    /// The status before, if the job was known.
    pub previous: Option<Status>,
    /// The job after it.
    pub request: ScrapeRequest,
}

impl Observed {
    /// Whether the event made the job known, or moved it on.
    pub fn is_change(&self) -> bool {
        self.previous != Some(self.request.status)
    }
}

/// Applies what events say of their jobs, one by one; a job that nobody knew becomes known as unmatched. The result is
/// the same in whatever order they come. Proved by `words_and_data_may_come_in_any_order`.
///
/// Each event must be observed once: data counts. Jobs are locked in the order of their ids until the transaction ends.
///
/// # Errors
/// Those of the database.
pub async fn observe(
    connection: &mut PgConnection,
    observations: &[Observation<'_>],
    now: OffsetDateTime,
) -> sqlx::Result<Vec<Observed>> {
    if observations.is_empty() {
        return Ok(Vec::new());
    }
    let created = create(connection, observations, now).await?;
    let mut requests = lock(connection, observations).await?;
    let mut observed = Vec::with_capacity(observations.len());
    let mut unseen = created;
    for observation in observations {
        let Some(request) = requests.get_mut(observation.snapshot_id) else { continue };
        let previous = (!unseen.remove(observation.snapshot_id)).then_some(request.status);
        request.observe(observation, now);
        if previous != Some(request.status) {
            request.status_event_id = Some(observation.event_id.0);
        }
        observed.push(Observed { event_id: observation.event_id, previous, request: request.clone() });
    }
    update(connection, &requests.into_values().collect::<Vec<_>>()).await?;
    Ok(observed)
}

impl ScrapeRequest {
    fn observe(&mut self, observation: &Observation<'_>, now: OffsetDateTime) {
        let fill = |slot: &mut Option<String>, value: Option<&str>| {
            if slot.is_none() {
                *slot = value.map(kept);
            }
        };
        fill(&mut self.dataset_id, observation.dataset_id);
        fill(&mut self.platform, observation.platform);
        fill(&mut self.kind, observation.kind);
        self.updated_at = now;
        if self.origin == Origin::Unmatched {
            self.requested_at = self.requested_at.min(observation.seen_at);
        }
        match observation.notice {
            Notice::Status { word, error_code, error, records, errors } => {
                let status = word.parse::<JobStatus>().ok().map(Status::from);
                if status.is_none_or(|status| status.rank() >= self.status.rank()) {
                    self.provider_status = Some(kept(word));
                }
                fill(&mut self.error_code, error_code);
                fill(&mut self.error_message, error);
                self.records_announced = records.or(self.records_announced);
                self.errors_announced = errors.or(self.errors_announced);
                self.advance(status.unwrap_or(Status::Processing), observation.seen_at);
            }
            Notice::Data(counts) => {
                self.parts += 1;
                self.records += counts.records;
                self.record_errors += counts.errors;
                self.record_warnings += counts.warnings;
                self.record_unrecognised += counts.unrecognised;
                let seen_at = observation.seen_at;
                self.data_first_at = Some(self.data_first_at.map_or(seen_at, |first| first.min(seen_at)));
                self.data_last_at = Some(self.data_last_at.map_or(seen_at, |last| last.max(seen_at)));
                // A job may bring its data in several parts: only the notification knows which is the last.
                let status = if self.notify_expected { Status::Processing } else { Status::Completed };
                self.advance(status, seen_at);
            }
        }
    }

    fn advance(&mut self, status: Status, seen_at: OffsetDateTime) {
        if status == Status::Completed {
            self.ready_at = Some(self.ready_at.map_or(seen_at, |ready| ready.min(seen_at)));
        }
        if status.rank() > self.status.rank() {
            self.status = status;
            self.finished_at = status.is_final().then_some(seen_at);
        } else if status == self.status {
            self.finished_at = self.finished_at.map(|finished| finished.min(seen_at));
        }
    }
}

fn kept(text: &str) -> String {
    bounded(text, TEXT_MAX_BYTES).into_owned()
}

/// Makes rows for the jobs that nobody knows, and says which these are.
async fn create(
    connection: &mut PgConnection,
    observations: &[Observation<'_>],
    now: OffsetDateTime,
) -> sqlx::Result<BTreeSet<String>> {
    // By id, so that two transactions wait for each other instead of deadlocking.
    let mut first = observations.to_vec();
    first.sort_by_key(|observation| (observation.snapshot_id, observation.seen_at));
    first.dedup_by_key(|observation| observation.snapshot_id);
    let created = sqlx::query_scalar!(
        r#"insert into scrape_requests (id, snapshot_id, origin, status, requested_at, updated_at)
        select id, snapshot_id, $4, $5, seen_at, $6
        from unnest($1::uuid[], $2::text[], $3::timestamptz[]) as new (id, snapshot_id, seen_at)
        on conflict do nothing
        returning snapshot_id as "snapshot_id!""#,
        &column(&first, |new| id_of_unmatched(new.snapshot_id)),
        &column(&first, |new| new.snapshot_id) as _,
        &column(&first, |new| new.seen_at),
        Origin::Unmatched as _,
        Status::Pending as _,
        now,
    )
    .fetch_all(connection)
    .await?;
    Ok(created.into_iter().collect())
}

/// Our id of a job that we did not start: the same in every process.
fn id_of_unmatched(snapshot_id: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("brightdata:snapshot:{snapshot_id}").as_bytes())
}

async fn lock(
    connection: &mut PgConnection,
    observations: &[Observation<'_>],
) -> sqlx::Result<HashMap<String, ScrapeRequest>> {
    let requests = jobs!(
        r#"where snapshot_id = any($1)
        order by snapshot_id
        for update"#,
        &column(observations, |observation| observation.snapshot_id) as _,
    )
    .fetch_all(connection)
    .await?;
    let by_snapshot =
        requests.into_iter().filter_map(|request| Some((request.snapshot_id.clone()?, request)));
    Ok(by_snapshot.collect())
}

/// Writes back what [`ScrapeRequest::observe`] may have changed.
async fn update(connection: &mut PgConnection, requests: &[ScrapeRequest]) -> sqlx::Result<()> {
    sqlx::query!(
        "update scrape_requests request
        set dataset_id = new.dataset_id, platform = new.platform, kind = new.kind, status = new.status,
            provider_status = new.provider_status, status_event_id = new.status_event_id, error_code = new.error_code,
            error_message = new.error_message, records_announced = new.records_announced,
            errors_announced = new.errors_announced, parts = new.parts, records = new.records,
            record_errors = new.record_errors, record_warnings = new.record_warnings,
            record_unrecognised = new.record_unrecognised, ready_at = new.ready_at, data_first_at = new.data_first_at,
            data_last_at = new.data_last_at, finished_at = new.finished_at, requested_at = new.requested_at,
            updated_at = new.updated_at
        from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::uuid[], $8::text[],
            $9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[],
            $16::bigint[], $17::timestamptz[], $18::timestamptz[], $19::timestamptz[], $20::timestamptz[],
            $21::timestamptz[], $22::timestamptz[])
        as new (id, dataset_id, platform, kind, status, provider_status, status_event_id, error_code, error_message,
            records_announced, errors_announced, parts, records, record_errors, record_warnings, record_unrecognised,
            ready_at, data_first_at, data_last_at, finished_at, requested_at, updated_at)
        where request.id = new.id",
        &column(requests, |new| new.id),
        &column(requests, |new| new.dataset_id.as_deref()) as _,
        &column(requests, |new| new.platform.as_deref()) as _,
        &column(requests, |new| new.kind.as_deref()) as _,
        &column(requests, |new| new.status.as_str()) as _,
        &column(requests, |new| new.provider_status.as_deref()) as _,
        &column(requests, |new| new.status_event_id) as _,
        &column(requests, |new| new.error_code.as_deref()) as _,
        &column(requests, |new| new.error_message.as_deref()) as _,
        &column(requests, |new| new.records_announced) as _,
        &column(requests, |new| new.errors_announced) as _,
        &column(requests, |new| new.parts),
        &column(requests, |new| new.records),
        &column(requests, |new| new.record_errors),
        &column(requests, |new| new.record_warnings),
        &column(requests, |new| new.record_unrecognised),
        &column(requests, |new| new.ready_at) as _,
        &column(requests, |new| new.data_first_at) as _,
        &column(requests, |new| new.data_last_at) as _,
        &column(requests, |new| new.finished_at) as _,
        &column(requests, |new| new.requested_at),
        &column(requests, |new| new.updated_at),
    )
    .execute(connection)
    .await?;
    Ok(())
}
